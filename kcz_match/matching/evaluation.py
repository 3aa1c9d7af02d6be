"""Measure the product's own ranking on a folder of labelled queries; all in memory, nothing of the site is touched.

Metrics follow trec_eval: nDCG with linear gain, recall over all documents graded above 0.  Five runs are compared:

- ``dense``    cosine of the whole texts
- ``lexical``  BM25 over words, character pairs and exact tokens
- ``rrf``      equal-weight rank fusion of both (Cormack, Clarke, Büttcher 2009, k = 60): what is usually done
- ``whole``    the product's ranking with all fields of the query weighing alike
- ``fused``    the product's ranking, as the site shows it
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pysqlite3

from kcz_match.matching import late
from kcz_match.matching.benchmark import BadFolder, Benchmark, Line, compared_texts, read
from kcz_match.matching.lexical import LexicalIndex
from kcz_match.matching.ranking import WEIGHTS, Scored, Weights, band
from kcz_match.matching.retrieval import WHOLE, MemoryDense, Query, retrieve
from kcz_match.matching.whole import plain_text, whole_text

__all__ = ["METRICS", "RUNS", "BadFolder", "Benchmark", "Line", "Ranked", "compared_texts", "evaluate", "rank", "read"]

DEPTH = 100
METRICS = ("recall@1", "recall@10", "recall@100", "mrr@10", "ndcg@10")
RUNS = ("dense", "lexical", "rrf", "whole", "fused")
RANK_CONSTANT = 60
RESAMPLES = 2000


def metrics(ranked: Sequence[str], grades: Mapping[str, int]) -> dict[str, float]:
    """Return the five metrics of one query, from document ids best first and grades with at least one above 0."""
    gains = [grades.get(key, 0) for key in ranked[:DEPTH]]
    relevant = sum(grade > 0 for grade in grades.values())
    first = next((place for place, gain in enumerate(gains[:10], 1) if gain > 0), 0)
    ideal = _discounted(sorted(grades.values(), reverse=True)[:10])
    recall = {f"recall@{depth}": sum(gain > 0 for gain in gains[:depth]) / relevant for depth in (1, 10, 100)}
    return {**recall, "mrr@10": 1 / first if first else 0.0, "ndcg@10": _discounted(gains[:10]) / ideal}


def evaluate(
    directory: str | Path,
    encoder: Any,
    space: late.Space | None = None,
    weights: Weights = WEIGHTS,
    say: Callable[[str], None] = lambda sentence: None,
    split: str = "test",
) -> dict[str, Any]:
    """Run a folder through the product's documents, ranking and fusion, and return the figures.

    The result is ``{"encoder", "split", "queries", "documents", "queries_without_answer", "encode_seconds", "query_ms",
    "runs", "classes", "gains", "bands"}``.  Each run has the five ``METRICS``, averaged over queries that have a
    document graded above 0; ``queries`` counts those.  ``classes`` holds the same by the class that a query's metadata
    names, ``gains`` the mean difference in nDCG@10 of ``fused`` to the other runs with its 95 % interval (see
    ``gain``), ``bands`` what the bands promise and hold (see ``band_figures``).  ``query_ms`` is the mean time to rank
    one query by the fused run, without encoding.  ``say`` gets a sentence per step.
    """
    ranked = rank(directory, encoder, space, weights, say, split)
    asked = [line for line in ranked.benchmark.queries if ranked.benchmark.has_answer(line.key)]
    classes: dict[str, list[str]] = {}
    for line in asked:
        classes.setdefault(str(line.metadata.get("class", "")), []).append(line.key)
    every = [line.key for line in asked]
    return {
        "encoder": encoder.name,
        "split": split,
        "queries": len(asked),
        "documents": len(ranked.benchmark.documents),
        "queries_without_answer": len(ranked.benchmark.queries) - len(asked),
        "encode_seconds": round(ranked.encode_seconds, 2),
        "query_ms": round(ranked.query_ms, 2),
        "runs": {name: ranked.average(name, every) for name in RUNS},
        "classes": {
            name: {
                "queries": len(keys),
                "runs": {run: ranked.average(run, keys) for run in RUNS},
                **_gains(ranked, keys),
            }
            for name, keys in sorted(classes.items())
            if name
        },
        **_gains(ranked, every),
        "bands": band_figures(ranked),
    }


@dataclass(frozen=True)
class Ranked:
    """The order of document ids by run and query id, the answers of ``fused`` with their scores, and what it took."""

    benchmark: Benchmark
    runs: dict[str, dict[str, list[str]]]
    scored: dict[str, list[Scored]]
    encode_seconds: float
    query_ms: float
    _found: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)

    def metrics(self, run: str, key: str) -> dict[str, float]:
        """Return the metrics of one query in one run."""
        if (run, key) not in self._found:
            self._found[run, key] = metrics(self.runs[run][key], self.benchmark.grades[key])
        return self._found[run, key]

    def average(self, run: str, keys: Sequence[str]) -> dict[str, float]:
        """Return the mean of each metric over queries that all have an answer; 0 when there are none."""
        found = [self.metrics(run, key) for key in keys]
        return {name: round(float(np.mean([one[name] for one in found])), 6) if found else 0.0 for name in METRICS}


def rank(
    directory: str | Path,
    encoder: Any,
    space: late.Space | None = None,
    weights: Weights = WEIGHTS,
    say: Callable[[str], None] = lambda sentence: None,
    split: str = "test",
) -> Ranked:
    """Return the five runs of a folder with every answer's score and parts; see ``evaluate``."""
    benchmark = read(directory, split)
    started = time.perf_counter()
    space = space or late.fit(encoder)
    say(f"正在编码 {len(benchmark.documents)} 篇文档…")
    dense = dense_channel(benchmark.documents, encoder, space)
    say(f"正在编码 {len(benchmark.queries)} 条查询…")
    queries = asking(benchmark.queries, encoder, space)
    encode_seconds = time.perf_counter() - started
    with closing(pysqlite3.connect(":memory:")) as connection:
        lexical = lexical_channel(benchmark.documents, connection)
        return _run(benchmark, queries, dense, lexical, weights, encode_seconds)


@dataclass(frozen=True)
class Asking:
    """What one line asks with: as the site does, and with all its fields weighing alike."""

    fielded: Query
    whole: Query


def _run(
    benchmark: Benchmark,
    queries: Sequence[Asking],
    dense: MemoryDense,
    lexical: LexicalIndex,
    weights: Weights,
    encode_seconds: float,
) -> Ranked:
    keys = [line.key for line in benchmark.documents]
    runs: dict[str, dict[str, list[str]]] = {name: {} for name in RUNS}
    scored = {}
    spent = 0.0
    for line, query in zip(benchmark.queries, queries, strict=True):
        near = [place for place, _ in dense.search(query.fielded.vectors, {WHOLE: 1.0}, DEPTH)]
        worded = [place for place, _ in lexical.search(query.fielded.texts, DEPTH)]
        started = time.perf_counter()
        scored[line.key] = retrieve(query.fielded, dense, lexical, DEPTH, weights)
        spent += time.perf_counter() - started
        alike = retrieve(query.whole, dense, lexical, DEPTH, weights)
        orders = (
            near,
            worded,
            rank_fusion(near, worded),
            *([one.record_id for one in found] for found in (alike, scored[line.key])),
        )
        for name, order in zip(RUNS, orders, strict=True):
            runs[name][line.key] = [keys[place] for place in order]
    return Ranked(benchmark, runs, scored, encode_seconds, 1000 * spent / len(queries))


def rank_fusion(*orders: Sequence[int]) -> list[int]:
    """Return the ids of several orders by the sum of 1 / (60 + place), equal sums by rising id."""
    sums: dict[int, float] = {}
    for order in orders:
        for place, one in enumerate(order, 1):
            sums[one] = sums.get(one, 0.0) + 1 / (RANK_CONSTANT + place)
    return sorted(sums, key=lambda one: (-sums[one], one))[:DEPTH]


def gain(ours: Sequence[float], theirs: Sequence[float], resamples: int = RESAMPLES) -> tuple[float, float, float]:
    """Return the mean difference of two runs over the same queries and its 95 % interval.

    The interval is the percentile bootstrap over queries, paired, with a fixed seed (Efron and Tibshirani 1993, 13.3).
    """
    differences = np.asarray(ours) - np.asarray(theirs)
    draws = np.random.default_rng(20261124).integers(0, len(differences), (resamples, len(differences)))
    low, high = np.percentile(differences[draws].mean(axis=1), [2.5, 97.5])
    return round(float(differences.mean()), 4), round(float(low), 4), round(float(high), 4)


def _gains(ranked: Ranked, keys: Sequence[str]) -> dict[str, Any]:
    def values(run: str) -> list[float]:
        return [ranked.metrics(run, key)["ndcg@10"] for key in keys]

    return {"gains": {run: list(gain(values("fused"), values(run))) for run in RUNS[:-1]} if keys else {}}


def band_figures(ranked: Ranked) -> dict[str, Any]:
    """Return for each band how many answers reach it and the share of them graded above 0; and what hopeless needs get.

    ``without_answer`` counts queries without any graded document, and of these how many get no 强 (the page says so and
    offers other ways) and how many get neither 强 nor 可谈 (it says that nothing was found).
    """
    keys = [line.key for line in ranked.benchmark.documents]
    right: dict[str, list[bool]] = {"strong": [], "possible": [], "weak": []}
    best: dict[bool, list[str]] = {True: [], False: []}
    for query, found in ranked.scored.items():
        graded = ranked.benchmark.grades.get(query, {})
        best[ranked.benchmark.has_answer(query)].append(band(found[0]) if found else "none")
        for one in found:
            if (name := band(one)) in right:
                right[name].append(graded.get(keys[one.record_id], 0) > 0)
    said = [one != "strong" for one in best[False]]
    return {
        **{
            name: {"answers": len(hits), "right": round(float(np.mean(hits)), 4) if hits else None}
            for name, hits in right.items()
        },
        "needs_with_strong": sum(one == "strong" for one in best[True]),
        "without_answer": {
            "needs": len(said),
            "no_strong": sum(said),
            "nothing": sum(one not in ("strong", "possible") for one in best[False]),
        },
    }


def table(result: Mapping[str, Any]) -> str:
    """Return the figures of ``evaluate`` as lines to read."""
    lines = [
        f"encoder   {result['encoder']}",
        f"documents {result['documents']}   queries {result['queries']}   "
        f"without any graded document (left out) {result['queries_without_answer']}",
        f"encode    {result['encode_seconds']:.1f} s   rank {result['query_ms']:.1f} ms a query",
        "run      " + "".join(f"{name:>12}" for name in METRICS),
    ]
    for name, run in result["runs"].items():
        lines.append(f"{name:<9}" + "".join(f"{run[metric]:>12.4f}" for metric in METRICS))
    return "\n".join(lines + _class_lines(result) + _band_lines(result["bands"]))


def _class_lines(result: Mapping[str, Any]) -> list[str]:
    if not result["classes"]:
        return []
    lines = ["", "nDCG@10     queries" + "".join(f"{run:>9}" for run in RUNS) + "   fused-dense (95 %)"]
    for name, one in [*result["classes"].items(), ("all", result)]:
        figures = "".join(f"{one['runs'][run]['ndcg@10']:>9.4f}" for run in RUNS)
        mean, low, high = one["gains"]["dense"]
        lines.append(f"{name:<12}{one['queries']:>7}{figures}   {mean:+.4f} ({low:+.4f} to {high:+.4f})")
    return lines


def _band_lines(bands: Mapping[str, Any]) -> list[str]:
    lines = [""]
    for name in ("strong", "possible", "weak"):
        share = bands[name]["right"]
        lines.append(
            f"{name:<9}{bands[name]['answers']:>6} answers" + ("" if share is None else f", {share:.3f} right")
        )
    without = bands["without_answer"]
    lines.append(f"queries with an answer that get a strong one: {bands['needs_with_strong']}")
    lines.append(
        f"queries without an answer: {without['needs']}, no strong one {without['no_strong']}, "
        f"nothing at all {without['nothing']}"
    )
    return lines


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def dense_channel(documents: Sequence[Line], encoder: Any, space: late.Space) -> MemoryDense:
    """Return the lines as an exact dense channel with token rows, by their places."""
    rows, tokens = encoder.encode_both([plain_text(whole_text(line.texts)) for line in documents], "passage")
    packed = {place: late.record_tokens(space, one) for place, one in enumerate(tokens)}
    return MemoryDense(range(len(documents)), {WHOLE: rows}, packed)


def asking(lines: Sequence[Line], encoder: Any, space: late.Space) -> list[Asking]:
    """Return what each line asks with."""
    wholes = [whole_text(line.texts) for line in lines]
    rows, tokens = encoder.encode_both([plain_text(one) for one in wholes], "query")
    found = []
    for line, whole, row, raw in zip(lines, wholes, rows, tokens, strict=True):
        fielded, alike = (
            Query(line.texts, {WHOLE: row}, late.query_tokens(space, raw, counts), space.background)
            for counts in (late.field_counts(encoder, whole), ())
        )
        found.append(Asking(fielded, alike))
    return found


def lexical_channel(documents: Sequence[Line], connection: Any) -> LexicalIndex:
    """Return the lines as word tables in memory, by their places."""
    lexical = LexicalIndex(connection, "document", "public")
    lexical.create()
    for place, line in enumerate(documents):
        lexical.put(place, line.texts)
    return lexical
