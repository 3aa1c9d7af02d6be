"""Choose the ranking weights on labelled needs, and tell how good such a choice is on needs it has not seen.

    python scripts/fit_weights.py

Labelled are the dev split of tests/data/match, tests/data/match-small and the fictional demo needs.  From equal shares
and no ceiling, one weight after the other takes the best value of its grid until a round changes nothing (coordinate
ascent on mean nDCG@10, every set weighing alike).  The choice is nested: each trade of tests/data/match, and each other
set, is ranked with weights that were chosen without it, and only these figures are reported.  The test split is not
read.  Some minutes, most of them encoding; touches no database.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pysqlite3

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import calibrate_bands  # noqa: E402 - the path must be set first

from kcz_match.matching import encoder, evaluation, late, ranking, retrieval  # noqa: E402 - as above
from kcz_match.matching.ranking import LexicalMatch, Weights  # noqa: E402 - as above
from kcz_match.matching.whole import plain_text, whole_text  # noqa: E402 - as above

GRID: Mapping[str, Sequence[float]] = {
    "title": (0.0, 0.1, 0.25, 0.5, 1.0),
    "problem": (0.25, 0.4, 0.7, 1.0),
    "token_ceiling": (0.6, 0.75, 1.0),
    "words": (0.0, 3.0, 6.0, 12.0),
    "meaning": (0.0, 0.12, 0.4, 0.8),
    "exact": (0.0, 0.1, 0.2, 0.4),
    "trust_from": (0.15, 0.25, 0.4),
    "trust_to": (0.5, 0.75, 1.0),
}
START = {
    "title": 1.0,
    "problem": 1.0,
    "token_ceiling": 1.0,
    "words": 6.0,
    "meaning": 0.12,
    "exact": 0.2,
    "trust_from": 0.0,
    "trust_to": 1.0,
}
Choice = dict[str, float]


@dataclass(frozen=True)
class Case:
    """One need with all that its ranking rests on: token similarities (m, c) of its candidates, their words, grades."""

    group: str
    grades: np.ndarray
    best: np.ndarray
    rarity: np.ndarray
    counts: list[tuple[str, int]]
    cosines: np.ndarray
    words: dict[int, LexicalMatch]
    background: late.Background

    def ndcg(self, choice: Choice) -> float:
        """Return nDCG@10 of this need under a choice of weights."""
        shares = {"title": choice["title"], "problem": choice["problem"], "target": 1.0}
        weights = weights_of(choice)
        asked = late.by_field(self.rarity, self.counts, shares)
        if not asked.any():
            asked = self.rarity
        ceiling = ranking.ceiling(self.words.values(), weights)
        alike = (asked / asked.sum()) @ np.minimum(self.best, np.float32(ceiling))
        ids = range(len(self.grades))
        order = [
            one.record_id
            for one in ranking.fuse(list(ids), {"whole": self.cosines}, alike, self.words, self.background, weights)
        ]
        gains = self.grades[order][:10] / np.log2(np.arange(min(10, len(order))) + 2)
        return float(gains.sum())


def weights_of(choice: Choice) -> Weights:
    """Return the table of weights of a choice."""
    return replace(Weights(), **{name: value for name, value in choice.items() if name not in ("title", "problem")})


def cases(folder: Path, split: str, name: str, model: encoder.Encoder, space: late.Space) -> list[Case]:
    """Return the needs of a folder that have an answer, each ready to be ranked under any weights."""
    benchmark = evaluation.read(folder, split)
    dense = evaluation.dense_channel(benchmark.documents, model, space)
    asked = [line for line in benchmark.queries if benchmark.has_answer(line.key)]
    wholes = [whole_text(line.texts) for line in asked]
    vectors, tokens = model.encode_both([plain_text(whole) for whole in wholes], "query")
    found = []
    with closing(pysqlite3.connect(":memory:")) as connection:
        lexical = evaluation.lexical_channel(benchmark.documents, connection)
        for line, whole, vector, raw in zip(asked, wholes, vectors, tokens, strict=True):
            query = retrieval.Query(line.texts, {"whole": vector})
            ids = retrieval.propose(query, dense, lexical, evaluation.DEPTH)
            held = dense.token_rows(ids)
            grades = benchmark.grades[line.key]
            relevant = np.array([grades.get(benchmark.documents[one].key, 0) for one in ids], float)
            ideal = sum(
                grade / np.log2(place + 2) for place, grade in enumerate(sorted(grades.values(), reverse=True)[:10])
            )
            matches = lexical.matches(line.texts, ids)
            found.append(
                Case(
                    name + (line.key[0] if name == "match " else ""),
                    relevant / ideal,
                    np.stack(
                        [(space.rows(raw.rows, "query") @ late.unpack(held[one]).T).max(axis=1) for one in ids], axis=1
                    ),
                    late.weights_of(raw.rarity),
                    late.field_counts(model, whole),
                    dense.field_scores({"whole": vector}, ids)["whole"],
                    {place: matches[one] for place, one in enumerate(ids) if one in matches},
                    space.background,
                )
            )
    return found


def score(some: Sequence[Case], choice: Choice) -> float:
    """Return the mean nDCG@10 over sets, every set weighing alike (the trades of one set are one set)."""
    by_set: dict[str, list[float]] = {}
    for one in some:
        by_set.setdefault(one.group.split()[0], []).append(one.ndcg(choice))
    return float(np.mean([np.mean(values) for values in by_set.values()]))


def choose(some: Sequence[Case]) -> Choice:
    """Return the weights that coordinate ascent chooses on these needs; of equal values the one in force stays."""
    choice, best = dict(START), score(some, START)
    changed = True
    while changed:
        changed = False
        for name, values in GRID.items():
            for value in values:
                trial = {**choice, name: value}
                if trial["trust_to"] > trial["trust_from"] and (found := score(some, trial)) > best + 1e-9:
                    choice, best, changed = trial, found, True
    return choice


def main() -> None:
    """Print the nested figures, the choice on all needs, and how far the table in force is from it."""
    model = encoder.load(ROOT / "indexes" / "encoder")
    space = late.fit(model)
    with tempfile.TemporaryDirectory() as folder:
        demo = calibrate_bands.demo_folder(Path(folder))
        every = [
            *cases(ROOT / "tests/data/match", "dev", "match ", model, space),
            *cases(ROOT / "tests/data/match-small", "test", "small", model, space),
            *cases(demo, "test", "demo", model, space),
        ]
    groups = sorted({one.group for one in every})
    nested: dict[str, list[float]] = {}
    for group in groups:
        choice = choose([one for one in every if one.group != group])
        held_out = [one.ndcg(choice) for one in every if one.group == group]
        nested.setdefault(group.split()[0], []).extend(held_out)
        print(
            f"{group:<8} {len(held_out):>3} needs, chosen without it: nDCG@10 {np.mean(held_out):.4f}  {choice}",
            flush=True,
        )
    shares = late.FIELD_SHARES
    in_force = {name: getattr(Weights(), name) for name in GRID if name not in shares} | {
        name: shares[name] / shares["target"] for name in ("title", "problem")
    }
    for label, values in (
        ("nested (chosen without the needs it ranks)", nested),
        ("at the start (equal shares, no ceiling)", _by_set(every, START)),
        ("the table in force (this is fit, not a test)", _by_set(every, in_force)),
        ("chosen on all (this is fit, not a test)", _by_set(every, chosen := choose(every))),
    ):
        print(f"{label:<46} " + "  ".join(f"{name} {np.mean(found):.4f}" for name, found in values.items()))
    print("chosen on all:", chosen)
    print("in force:     ", in_force)


def _by_set(some: Sequence[Case], choice: Choice) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in some:
        found.setdefault(one.group.split()[0], []).append(one.ndcg(choice))
    return found


if __name__ == "__main__":
    main()
