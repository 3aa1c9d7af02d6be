"""Print what the bands rest on: how often an answer at or above a score is right, on labelled needs.

    python scripts/calibrate_bands.py

Labelled are the fictional demo needs (`fits` in scripts/demo/capabilities.json), tests/data/match-small and the dev
split of tests/data/match; the test split is for the final figure only (`flask evaluate tests/data/match`).  The second
table tells how close the best pair of sentences is, field by field, in records that fit and in records that do not;
from it come the words 很接近 and 接近 (`matching/explanation.py`).  Takes some minutes; touches no database.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kcz_match.catalogue.fields import Claim, Direction, Indicator  # noqa: E402 - the path must be set first
from kcz_match.matching import encoder, evaluation, late, ranking  # noqa: E402 - the path must be set first
from kcz_match.matching.sentences import split  # noqa: E402 - the path must be set first

CHANCES = (0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1)
FOLDS = 5
SCORES = (10, 9.5, 9, 8.5, 8, 7.5, 7, 6.5, 6, 5.5, 5, 4.5, 4)
PERCENTILES = (5, 25, 50, 75, 84, 95, 99)
LISTED = {"published", "stale", "matching", "diagnosing"}
UNRELATED = 600


def demo_folder(folder: Path) -> Path:
    """Write the listed demo records and their labels as a BEIR folder and return it."""
    needs = [row for row in _read("needs") if row["story"] in LISTED]
    offers = [row for row in _read("capabilities") if row["story"] in LISTED]
    _write(folder / "queries.jsonl", [_need(row) for row in needs])
    _write(folder / "corpus.jsonl", [_offer(row) for row in offers])
    asked = {row["ref"] for row in needs}
    pairs = [(ref, row["ref"]) for row in offers for ref in row.get("fits", []) if ref in asked]
    (folder / "qrels").mkdir()
    lines = ["query-id\tcorpus-id\tscore", *(f"{need}\t{offer}\t1" for need, offer in pairs)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def score_table(ranked: evaluation.Ranked) -> list[str]:
    """Return a line per score: answers at or above it, the share that is right, the share of right ones found."""
    keys = [line.key for line in ranked.benchmark.documents]
    rows = [
        (one.score, ranked.benchmark.grades.get(query, {}).get(keys[one.record_id], 0) > 0, query)
        for query, found in ranked.scored.items()
        for one in found
    ]
    right = sum(grade > 0 for grades in ranked.benchmark.grades.values() for grade in grades.values())
    hopeless = [line.key for line in ranked.benchmark.queries if not ranked.benchmark.has_answer(line.key)]
    lines = [f"{'score':>6} {'answers':>8} {'right':>6} {'found':>6} {'needs without any fit that get one':>36}"]
    for least in SCORES:
        kept = [row for row in rows if row[0] >= least]
        hits = sum(row[1] for row in kept)
        wrong = len({row[2] for row in kept} & set(hopeless))
        lines.append(
            f"{least:>6} {len(kept):>8} {hits / max(1, len(kept)):>6.2f} {hits / right:>6.2f} "
            f"{f'{wrong} of {len(hopeless)}':>36}"
        )
    return lines


@dataclass(frozen=True)
class Standing:
    """How the first answers of one need stand in its list: above the field and ahead (n, 2), and which are right."""

    name: str
    is_answerable: bool
    stands: np.ndarray
    is_right: np.ndarray


def standings(name: str, ranked: evaluation.Ranked) -> list[Standing]:
    """Return the standing of the first ten answers of every need."""
    keys = [line.key for line in ranked.benchmark.documents]
    found = []
    for query, answers in ranked.scored.items():
        grades = ranked.benchmark.grades.get(query, {})
        above, lead = ranking.standing(np.array([one.score for one in answers]))
        right = np.array([grades.get(keys[one.record_id], 0) > 0 for one in answers[:10]])
        found.append(Standing(name, any(grades.values()), np.column_stack([above, lead])[:10], right))
    return found


def fitted(some: Sequence[Standing]) -> np.ndarray:
    """Return the constants (start, by_above, by_lead) of the logistic curve; every set of needs weighs alike."""
    sizes = {name: sum(one.name == name for one in some) for name in {one.name for one in some}}
    weights = np.concatenate([np.full(len(one.is_right), 1 / sizes[one.name]) for one in some]) * len(some) / len(sizes)
    stands = np.concatenate([one.stands for one in some])
    right = np.concatenate([one.is_right for one in some])

    def loss(values: np.ndarray) -> float:
        likely = expit(values[0] + stands @ values[1:])
        sure = np.where(right, likely, 1 - likely)
        return float(-(weights * np.log(sure + 1e-9)).sum() + 0.5 * (values[1:] ** 2).sum())

    return minimize(loss, np.array([-3.0, 1.0, 1.0])).x


def chance_table(every: Sequence[Standing]) -> list[str]:
    """Return a line per chance and set, each need judged by constants that were fitted without it (five folds)."""
    folds = np.random.default_rng(7).permutation(len(every)) % FOLDS
    held: list[tuple[Standing, np.ndarray]] = []
    for fold in range(FOLDS):
        start, *slopes = fitted([one for one, place in zip(every, folds, strict=True) if place != fold])
        held += [
            (one, expit(start + one.stands @ slopes)) for one, place in zip(every, folds, strict=True) if place == fold
        ]
    lines = [f"{'chance':>6}  set                answers  right  needs without any fit that get one"]
    for least in CHANCES:
        for name in sorted({one.name for one in every}):
            mine = [(one, likely >= least) for one, likely in held if one.name == name]
            answers = sum(int(kept.sum()) for _, kept in mine)
            right = sum(int(one.is_right[kept].sum()) for one, kept in mine)
            hopeless = [kept.any() for one, kept in mine if not one.is_answerable]
            share = f"{right / max(1, answers):>5.2f}"
            lines.append(f"{least:>6}  {name:<18} {answers:>7}  {share}  {sum(hopeless)} of {len(hopeless)}")
    return lines


def sentence_table(benchmark: evaluation.Benchmark, model: encoder.Encoder) -> list[str]:
    """Return percentiles of the cosine of the best sentence pair by field, for fitting and for unrelated records."""
    needs, offers = _sentences(benchmark.queries, model), _sentences(benchmark.documents, model)
    dice = np.random.default_rng(1)
    fitting = [(need, offer) for need, grades in benchmark.grades.items() for offer, grade in grades.items() if grade]
    others = [(str(dice.choice(list(needs))), str(dice.choice(list(offers)))) for _ in range(UNRELATED)]
    lines = [f"{'field':<9}{'records':<11}" + "".join(f"{f'{place} %':>8}" for place in PERCENTILES)]
    for field in ("problem", "target", "title"):
        for name, pairs in (("fit", fitting), ("do not", [pair for pair in others if pair not in fitting])):
            best = [
                float((needs[need][field] @ offers[offer][field].T).max())
                for need, offer in pairs
                if field in needs[need] and field in offers[offer]
            ]
            lines.append(f"{field:<9}{name:<11}" + "".join(f"{x:>8.3f}" for x in np.percentile(best, PERCENTILES)))
    return lines


def _sentences(lines: list[evaluation.Line], model: encoder.Encoder) -> dict[str, dict[str, np.ndarray]]:
    pieces = [(line.key, field, one) for line in lines for field, text in line.texts.items() for one in split(text)]
    rows = model.encode([one for _, _, one in pieces], "passage")
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    for (key, field, _), row in zip(pieces, rows, strict=True):
        found.setdefault(key, {}).setdefault(field, []).append(row)
    return {key: {field: np.stack(rows) for field, rows in fields.items()} for key, fields in found.items()}


def _need(row: dict) -> dict:
    indicators = [Indicator(**one | {"direction": Direction(one["direction"])}).text() for one in row["indicators"]]
    return _line(row, ("problem", "background"), target="\n".join([row.get("target", ""), *indicators]))


def _offer(row: dict) -> dict:
    claims = "\n".join(Claim(**one).text() for one in row["claims"])
    return _line(row, ("problem", "method", "comparison"), claims=claims)


def _line(row: dict, names: tuple[str, ...], **more: str) -> dict:
    kept = {name: row[name] for name in ("keywords", *names) if row.get(name)}
    return {"_id": row["ref"], "title": row["title"], "text": "", "metadata": kept | more}


def _read(name: str) -> list[dict]:
    return json.loads((ROOT / "scripts" / "demo" / f"{name}.json").read_text(encoding="utf-8"))


def _write(path: Path, rows: list[dict]) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def main() -> None:
    """Print the tables."""
    model = encoder.load(ROOT / "indexes" / "encoder")
    space = late.fit(model)
    with tempfile.TemporaryDirectory() as folder:
        sets = (
            ("demo", demo_folder(Path(folder)), "test"),
            ("match-small", ROOT / "tests/data/match-small", "test"),
            ("match, dev split", ROOT / "tests/data/match", "dev"),
        )
        every: list[Standing] = []
        for name, place, half in sets:
            ranked = evaluation.rank(place, model, space, split=half)
            every += standings(name, ranked)
            needs, offers = len(ranked.benchmark.queries), len(ranked.benchmark.documents)
            print(f"\n{name}: {needs} needs, {offers} capabilities", *score_table(ranked), sep="\n")
            print(*sentence_table(ranked.benchmark, model), sep="\n")
        print("\nchances, by constants fitted without the need", *chance_table(every), sep="\n")
        print("fitted on all:", np.round(fitted(every), 3).tolist(), " in force:", ranking.CHANCE_OF)


if __name__ == "__main__":
    main()
