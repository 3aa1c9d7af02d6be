"""Pages of accounts: signing in and out, invitations, one's own profile, password, devices and unit."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import time_machine
from sqlalchemy import select

from kcz_match.accounts import queries, service, sessions
from kcz_match.accounts.models import Membership, User, UserSession
from kcz_match.accounts.passwords import is_right
from kcz_match.core.db import db, utc_now
from kcz_match.web.access import is_local
from kcz_match.web.devices import device_word
from tests.factories import PASSWORD, sign_in

OFFICE = "office@example.org"
NEW_PASSWORD = "珠江夜游 船票两张 9"


def enter(client, email=OFFICE, password=PASSWORD, **more):
    return client.post("/login", data={"email": email, "password": password, **more})


def cookie(client) -> str:
    return client.get_cookie("session").value


def is_signed_in(client) -> bool:
    return client.get("/me").status_code == 200


def manager_of(unit) -> str:
    return f"officer{unit.id}@example.org"


def live() -> list[UserSession]:
    return list(db.session.scalars(select(UserSession).where(UserSession.ended_at.is_(None)).order_by(UserSession.id)))


# --- signing in and out ------------------------------------------------------------------------------------------


def test_a_person_signs_in_works_and_signs_out(world, client):
    assert client.get("/me").headers["Location"] == "/login?next=/me"
    assert enter(client, next="/me").headers["Location"] == "/me"
    assert OFFICE in client.get("/me").text
    assert client.get("/login").headers["Location"] == "/"
    assert client.post("/logout").headers["Location"] == "/login"
    assert not is_signed_in(client)
    assert live() == []


def test_a_refused_sign_in_keeps_the_address_says_why_and_never_shows_the_password(world, client):
    answer = enter(client, password="geheim & falsch", next="/needs")
    assert answer.status_code == 401
    assert "邮箱或密码不对" in answer.text
    assert f'value="{OFFICE}"' in answer.text
    assert 'name="next" value="/needs"' in answer.text
    assert "geheim" not in answer.text
    assert not is_signed_in(client)


def test_an_unknown_account_gets_the_very_page_that_a_wrong_password_gets(world, client):
    known, unknown = enter(client, password="falsch"), enter(client, "nobody@example.org", "falsch")
    assert known.status_code == unknown.status_code

    def plain(answer, email):
        return re.sub(r'name="csrf_token" value="[^"]*"|content="[^"]*"', "", answer.text).replace(email, "")

    assert plain(known, OFFICE) == plain(unknown, "nobody@example.org")


def test_after_five_wrong_passwords_the_right_one_waits_but_not_from_another_address(world, client):
    for _ in range(5):
        enter(client, password="falsch")
    answer = enter(client)
    assert (answer.status_code, "30 分钟后再试" in answer.text) == (429, True)
    form, there = {"email": OFFICE, "password": PASSWORD}, {"REMOTE_ADDR": "10.9.8.7"}
    assert client.post("/login", data=form, environ_overrides=there).status_code == 302


@pytest.mark.parametrize(
    "address",
    [
        "//evil.cn",
        "https:evil",
        "https://evil.cn",
        r"/\evil",
        r"\\evil",
        "/\t/evil.cn",
        "\t//evil.cn",
        " //evil.cn",
        "javascript:alert(1)",
        "evil",
        "/a\\b",
        "/a\r\nSet-Cookie: x=1",
        "",
    ],
)
def test_nobody_is_sent_to_another_site_after_signing_in(world, client, address):
    assert not is_local(address)
    assert enter(client, next=address).headers["Location"] == "/"


@pytest.mark.parametrize("address", ["/", "/needs", "/needs?mine=1&q=压铸", "/needs/abc#x", "/a//b"])
def test_a_page_of_this_site_is_gone_on_to(address):
    assert is_local(address)


def test_signing_in_changes_the_token_and_ends_the_former_session_of_the_browser(world, client):
    client.get("/login")
    planted = cookie(client)
    enter(client)
    first = cookie(client)
    assert first != planted
    enter(client, manager_of(world.park))
    assert [row.user.email for row in live()] == [manager_of(world.park)]
    client.set_cookie("session", first)
    assert not is_signed_in(client)


def test_joining_by_a_link_ends_the_session_of_whoever_used_the_browser_before(world, client):
    enter(client, manager_of(world.society))
    secret = service.invite(world.park, world.of(world.park), email="neu@example.org", name="新人", role="officer")
    db.session.commit()
    client.post(f"/invitations/{secret}", data={"password": NEW_PASSWORD, "again": NEW_PASSWORD})
    assert [row.user.email for row in live()] == ["neu@example.org"]


def test_a_cookie_kept_from_before_is_worth_nothing_after_signing_out(world, client):
    enter(client)
    kept = cookie(client)
    client.post("/logout")
    client.set_cookie("session", kept)
    assert client.get("/me").headers["Location"] == "/login?next=/me"


def test_a_session_ends_by_idleness_and_by_age_and_lives_on_while_used(world, client):
    start = utc_now()
    with time_machine.travel(start, tick=False):
        enter(client)
    for minutes in range(25, 12 * 60, 25):
        with time_machine.travel(start + dt.timedelta(minutes=minutes), tick=False):
            assert is_signed_in(client)
    with time_machine.travel(start + dt.timedelta(hours=12, seconds=1), tick=False):
        assert not is_signed_in(client)


def test_a_session_that_nobody_used_for_half_an_hour_asks_to_sign_in_again(world, client):
    enter(client)
    with time_machine.travel(utc_now() + dt.timedelta(minutes=31), tick=False):
        assert not is_signed_in(client)


def test_the_cookie_is_closed_to_scripts_and_to_other_sites(world, client):
    head = enter(client).headers["Set-Cookie"]
    assert "HttpOnly" in head
    assert "SameSite=Lax" in head


def test_disabling_an_account_counts_at_its_next_request(world, client):
    enter(client, manager_of(world.park))
    assert is_signed_in(client)
    service.set_disabled(queries.user_by_email(manager_of(world.park)), world.office_manager, is_disabled=True)
    db.session.commit()
    assert not is_signed_in(client)
    assert enter(client, manager_of(world.park)).status_code == 401


def test_a_changed_role_counts_at_the_next_request(world, client):
    world.join(world.park, "zweite@example.org", "manager")
    db.session.commit()
    enter(client, "zweite@example.org")
    assert "生成邀请链接" in client.get("/organisation").text
    user = queries.user_by_email("zweite@example.org")
    service.change_role(queries.live_memberships(user)[0], world.of(world.park), role="viewer")
    db.session.commit()
    assert "生成邀请链接" not in client.get("/organisation").text
    assert (
        client.post("/organisation/invite", data={"name": "x", "email": "x@example.org", "role": "viewer"}).status_code
        == 403
    )


def test_forms_without_their_token_are_refused(app, world, client):
    app.config["WTF_CSRF_ENABLED"] = True
    answer = enter(client)
    assert (answer.status_code, live()) == (400, [])
    for path in (
        "/logout",
        "/switch",
        "/me",
        "/me/password",
        "/me/sessions/others/end",
        "/organisation/edit",
        "/organisation/invite",
        "/organisation/invitations/withdraw",
        "/organisation/people/x",
        "/invitations/x",
    ):
        assert client.post(path).status_code == 400, path


@pytest.mark.parametrize("path", ["/me", "/me/password", "/me/sessions", "/organisation"])
def test_a_visitor_is_asked_to_sign_in_and_comes_back(app, client, path):
    assert client.get(path).headers["Location"] == f"/login?next={path}"


# --- invitations -------------------------------------------------------------------------------------------------


def test_an_invited_person_chooses_a_password_and_is_signed_in_once_only(world, client):
    secret = service.invite(world.park, world.of(world.park), email="neu@example.org", name="新人", role="officer")
    db.session.commit()
    assert "加入示例·黄埔园区" in client.get(f"/invitations/{secret}").text
    wrong = client.post(f"/invitations/{secret}", data={"password": NEW_PASSWORD, "again": "anders"})
    assert (wrong.status_code, "两次输入的密码不一样" in wrong.text, NEW_PASSWORD in wrong.text) == (422, True, False)
    weak = client.post(f"/invitations/{secret}", data={"password": "kurz", "again": "kurz"})
    assert (weak.status_code, "10–128 个字符" in weak.text) == (422, True)
    assert queries.user_by_email("neu@example.org") is None
    answer = client.post(f"/invitations/{secret}", data={"password": NEW_PASSWORD, "again": NEW_PASSWORD})
    assert answer.headers["Location"] == "/"
    assert "新人" in client.get("/me").text
    assert client.get(f"/invitations/{secret}").status_code == 404


def test_a_person_with_an_account_joins_another_unit_with_their_own_password(world, client):
    secret = service.invite(world.park, world.of(world.park), email=OFFICE, name="甲", role="viewer")
    db.session.commit()
    assert "再输入一次" not in client.get(f"/invitations/{secret}").text
    wrong = client.post(f"/invitations/{secret}", data={"password": "falsch 2026 ABC"})
    assert (wrong.status_code, "您已有账号" in wrong.text) == (422, True)
    client.post(f"/invitations/{secret}", data={"password": PASSWORD})
    assert [row.organisation.full_name for row in live()] == ["示例·黄埔园区"]


@pytest.mark.parametrize("secret", ["x", "a" * 500, "%2e%2e", "中文"])
def test_a_link_that_is_no_invitation_is_not_found(app, client, secret):
    answer = client.get(f"/invitations/{secret}")
    assert (answer.status_code, "请联系邀请您的人重新发一个" in answer.text) == (404, True)


def test_a_link_for_a_new_password_sets_it_and_ends_other_sessions(world, client):
    enter(client, manager_of(world.park))
    kept = cookie(client)
    secret = service.make_password_link(queries.user_by_email(manager_of(world.park)), world.office_manager)
    db.session.commit()
    client.delete_cookie("session")
    assert "重新设置密码" in client.get(f"/invitations/{secret}").text
    client.post(f"/invitations/{secret}", data={"password": NEW_PASSWORD, "again": NEW_PASSWORD})
    assert is_signed_in(client)
    client.set_cookie("session", kept)
    assert not is_signed_in(client)


def test_a_link_for_a_new_password_of_a_disabled_account_sets_none_and_signs_nobody_in(world, client):
    user = queries.user_by_email(manager_of(world.park))
    secret, before = service.make_password_link(user, world.office_manager), user.password_hash
    service.set_disabled(user, world.office_manager, is_disabled=True)
    db.session.commit()
    typed = {"password": NEW_PASSWORD, "again": NEW_PASSWORD}
    for answer in (client.get(f"/invitations/{secret}"), client.post(f"/invitations/{secret}", data=typed)):
        assert (answer.status_code, "这个账号已停用" in answer.text) == (409, True)
    assert (user.password_hash, live(), is_signed_in(client)) == (before, [], False)
    service.set_disabled(user, world.office_manager, is_disabled=False)
    db.session.commit()
    client.post(f"/invitations/{secret}", data=typed)
    assert (is_right(user.password_hash, NEW_PASSWORD), is_signed_in(client)) == (True, True)


# --- one's own account -------------------------------------------------------------------------------------------


def test_a_profile_is_saved_and_a_refused_one_keeps_every_character(world, client):
    enter(client)
    assert client.post("/me", data={"name": " 李雷 ", "phone": "020-83120000", "post": "主任"}).status_code == 302
    user = queries.user_by_email(OFFICE)
    assert (user.name, user.phone, user.post) == ("李雷", "020-83120000", "主任")
    answer = client.post("/me", data={"name": " ", "phone": '"><script>', "post": "副主任 & 秘书长", "email": "x@y.z"})
    assert answer.status_code == 422
    assert "请填写姓名" in answer.text
    assert "副主任 &amp; 秘书长" in answer.text
    assert "&#34;&gt;&lt;script&gt;" in answer.text
    assert (queries.user_by_email(OFFICE).name, user.email) == ("李雷", OFFICE)


def test_a_new_password_keeps_this_browser_in_and_throws_the_others_out(app, world, client):
    enter(client)
    other = app.test_client()
    enter(other)
    assert (
        client.post("/me/password", data={"old": "falsch", "new": NEW_PASSWORD, "again": NEW_PASSWORD}).status_code
        == 422
    )
    wrong = client.post("/me/password", data={"old": PASSWORD, "new": NEW_PASSWORD, "again": "anders"})
    assert (wrong.status_code, "两次输入的新密码不一样" in wrong.text, NEW_PASSWORD in wrong.text) == (422, True, False)
    kept = cookie(client)
    client.post("/me/password", data={"old": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD})
    assert is_signed_in(client)
    assert not is_signed_in(other)
    client.set_cookie("session", kept)
    assert not is_signed_in(client)
    assert is_right(queries.user_by_email(OFFICE).password_hash, NEW_PASSWORD)


def test_the_device_list_ends_one_session_or_all_others_and_only_ones_own(app, world, client):
    enter(client)
    others = [app.test_client() for _ in range(3)]
    for other in others[:2]:
        enter(other)
    enter(others[2], manager_of(world.park))
    stranger = live()[-1].key
    assert client.get("/me/sessions").text.count("未知设备") == 3
    client.post(f"/me/sessions/{live()[1].key}/end")
    assert [is_signed_in(one) for one in (client, *others)] == [True, False, True, True]
    client.post(f"/me/sessions/{stranger}/end")
    assert is_signed_in(others[2])
    client.post("/me/sessions/others/end")
    assert [is_signed_in(one) for one in (client, *others)] == [True, False, False, True]


def test_the_device_list_costs_the_same_with_one_session_and_with_thirty(world, client, count_queries):
    enter(client)
    user = queries.user_by_email(OFFICE)
    few = count_queries(lambda: client.get("/me/sessions"))
    for number in range(29):
        db.session.add(UserSession(token_hash=str(number), user_id=user.id, organisation_id=number % 8 + 1))
    db.session.commit()
    many = count_queries(lambda: client.get("/me/sessions"))
    assert client.get("/me/sessions").text.count("未知设备") == 30
    assert many == few


@pytest.mark.parametrize(
    ("agent", "word"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0",
            "Edge · Windows",
        ),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/116 MicroMessenger/8.0", "微信 · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari · iPhone"),
        ("curl/8.0", "未知设备"),
        ("", "未知设备"),
    ],
)
def test_a_device_is_named_in_two_words(agent, word):
    assert device_word(agent) == word


def test_switching_changes_who_acts_and_comes_back_to_the_page(world, client):
    world.join(world.park, OFFICE, "viewer")
    db.session.commit()
    enter(client)
    assert client.get("/admin").status_code == 200
    assert client.post("/switch", data={"organisation": world.park.key, "next": "/me"}).headers["Location"] == "/me"
    assert client.get("/admin").status_code == 403
    assert client.post("/switch", data={"organisation": world.park.key, "next": "//evil.cn"}).headers["Location"] == "/"
    assert client.post("/switch", data={"organisation": world.society.key}).status_code == 403
    assert client.post("/switch", data={"organisation": "nothing"}).status_code == 404
    assert live()[0].organisation_id == world.park.id


# --- one's own unit ----------------------------------------------------------------------------------------------


def test_a_manager_invites_and_sees_the_link_once(world, client):
    sign_in(client, world.of(world.park))
    client.post("/organisation/invite", data={"name": "新人", "email": "neu@example.org", "role": "officer"})
    page = client.get("/organisation").text
    link = re.search(r'value="(http://localhost/invitations/[\w-]+)"', page).group(1)
    assert client.get(link.removeprefix("http://localhost")).status_code == 200
    again = client.get("/organisation").text
    assert (link in again, "neu@example.org" in again) == (False, True)
    client.post("/organisation/invitations/withdraw", data={"email": "neu@example.org"})
    assert client.get(link.removeprefix("http://localhost")).status_code == 404
    assert "neu@example.org" not in client.get("/organisation").text


def test_a_refused_invitation_keeps_what_was_typed(world, client):
    sign_in(client, world.of(world.park))
    answer = client.post("/organisation/invite", data={"name": "王<b>", "email": "kein", "role": "king"})
    assert answer.status_code == 422
    assert "请填写完整的邮箱" in answer.text
    assert "请选择角色" in answer.text
    assert 'value="王&lt;b&gt;"' in answer.text
    assert 'value="kein"' in answer.text
    member = client.post("/organisation/invite", data={"name": "甲", "email": manager_of(world.park), "role": "viewer"})
    assert (member.status_code, "已经是本单位成员" in member.text) == (422, True)
    assert queries.open_invitations(world.park) == []


def test_a_manager_changes_roles_and_ends_memberships_of_their_own_unit(world, client):
    world.join(world.park, "zweite@example.org", "officer")
    db.session.commit()
    one = queries.live_memberships(queries.user_by_email("zweite@example.org"))[0]
    stranger = queries.members_of(world.society)[0]
    sign_in(client, world.of(world.park))
    client.post(f"/organisation/people/{one.key}", data={"role": "viewer"})
    assert one.role == "viewer"
    assert client.post(f"/organisation/people/{one.key}", data={"role": "king"}).status_code == 422
    assert client.post(f"/organisation/people/{stranger.key}", data={"role": "end"}).status_code == 404
    client.post(f"/organisation/people/{one.key}", data={"role": "end"})
    assert (one.ended_at is not None, stranger.ended_at) == (True, None)
    own = queries.members_of(world.park)[0]
    assert client.post(f"/organisation/people/{own.key}", data={"role": "end"}).status_code == 409
    assert own.ended_at is None


def test_introduction_and_names_are_edited_and_a_refused_form_keeps_them(world, client):
    sign_in(client, world.of(world.park))
    client.post("/organisation/edit", data={"intro": "服务汽车", "aliases": "旧园\r\n\r\n新园"})
    assert (world.park.intro, [item.name for item in world.park.aliases]) == ("服务汽车", ["旧园", "新园"])
    answer = client.post("/organisation/edit", data={"intro": "长" * 2001, "aliases": "旧园\r\n另一名"})
    assert (answer.status_code, "长" * 2001 in answer.text, "另一名" in answer.text) == (422, True, True)
    assert world.park.intro == "服务汽车"


@pytest.mark.parametrize("role", ["officer", "viewer"])
def test_others_see_the_card_without_any_form_and_cannot_post_one(world, client, role):
    actor = world.join(world.park, "zweite@example.org", role)
    db.session.commit()
    sign_in(client, actor)
    page = client.get("/organisation").text
    assert manager_of(world.park) in page
    assert "/organisation/" not in page
    for path, data in (
        ("edit", {"intro": "x"}),
        ("invite", {"name": "x", "email": "x@example.org", "role": "viewer"}),
        (f"people/{queries.members_of(world.park)[0].key}", {"role": "end"}),
    ):
        assert client.post(f"/organisation/{path}", data=data).status_code == 403
    assert world.park.intro == ""


def test_somebody_without_a_unit_is_told_what_to_do(world, client):
    world.join(world.park, "zweite@example.org", "officer")
    db.session.commit()
    enter(client, "zweite@example.org")
    one = queries.live_memberships(queries.user_by_email("zweite@example.org"))[0]
    service.change_role(one, world.of(world.park), role=None)
    db.session.commit()
    assert not is_signed_in(client)
    enter(client, "zweite@example.org")
    assert "您现在不属于任何单位" in client.get("/organisation").text
    assert client.post("/organisation/edit", data={"intro": "x"}).status_code == 409


def test_the_card_costs_the_same_with_one_member_and_with_thirty(world, client, count_queries):
    sign_in(client, world.of(world.park))
    client.get("/organisation")
    few = count_queries(lambda: client.get("/organisation"))
    for number in range(29):
        user = User(email=f"viele{number}@example.org", name=f"众{number}")
        db.session.add(user)
        db.session.flush()
        db.session.add(Membership(user_id=user.id, organisation_id=world.park.id, role="viewer"))
    db.session.commit()
    many = count_queries(lambda: client.get("/organisation"))
    assert client.get("/organisation").text.count("viele") == 29
    assert many == few


def test_a_page_that_only_looks_keeps_the_session_alive_without_a_write_every_time(world, client, count_queries):
    enter(client)
    assert sessions.needs_touch(live()[0]) is False
    seen = live()[0].seen_at
    client.get("/me")
    assert live()[0].seen_at == seen
    with time_machine.travel(utc_now() + dt.timedelta(minutes=2), tick=False):
        client.get("/me")
        assert live()[0].seen_at == utc_now()
