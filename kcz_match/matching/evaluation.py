"""Measure the product's own ranking on a folder of labelled queries; all in memory, nothing of the site is touched.

A folder in BEIR format: ``corpus.jsonl`` and ``queries.jsonl`` (``_id``, ``title``, ``text``, ``metadata``) and
``qrels/test.tsv`` (query-id, corpus-id, score).  A line whose ``metadata`` carries fields of the product (``problem``,
``method``, ``target``, ``claims``, ``comparison``, ``keywords``) is compared by them; otherwise ``title`` is the title
and ``text`` the problem.  Metrics follow trec_eval: nDCG with linear gain, recall over all documents graded above 0.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pysqlite3

from kcz_match.matching import late
from kcz_match.matching.lexical import LexicalIndex
from kcz_match.matching.ranking import WEIGHTS, Weights
from kcz_match.matching.retrieval import WHOLE, MemoryDense, Query, retrieve, whole_text

DEPTH = 100
METRICS = ("recall@1", "recall@10", "recall@100", "mrr@10", "ndcg@10")
OWN_FIELDS = {
    "title": ("title", "keywords"),
    "problem": ("problem", "background", "method"),
    "target": ("target", "claims", "comparison"),
}
OWN_NAMES = frozenset(("problem", "method", "target", "claims", "comparison", "keywords"))


class BadFolder(ValueError):
    """The folder cannot be evaluated; the message names the file, the line and what is wrong."""


@dataclass(frozen=True)
class Line:
    """One document or query: its id, its compared texts, and the metadata as given."""

    key: str
    texts: Mapping[str, str]
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """A folder read: documents, queries, and grades above or equal 0 by query id and document id."""

    documents: list[Line]
    queries: list[Line]
    grades: dict[str, dict[str, int]]

    def has_answer(self, query: str) -> bool:
        """Say whether the query has a document graded above 0."""
        return any(grade > 0 for grade in self.grades.get(query, {}).values())


def read(directory: str | Path) -> Benchmark:
    """Read and check a BEIR folder; ``BadFolder`` when a file is missing or a line is wrong."""
    folder = Path(directory)
    if not folder.is_dir():
        raise BadFolder(f"没有这个目录：{folder}")
    documents = _lines(folder / "corpus.jsonl")
    queries = _lines(folder / "queries.jsonl")
    if not documents or not queries:
        raise BadFolder("corpus.jsonl 和 queries.jsonl 都至少要有一行。")
    known = ({line.key for line in queries}, {line.key for line in documents})
    return Benchmark(documents, queries, _grades(folder / "qrels" / "test.tsv", *known))


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
) -> dict[str, Any]:
    """Run a folder through the product's documents, ranking and fusion, and return the figures.

    The result is ``{"encoder", "queries", "documents", "queries_without_answer", "encode_seconds", "query_ms",
    "runs": {"dense", "lexical", "fused"}}``; each run has the five ``METRICS``, averaged over queries that have a
    document graded above 0; ``queries`` counts those.  ``query_ms`` is the mean time to rank one query by the fused
    run, without encoding.  ``say`` gets a sentence per step.
    """
    ranked = rank(directory, encoder, space, weights, say)
    asked = [line.key for line in ranked.benchmark.queries if ranked.benchmark.has_answer(line.key)]
    return {
        "encoder": encoder.name,
        "queries": len(asked),
        "documents": len(ranked.benchmark.documents),
        "queries_without_answer": len(ranked.benchmark.queries) - len(asked),
        "encode_seconds": round(ranked.encode_seconds, 2),
        "query_ms": round(ranked.query_ms, 2),
        "runs": {name: average(run, ranked.benchmark, asked) for name, run in ranked.runs.items()},
    }


@dataclass(frozen=True)
class Ranked:
    """The order of document ids by run and query id, and what it took."""

    benchmark: Benchmark
    runs: dict[str, dict[str, list[str]]]
    scored: dict[str, list[Any]]
    encode_seconds: float
    query_ms: float


def average(run: Mapping[str, Sequence[str]], benchmark: Benchmark, asked: Sequence[str]) -> dict[str, float]:
    """Return the mean of each metric over the queries ``asked``, all of which have an answer; 0 when there are none."""
    found = [metrics(run[key], benchmark.grades[key]) for key in asked]
    return {name: round(float(np.mean([one[name] for one in found])), 6) if found else 0.0 for name in METRICS}


def rank(
    directory: str | Path,
    encoder: Any,
    space: late.Space | None = None,
    weights: Weights = WEIGHTS,
    say: Callable[[str], None] = lambda sentence: None,
) -> Ranked:
    """Return the three runs of a folder with every answer's score and parts; see ``evaluate``."""
    benchmark = read(directory)
    started = time.perf_counter()
    space = space or late.fit(encoder)
    say(f"正在编码 {len(benchmark.documents)} 篇文档…")
    dense = _dense(benchmark.documents, encoder, space)
    say(f"正在编码 {len(benchmark.queries)} 条查询…")
    queries = _queries(benchmark.queries, encoder, space)
    encode_seconds = time.perf_counter() - started
    with closing(pysqlite3.connect(":memory:")) as connection:
        lexical = _lexical(benchmark.documents, connection)
        return _run(benchmark, queries, dense, lexical, weights, encode_seconds)


def _run(
    benchmark: Benchmark,
    queries: Sequence[Query],
    dense: MemoryDense,
    lexical: LexicalIndex,
    weights: Weights,
    encode_seconds: float,
) -> Ranked:
    keys = [line.key for line in benchmark.documents]
    runs: dict[str, dict[str, list[str]]] = {"dense": {}, "lexical": {}, "fused": {}}
    scored = {}
    spent = 0.0
    for line, query in zip(benchmark.queries, queries, strict=True):
        runs["dense"][line.key] = [keys[place] for place, _ in dense.search(query.vectors, {WHOLE: 1.0}, DEPTH)]
        runs["lexical"][line.key] = [keys[place] for place, _ in lexical.search(query.texts, DEPTH)]
        started = time.perf_counter()
        scored[line.key] = retrieve(query, dense, lexical, DEPTH, weights)
        spent += time.perf_counter() - started
        runs["fused"][line.key] = [keys[one.record_id] for one in scored[line.key]]
    return Ranked(benchmark, runs, scored, encode_seconds, 1000 * spent / len(queries))


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
    return "\n".join(lines)


def compared_texts(title: str, text: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the compared fields of a line: the product's own ones when its metadata has any, else title and text."""
    own = {name: value for name in metadata if (value := _plain(metadata[name]))}
    if not OWN_NAMES & own.keys() - {"keywords"}:
        found = {"title": " ".join(filter(None, (title, own.get("keywords")))), "problem": text}
    else:
        own["title"] = title or own.get("title", "")
        found = {
            field: (" " if field == "title" else "\n").join(own[name] for name in names if own.get(name))
            for field, names in OWN_FIELDS.items()
        }
    return {field: value.strip() for field, value in found.items() if value.strip()}


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return " ".join(filter(None, (_plain(one) for one in value)))
    return ""


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadFolder(f"缺少文件 {path.name}：{path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadFolder(f"无法读取 {path.name}（应为 UTF-8 文本）：{error}") from error
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except ValueError:
                raise BadFolder(f"{path.name} 第 {number} 行不是合法的 JSON。") from None
            if not isinstance(value, dict):
                raise BadFolder(f"{path.name} 第 {number} 行应是一个 JSON 对象。")
            yield number, value


def _lines(path: Path) -> list[Line]:
    found: dict[str, Line] = {}
    for number, value in _objects(path):
        key = str(value.get("_id", ""))
        where = f"{path.name} 第 {number} 行"
        title, text, metadata = value.get("title") or "", value.get("text") or "", value.get("metadata") or {}
        if not key:
            raise BadFolder(f"{where}缺少 _id。")
        if key in found:
            raise BadFolder(f"{where}的 _id {key} 重复。")
        if not (isinstance(title, str) and isinstance(text, str) and isinstance(metadata, dict)):
            raise BadFolder(f"{where}：title 和 text 应是文字，metadata 应是对象。")
        texts = compared_texts(title, text, metadata)
        if not texts:
            raise BadFolder(f"{where}（{key}）没有任何文字。")
        found[key] = Line(key, texts, metadata)
    return list(found.values())


def _grades(path: Path, queries: set[str], documents: set[str]) -> dict[str, dict[str, int]]:
    try:
        rows = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise BadFolder(f"缺少文件 qrels/{path.name}：{path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadFolder(f"无法读取 qrels/{path.name}（应为 UTF-8 文本）：{error}") from error
    grades: dict[str, dict[str, int]] = {}
    for number, row in enumerate(rows, 1):
        cells = row.split("\t")
        if not row.strip() or (number == 1 and cells[-1].strip() == "score"):
            continue
        where = f"qrels/{path.name} 第 {number} 行"
        if len(cells) != 3:
            raise BadFolder(f"{where}应有 3 列（query-id、corpus-id、score，以制表符分开），实际 {len(cells)} 列。")
        query, document, grade = (cell.strip() for cell in cells)
        if query not in queries:
            raise BadFolder(f"{where}：queries.jsonl 里没有查询 {query}。")
        if document not in documents:
            raise BadFolder(f"{where}：corpus.jsonl 里没有文档 {document}。")
        if not grade.lstrip("-").isdigit():
            raise BadFolder(f"{where}：score 应是整数，实际是“{grade}”。")
        grades.setdefault(query, {})[document] = max(0, int(grade))
    return grades


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def _vectors(lines: Sequence[Line], encoder: Any, role: str) -> tuple[dict[str, np.ndarray], list[Any]]:
    """Return the unit rows and the tokens of the whole texts."""
    whole, tokens = encoder.encode_both([whole_text(line.texts) for line in lines], role)
    return {WHOLE: whole}, tokens


def _dense(documents: Sequence[Line], encoder: Any, space: late.Space) -> MemoryDense:
    rows, tokens = _vectors(documents, encoder, "passage")
    packed = {place: late.record_tokens(space, one) for place, one in enumerate(tokens)}
    return MemoryDense(range(len(documents)), rows, packed)


def _queries(lines: Sequence[Line], encoder: Any, space: late.Space) -> list[Query]:
    rows, tokens = _vectors(lines, encoder, "query")
    return [
        Query(
            line.texts,
            {name: found[place] for name, found in rows.items() if np.isfinite(found[place][0])},
            late.query_tokens(space, tokens[place]),
            space.background,
        )
        for place, line in enumerate(lines)
    ]


def _lexical(documents: Sequence[Line], connection: Any) -> LexicalIndex:
    lexical = LexicalIndex(connection, "document", "public")
    lexical.create()
    for place, line in enumerate(documents):
        lexical.put(place, line.texts)
    return lexical
