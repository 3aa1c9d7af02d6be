"""How long a page takes to explain a pair of records of 2,000 characters, and to list what answers such a need.

    python -m scripts.bench_explain

A database of its own gets forty capabilities and a need of about 2,000 characters each, indexed by the worker's own
tasks with the real encoder.  Then the page of one pair and the list of the need are asked for through the
application, by turns.
"""

from __future__ import annotations

import contextvars
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kcz_match import create_app, migrating, worker  # noqa: E402 - the path must be set first
from kcz_match.core.db import db  # noqa: E402 - as above
from kcz_match.matching import queries, sample  # noqa: E402 - as above
from tests import factories  # noqa: E402 - as above

CAPABILITIES, CHARACTERS, ROUNDS = 40, 2_000, 30
FIELDS = {"need": ("background", "problem", "target"), "capability": ("problem", "method", "comparison")}


def long_texts(kind: str, number: int) -> dict[str, str]:
    """Return texts for the compared fields of a record, about 2,000 characters together, different for each number."""
    pool = [*sample.NEEDS, *sample.CAPABILITIES] if kind == "need" else [*sample.CAPABILITIES, *sample.NEEDS]
    found = {}
    for place, name in enumerate(FIELDS[kind]):
        text = ""
        while len(text) < CHARACTERS // 3 - 60:
            text += f"第{number}条第{place}段：" + pool[(7 * number + 5 * place + len(text)) % len(pool)]
        found[name] = text[: CHARACTERS // 3]
    return found


def fill() -> tuple[str, str]:
    """Make and index the records; return the addresses of the need's list and of the page of its best pair."""
    factories.build_world()
    world = factories.World()
    need = world.need(**long_texts("need", 0))
    for number in range(CAPABILITIES):
        changes = long_texts("capability", number) | ({"problem": need.problem[:600]} if number == 3 else {})
        world.capability(title=f"第{number}项能力", **changes)
    db.session.commit()
    worker.do_all_jobs()
    time.sleep(7)  # the jobs of sentences and alerts wait a few seconds on purpose
    worker.do_all_jobs()
    match = queries.matches_of(need, world.of(world.enterprise)).shown[0]
    return f"/needs/{need.key}/matches", f"/matches/{need.key}/{match.capability.key}"


def timed(deed: Callable[[], object]) -> float:
    """Return how many milliseconds a deed takes, in a context of its own as on a server."""
    started = time.perf_counter()
    contextvars.Context().run(deed)
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Print one line of JSON for each page."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"ENCODER": str(ROOT / "indexes" / "encoder"), "SECRET_KEY": "bench", "DEMO": False}
        app = create_app(settings | {"DATA": Path(folder), "INDEXES": Path(folder), "PASSWORD_KIB": 64})
        with app.app_context():
            migrating.upgrade()
            list_page, pair_page = fill()
            app.config["WTF_CSRF_ENABLED"] = False
            client = app.test_client()
            world = factories.World()
            factories.sign_in(client, world.of(world.enterprise))
            db.session.rollback()
        pages = {"explanation of one pair": pair_page, "list of a need, ten explained": list_page}
        times: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(ROUNDS):
            for name, address in pages.items():
                times[name].append(timed(lambda address=address: _asked(client, address)))
    for name, found in times.items():
        print(json.dumps({
            "what": "pages with records of 2,000 characters", "page": name,
            "median ms": round(statistics.median(found), 1),
            "worst ms": round(max(found[1:]), 1), "first ms": round(found[0], 1),
        }, ensure_ascii=False))  # fmt: skip


def _asked(client, address: str) -> None:  # type: ignore[no-untyped-def]
    answer = client.get(address)
    if answer.status_code != 200 or "双方原话" not in answer.text and "硬性条件" not in answer.text:
        raise RuntimeError(f"{address} answered {answer.status_code}")


if __name__ == "__main__":
    main()
