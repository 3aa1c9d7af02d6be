"""The Office's pages: organisations, people, rules, the audit chain, jobs and health, for the Office only."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from kcz_match.accounts import queries, service
from kcz_match.accounts.credit_code import check_digit
from kcz_match.accounts.models import Membership, Organisation, User
from kcz_match.core import audit, jobs, policy
from kcz_match.core.audit import AuditEntry
from kcz_match.core.db import db
from kcz_match.core.jobs import Job, JobStatus
from kcz_match.core.policy import RULES
from kcz_match.selection import queries as selection
from kcz_match.selection.models import Certificate
from kcz_match.web import rule_matrix
from kcz_match.web.deeds import SUBJECTS, action_word
from tests.factories import sign_in

CODE = "91440101MA5D1B2C3" + check_digit("91440101MA5D1B2C3")
PAGES = [
    "/admin",
    "/admin/organisations",
    "/admin/organisations/new",
    "/admin/users",
    "/admin/rules",
    "/admin/audit",
    "/admin/jobs",
    "/admin/health",
]


@pytest.fixture
def office(world, client):
    """A browser in which the manager of the Office is signed in."""
    sign_in(client, world.office_manager)
    return client


@pytest.fixture
def officer(app, world):
    """A second browser, of an officer of the Office."""
    actor = world.join(world.office, "zweite@example.org", "officer")
    db.session.commit()
    browser = app.test_client()
    sign_in(browser, actor)
    return browser


def card(unit) -> str:
    return f"/admin/organisations/{unit.key}"


def version_on(page: str, action: str) -> str:
    """Return the version that the form which posts to ``action`` was drawn with."""
    form = re.search(rf'action="{re.escape(action)}".*?name="version" value="(\d+)"', page, re.DOTALL)
    return form.group(1)


def people_of(unit, count: int) -> None:
    for number in range(count):
        user = User(email=f"viele{number}@example.org", name=f"众人{number}")
        db.session.add(user)
        db.session.flush()
        db.session.add(Membership(user_id=user.id, organisation_id=unit.id, role="viewer"))
    db.session.commit()


# --- who comes in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_a_visitor_is_asked_to_sign_in(app, client, path):
    assert client.get(path).headers["Location"] == f"/login?next={path}"


def test_only_people_who_work_for_the_office_come_in(world, client):
    sign_in(client, world.of(world.park))
    assert {path: client.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 403)
    assert "管理" not in re.findall(r'<a href="/admin"[^>]*>([^<]*)', client.get("/organisation").text)


def test_somebody_who_only_looks_for_the_office_does_not_come_in(world, client):
    viewer = world.join(world.office, "zweite@example.org", "viewer")
    db.session.commit()
    sign_in(client, viewer)
    assert {path: client.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 403)


def test_every_page_answers_the_office(world, office):
    pages = [*PAGES, card(world.park), f"/admin/users/{queries.user_by_email('office@example.org').key}"]
    assert {path: office.get(path).status_code for path in pages} == dict.fromkeys(pages, 200)


def test_every_deed_needs_the_token_of_its_form(app, world, office):
    app.config["WTF_CSRF_ENABLED"] = True
    deeds = [
        str(rule) for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin.") and "POST" in rule.methods
    ]
    paths = [re.sub(r"<[^>]+>", "1", path) for path in deeds]
    assert len(paths) > 10
    assert {path: office.post(path).status_code for path in paths} == dict.fromkeys(paths, 400)


def test_what_does_not_exist_is_not_found(world, office):
    for path in ("/admin/organisations/nothing", "/admin/users/nothing"):
        assert office.get(path).status_code == 404
    park = queries.members_of(world.park)[0].user
    for path in (
        "/admin/organisations/nothing/move",
        "/admin/certificates/nothing/move",
        "/admin/jobs/99/retry",
        f"/admin/users/{park.key}/sessions/nothing/end",
        f"{card(world.park)}/people/nothing",
    ):
        assert office.post(path, data={"verb": "verify", "role": "viewer"}).status_code == 404, path


# --- organisations -----------------------------------------------------------------------------------------------


def test_the_list_is_filtered_by_kind_state_and_any_name_and_shrugs_off_nonsense(world, office):
    def shown(query: str) -> list[str]:
        page = office.get(f"/admin/organisations?{query}").text
        return re.findall(r'class="main"><a href="/admin/organisations/\w+">([^<]+)', page)

    assert shown("kind=society") == ["示例·铸造学会", "示例·材料学会"]
    assert shown("text=材料") == ["示例·材料学会"]
    assert shown("state=suspended") == []
    assert len(shown("kind=nonsense&state=nonsense&page=nonsense")) == len(shown("page=999")) == 8
    assert "没有符合条件的单位" in office.get("/admin/organisations?text=%25_").text


def test_the_list_costs_the_same_with_one_row_and_with_thirty(world, office, count_queries):
    few = count_queries(lambda: office.get("/admin/organisations?text=压铸服务团"))
    for number in range(30):
        service.register_organisation(
            world.office_manager,
            kind="service_team",
            full_name=f"示例·第{number}团",
            level="industry",
            parent_id=(world.society if number % 2 else world.other_society).id,
        )
    db.session.commit()
    many = count_queries(lambda: office.get("/admin/organisations?text=示例"))
    page = office.get("/admin/organisations?text=示例").text
    assert page.count('class="main"') == 30
    assert "共&#8201;38&#8201;个单位" in page
    assert many == few


def test_a_unit_is_registered_verified_and_given_its_first_manager(world, office):
    typed = {
        "kind": "park",
        "full_name": "示例·新园区",
        "district_code": "440111",
        "credit_code": CODE.lower(),
        "aliases": "旧名\n别名",
        "intro": "做电池",
    }
    address = office.post("/admin/organisations/new", data=typed).headers["Location"]
    unit = queries.organisations(text="示例·新园区")[0]
    assert address == card(unit)
    assert (unit.state, unit.credit_code) == ("unverified", CODE)
    assert [item.name for item in unit.aliases] == ["旧名", "别名"]
    office.post(
        f"{card(unit)}/move",
        data={"verb": "verify", "version": version_on(office.get(card(unit)).text, f"{card(unit)}/move")},
    )
    assert unit.state == "verified"
    office.post(f"{card(unit)}/invite", data={"name": "新人", "email": "neu@example.org", "role": "manager"})
    page = office.get(card(unit)).text
    link = re.search(r'value="http://localhost(/invitations/[\w-]+)"', page).group(1)
    assert office.get(link).status_code == 200
    assert link not in office.get(card(unit)).text


def test_a_refused_registration_keeps_every_character_and_points_at_each_field(world, office):
    typed = {
        "kind": "enterprise",
        "full_name": '示例·"引号"<厂>',
        "short_name": "短 & 名",
        "credit_code": "123",
        "district_code": "440112",
        "parent_id": "",
        "level": "",
        "intro": "第一行\n第二行",
        "aliases": "别名一\n别名二",
        "members": [str(world.society.id)],
    }
    count = len(queries.organisations())
    answer = office.post("/admin/organisations/new", data=typed)
    assert answer.status_code == 422
    for piece in (
        "示例·&#34;引号&#34;&lt;厂&gt;",
        "短 &amp; 名",
        'value="123"',
        "第一行\n第二行",
        "别名一\n别名二",
        '<option value="440112" selected>',
        '<option value="enterprise" selected>',
        f'value="{world.society.id}" checked',
        'href="#f-credit_code"',
        'href="#f-parent_id"',
        "请选择企业所属的园区或区科协。",
        "应为 18 位，现在是 3 位",
    ):
        assert piece in answer.text, piece
    assert len(queries.organisations()) == count


def test_fields_that_are_not_on_the_form_change_nothing(world, office):
    office.post(
        "/admin/organisations/new",
        data={
            "kind": "society",
            "full_name": "示例·新学会",
            "level": "city",
            "state": "verified",
            "is_demo": "1",
            "id": "1",
        },
    )
    unit = queries.organisations(text="示例·新学会")[0]
    assert (unit.state, unit.is_demo) == ("unverified", False)


def test_a_move_without_its_reason_comes_back_on_the_same_page(world, office):
    answer = office.post(f"{card(world.park)}/move", data={"verb": "suspend", "reason": "  "})
    assert answer.status_code == 422
    assert '<details class="move" id="move-suspend" open>' in answer.text
    assert "要写明原因" in answer.text
    assert world.park.state == "verified"
    office.post(f"{card(world.park)}/move", data={"verb": "suspend", "reason": "信息不实"})
    assert world.park.state == "suspended"
    assert "信息不实" in office.get(card(world.park)).text


def test_only_the_moves_that_may_be_taken_are_offered(world, office, officer):
    assert re.findall(r'id="move-(\w+)"', office.get(card(world.enterprise)).text) == ["suspend", "close"]
    assert re.findall(r'id="move-(\w+)"', officer.get(card(world.enterprise)).text) == []
    assert officer.post(f"{card(world.enterprise)}/move", data={"verb": "suspend", "reason": "x"}).status_code == 403
    assert world.enterprise.state == "verified"


def test_an_unknown_verb_is_refused_and_changes_nothing(world, office):
    for verb in ("", "fly", "__class__"):
        assert office.post(f"{card(world.park)}/move", data={"verb": verb, "reason": "x"}).status_code == 409
    assert world.park.state == "verified"


def test_of_two_people_who_decide_at_once_one_wins_and_the_other_is_told_to_reload(world, office, officer):
    certificate = selection.certificates_of(world.park.id)[0]
    action = f"/admin/certificates/{certificate.key}/move"
    seen = [version_on(browser.get(card(world.park)).text, action) for browser in (office, officer)]
    first = office.post(action, data={"verb": "rectify", "reason": "台账不全", "version": seen[0]})
    second = officer.post(action, data={"verb": "revoke", "reason": "弄虚作假", "version": seen[1]})
    assert (first.status_code, second.status_code) == (302, 409)
    assert "刚才有人先处理了这条记录。请刷新页面" in second.text
    assert certificate.state == "rectifying"
    assert [entry.action for entry in audit.entries_of(certificate)] == ["certificate.grant", "certificate.rectify"]


def test_of_two_posts_in_the_same_moment_exactly_one_is_done(world, office, officer):
    certificate = selection.certificates_of(world.park.id)[0]
    action = f"/admin/certificates/{certificate.key}/move"
    version = version_on(office.get(card(world.park)).text, action)
    deeds = [(office, "rectify"), (officer, "revoke")]
    db.session.rollback()
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda deed: (
                    super(type(deed[0]), deed[0])
                    .open(action, method="POST", data={"verb": deed[1], "reason": "同时", "version": version})
                    .status_code
                ),
                deeds,
            )
        )
    assert sorted(answers) == [302, 409]
    assert len(audit.entries_of(db.session.get(Certificate, certificate.id))) == 2
    assert audit.verify()[1] is None


def test_a_title_is_granted_revoked_and_granted_again_with_reasons(world, office):
    unit = world.other_district
    refused = office.post(f"{card(unit)}/certificates", data={"reason": " "})
    assert (refused.status_code, selection.certificates_of(unit.id)) == (422, [])
    office.post(f"{card(unit)}/certificates", data={"reason": "纪要 3 号"})
    first = selection.certificates_of(unit.id)[0]
    page = office.get(card(unit)).text
    assert first.number in page
    assert f"{card(unit)}/certificates" not in page
    missing = office.post(f"/admin/certificates/{first.key}/move", data={"verb": "revoke"})
    assert (missing.status_code, "要写明原因" in missing.text, first.state) == (422, True, "certified")
    office.post(f"/admin/certificates/{first.key}/move", data={"verb": "revoke", "reason": "弄虚作假"})
    assert first.state == "revoked"
    office.post(f"{card(unit)}/certificates", data={"reason": "复评合格"})
    assert [item.state for item in selection.certificates_of(unit.id)] == ["certified", "revoked"]
    assert office.post(f"{card(world.society)}/certificates", data={"reason": "x"}).status_code == 409


def test_the_office_changes_roles_withdraws_invitations_and_edits_for_a_unit(world, office):
    world.join(world.park, "zweite@example.org", "officer")
    service.invite(world.park, world.office_manager, email="neu@example.org", name="新人", role="viewer")
    db.session.commit()
    one = queries.live_memberships(queries.user_by_email("zweite@example.org"))[0]
    office.post(f"{card(world.park)}/people/{one.key}", data={"role": "viewer"})
    office.post(f"{card(world.park)}/invitations/withdraw", data={"email": "neu@example.org"})
    office.post(f"{card(world.park)}/edit", data={"intro": "做电池", "aliases": "旧名"})
    assert (one.role, queries.open_invitations(world.park), world.park.intro) == ("viewer", [], "做电池")
    assert office.post(f"{card(world.society)}/people/{one.key}", data={"role": "end"}).status_code == 404
    refused = office.post(f"{card(world.park)}/invite", data={"name": "王", "email": "kein", "role": "viewer"})
    assert (refused.status_code, 'value="kein"' in refused.text) == (422, True)


def test_the_card_costs_the_same_with_one_member_and_with_thirty(world, office, count_queries):
    office.get(card(world.park))
    few = count_queries(lambda: office.get(card(world.park)))
    people_of(world.park, 29)
    assert count_queries(lambda: office.get(card(world.park))) == few


def test_the_front_page_lists_what_waits(world, office):
    service.register_organisation(world.office_manager, kind="society", full_name="示例·等核验学会", level="city")
    jobs.leave("nothing").status = JobStatus.PARKED
    db.session.commit()
    page = office.get("/admin").text
    assert "核验 示例·等核验学会" in page
    assert "处理搁置的后台任务" in page


# --- people ------------------------------------------------------------------------------------------------------


def test_disabling_and_enabling_an_account_counts_at_once(app, world, office):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    theirs = app.test_client()
    sign_in(theirs, world.of(world.park))
    office.post(f"/admin/users/{user.key}/disable")
    assert theirs.get("/me").status_code == 302
    assert "停用" in office.get(f"/admin/users/{user.key}").text
    office.post(f"/admin/users/{user.key}/enable")
    assert (user.is_disabled, theirs.get("/me").status_code) == (False, 302)


def test_any_session_is_ended_by_a_manager_of_the_office(app, world, office, officer):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    theirs = app.test_client()
    sign_in(theirs, world.of(world.park))
    path = re.search(rf"/admin/users/{user.key}/sessions/\w+/end", office.get(f"/admin/users/{user.key}").text).group()
    assert path not in officer.get(f"/admin/users/{user.key}").text
    assert officer.post(path).status_code == 403
    assert office.post(path.replace(user.key, queries.user_by_email("office@example.org").key)).status_code == 404
    assert theirs.get("/me").status_code == 200
    office.post(path)
    assert theirs.get("/me").status_code == 302


def test_an_officer_of_the_office_disables_nobody_and_the_manager_not_themselves(world, office, officer):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    assert officer.post(f"/admin/users/{user.key}/disable").status_code == 403
    own = queries.user_by_email("office@example.org")
    assert office.post(f"/admin/users/{own.key}/disable").status_code == 409
    assert (user.is_disabled, own.is_disabled) == (False, False)


def test_a_link_for_a_forgotten_password_is_shown_once_to_a_manager_of_the_office(world, office, officer):
    user = queries.user_by_email(f"officer{world.park.id}@example.org")
    assert officer.post(f"/admin/users/{user.key}/password-link").status_code == 403
    office.post(f"/admin/users/{user.key}/password-link")
    page = office.get(f"/admin/users/{user.key}").text
    link = re.search(r'value="http://localhost(/invitations/[\w-]+)"', page).group(1)
    assert link not in office.get(f"/admin/users/{user.key}").text
    assert "重新设置密码" in office.get(link).text


def test_people_are_found_and_the_list_costs_the_same_with_one_row_and_with_thirty(world, office, count_queries):
    few = count_queries(lambda: office.get("/admin/users?text=office@example.org"))
    people_of(world.park, 40)
    many = count_queries(lambda: office.get("/admin/users?text=众人"))
    page = office.get("/admin/users?text=众人").text
    assert page.count('class="main"') == 30
    assert "没有找到这个人" in office.get("/admin/users?text=%25").text
    assert many == few


# --- the rules ---------------------------------------------------------------------------------------------------


def test_the_rules_page_says_every_rule_of_the_table_in_words(world, office):
    page = office.get("/admin/rules").text
    rows = re.findall(r'<th scope="row" title="([\w.]+)">([^<]+)</th>.*?<td class="who">([^<]*)</td>', page, re.DOTALL)
    assert sorted(action for action, _, _ in rows) == sorted(RULES)
    for action, word, who in rows:
        assert word == action_word(action)
        assert who == "；".join(rule.__doc__.strip("。") for rule in RULES[action])


def test_every_action_of_the_table_and_of_the_chain_has_chinese_words(world):
    names = {*RULES, *audit.actions()}
    assert [action for action in names if not re.search("[\u4e00-\u9fff]", action_word(action))] == []
    assert [action for action in names if action.partition(".")[0] not in SUBJECTS] == []


def test_the_matrix_says_what_the_rules_say_for_real_people_and_real_records(world):
    need, roles = world.need("submitted"), rule_matrix.ROLES
    owner, reviewer, stranger = (world.of(unit) for unit in (world.enterprise, world.district, world.park))
    for action in (action for action in RULES if action.startswith("need.")):
        factory, association = (rule_matrix.reach(roles[name], action) for name in ("企业、园区管理员", "区科协经办"))
        assert policy.can(owner, action, need) == (factory != rule_matrix.Reach.NONE), action
        assert policy.can(stranger, action, need) == (factory == rule_matrix.Reach.ALL), action
        if association == rule_matrix.Reach.ALL or not policy.can(owner, action, need):
            assert policy.can(reviewer, action, need) == (association != rule_matrix.Reach.NONE), action
    assert rule_matrix.reach(roles["办公室经办"], "need.publish") == rule_matrix.Reach.ALL
    assert rule_matrix.reach(roles["区科协经办"], "need.approve") == rule_matrix.Reach.OWN
    assert rule_matrix.reach(roles["访客"], "need.read") == rule_matrix.Reach.NONE


def test_a_new_rule_appears_on_the_page_by_itself(world, office, monkeypatch):
    monkeypatch.setitem(RULES, "weather.change", (policy.is_office,))
    assert 'title="weather.change"' in office.get("/admin/rules").text


# --- the audit chain ---------------------------------------------------------------------------------------------


def test_the_chain_is_shown_newest_first_filtered_and_paged(world, office):
    def numbers(query: str = "") -> list[int]:
        page = office.get(f"/admin/audit{query}").text
        return [int(number) for number in re.findall(r'data-label="编号">(\d+)<', page)]

    newest = db.session.scalar(select(AuditEntry.id).order_by(AuditEntry.id.desc()))
    assert numbers() == list(range(newest, newest - 30, -1))
    assert numbers("?page=2") == list(range(newest - 30, 0, -1))
    granted = list(db.session.scalars(select(AuditEntry.id).where(AuditEntry.action == "certificate.grant")))
    assert numbers("?action=certificate.grant") == granted[::-1]
    assert numbers("?kind=certificate&who=办公室甲") == granted[::-1]
    assert len(numbers("?action=nonsense&kind=nonsense")) == 30
    assert "没有符合条件的记录" in office.get("/admin/audit?who=没有这个人").text


def test_the_chain_is_verified_on_demand_and_a_changed_row_is_named(world, office):
    count = audit.verify()[0]
    page = office.get("/admin/audit?check=1").text
    assert "核对完毕" in page
    assert str(count) in page
    assert "核对完毕" not in office.get("/admin/audit").text
    db.session.execute(text("DROP TRIGGER audit_no_update"))
    db.session.execute(text("UPDATE audit SET user_name = '别人' WHERE id = 5"))
    db.session.commit()
    assert re.search("第\u2009?(&#8201;)?5(&#8201;)?\u2009?号记录对不上", office.get("/admin/audit?check=1").text)


def test_the_chain_costs_the_same_with_one_row_and_with_thirty(world, office, count_queries):
    few = count_queries(lambda: office.get("/admin/audit?action=membership.join&who=黄埔园区"))
    for number in range(40):
        unit = (world.park, world.society)[number % 2]
        audit.write(world.office_manager, "organisation.edit", unit, after=str(number))
    db.session.commit()
    many = count_queries(lambda: office.get("/admin/audit?action=organisation.edit"))
    assert many == few


def test_every_kind_of_entry_is_shown_in_words(world, office):
    need = world.need("submitted")
    one = queries.members_of(world.park)[0]
    world.join(world.park, "zweite@example.org", "manager")
    service.change_role(one, world.office_manager, role="viewer")
    job = jobs.leave("index_record", record_id=1)
    job.status = JobStatus.PARKED
    db.session.flush()
    jobs.retry(job, world.office_manager)
    service.move_organisation(world.society, "suspend", world.office_manager, reason="材料<过期>")
    db.session.commit()
    page = office.get("/admin/audit").text
    for piece in (
        need.title,
        "草稿 → 待区科协审核",
        "管理员 → 只读",
        "重新排队",
        "材料&lt;过期&gt;",
        f'href="{card(world.society)}"',
    ):
        assert piece in page, piece
    assert "None" not in page


# --- jobs and health ---------------------------------------------------------------------------------------------


def test_parked_jobs_are_shown_with_their_error_and_retried(world, office, officer):
    job = jobs.leave("index_record", kind="need", record_id=1)
    job.status, job.attempts, job.error = JobStatus.PARKED, 8, "Traceback\nValueError: <kaputt>"
    db.session.commit()
    page = office.get("/admin/jobs").text
    assert "ValueError: &lt;kaputt&gt;" in page
    assert f"/admin/jobs/{job.id}/retry" in page
    assert f"/admin/jobs/{job.id}/retry" not in officer.get("/admin/jobs").text
    assert officer.post(f"/admin/jobs/{job.id}/retry").status_code == 403
    office.post(f"/admin/jobs/{job.id}/retry")
    assert (job.status, job.attempts) == (JobStatus.WAITING, 0)
    assert office.post(f"/admin/jobs/{job.id}/retry").status_code == 409
    assert "没有搁置的任务" in office.get("/admin/jobs").text


def test_the_job_page_costs_the_same_with_one_job_and_with_thirty(world, office, count_queries):
    def park(count: int) -> None:
        db.session.add_all(
            Job(task="index_record", args={}, status=JobStatus.PARKED, run_at=job_time, error="x") for _ in range(count)
        )
        db.session.commit()

    job_time = world.park.created_at
    park(1)
    few = count_queries(lambda: office.get("/admin/jobs"))
    park(29)
    many = count_queries(lambda: office.get("/admin/jobs"))
    assert office.get("/admin/jobs").text.count("重新排队") == 30
    assert many == few


def test_the_health_page_shows_every_examination(world, office):
    from kcz_match import doctor

    page = office.get("/admin/health").text
    assert page.count('class="main"') == len(doctor.CHECKS)
    assert "数据库文件" in page


def test_a_unit_with_markup_in_its_name_is_shown_as_typed(world, office):
    unit = service.register_organisation(
        world.office_manager,
        kind="society",
        level="city",
        full_name="<script>alert(1)</script>{{7*7}}",
        intro="</textarea><b>",
    )
    db.session.commit()
    for path in (card(unit), "/admin", "/admin/organisations", "/admin/audit"):
        page = office.get(path).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in page
        assert "<script>alert" not in page
    assert db.session.get(Organisation, unit.id).intro == "</textarea><b>"
