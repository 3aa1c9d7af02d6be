"""The lexical channel: words, character pairs and exact tokens in SQLite FTS5, one table per (kind, tier).

A table indexes only texts that its tier may read, so hidden text never moves a word's rarity.  The text is cut here, in
Python; FTS5 sees tokens separated by spaces, each kept whole by the ``ascii`` tokeniser.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rjieba

from kcz_match.matching.ranking import LexicalMatch
from kcz_match.matching.retrieval import FIELDS

COLUMNS = (*FIELDS, "pairs")
COLUMN_WEIGHTS = {"title": 1.5, "problem": 1.0, "target": 1.0, "pairs": 0.5}
MOST_QUERY_TOKENS = 64
SATURATION = 1.2
LENGTH_SHARE = 0.75
PAIR_MARK = "_"
NAME = re.compile(r"[a-z]+")

CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
STANDARD = re.compile(
    r"(?<![a-z])(?:gb|gbt|gjb|iso|iec|en|din|astm|ul|jis|sae|aec|aqg|db|yy|jb|hg|qb|nb|t)(?:/[a-z]+)?[ -]?(?=\d)"
)
GREEK = "\u0370-\u03ff"
EXACT = re.compile(rf"[a-z0-9{GREEK}µ]+(?:[-/.+&^·][a-z0-9{GREEK}µ]+)*(?:°c|[%‰])?")
UNIT = (
    "ppt|ppb|ppm|µm|um|mm|cm|nm|km|kg|mg|µg|ug|ml|µl|kwh|kw|mw|gw|mpa|kpa|gpa|pa|khz|mhz|ghz|hz|kv|mv|ma|db|rpm|min|°c|%|"
    "kj|mah|ah|wh|nm|t|g|l|v|a|w|s|h|m|k"
)
SPACED_UNIT = re.compile(rf"(?<=\d) +(?=(?:{UNIT})(?![a-z0-9-]))")
NUMBER_UNIT = re.compile(rf"\d+(?:\.\d+)?(?:e-?\d+)?({UNIT})(?:[/^].*)?")
LOW_CARBON = re.compile(r"3[0-4]\dl")  # stainless steels of the 300 series, not litres
STOP_WORDS = frozenset(
    "我们 并且 但是 进行 通过 采用 实现 需要 可以 以及 一种 基于 研究 技术 问题 解决 要求 目前 现有 提高 提升 降低 "
    "a an and for in of on or the to with by is".split()
)


def table_name(kind: str, tier: str) -> str:
    """Return the FTS5 table's name of a (kind, tier); ``ValueError`` unless both are plain lower-case words.

    The name is the only thing ever put into a statement's text; everything else is a parameter.
    """
    if not NAME.fullmatch(kind) or not NAME.fullmatch(tier):
        raise ValueError(f"kind and tier must be lower-case words: {kind!r}, {tier!r}")
    return f"words_{kind}_{tier}"


def DDL(kind: str, tier: str) -> str:
    """Return the statement that creates the table of one (kind, tier); safe to run twice."""
    name = table_name(kind, tier)
    return (
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5({', '.join(COLUMNS)}, "
        "tokenize = \"ascii tokenchars '-/.+&^%_'\")"
    )


def DDL_COUNTS(kind: str, tier: str) -> str:
    """Return the statement that creates the view of token counts over the table of ``DDL``."""
    name = table_name(kind, tier)
    return f"CREATE VIRTUAL TABLE IF NOT EXISTS {name}_counts USING fts5vocab({name}, 'row')"


def fold(text: str) -> str:
    """Return the text lower-cased, full-width forms made plain, standards and units closed up (GB/T 12 -> gb/t12)."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("μ", "µ").replace("×", "x")
    plain = plain.translate({0x2010: "-", 0x2011: "-", 0x2012: "-", 0x2013: "-", 0x2212: "-"})
    plain = STANDARD.sub(lambda found: found.group(0).rstrip(" -"), plain)
    return SPACED_UNIT.sub("", plain)


def words(text: str) -> list[str]:
    """Return the word tokens of a text, in order, with repeats: search-mode Chinese words and exact tokens.

    An exact token (model, standard, formula, number with its sign) is kept whole and, when it is composed, followed by
    its parts that hold a letter or three digits.  Single Chinese characters and stop words are left out.
    """
    folded = fold(text)
    found = []
    for run in CHINESE.findall(folded):
        found += [word for word in rjieba.cut_for_search(run) if len(word) > 1]
    for match in EXACT.finditer(folded):
        found += _exact_parts(match.group(0))
    return [word for word in found if word not in STOP_WORDS]


def _exact_parts(token: str) -> list[str]:
    unit = NUMBER_UNIT.fullmatch(token)
    if unit:
        return [token, unit.group(1)] if len(unit.group(1)) > 1 else [token]
    chunks = [chunk for chunk in re.split(r"[-+&^·]", token) if chunk]
    smaller = [part for chunk in chunks for part in chunk.split("/") if part]
    parts = dict.fromkeys([token, *chunks, *smaller])
    return [part for part in parts if part == token or len(part) > 2 or not part.isdigit()]


def pairs(text: str) -> list[str]:
    """Return the pairs of neighbouring Chinese characters, each marked so that it never equals a word token."""
    return [
        PAIR_MARK + run[place : place + 2]
        for run in CHINESE.findall(fold(text))
        for place in range(len(run) - 1)
    ]  # fmt: skip


def is_exact(token: str) -> bool:
    """Say whether a token is a model number, standard, formula or number: something with a digit or a Latin letter."""
    return not token.startswith(PAIR_MARK) and CHINESE.search(token) is None


def is_identifier(token: str) -> bool:
    """Say whether a token names one thing: a model, a standard, a grade, a formula with figures; a value does not."""
    mixed = any(letter.isdigit() for letter in token) and any(letter.isalpha() for letter in token)
    has_unit = NUMBER_UNIT.fullmatch(token) is not None and LOW_CARBON.fullmatch(token) is None
    return mixed and is_exact(token) and not has_unit


def exact_words(asked: Iterable[str], title: str) -> frozenset[str]:
    """Return those of the ``asked`` words that decide by themselves: identifiers, and values that stand in the title.

    A value elsewhere (a limit, a count) is met by chance; in a title (``-60℃ 冷库``) it says which thing is meant.
    """
    named = set(words(title))
    return frozenset(word for word in asked if is_identifier(word) or (word in named and is_value(word)))


def is_value(token: str) -> bool:
    """Say whether a token is a figure with its sign or unit; a bare figure is none."""
    return is_exact(token) and any(letter.isdigit() for letter in token) and not token.isdigit()


def idf(documents: int, holding: int) -> float:
    """Return the rarity of a token: ln(1 + (N - n + ½) / (n + ½)), never negative."""
    return math.log(1 + (documents - holding + 0.5) / (holding + 0.5))


@dataclass(frozen=True)
class _Asked:
    """A query's words with their rarity, its tokens (words and pairs) that the table holds, rarest first, and which of
    its words name one exact thing.
    """

    words: Mapping[str, float]
    rarity: Mapping[str, float]
    exact: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()

    @property
    def tokens(self) -> tuple[str, ...]:
        """The rarest held tokens; a search looks for no more than these."""
        return tuple(self.rarity)[:MOST_QUERY_TOKENS]

    @property
    def expression(self) -> str:
        """The FTS5 query: every token a quoted string, so that nothing a person types is syntax."""
        return " OR ".join('"' + token.replace('"', '""') + '"' for token in self.tokens)

    def match(self, score: float, counts: Mapping[str, float]) -> LexicalMatch:
        """Return what a record with these token counts shares with the query."""
        terms = sorted(((word, weight) for word, weight in self.words.items() if word in counts), key=_rarest)
        exact = sum(weight for word, weight in terms if word in self.exact)
        coverage = sum(weight for _word, weight in terms) / (sum(self.words.values()) or 1.0)
        named = sum(weight for word, weight in terms if word in self.named)
        return LexicalMatch(score, coverage, exact, tuple(terms), named)


def _rarest(term: tuple[str, float]) -> tuple[float, str]:
    return -term[1], term[0]


class LexicalIndex:
    """The words of one (kind, tier) over a DB-API or SQLAlchemy connection; the caller owns the transaction."""

    def __init__(self, connection: Any, kind: str, tier: str) -> None:
        self._run = getattr(connection, "exec_driver_sql", None) or connection.execute
        self.kind = kind
        self.tier = tier
        self.table = table_name(kind, tier)

    def create(self) -> None:
        """Create the table and its word counts when missing."""
        self._run(DDL(self.kind, self.tier))
        self._run(DDL_COUNTS(self.kind, self.tier))

    def put(self, record_id: int, texts: Mapping[str, str]) -> None:
        """Index one record's compared fields, replacing what was there; cost does not grow with the table."""
        values = [" ".join(words(texts.get(name, ""))) for name in FIELDS]
        values.append(" ".join(pair for name in FIELDS for pair in pairs(texts.get(name, ""))))
        self.remove(record_id)
        marks = ", ".join("?" for _ in COLUMNS)
        self._run(
            f"INSERT INTO {self.table}(rowid, {', '.join(COLUMNS)}) VALUES (?, {marks})",  # noqa: S608 - see table_name
            (record_id, *values),
        )

    def remove(self, record_id: int) -> None:
        """Forget one record; nothing happens when it is not there."""
        self._run(f"DELETE FROM {self.table} WHERE rowid = ?", (record_id,))  # noqa: S608 - see table_name

    def count(self) -> int:
        """Return the number of indexed records."""
        rows = self._run(f"SELECT count(*) FROM {self.table}_docsize").fetchone()  # noqa: S608 - see table_name
        return int(rows[0])

    def rarity(self, tokens: Iterable[str]) -> dict[str, float]:
        """Return the idf of each token; one that no record holds gets the greatest."""
        held = self._held(tokens)
        documents = self.count()
        return {token: idf(documents, count) for token, count in held.items()}

    def search(self, texts: Mapping[str, str], limit: int) -> list[tuple[int, float]]:
        """Return up to ``limit`` (record id, BM25) of records that share a token with the query, best first."""
        asked = self._asked(texts)
        if not asked.tokens or limit < 1:
            return []
        rows = self._run(f"{self._select()} ORDER BY score, rowid LIMIT ?", (asked.expression, limit)).fetchall()
        return [(record_id, -score) for record_id, score in rows]

    def scores(self, texts: Mapping[str, str], record_ids: Sequence[int]) -> dict[int, float]:
        """Return the score of those of ``record_ids`` that share a token with the query; see ``matches``."""
        return {record_id: match.score for record_id, match in self.matches(texts, record_ids).items()}

    def matches(self, texts: Mapping[str, str], record_ids: Sequence[int]) -> dict[int, LexicalMatch]:
        """Return the shared words of the query with each of ``record_ids`` that shares any token.

        The score is BM25 over all tokens of the query, with the mean length of these records: it compares them with one
        another, not with the scores of ``search``.  (FTS5 would run the whole search again for every id.)
        """
        asked = self._asked(texts)
        rows = list(self._columns(record_ids)) if asked.tokens else []
        if not rows:
            return {}
        mean_length = sum(len(column) for _id, columns in rows for column in columns) / len(rows)
        found = {}
        for record_id, columns in rows:
            counts = _counts(columns, asked.rarity)
            if counts:
                length = sum(map(len, columns)) / mean_length
                found[record_id] = asked.match(_bm25(counts, asked.rarity, length), counts)
        return found

    def _select(self) -> str:
        weights = ", ".join(str(COLUMN_WEIGHTS[column]) for column in COLUMNS)
        score = f"bm25({self.table}, {weights}) AS score"
        return f"SELECT rowid, {score} FROM {self.table} WHERE {self.table} MATCH ?"  # noqa: S608 - see table_name

    def _columns(self, record_ids: Sequence[int]) -> Iterator[tuple[int, list[list[str]]]]:
        for part in _chunks(record_ids):
            marks = ", ".join("?" for _ in part)
            columns = ", ".join(COLUMNS)
            statement = f"SELECT rowid, {columns} FROM {self.table} WHERE rowid IN ({marks})"  # noqa: S608 - as above
            for record_id, *texts in self._run(statement, tuple(part)).fetchall():
                yield record_id, [text.split() for text in texts]

    def _held(self, tokens: Iterable[str]) -> dict[str, int]:
        held = dict.fromkeys(tokens, 0)
        for part in _chunks(list(held)):
            marks = ", ".join("?" for _ in part)
            statement = f"SELECT term, doc FROM {self.table}_counts WHERE term IN ({marks})"  # noqa: S608 - as above
            held.update(self._run(statement, tuple(part)).fetchall())
        return held

    def _asked(self, texts: Mapping[str, str]) -> _Asked:
        text = "\n".join(texts.values())
        asked_words = dict.fromkeys(words(text))
        held = self._held([*asked_words, *pairs(text)])
        documents = self.count()
        known = sorted((token for token, count in held.items() if count), key=lambda token: (held[token], token))
        rarity = {token: idf(documents, held[token]) for token in known}
        exact = exact_words(asked_words, texts.get("title", ""))
        named = exact & set(words(texts.get("title", "")))
        return _Asked({word: idf(documents, held[word]) for word in asked_words}, rarity, exact, named)


def _counts(columns: Sequence[Sequence[str]], wanted: Mapping[str, float]) -> dict[str, float]:
    """Return how often each wanted token stands in a record's columns, weighted by column."""
    counts: dict[str, float] = {}
    for name, column in zip(COLUMNS, columns, strict=True):
        for token in column:
            if token in wanted:
                counts[token] = counts.get(token, 0.0) + COLUMN_WEIGHTS[name]
    return counts


def _bm25(counts: Mapping[str, float], rarity: Mapping[str, float], length: float) -> float:
    """Return BM25 with FTS5's constants from weighted counts; ``length`` is relative to the mean."""
    slowing = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length)
    return sum(rarity[token] * count * (SATURATION + 1) / (count + slowing) for token, count in counts.items())


def _chunks(values: Sequence[Any], size: int = 500) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
