"""Searches while records come and go without pause, on two web processes, one worker and the real encoder.

Three promises, each checked for every single answer: no error; what was published more than two seconds ago is found;
what was withdrawn before the search began is never shown.  Generations are built all the while, because two changes
are enough here for the next one.

``SOAK_SECONDS`` shortens or lengthens it.  Most changes take a capability out of the lists and back in, which encodes
nothing; every tenth publishes one with a text that the encoder has never seen.
"""

from __future__ import annotations

import http.client
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
import setup

from kcz_match import create_app
from kcz_match.catalogue import capability_service
from kcz_match.catalogue.models import Capability
from kcz_match.core.db import db
from kcz_match.core.jobs import Job, JobStatus
from kcz_match.matching.models import IndexBuild
from tests import factories
from tests.browser.conftest import ENCODER, WORKERS, Server

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
FRESH = 2.0
POOL = 12
PAUSE = 0.25
NEW_EVERY = 10
SEARCHERS = 3
FOLD_AFTER = 20
LINK = re.compile(r"/capabilities/(?:[^/\"]*/)?([a-z0-9]{12})")


class SoakServer(Server):
    """A site that builds a new generation after few changes."""

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "KCZ_FOLD_ROWS": str(FOLD_AFTER)}


@dataclass
class Record:
    """What is known of one capability: since when it is listed or not, by the clock of this process."""

    record_id: int
    key: str
    is_listed: bool
    since: float


@dataclass
class Diary:
    """What was done and what was seen; threads of the soak share it under its lock."""

    records: dict[str, Record] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)
    searches: int = 0
    changes: int = 0

    def standing(self) -> dict[str, tuple[bool, float]]:
        """Return for each key whether it is listed and since when."""
        with self.lock:
            return {record.key: (record.is_listed, record.since) for record in self.records.values()}


@pytest.fixture
def soak_server(tmp_path):
    """A running site of its own."""
    setup.build_encoder(ENCODER)
    running = SoakServer(tmp_path)
    running.run("db-upgrade")
    running.start()
    yield running
    running.stop()


def text_of(number: int) -> dict[str, object]:
    """Return a capability that shares the words searched for and has some of its own."""
    return {
        "title": f"压铸件气孔判定方案第 {number} 号",
        "problem": f"铸造企业靠人眼判读射线底片，漏判多、速度慢，第 {number} 条产线尤其如此。",
    }


def publish_new(world, diary: Diary, number: int) -> None:
    """Publish a capability whose text is new."""
    made = world.capability(**text_of(number))
    with diary.lock:
        diary.records[made.key] = Record(made.id, made.key, True, time.monotonic())
    diary.changes += 1


def toggle(world, diary: Diary, record: Record) -> None:
    """Take a capability out of the lists, or put it back.

    It counts as withdrawn only after the commit, and as published only then too: between the two nothing is promised.
    """
    capability = db.session.get_one(Capability, record.record_id)
    verb, actor = ("unlist", world.office_manager) if record.is_listed else ("relist", world.office_manager)
    with diary.lock:
        record.since = float("inf")
    capability_service.act(capability, verb, actor, reason="核查")
    db.session.commit()
    with diary.lock:
        record.is_listed, record.since = not record.is_listed, time.monotonic()
    diary.changes += 1


def change_without_pause(server: Server, diary: Diary) -> None:
    """Publish and withdraw through the services until told to stop."""
    with create_app(server.settings).app_context():
        world, step = factories.World(), 0
        try:
            while not diary.stop.is_set():
                step += 1
                if step % NEW_EVERY == 0:
                    publish_new(world, diary, 100 + step)
                else:
                    toggle(world, diary, list(diary.records.values())[step * 5 % len(diary.records)])
                diary.stop.wait(PAUSE)
        except Exception as error:  # whatever stops the changes must fail the test
            diary.wrong.append(f"a change failed: {type(error).__name__}: {error}")
            diary.stop.set()
        finally:
            db.session.close()


def search_without_pause(server: Server, diary: Diary, number: int) -> None:
    """Search over a connection of its own until told to stop, and judge every answer."""
    words = quote(("压铸件 气孔 判定", "铸造企业 射线 底片 漏判", "压铸 气孔")[number % 3])
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    while not diary.stop.is_set():
        before, begun = diary.standing(), time.monotonic()
        try:
            connection.request("GET", f"/search?kind=capability&q={words}")
            answer = connection.getresponse()
            page = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            diary.wrong.append(f"no answer: {type(error).__name__}: {error}")
            connection.close()
            continue
        if answer.status != 200:
            diary.wrong.append(f"status {answer.status}")
        diary.wrong += faults(set(LINK.findall(page)), before, diary.standing(), begun)
        diary.searches += 1
        diary.stop.wait(0.05)
    connection.close()


def faults(found: set[str], before: dict, after: dict, begun: float) -> list[str]:
    """Return what is wrong with an answer to a search that began at ``begun``.

    A record is judged when it stood the same before and after the search.
    """
    same = {key: facts for key, facts in before.items() if after[key] == facts}
    hidden = [key for key, (is_listed, since) in same.items() if not is_listed and since <= begun and key in found]
    late = [
        f"{key} after {begun - since:.1f} s"
        for key, (is_listed, since) in same.items()
        if is_listed and since + FRESH <= begun and key not in found
    ]
    return [f"hidden and shown: {key}" for key in hidden] + [f"published and not found: {told}" for told in late]


def warm_up(server: Server) -> None:
    """Search until both web processes have loaded the encoder: the first words that each encodes wait for that."""
    for number in range(4 * WORKERS):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        connection.request("GET", f"/search?kind=capability&q={quote(f'预热 {number}')}")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 200


def wait_until_indexed() -> None:
    """Wait until the worker has done what is due for the index."""
    deadline = time.monotonic() + 120
    while db.session.query(Job).filter(Job.status != JobStatus.DONE, Job.task == "index_record").count():
        assert time.monotonic() < deadline, "the worker did not index the first capabilities in two minutes"
        db.session.rollback()
        time.sleep(0.3)
    db.session.rollback()


def prepare(server: Server, diary: Diary) -> None:
    """Build the organisations and the first capabilities, and wait until they are found."""
    with create_app(server.settings).app_context():
        factories.build_world()
        world = factories.World()
        for number in range(POOL):
            publish_new(world, diary, number)
        wait_until_indexed()
        db.session.close()


def generations_built(server: Server) -> int:
    """Return how many generations the worker has built; asked in a thread, since the browser's loop is in this one."""

    def count() -> int:
        with create_app(server.settings).app_context():
            found = db.session.query(IndexBuild).count()
            db.session.close()
            return found

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(count).result()


def run(*deeds) -> list[threading.Thread]:
    """Start each deed in a thread of its own."""
    threads = [threading.Thread(target=deed, args=arguments) for deed, *arguments in deeds]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.timeout(SECONDS + 300)
def test_searches_during_continuous_publishing_have_no_error_nothing_stale_and_nothing_hidden(soak_server):
    diary = Diary()
    for thread in run((prepare, soak_server, diary)):
        thread.join()
    assert len(diary.records) == POOL
    warm_up(soak_server)

    threads = run(
        (change_without_pause, soak_server, diary),
        *((search_without_pause, soak_server, diary, number) for number in range(SEARCHERS)),
    )
    diary.stop.wait(SECONDS)
    diary.stop.set()
    for thread in threads:
        thread.join(60)

    print(f"{diary.searches} searches, {diary.changes} changes, {generations_built(soak_server)} generations")
    assert diary.wrong == []
    assert not re.search(r"Traceback|ERROR|CRITICAL", soak_server.log), soak_server.log[-3000:]
    assert diary.searches > SECONDS
    assert diary.changes > POOL + SECONDS / 4
    assert generations_built(soak_server) >= 2
