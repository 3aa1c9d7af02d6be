"""What a search, a publication, a fold and a start cost at ten thousand, a hundred thousand and a million records.

    python -m scripts.bench_index [--sizes 10000 100000 1000000] [--rounds 30]

Synthetic vectors (``synthetic_vectors.py``) stand in for encoded texts, in databases and folders of their own that are
removed afterwards.  The sizes and the methods take turns in each round, so that other work on the machine falls on all
of them alike; milliseconds are medians, and every ratio is the median of the ratios of single rounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from flask import Flask

from kcz_match import schema
from kcz_match.core.db import db, engine_options
from kcz_match.matching import stored_lists
from kcz_match.matching.index import RecordIndex
from kcz_match.matching.models import Vector
from kcz_match.matching.stored_lists import Mapped, Open, Rows, Slice
from kcz_match.matching.vectors import next_change, to_bytes
from scripts.synthetic_vectors import AT_ONCE, in_any_direction, like_the_encoder, many

ENCODER = "synthetic@1"
HERE = Slice("capability", "public")
LIMIT, TOP = 100, 20
EVERY = 10
FIRST_PUBLISHED = 10_000_000
QUERY_SEED = 900_000


class Site:
    """A database with ``size`` records, its index as the worker has it (``writer``), and as a web process has it."""

    def __init__(self, folder: Path, size: int) -> None:
        self.size, self.published = size, 0
        self.app = Flask(f"bench{size}")
        address = f"sqlite:///{folder / f'{size}.sqlite3'}"
        self.app.config["SQLALCHEMY_ENGINES"] = {"default": engine_options(address)}
        db.init_app(self.app)
        self.make = like_the_encoder()
        with self.app.app_context():
            fill(many(self.make, size))
            self.writer, self.reader = (RecordIndex(folder / str(size), ENCODER) for _ in range(2))
            self.rebuild_ms = timed(lambda: self.writer.fold("bench"))
            before = resident()
            self.open_ms = timed(lambda: self.reader.generation)
            self.private_mib = round(resident() - before, 1)
            self.base, _ = self.reader.present(HERE)
        self.open_ids = np.arange(0, size, EVERY)
        self.chosen = Open(np.isin(self.base.ids, self.open_ids), len(self.open_ids))
        self.everything = self.reader.channel(*HERE)
        self.filtered = self.reader.channel(*HERE, allowed=self.open_ids.tolist())

    def round(self, number: int) -> dict[str, float]:
        """Search in the four ways and publish once; return milliseconds and what was found."""
        query = self.make(1, QUERY_SEED + number)[0]
        with self.app.app_context():
            asked = {"whole": query}
            flat, flat_ms = kept(lambda: flat_search(self.base, query, None))
            found, search_ms = kept(lambda: self.everything.search(asked, {"whole": 1.0}, LIMIT))
            flat_some, flat_some_ms = kept(lambda: flat_search(self.base, query, self.chosen))
            some, some_ms = kept(lambda: self.filtered.search(asked, {"whole": 1.0}, LIMIT))
            return {
                "search_ms": search_ms,
                "flat_ms": flat_ms,
                "filtered_ms": some_ms,
                "flat_filtered_ms": flat_some_ms,
                "recall": recall(own_of(found), flat),
                "recall_filtered": recall(own_of(some), flat_some),
                **self.publish(),
            }

    def publish(self) -> dict[str, float]:
        """Commit one record; return how long until the reader has it, and until it answers a search with it."""
        record_id = FIRST_PUBLISHED + self.published
        self.published += 1
        vector = self.make(1, record_id)[0]
        started = time.perf_counter()
        store(record_id, vector)
        _, overlay = self.reader.present(HERE)
        seen_ms = (time.perf_counter() - started) * 1000
        found = self.reader.channel(*HERE).search({"whole": vector}, {"whole": 1.0}, 1)
        found_ms = (time.perf_counter() - started) * 1000
        if record_id not in overlay.ids or found[0][0] != record_id:
            raise SystemExit(f"record {record_id} was committed and not found")
        return {"publish_seen_ms": seen_ms, "publish_found_ms": found_ms}

    def late_rounds(self, rounds: int) -> dict[str, float]:
        """Publish as many records as may wait for a fold, then measure again: the longest overlay there is."""
        with self.app.app_context():
            waiting = self.writer.fold_after(500)
            for start in range(0, waiting, AT_ONCE):
                count = min(AT_ONCE, waiting - start)
                insert(self.make(count, 10**6 + start), FIRST_PUBLISHED * 2 + start)
        figures = medians([self.round(rounds + number) for number in range(rounds)])
        names = ("search_ms", "filtered_ms", "publish_seen_ms", "publish_found_ms")
        return {"changes_before_fold": waiting, **{name: figures[name] for name in names}}


def main() -> None:
    """Measure every size in turns and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sites = [Site(Path(folder), size) for size in sorted(asked.sizes)]
        for site in sites:
            site.round(10**4)
        rounds = [[site.round(number) for site in sites] for number in range(asked.rounds)]
        tell_searches(sites, rounds)
        tell_publishing(sites, rounds)
        for site in sites:
            tell("full overlay", records=site.size, **site.late_rounds(min(10, asked.rounds)))
        for site in sites:
            tell_files(site)
        for size in sorted(asked.sizes):
            tell("any direction", records=size, **any_direction(Path(folder), size, min(10, asked.rounds)))


def tell_searches(sites: list[Site], rounds: list[list[dict[str, float]]]) -> None:
    """Print what a search costs at each size, beside plain FAISS on the same vectors."""
    for place, site in enumerate(sites):
        own = [each[place] for each in rounds]
        tell(
            "search",
            records=site.size,
            **{name: value for name, value in medians(own).items() if not name.startswith("publish")},
            flat_to_search=ratio(own, "flat_ms", "search_ms"),
            flat_to_search_filtered=ratio(own, "flat_filtered_ms", "filtered_ms"),
            **{f"{name}_to_smallest": growth(rounds, place, f"{name}_ms") for name in ("search", "filtered", "flat")},
            worst_recall=min(min(one["recall"], one["recall_filtered"]) for one in own),
        )


def tell_publishing(sites: list[Site], rounds: list[list[dict[str, float]]]) -> None:
    """Print how long a commit takes to be seen and found, and the ratio of each size to the smallest."""
    for place, site in enumerate(sites):
        own = [each[place] for each in rounds]
        tell(
            "publish",
            records=site.size,
            **{name: value for name, value in medians(own).items() if name.startswith("publish")},
            seen_to_smallest=growth(rounds, place, "publish_seen_ms"),
            found_to_smallest=growth(rounds, place, "publish_found_ms"),
        )


def tell_files(site: Site) -> None:
    """Print what building, opening and doing without the files costs."""
    home = site.reader.folder / str(site.reader.generation.number)
    (home / f"{HERE.name}.ids").write_bytes(b"damaged")
    without = RecordIndex(site.reader.folder.parent, ENCODER)
    with site.app.app_context():
        before = resident()
        rows_ms = timed(lambda: without.generation)
        rows_mib = round(resident() - before, 1)
    tell(
        "files",
        records=site.size,
        rebuild_s=round(site.rebuild_ms / 1000, 2),
        rebuild_us_a_record=round(site.rebuild_ms * 1000 / site.size, 1),
        open_and_verify_ms=site.open_ms,
        open_private_mib=site.private_mib,
        damaged_exact_start_ms=rows_ms,
        damaged_private_mib=rows_mib,
    )


def any_direction(folder: Path, size: int, rounds: int) -> dict[str, float]:
    """Return recall and cost on vectors that have nothing in common."""
    rows = many(in_any_direction, size)
    home = folder / f"any{size}"
    home.mkdir()
    paths = stored_lists.write_list(home, HERE, Rows(np.arange(size), rows), lambda step: None)
    base = stored_lists.open_list(home, HERE, stored_lists.files_of(home, HERE, {path.name: "" for path in paths}))
    chosen = Open(np.arange(size) % EVERY == 0, size // EVERY)
    own = []
    for query in in_any_direction(rounds, QUERY_SEED):
        figures = {}
        for name, places in (("", None), ("_filtered", chosen)):
            truth, figures[f"flat{name}_ms"] = kept(lambda: flat_search(base, query, places))  # noqa: B023 - called now
            found, figures[f"search{name}_ms"] = kept(lambda: base.nearest(query, LIMIT, places))  # noqa: B023 - now
            best = found[np.argsort(-stored_lists.exact(base.at(found), query))]
            figures[f"recall{name}"] = recall(best.tolist(), truth)
        own.append(figures)
    return medians(own)


def flat_search(base: Rows | Mapped, query: np.ndarray, chosen: Open | None) -> list[int]:
    """Return the ids that plain FAISS finds by comparing all vectors (of those chosen), best first."""
    faiss = stored_lists.faiss()
    params = None
    if chosen is not None:
        selector = faiss.IDSelectorBitmap(np.packbits(chosen.mask, bitorder="little"))
        params = faiss.SearchParameters(sel=selector)
    return base.ids[base.index.search(query[None, :], LIMIT, params=params)[1][0]].tolist()


def fill(rows: np.ndarray) -> None:
    """Make the tables and store ``rows``, each as the searched vector of the record that has its place for an id."""
    schema.metadata.create_all(db.engine)
    db.session.commit()
    for start in range(0, len(rows), AT_ONCE):
        insert(rows[start : start + AT_ONCE], start)


def insert(rows: np.ndarray, first: int) -> None:
    """Store vectors in one commit under one change number."""
    change = next_change()
    made = [facts(first + place, row, change) for place, row in enumerate(rows)]
    db.session.execute(Vector.__table__.insert(), made)
    db.session.commit()


def store(record_id: int, vector: np.ndarray) -> None:
    """Commit one record."""
    db.session.add(Vector(**facts(record_id, vector, next_change())))
    db.session.commit()


def facts(record_id: int, vector: np.ndarray, change: int) -> dict[str, object]:
    """Return the columns of a searched vector."""
    place = {"kind": HERE.kind, "tier": HERE.tier, "encoder": ENCODER, "role": "passage", "field": "whole", "part": 0}
    return place | {
        "record_id": record_id, "text_hash": "", "data": to_bytes(vector), "is_live": True, "change": change,
    }  # fmt: skip


def own_of(found: list[tuple[int, float]]) -> list[int]:
    """Return the ids found that are in the files: plain FAISS knows nothing of what was published since."""
    return [record_id for record_id, _ in found if record_id < FIRST_PUBLISHED]


def recall(found: list[int], truth: list[int]) -> float:
    """Return which share of the ``TOP`` best by exact comparison is among the ``TOP`` best that were found."""
    return len(set(found[:TOP]) & set(truth[:TOP])) / TOP


def kept(deed: Callable[[], list]) -> tuple[list, float]:
    """Return what ``deed`` returns and how many milliseconds it took."""
    started = time.perf_counter()
    result = deed()
    return result, (time.perf_counter() - started) * 1000


def timed(deed: Callable[[], object]) -> float:
    """Return how many milliseconds ``deed`` took."""
    started = time.perf_counter()
    deed()
    return round((time.perf_counter() - started) * 1000, 1)


def medians(lines: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure; of a recall the mean."""
    means = {name: np.mean if name.startswith("recall") else np.median for name in lines[0]}
    return {
        name: round(float(mean([line[name] for line in lines])), 4 if mean is np.mean else 2)
        for name, mean in means.items()
    }


def ratio(lines: list[dict[str, float]], above: str, below: str) -> float:
    """Return the median of the ratios of two figures of the same round."""
    return round(float(np.median([line[above] / line[below] for line in lines])), 2)


def growth(rounds: list[list[dict[str, float]]], place: int, name: str) -> float:
    """Return the median of the ratios of a figure at one size to the same at the smallest, round by round."""
    return round(float(np.median([each[place][name] / each[0][name] for each in rounds])), 2)


def tell(what: str, **figures: object) -> None:
    """Print one line."""
    print(json.dumps({"what": what, **figures}), flush=True)


def resident() -> float:
    """Return the private memory of this process in MiB: what another worker would add."""
    pages = Path("/proc/self/statm").read_text("ascii").split()
    return (int(pages[1]) - int(pages[2])) * 4096 / (1 << 20)


if __name__ == "__main__":
    main()
