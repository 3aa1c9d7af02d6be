"""Alerts of saved searches: who hears of what, once, and with which line."""

import datetime as dt

import pytest
from sqlalchemy import select

from kcz_match.accounts import service as accounts
from kcz_match.brokerage import alerts, searches, watch
from kcz_match.brokerage.models import MatchVeto, SavedSearch, SearchAlert
from kcz_match.catalogue import capability_service, need_service
from kcz_match.core import jobs
from kcz_match.core.calendar import local_day
from kcz_match.core.db import db, utc_now
from kcz_match.core.notify import Notice
from kcz_match.matching import documents, index_tasks
from kcz_match.matching import service as matching
from kcz_match.matching.engine import engine
from kcz_match.selection import service as selection
from kcz_match.selection.queries import certificates_of
from tests.factories import CAPABILITY, CLAIMS

WORDS = "射线图像 气孔"
METHOD = "用卷积网络对射线图像分割气孔和缩松，结合工艺参数在线判定。"
ALIKE = {
    "title": "一体化压铸件在线缺陷检测装置",
    "keywords": "压铸 X射线 缺陷识别",
    "problem": "人工看片漏检率高，节拍跟不上，小气孔经常被放过，返修成本高。",
    "method": "压铸车间每天出件三千件，在线自动判定气孔和缩松。",
}


def index(record) -> None:
    """Make a record searchable, its sentences too."""
    for task in (index_tasks.index_record, index_tasks.index_query, index_tasks.index_sentences):
        task(record.lifecycle.kind, record.id)
        db.session.commit()


def alert(record) -> None:
    """Do the job that follows, in a session of its own as the worker does."""
    kind, record_id = record.lifecycle.kind, record.id
    db.session.commit()
    alerts.alert_searches(kind, record_id)
    db.session.commit()


def publish(world, need) -> None:
    """Carry a draft of the enterprise into the lists."""
    need_service.act(need, "submit", world.of(world.enterprise))
    need_service.act(need, "approve", world.of(world.district))
    need_service.act(need, "publish", world.office_manager)


def save(actor, kind="capability", words=WORDS, facets=None, need=None) -> SavedSearch:
    """Keep a search and commit it."""
    kept = searches.save(actor, kind, words, facets, need)
    db.session.commit()
    return kept


def told() -> list[tuple[int, int, str]]:
    """Return (search, record, line) of every alert."""
    rows = db.session.scalars(select(SearchAlert).order_by(SearchAlert.id))
    return [(row.search_id, row.record_id, row.line) for row in rows]


def notices(unit) -> list[str]:
    """Return the notices about saved searches of an organisation, oldest first."""
    rows = db.session.scalars(select(Notice).where(Notice.organisation_id == unit.id).order_by(Notice.id))
    return [row.sentence for row in rows if "保存的搜索" in row.sentence]


def test_a_new_record_is_told_of_with_the_line_that_met_the_wish(world):
    search = save(world.of(world.enterprise))
    capability = world.capability()
    index(capability)

    alert(capability)

    assert told() == [(search.id, capability.id, METHOD)]
    assert METHOD in capability.method
    assert notices(world.enterprise) == [f"“{METHOD}”符合您保存的搜索“{WORDS}”。见能力“{capability.title}”。"]
    assert [notices(unit) for unit in (world.park, world.society, world.district)] == [[], [], []]


def test_the_index_leaves_the_job_when_something_became_searchable_and_not_when_nothing_changed(world):
    def waiting() -> list[dict]:
        rows = db.session.scalars(select(jobs.Job).where(jobs.Job.task == "alert_searches"))
        return [row.args for row in rows]

    capability = world.capability()
    index(capability)
    assert waiting() == [{"kind": "capability", "record_id": capability.id}]

    job = db.session.scalar(select(jobs.Job).where(jobs.Job.task == "alert_searches"))
    assert utc_now() < job.run_at < utc_now() + dt.timedelta(seconds=10)
    jobs.finish(job, utc_now())
    db.session.commit()
    index_tasks.index_record("capability", capability.id)
    db.session.commit()
    assert len(waiting()) == 1


def test_a_job_delivered_twice_tells_once(world):
    save(world.of(world.enterprise))
    capability = world.capability()
    index(capability)

    alert(capability)
    alert(capability)

    assert (len(told()), len(notices(world.enterprise))) == (1, 1)


def test_a_changed_text_is_told_only_to_searches_that_had_not_heard_of_it(world):
    first = save(world.of(world.enterprise))
    second = save(world.of(world.enterprise), words="超声相控阵 探头")
    capability, owner = world.capability(), world.of(world.society)
    index(capability)
    alert(capability)

    capability_service.act(capability, "revise", owner, reason="补充方法")
    capability_service.save_capability(
        capability, owner, CAPABILITY | {"method": METHOD + "另有超声相控阵探头。"}, CLAIMS
    )
    for verb in ("submit", "approve"):
        capability_service.act(capability, verb, owner)
    index(capability)
    alert(capability)

    assert told() == [
        (first.id, capability.id, METHOD),
        (second.id, capability.id, "另有超声相控阵探头。"),
    ]
    assert len(notices(world.enterprise)) == 2


def test_what_was_published_before_the_search_was_saved_is_no_news(world):
    capability = world.capability()
    index(capability)
    save(world.of(world.enterprise))

    alert(capability)

    assert (told(), notices(world.enterprise)) == ([], [])


def test_a_record_withdrawn_between_publication_and_job_is_told_to_nobody(world):
    save(world.of(world.enterprise))
    capability = world.capability()
    index(capability)

    capability_service.act(capability, "withdraw", world.of(world.society), reason="不再提供")
    alert(capability)

    assert (told(), notices(world.enterprise)) == ([], [])


def test_a_record_withdrawn_or_changed_while_it_is_compared_is_told_to_nobody(world):
    save(world.of(world.enterprise))
    gone, changed = world.capability(), world.capability(title="另一种判定")
    for one in (gone, changed):
        index(one)
    met = {one.id: watch.met_by("capability", one.id)[0] for one in (gone, changed)}
    assert [len(found) for found in met.values()] == [1, 1]

    capability_service.act(gone, "withdraw", world.of(world.society), reason="不再提供")
    changed.method = "方法改写了。"
    db.session.commit()
    for one, found in met.items():
        alerts.tell("capability", one, found)
        db.session.commit()

    assert (told(), notices(world.enterprise)) == ([], [])


def test_a_search_paused_or_removed_while_a_record_is_compared_is_told_of_nothing(world):
    actor = world.of(world.enterprise)
    paused, removed = save(actor), save(actor, words="射线图像 缩松")
    capability = world.capability()
    index(capability)
    met, _ = watch.met_by("capability", capability.id)
    assert len(met) == 2

    searches.pause(paused, actor)
    searches.remove(removed, actor)
    db.session.commit()
    alerts.tell("capability", capability.id, met)
    db.session.commit()

    assert (told(), notices(world.enterprise)) == ([], [])


def test_a_paused_search_hears_nothing_and_others_go_on(world):
    paused, running = save(world.of(world.enterprise)), save(world.of(world.park))
    searches.pause(paused, world.of(world.enterprise))
    capability = world.capability()
    index(capability)

    alert(capability)

    assert told() == [(running.id, capability.id, METHOD)]


@pytest.mark.parametrize("is_compared", [False, True])
def test_a_suspended_organisation_hears_nothing(world, is_compared):
    save(world.of(world.enterprise))
    capability = world.capability()
    index(capability)
    met = watch.met_by("capability", capability.id)[0] if is_compared else []

    accounts.move_organisation(world.enterprise, "suspend", world.office_manager, reason="示例")
    db.session.commit()
    alerts.tell("capability", capability.id, met)
    alert(capability)

    assert (told(), notices(world.enterprise)) == ([], [])


def test_nobody_is_told_of_the_own_organisations_records(world):
    save(world.of(world.society))
    other = save(world.of(world.other_society))
    capability = world.capability()
    index(capability)

    alert(capability)

    assert told() == [(other.id, capability.id, METHOD)]


def test_facets_are_kept_exactly_and_the_other_kind_is_another_search(world):
    actor = world.of(world.park)
    fitting = save(actor, facets={"industry": "equip", "type": "result"})
    save(actor, facets={"industry": "marine"})
    save(actor, kind="need")
    capability = world.capability()
    index(capability)

    alert(capability)

    assert [search for search, _, _ in told()] == [fitting.id]


def test_a_search_that_shares_only_a_common_word_hears_nothing(world):
    for title in ("桥梁支座在线判定", "荔枝冷链在线判定", "电池热失控在线判定"):
        index(world.capability(title=title, keywords=title, problem=f"{title}。", method=f"{title}。", rows=()))
    save(world.of(world.enterprise), words="石墨烯 散热膜 在线判定")
    capability = world.capability()
    index(capability)

    alert(capability)

    assert told() == []


def test_hidden_text_is_told_to_nobody_even_to_those_who_may_read_it(world):
    hidden = "秘密：用中子成像替代。"
    for unit in (world.society, world.office, world.district, world.other_society):
        save(world.of(unit) if unit is not world.office else world.office_manager, kind="need", words="中子成像")
    need = world.draft(tried=hidden, background=f"压铸车间。{hidden}")
    need_service.save_need(need, world.of(world.enterprise), {}, None, {"background": "consent"})
    publish(world, need)
    index(need)

    alert(need)

    assert told() == []
    assert [notices(unit) for unit in (world.society, world.office, world.district)] == [[], [], []]


def test_the_line_is_chosen_from_what_members_read_even_when_a_hidden_one_would_fit_better(world):
    save(world.of(world.society), kind="need", words="X射线 气孔")
    need = world.draft(background="X射线看气孔，X射线找气孔。", problem="用X射线查气孔太慢。")
    need_service.save_need(need, world.of(world.enterprise), {}, None, {"background": "consent"})
    publish(world, need)
    index(need)

    alert(need)

    assert [line for _, _, line in told()] == ["用X射线查气孔太慢。"]
    assert "示例·珠江压铸" not in "".join(notices(world.society))


def test_several_searches_met_by_one_record_make_one_notice(world):
    first, second = (save(world.of(world.enterprise), words=words) for words in (WORDS, "射线图像 缩松"))
    capability = world.capability()
    index(capability)

    alert(capability)

    assert [search for search, _, _ in told()] == [first.id, second.id]
    assert notices(world.enterprise) == [f"“{METHOD}”符合您保存的搜索“{WORDS}”等 2 个。见能力“{capability.title}”。"]


def test_more_than_ten_in_a_day_are_counted_in_one_notice_at_its_end(world):
    search = save(world.of(world.enterprise))
    for number in range(12):
        capability = world.capability(title=f"射线图像判定装置 {number} 型")
        index(capability)
        alert(capability)

    assert (len(told()), len(notices(world.enterprise))) == (12, 10)
    waiting = db.session.scalars(select(jobs.Job).where(jobs.Job.task == "digest_alerts")).all()
    assert [job.args for job in waiting] == [{"search_id": search.id}]
    assert local_day(waiting[0].run_at) == local_day(utc_now()) + dt.timedelta(days=1)

    alerts.digest_alerts(search.id)
    db.session.commit()
    assert notices(world.enterprise)[10:] == [
        f"符合您保存的搜索“{WORDS}”的能力较多，有 12 条还没有看，都列在这个搜索的页面上。"
    ]

    searches.mark_seen(search, world.of(world.enterprise))
    alerts.digest_alerts(search.id)
    db.session.commit()
    assert len(notices(world.enterprise)) == 11


def test_organisations_that_one_side_avoids_hear_nothing(world):
    avoided, team, other = (
        save(world.of(unit), "need", "一体化压铸件 缺陷") for unit in (world.society, world.team, world.other_society)
    )
    need = world.draft()
    need_service.save_need(need, world.of(world.enterprise), {}, avoided=[world.society])
    publish(world, need)
    index(need)
    alert(need)
    assert {search for search, _, _ in told()} == {other.id}

    avoiding, bystander = save(world.of(world.enterprise)), save(world.of(world.park))
    capability = world.capability()
    index(capability)
    alert(capability)
    assert {search for search, _, _ in told()} == {other.id, bystander.id}
    assert {avoided.id, team.id, avoiding.id} & {search for search, _, _ in told()} == set()


def test_a_vetoed_pair_is_told_to_neither_side(world):
    need = world.need()
    capability = world.capability("submitted", **ALIKE)
    asking = save(world.of(world.district), need=need)
    words = save(world.of(world.enterprise), words="压铸件 缺陷检测")
    db.session.add(MatchVeto(need_id=need.id, capability_id=capability.id, organisation_id=world.society.id))
    db.session.commit()
    capability_service.act(capability, "approve", world.of(world.society))
    index(need)
    index(capability)
    met, _ = watch.met_by("capability", capability.id)
    assert {one.search_id for one in met} == {asking.id, words.id}

    alert(capability)

    assert told() == []


def test_a_need_hears_of_a_capability_that_passes_and_reaches_a_band(world):
    need = world.need()
    index(need)
    for unit in (world.enterprise, world.district):
        save(world.of(unit), need=need)
    fitting = world.capability(**ALIKE)
    weak = world.capability(title="荔枝冷链保鲜", keywords="荔枝", problem="鲜果褐变。", method="预冷。", rows=())
    barred = world.capability(**ALIKE | {"regions": ["440111"]})
    for one in (fitting, weak, barred):
        index(one)
        alert(one)

    assert {record for _, record, _ in told()} == {fitting.id}
    assert [line for _, _, line in told()] == [ALIKE["problem"]] * 2
    assert notices(world.enterprise) == [
        f"“{ALIKE['problem']}”符合您保存的搜索“{need.title}”。见能力“{fitting.title}”。"
    ]


def _refuse(world, need, capability):
    matching.decide(need, capability, world.of(world.enterprise), "refuse", reason="off_topic")


def _close(world, need, capability):
    need_service.act(need, "withdraw", world.of(world.enterprise), reason="changed")


def _avoid(world, need, capability):
    need.avoided = [world.society]


def _uncertify(world, need, capability):
    selection.move_certificate(certificates_of(world.park.id)[0], "revoke", world.office_manager, reason="示例")


@pytest.mark.parametrize("deed", [_refuse, _close, _avoid, _uncertify])
def test_a_need_that_refused_the_pair_avoids_the_other_side_or_is_closed_hears_nothing(world, deed):
    need, capability = world.need(), world.capability("submitted", **ALIKE)
    index(need)
    kept = save(world.of(world.enterprise), need=need)
    capability_service.act(capability, "approve", world.of(world.society))
    index(capability)
    assert [one.search_id for one in watch.met_by("capability", capability.id)[0]] == [kept.id]

    deed(world, need, capability)
    alert(capability)

    assert (told(), notices(world.enterprise)) == ([], [])
    assert kept.is_on


def test_many_searches_are_cut_by_organisation_and_each_is_asked_once(world):
    units = [world.district, world.park, world.enterprise, world.other_society]
    for unit in units:
        for words in (WORDS, "射线图像 缩松"):
            save(world.of(unit), words=words)
    capability = world.capability()
    index(capability)

    parts, after = [], 0
    while after is not None:
        met, after = watch.met_by("capability", capability.id, after, chunk=3)
        parts.append([one.search_id for one in met])

    assert [len(part) for part in parts] == [2, 2, 2, 2]
    assert len({search for part in parts for search in part}) == 8


def test_what_does_not_fit_into_one_job_is_left_to_the_next(world):
    units = [world.district, world.other_district, world.park, world.enterprise, world.other_society]
    for unit in units:
        for _ in range(searches.MOST_SEARCHES):
            db.session.add(SavedSearch(organisation_id=unit.id, kind="capability", words=WORDS))
    db.session.commit()
    capability = world.capability()
    index(capability)

    alert(capability)
    heard = [len(told())]
    for unit in units[:4]:
        left = db.session.scalar(select(jobs.Job).where(jobs.Job.key == f"alert:capability:{capability.id}:{unit.id}"))
        args = dict(left.args)
        db.session.commit()
        alerts.alert_searches(**args)
        db.session.commit()
        heard.append(len(told()))

    assert heard == [50, 100, 150, 200, 250]
    assert [len(notices(unit)) for unit in units] == [1, 1, 1, 1, 1]


def test_a_search_is_encoded_once_in_the_life_of_a_process(world):
    save(world.of(world.enterprise), words="从未出现过的说法")
    for title in ("射线判定甲", "射线判定乙"):
        capability = world.capability(title=title)
        index(capability)
        alert(capability)

    whole = documents.free_text("从未出现过的说法").whole
    asked = [text for role, text in engine().encoder.seen if role == "query" and "从未出现过的说法" in text]
    assert len(asked) == 1
    assert watch.memory.recall(whole) is not None


def test_the_memory_forgets_what_was_not_used_for_longest(world):
    memory = watch.Memory(most=2)
    memory.learn(["甲甲", "乙乙"], {})
    memory.recall("甲甲")

    memory.learn(["丙丙"], {})

    assert [memory.recall(text) is not None for text in ("甲甲", "乙乙", "丙丙")] == [True, False, True]
