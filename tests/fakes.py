"""Stand-ins for the outside world: an encoder that needs no model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from kcz_match.matching.encoder import TokenRows


class FakeEncoder:
    """Encodes a text by its pairs of neighbouring characters; the same text always gives the same rows.

    A token is one character: its vector is the sum of the two pairs it stands in, so equal words are near.
    """

    def __init__(self, name: str = "fake@1", dimension: int = 64) -> None:
        self.name = name
        self.dimension = dimension

    def encode(self, texts: Sequence[str], role: str = "query") -> np.ndarray:
        """Return float32 unit rows (n, d); an empty text is a ``ValueError``."""
        return self.encode_both(texts, role)[0]

    def encode_both(self, texts: Sequence[str], role: str = "query") -> tuple[np.ndarray, list[TokenRows]]:
        """Return unit rows and, per text, its characters as tokens of equal rarity."""
        tokens = [self._tokens(text) for text in texts]
        rows = np.stack([one.rows.sum(axis=0) for one in tokens]) if texts else np.zeros((0, self.dimension))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many characters each text has, blanks left out."""
        return [len("".join(text.split())) for text in texts]

    def _tokens(self, text: str) -> TokenRows:
        characters = "".join(text.split())
        if not characters:
            raise ValueError("an empty text has no vector")
        pairs = [characters[place : place + 2] for place in range(len(characters))]
        rows = np.stack([self._row(pair) + self._row(pair[0]) for pair in pairs])
        ids = np.array([ord(character) for character in characters], np.int64)
        return TokenRows(ids, rows.astype(np.float32), np.full(len(ids), 10.0, np.float32))

    def _row(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(self.dimension)
