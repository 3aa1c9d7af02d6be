"""Print what the bands of parts rest on: how often an answer to one sentence of a need is right.

    python scripts/calibrate_parts.py

Labelled needs (the demo needs, the dev half of tests/data/match) are put together by threes at random, as if one need
held three sub-problems.  Each sentence of their problems then asks alone, and once more after the joined titles.
``other`` is the share of answers that belong to another of the three.  An answer counts as right when it answers the
need that the sentence comes from, so the figures are on the careful side.  Takes some minutes; touches no database.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import calibrate_bands  # noqa: E402 - the path must be set first

from kcz_match.matching import encoder, evaluation, late  # noqa: E402 - the path must be set first
from kcz_match.matching.sentences import split as sentences  # noqa: E402 - the path must be set first

SCORES = (10, 9, 8.5, 8, 7.5, 7, 6, 5)
CHANCES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
SHORTEST, LONGEST = 10, 200


class Asked(NamedTuple):
    """One sentence of a need, the other two needs it stands with, and the title of all three."""

    need: str
    others: tuple[str, ...]
    title: str
    sentence: str


def sentences_of(benchmark: evaluation.Benchmark) -> list[Asked]:
    """Return every sentence of needs put together by threes, each need twice; the seed is fixed."""
    dice = np.random.default_rng(7)
    order = [*dice.permutation(len(benchmark.queries)), *dice.permutation(len(benchmark.queries))]
    found = []
    for start in range(0, len(order) - 2, 3):
        three = [benchmark.queries[place] for place in order[start : start + 3]]
        title = "、".join(str(line.metadata.get("title") or line.texts["title"].split("\n")[0]) for line in three)
        for line in three:
            problem = str(line.metadata.get("problem") or line.texts["problem"]).split("\n")[0][:LONGEST]
            others = tuple(other.key for other in three if other is not line)
            pieces = [piece for piece in sentences(problem) if len(piece) >= SHORTEST] or [problem]
            found += [Asked(line.key, others, title, piece) for piece in pieces]
    return found


def table(
    benchmark: evaluation.Benchmark,
    asked: Sequence[Asked],
    found: Sequence[Sequence[tuple[float, str]]],
    steps: Sequence[float],
) -> str:
    """Return a line per step: answers, the share right, of another part, parts covered, covered wrongly only."""
    lines = [
        f"{'from':>6}{'answers':>9}{'right':>7}{'other':>7}{'covered':>9}{'only wrong':>12}{'without any fit':>17}"
    ]
    hopeless = [not benchmark.has_answer(one.need) for one in asked]
    for least in steps:
        kept = [[key for score, key in answers if score >= least] for answers in found]
        right = [sum(_fits(benchmark, one.need, key) for key in keys) for one, keys in zip(asked, kept, strict=True)]
        other = [
            sum(
                not _fits(benchmark, one.need, key) and any(_fits(benchmark, need, key) for need in one.others)
                for key in keys
            )
            for one, keys in zip(asked, kept, strict=True)
        ]
        total, answerable = sum(map(len, kept)), len(asked) - sum(hopeless)
        wrong = sum(bool(keys) and not hits for keys, hits, no in zip(kept, right, hopeless, strict=True) if not no)
        taken = sum(bool(keys) for keys, no in zip(kept, hopeless, strict=True) if no)
        lines.append(
            f"{least:>6}{total:>9}{sum(right) / max(1, total):>7.2f}{sum(other) / max(1, total):>7.2f}"
            f"{sum(map(bool, right)) / answerable:>9.2f}{wrong / answerable:>12.2f}{f'{taken} of {sum(hopeless)}':>17}"
        )
    return "\n".join(lines)


def folder_of(place: Path, asked: Sequence[Asked], titled: bool, split: str, home: Path) -> Path:
    """Write the sentences as the queries of a labelled folder beside the documents of another, and return it."""
    home.mkdir()
    shutil.copy(place / "corpus.jsonl", home)
    (home / "qrels").mkdir()
    (home / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n", encoding="utf-8")
    rows = [
        {"_id": str(number), "title": one.title if titled else "", "text": "", "metadata": {"problem": one.sentence}}
        for number, one in enumerate(asked)
    ]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (home / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return home


def _fits(benchmark: evaluation.Benchmark, need: str, key: str) -> bool:
    return benchmark.grades.get(need, {}).get(key, 0) > 0


def main() -> None:
    """Print the tables."""
    model = encoder.load(ROOT / "indexes" / "encoder")
    space = late.fit(model)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "demo").mkdir()
        demo = calibrate_bands.demo_folder(Path(folder) / "demo")
        for name, place, split in (("demo", demo, "test"), ("match", ROOT / "tests/data/match", "dev")):
            benchmark = evaluation.read(place, split)
            asked = sentences_of(benchmark)
            for how, titled in (("sentence alone", False), ("after the titles of all three", True)):
                home = folder_of(place, asked, titled, split, Path(folder) / f"{name}-{titled}")
                ranked = evaluation.rank(home, model, space, split=split)
                keys = [line.key for line in ranked.benchmark.documents]
                every = [ranked.scored[str(number)] for number in range(len(asked))]
                scores = [[(one.score, keys[one.record_id]) for one in answers] for answers in every]
                chances = [[(one.chance, keys[one.record_id]) for one in answers] for answers in every]
                print(f"\n{name}, {how}: {len(asked)} sentences", table(benchmark, asked, scores, SCORES), sep="\n")
                print("by chance", table(benchmark, asked, chances, CHANCES), sep="\n", flush=True)


if __name__ == "__main__":
    main()
