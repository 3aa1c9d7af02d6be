"""What one change and one search cost at a thousand, ten thousand and a hundred thousand records.

    python -m scripts.bench_index [--sizes 1000 10000 100000]

Synthetic unit vectors of 384 numbers stand in for encoded texts, in a database and a folder of their own that are
removed afterwards.  One JSON line for each size, then one with the ratios of the largest to the smallest.
Milliseconds are medians (``p95`` where named); ``publish`` is from the start of the writing transaction until another
index object of the same database has answered with the new record, without the time of the encoder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from flask import Flask

from kcz_match import schema
from kcz_match.core.db import db, engine_options
from kcz_match.matching.generations import Slice
from kcz_match.matching.index import RecordIndex
from kcz_match.matching.models import Vector
from kcz_match.matching.vectors import next_change, to_bytes

DIMENSION = 384
ENCODER = "synthetic@1"
HERE = Slice("capability", "public")
LIMIT = 60


def main() -> None:
    """Measure every size and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    lines = []
    for size in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(measure(Path(folder), size))
        print(json.dumps(lines[-1]), flush=True)
    first, last = lines[0], lines[-1]
    ratios = {name: round(last[name] / first[name], 2) for name in first if name.endswith("_ms") and first[name]}
    print(json.dumps({"ratio_of_sizes": last["records"] / first["records"], **ratios}))


def measure(folder: Path, size: int) -> dict[str, float]:
    """Return the figures for one size."""
    app = Flask("bench")
    app.config["SQLALCHEMY_ENGINES"] = {"default": engine_options(f"sqlite:///{folder / 'bench.sqlite3'}")}
    db.init_app(app)
    with app.app_context():
        fill(size)
        index = RecordIndex(folder / "indexes", ENCODER)
        fold_ms = timed(lambda: index.fold("bench"))
        opened = RecordIndex(folder / "indexes", ENCODER)
        before = resident()
        open_ms = timed(lambda: opened.generation)
        figures = {
            "records": size,
            "fold_ms": fold_ms,
            "open_and_verify_ms": open_ms,
            "open_adds_mib": round(resident() - before, 1),
        }
        figures |= searches(opened, size)
        figures |= publishing(index, opened, size)
        db.session.close()
        db.engine.dispose()
    return figures


def fill(size: int) -> None:
    """Store ``size`` records, each with the one vector that is searched."""
    schema.metadata.create_all(db.engine)
    db.session.commit()
    for start in range(0, size, 5000):
        change = next_change()
        rows = unit(min(5000, size - start), start)
        db.session.execute(
            Vector.__table__.insert(),
            [
                {
                    "kind": HERE.kind,
                    "record_id": start + place,
                    "encoder": ENCODER,
                    "tier": HERE.tier,
                    "role": "passage",
                    "field": "whole",
                    "part": 0,
                    "text_hash": "",
                    "data": to_bytes(row),
                    "is_live": True,
                    "change": change,
                }
                for place, row in enumerate(rows)
            ],
        )
        db.session.commit()


def searches(index: RecordIndex, size: int) -> dict[str, float]:
    """Time searches without and with a filter of one record in ten, and plain FAISS on the same vectors."""
    queries = unit(100, 10**9)
    some = set(range(0, size, 10))
    flat = faiss.IndexFlatIP(DIMENSION)
    for start in range(0, size, 5000):
        flat.add(unit(min(5000, size - start), start))
    all_open, filtered = index.channel(*HERE), index.channel(*HERE, allowed=some)
    found = [{one for one, _ in all_open.search({"whole": query}, {"whole": 1.0}, LIMIT)} for query in queries]
    truth = flat.search(queries, LIMIT)[1]
    recall = np.mean([len(one & set(row.tolist())) / LIMIT for one, row in zip(found, truth, strict=True)])

    def times(search: Callable[[np.ndarray], object]) -> list[float]:
        return [timed(lambda query=query: search(query)) for query in queries]

    return {
        "recall_to_flat": float(recall),
        **spread("search", times(lambda query: all_open.search({"whole": query}, {"whole": 1.0}, LIMIT))),
        **spread("filtered", times(lambda query: filtered.search({"whole": query}, {"whole": 1.0}, LIMIT))),
        **spread("flat", times(lambda query: flat.search(query[None, :], LIMIT))),
    }


def publishing(writer: RecordIndex, reader: RecordIndex, size: int) -> dict[str, float]:
    """Time one commit until a reader answers with it, with a small and with a full overlay."""
    one_by_one = [timed(lambda n=n: publish(reader, size + n)) for n in range(20)]
    for number in range(480):
        store(size + 20 + number, unit(1, size + 20 + number)[0])
    full = [timed(lambda n=n: publish(reader, size + 500 + n)) for n in range(20)]
    waiting = writer.changes_waiting()
    return {**spread("publish", one_by_one), **spread("publish_full_overlay", full), "overlay_rows": waiting}


def publish(reader: RecordIndex, record_id: int) -> None:
    """Store a record in a commit of its own and search until it is found (the first search must find it)."""
    vector = unit(1, record_id)[0]
    store(record_id, vector)
    found = reader.channel(*HERE).search({"whole": vector}, {"whole": 1.0}, 1)
    if found[0][0] != record_id:
        raise SystemExit(f"record {record_id} was committed and not found")


def store(record_id: int, vector: np.ndarray) -> None:
    """Commit one record."""
    db.session.add(
        Vector(
            kind=HERE.kind,
            record_id=record_id,
            encoder=ENCODER,
            tier=HERE.tier,
            role="passage",
            field="whole",
            part=0,
            text_hash="",
            data=to_bytes(vector),
            is_live=True,
            change=next_change(),
        )
    )
    db.session.commit()


def unit(count: int, seed: int) -> np.ndarray:
    """Return ``count`` random unit vectors, the same for the same seed."""
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def timed(deed: Callable[[], object]) -> float:
    """Return how many milliseconds ``deed`` took."""
    started = time.perf_counter()
    deed()
    return round((time.perf_counter() - started) * 1000, 3)


def spread(name: str, values: list[float]) -> dict[str, float]:
    """Return the median and the 95th percentile under ``name``."""
    return {
        f"{name}_ms": round(float(np.median(values)), 3),
        f"{name}_p95_ms": round(float(np.percentile(values, 95)), 3),
    }


def resident() -> float:
    """Return the private memory of this process in MiB: what another worker would add."""
    pages = Path("/proc/self/statm").read_text("ascii").split()
    return (int(pages[1]) - int(pages[2])) * 4096 / (1 << 20)


if __name__ == "__main__":
    faiss.omp_set_num_threads(1)
    main()
