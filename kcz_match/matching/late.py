"""Late interaction: compare two texts token by token, so that different words for one thing still meet.

Each token of the query looks for its nearest token in the record; the mean of these best similarities, weighted by how
rare the query's token is, is the score.  Tokens of one model all point roughly the same way, so the mean vector of each
role is taken off first, and only the directions in which texts of this kind differ are kept.  Pure numpy; a record's
rows are packed to about 130 bytes a token and stored beside its vectors.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kcz_match.matching import sample
from kcz_match.matching.whole import pieces

DIMENSIONS = 128
MOST_QUERY_TOKENS = 256
MOST_RECORD_TOKENS = 512
COMMON_PIECE = 6.0
LEAST_WEIGHT = 0.1
FORMAT = 2
FIELD_SHARES: Mapping[str, float] = {"title": 0.1, "problem": 0.4, "target": 1.0}


class TokenEncoder(Protocol):
    """What ``fit`` needs of an encoder; see ``encoder.Encoder``."""

    name: str

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, special ones left out."""
        ...

    def encode_both(self, texts: Sequence[str], role: str = "query") -> tuple[np.ndarray, list[Any]]:
        """Return unit rows (n, d) and, per text, an object with ``ids``, ``rows`` and ``rarity`` of its tokens."""
        ...


@dataclass(frozen=True)
class Background:
    """How alike *unrelated* texts are for this encoder: mean and spread of cosines and of token similarities."""

    cosine_mean: float = 0.0
    cosine_spread: float = 1.0
    token_mean: float = 0.0
    token_spread: float = 1.0


DEFAULT_BACKGROUND = Background(0.864, 0.0135, 0.216, 0.0567)


@dataclass(frozen=True)
class Space:
    """What turns an encoder's raw token vectors into comparable rows.

    ``centres`` gives the mean unit token vector (d,) by role; ``axes`` (d, k) the directions kept; ``encoder`` the
    fingerprint it was fitted for.
    """

    encoder: str
    centres: Mapping[str, np.ndarray]
    axes: np.ndarray
    background: Background

    def rows(self, raw: np.ndarray, role: str) -> np.ndarray:
        """Return float32 unit rows (n, k) of raw token vectors (n, d) of one role."""
        return _unit(_centred(raw, self.centres[role]) @ self.axes)


@dataclass(frozen=True)
class QueryTokens:
    """The tokens by which a query asks: unit rows (m, k) and their weights (m,)."""

    rows: np.ndarray
    weights: np.ndarray


def query_tokens(
    space: Space,
    tokens: Any,
    counts: Sequence[tuple[str, int]] = (),
    shares: Mapping[str, float] = FIELD_SHARES,
) -> QueryTokens:
    """Return what a query asks with, from its raw tokens (``ids``, ``rows``, ``rarity``): the heaviest only.

    ``counts`` says how many tokens each field has, in order.  A field weighs its share whatever its length: what a need
    wants to reach tells the right answer from its lookalikes better than what it calls itself.
    """
    rarity = weights_of(tokens.rarity)
    weights = by_field(rarity, counts, shares) if counts else rarity
    rows, weights = heaviest(tokens.rows, weights, MOST_QUERY_TOKENS)
    return QueryTokens(space.rows(rows, "query"), weights)


def by_field(weights: np.ndarray, counts: Sequence[tuple[str, int]], shares: Mapping[str, float]) -> np.ndarray:
    """Return weights (n,) that sum to its share in every field; tokens beyond the counted ones belong to the last."""
    shared = np.zeros(len(weights), np.float32)
    start = 0
    for place, (name, count) in enumerate(counts):
        end = len(weights) if place == len(counts) - 1 else min(start + count, len(weights))
        total = float(weights[start:end].sum())
        shared[start:end] = shares[name] * weights[start:end] / (total or 1.0)
        start = end
    return shared


def field_counts(encoder: TokenEncoder, whole: str) -> list[tuple[str, int]]:
    """Return how many tokens each field of a marked text has, in order."""
    found = pieces(whole)
    return list(zip([name for name, _ in found], encoder.count_tokens([text for _, text in found]), strict=True))


def record_tokens(space: Space, tokens: Any) -> bytes:
    """Return the packed rows by which a record answers, from its raw tokens: the heaviest only."""
    rows, _weights = heaviest(tokens.rows, weights_of(tokens.rarity), MOST_RECORD_TOKENS)
    return pack(space.rows(rows, "passage"))


def weights_of(rarity: np.ndarray) -> np.ndarray:
    """Return token weights (n,) from piece rarities (-log probability): next to nothing for function words."""
    weights: np.ndarray = np.maximum(np.asarray(rarity, np.float32) - COMMON_PIECE, LEAST_WEIGHT)
    return weights


def heaviest(rows: np.ndarray, weights: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most ``most`` rows with their weights, the heaviest, in their order."""
    if len(rows) <= most:
        return rows, weights
    kept = np.sort(np.argsort(-weights, kind="stable")[:most])
    return rows[kept], weights[kept]


def pack(rows: np.ndarray) -> bytes:
    """Return unit rows (n, k) as bytes: count and width, one float16 scale a row, then int8 values."""
    count, width = rows.shape
    scales = (np.abs(rows).max(axis=1) / 127 if count else np.zeros(0)).astype("<f2")
    safe = np.maximum(scales.astype(np.float32), 1e-6)
    values = np.clip(np.round(rows / safe[:, None]), -127, 127).astype(np.int8)
    packed: bytes = struct.pack("<HH", count, width) + scales.tobytes() + values.tobytes()
    return packed


def pack_query(tokens: QueryTokens) -> bytes:
    """Return a query's rows as bytes: as ``pack``, each row as long as its weight."""
    return pack(tokens.rows * tokens.weights[:, None])


def unpack_query(packed: bytes) -> QueryTokens:
    """Return the query of ``pack_query``: unit rows, and their lengths as weights."""
    rows = unpack(packed)
    weights = np.linalg.norm(rows, axis=1).astype(np.float32)
    return QueryTokens(_unit(rows), weights)


def unpack(packed: bytes) -> np.ndarray:
    """Return the float32 rows (n, k) of ``pack``; ``ValueError`` when the bytes are cut short or too long."""
    if len(packed) < 4:
        raise ValueError("packed token rows are too short")
    count, width = struct.unpack_from("<HH", packed)
    if len(packed) != 4 + count * (2 + width):
        raise ValueError("packed token rows have the wrong length")
    scales = np.frombuffer(packed, "<f2", count, 4).astype(np.float32)
    values = np.frombuffer(packed, np.int8, count * width, 4 + 2 * count).reshape(count, width)
    return values * scales[:, None]


def similarities(
    query: np.ndarray, weights: np.ndarray, records: Sequence[np.ndarray], ceiling: float = 1.0
) -> np.ndarray:
    """Return for each record's rows (n_i, k) the weighted mean best similarity of the query's rows (m, k), in -1..1.

    No token counts for more than ``ceiling``: below 1 a word that is merely repeated is worth no more than a good
    paraphrase.  A record without rows, or a query without rows, gives NaN.
    """
    scores = np.full(len(records), np.nan, np.float32)
    full = [place for place, rows in enumerate(records) if len(rows)]
    if not full or not len(query):
        return scores
    starts = np.cumsum([0] + [len(records[place]) for place in full])[:-1]
    alike = query @ np.concatenate([records[place] for place in full]).T
    best = np.maximum.reduceat(alike, starts, axis=1)
    scores[full] = (weights / weights.sum()) @ np.minimum(best, np.float32(ceiling))
    return scores


def fit(encoder: TokenEncoder, dimensions: int = DIMENSIONS) -> Space:
    """Measure an encoder on the texts of ``sample`` (about 50 short texts to encode) and return its space."""
    vectors, tokens = {}, {}
    for role, texts in (("query", sample.NEEDS), ("passage", sample.CAPABILITIES)):
        vectors[role], tokens[role] = encoder.encode_both(texts, role)
    centres = {role: _unit(np.concatenate([one.rows for one in found])).mean(axis=0) for role, found in tokens.items()}
    centred = np.concatenate([_centred(one.rows, centres[role]) for role, found in tokens.items() for one in found])
    _values, axes = np.linalg.eigh(centred.T @ centred)
    axes = np.ascontiguousarray(axes[:, ::-1][:, :dimensions], np.float32)
    space = Space(encoder.name, centres, axes, Background())
    alike = _token_background(space, tokens)
    cosines = vectors["query"] @ vectors["passage"].T
    spreads = (max(float(cosines.std()), 1e-3), max(float(alike.std()), 1e-3))
    measured = Background(float(cosines.mean()), spreads[0], float(alike.mean()), spreads[1])
    return Space(encoder.name, centres, axes, measured)


def load_or_fit(encoder: TokenEncoder, file: Path | None = None) -> Space:
    """Return the space kept in ``file`` when it was fitted for this encoder and sample, else fit and keep it."""
    if file is not None and file.is_file():
        space = _read(file)
        if space is not None and space.encoder == encoder.name:
            return space
    space = fit(encoder)
    if file is not None:
        _write(space, file)
    return space


def _token_background(space: Space, tokens: Mapping[str, list[Any]]) -> np.ndarray:
    records = [space.rows(one.rows, "passage") for one in tokens["passage"]]
    return np.stack(
        [similarities(space.rows(one.rows, "query"), weights_of(one.rarity), records) for one in tokens["query"]]
    )


def stamp() -> str:
    """Return what names the way in which token rows are made: rows of another stamp are never compared with these."""
    shares = ",".join(f"{name}={share:g}" for name, share in sorted(FIELD_SHARES.items()))
    texts = "\n".join((*sample.NEEDS, *sample.CAPABILITIES))
    described = f"{FORMAT}:{DIMENSIONS}:{COMMON_PIECE:g}:{LEAST_WEIGHT:g}:{shares}:{texts}"
    return hashlib.sha256(described.encode()).hexdigest()[:6]


def _write(space: Space, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {"encoder": space.encoder, "stamp": stamp(), "background": vars(space.background)}
    work = file.with_name(f".{file.name}.{os.getpid()}")
    with work.open("wb") as out:
        np.savez(
            out, about=np.array(json.dumps(about)), axes=space.axes,
            query=space.centres["query"], passage=space.centres["passage"],
        )  # fmt: skip
        out.flush()
        os.fsync(out.fileno())
    work.replace(file)


def _read(file: Path) -> Space | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            about = json.loads(str(kept["about"]))
            if about["stamp"] != stamp():
                return None
            centres = {"query": kept["query"], "passage": kept["passage"]}
            return Space(about["encoder"], centres, kept["axes"], Background(**about["background"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _centred(raw: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return _unit(_unit(np.asarray(raw, np.float32)) - centre)


def _unit(rows: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return scaled
