"""Which texts of a record are compared, and for whom.  Pure.

A record becomes one ``Document`` per tier: ``public`` reads public fields only, ``members`` public and members' fields,
``own`` everything.  The first two are searched; ``own`` only asks, and is never put into an index or a word table.
What a tier may read is decided by the caller (``reading.py``); here readable values become the three compared texts.

Left out on purpose: what was tried in vain and where a capability does not apply (words that speak against a match
would speak for it), money, people, and everything that a hard filter already compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kcz_match.catalogue.fields import Claim, Indicator, Tier
from kcz_match.matching import sentences
from kcz_match.matching.whole import FIELDS, whole_text

KINDS = ("need", "capability")
PUBLIC, MEMBERS, OWN = "public", "members", "own"
SEARCHED_TIERS = (PUBLIC, MEMBERS)
TIERS = (*SEARCHED_TIERS, OWN)
READ_BY: dict[str, frozenset[Tier]] = {
    PUBLIC: frozenset({Tier.PUBLIC}),
    MEMBERS: frozenset({Tier.PUBLIC, Tier.MEMBERS}),
    OWN: frozenset(Tier),
}
ROWS = "rows"
SOURCES: dict[str, dict[str, tuple[str, ...]]] = {
    "need": {
        "title": ("title", "keywords"),
        "problem": ("problem", "background"),
        "target": ("target", ROWS),
    },
    "capability": {
        "title": ("title", "keywords"),
        "problem": ("problem", "method", "directions", "solved", "service_items", "equipment"),
        "target": (ROWS, "comparison", "parameters", "standards"),
    },
}


@dataclass(frozen=True)
class Document:
    """The compared texts of one record as one tier reads it; a field without text is not in ``texts``."""

    kind: str
    texts: Mapping[str, str]

    @property
    def whole(self) -> str:
        """The text that gets a vector and token rows: the compared fields together; '' when there is none."""
        return whole_text(self.texts)

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Yield (compared field, sentence) in order; every sentence is a verbatim slice of its text."""
        for field in FIELDS:
            for sentence in sentences.split(self.texts.get(field, "")):
                yield field, sentence


def build(kind: str, values: Mapping[str, object], rows: Sequence[Indicator | Claim]) -> Document:
    """Return the document of a record of ``kind`` from the values and rows that its reader may see.

    ``values`` maps field names to values; a name that is missing is hidden or empty, which is the same here.  Sources
    are joined by line ends, so that no sentence runs from one field of the record into another.  An unknown kind is a
    ``KeyError``.
    """
    texts = {}
    for field, sources in SOURCES[kind].items():
        pieces = [_row_text(rows) if name == ROWS else str(values.get(name) or "").strip() for name in sources]
        if text := "\n".join(piece for piece in pieces if piece):
            texts[field] = text
    return Document(kind, texts)


def free_text(text: str) -> Document:
    """Return the document of words typed into the search box: one text, compared as a problem."""
    return Document("text", {"problem": text.strip()} if text.strip() else {})


def digest(text: str) -> str:
    """Return the hash by which the same text is known again: SHA-256 of its UTF-8 bytes, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def tier_for(tiers: frozenset[Tier]) -> str:
    """Return the widest tier of documents that somebody who may read ``tiers`` may ask with."""
    return next((name for name in (OWN, MEMBERS) if READ_BY[name] <= tiers), PUBLIC)


def _row_text(rows: Sequence[Indicator | Claim]) -> str:
    return "\n".join(row.text().strip() for row in rows if row.text().strip())
