"""A folder of labelled queries in BEIR format, read and checked.

``corpus.jsonl`` and ``queries.jsonl`` (``_id``, ``title``, ``text``, ``metadata``), and ``qrels/<split>.tsv``
(query-id, corpus-id, score).  A line whose ``metadata`` carries fields of the product (``problem``, ``method``,
``target``, ``claims``, ``comparison``, ``keywords``) is compared by them; otherwise ``title`` is the title and ``text``
the problem, of which a query's wishes and limits are told apart as its target.  A query whose metadata names another
``split`` is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kcz_match.matching.aims import by_aim

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


def read(directory: str | Path, split: str = "test") -> Benchmark:
    """Read and check a BEIR folder; ``BadFolder`` when a file is missing or a line is wrong."""
    folder = Path(directory)
    if not folder.is_dir():
        raise BadFolder(f"没有这个目录：{folder}")
    documents = _lines(folder / "corpus.jsonl")
    queries = _lines(folder / "queries.jsonl", are_queries=True)
    if not documents or not queries:
        raise BadFolder("corpus.jsonl 和 queries.jsonl 都至少要有一行。")
    known = ({line.key for line in queries}, {line.key for line in documents})
    grades = _grades(folder / "qrels" / f"{split}.tsv", *known)
    asked = [line for line in queries if line.metadata.get("split", split) == split]
    if not asked:
        raise BadFolder(f"queries.jsonl 里没有属于“{split}”的查询。")
    return Benchmark(documents, asked, grades)


def compared_texts(title: str, text: str, metadata: Mapping[str, Any], *, is_query: bool = False) -> dict[str, str]:
    """Return the compared fields of a line: the product's own ones when its metadata has any, else title and text."""
    own = {name: value for name in metadata if (value := _plain(metadata[name]))}
    if not OWN_NAMES & own.keys() - {"keywords"}:
        parts = by_aim(text) if is_query else {"problem": text}
        found = {"title": " ".join(filter(None, (title, own.get("keywords")))), **parts}
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


def _lines(path: Path, *, are_queries: bool = False) -> list[Line]:
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
        texts = compared_texts(title, text, metadata, is_query=are_queries)
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
