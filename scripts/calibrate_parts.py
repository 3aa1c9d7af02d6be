"""Print what the bands of parts rest on: how often an answer to one sentence of a need is right.

    python scripts/calibrate_parts.py

Labelled needs (the demo needs and tests/data/match-small) are put together by threes at random, as if one need held
three sub-problems.  Each sentence of their problems then asks alone, and once more after the joined titles.  ``other``
is the share of answers that belong to another of the three.  An answer counts as right when it answers the need that
the sentence comes from, so the figures are on the careful side.  Takes some minutes; touches no database.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysqlite3

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import calibrate_bands  # noqa: E402 - the path must be set first

from kcz_match.matching import encoder, evaluation, late  # noqa: E402 - the path must be set first
from kcz_match.matching.retrieval import WHOLE, Query, retrieve  # noqa: E402 - the path must be set first
from kcz_match.matching.sentences import split  # noqa: E402 - the path must be set first
from kcz_match.matching.whole import plain_text, whole_text  # noqa: E402 - the path must be set first

SCORES = (10, 9, 8.5, 8, 7.5, 7, 6.5, 6, 5.5, 5)
SHORTEST, LONGEST = 10, 200
DEPTH = 30


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
            pieces = [piece for piece in split(problem) if len(piece) >= SHORTEST] or [problem]
            found += [Asked(line.key, others, title, piece) for piece in pieces]
    return found


def table(benchmark: evaluation.Benchmark, asked: Sequence[Asked], found: Sequence[Sequence[tuple[float, str]]]) -> str:
    """Return a line per score: answers, the share that is right, of another part, parts covered, wrong ones."""
    lines = [
        f"{'score':>6}{'answers':>9}{'right':>7}{'other':>7}{'covered':>9}{'only wrong':>12}{'without any fit':>17}"
    ]
    hopeless = [not benchmark.has_answer(one.need) for one in asked]
    for least in SCORES:
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


def answers(
    texts: Sequence[Mapping[str, str]], model: encoder.Encoder, space: late.Space, channels: tuple, keys: Sequence[str]
) -> list[list[tuple[float, str]]]:
    """Return (score, capability) for each asking text, best first."""
    wholes = sorted({whole_text(one) for one in texts})
    rows, tokens = model.encode_both([plain_text(one) for one in wholes], "query")
    place = {whole: number for number, whole in enumerate(wholes)}
    found = []
    for one in texts:
        number = place[whole_text(one)]
        packed = late.query_tokens(space, tokens[number], late.field_counts(model, wholes[number]))
        query = Query(one, {WHOLE: rows[number]}, packed, space.background)
        found.append([(each.score, keys[each.record_id]) for each in retrieve(query, *channels, DEPTH)])
    return found


def _fits(benchmark: evaluation.Benchmark, need: str, key: str) -> bool:
    return benchmark.grades.get(need, {}).get(key, 0) > 0


def main() -> None:
    """Print the tables."""
    model = encoder.load(ROOT / "indexes" / "encoder")
    space = late.fit(model)
    with tempfile.TemporaryDirectory() as folder:
        demo = calibrate_bands.demo_folder(Path(folder))
        for name, place in (("demo", demo), ("match-small", ROOT / "tests/data/match-small")):
            benchmark = evaluation.read(place)
            asked = sentences_of(benchmark)
            with closing(pysqlite3.connect(":memory:")) as connection:
                dense = evaluation.dense_channel(benchmark.documents, model, space)
                channels = (dense, evaluation.lexical_channel(benchmark.documents, connection))
                keys = [line.key for line in benchmark.documents]
                for how, title in (("sentence alone", False), ("after the titles of all three", True)):
                    texts = [{"title": one.title} if title else {} for one in asked]
                    texts = [text | {"problem": one.sentence} for text, one in zip(texts, asked, strict=True)]
                    found = answers(texts, model, space, channels, keys)
                    print(
                        f"\n{name}, {how}: {len(asked)} sentences", table(benchmark, asked, found), sep="\n", flush=True
                    )


if __name__ == "__main__":
    main()
