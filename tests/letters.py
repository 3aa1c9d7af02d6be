"""An encoder made of letters: deterministic, quick, fair to Chinese; for tests that are not about the model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from kcz_match.matching import late
from kcz_match.matching.late import Background
from kcz_match.matching.whole import plain_text


class Letters:
    """Encodes a text by its pairs of neighbouring letters; remembers what it was given."""

    dimension = 64
    background = Background(0.6, 0.1, 0.3, 0.1)

    def __init__(self, name: str = "letters@1") -> None:
        self.name = name
        self.seen: list[tuple[str, str]] = []

    def encode(self, texts: Sequence[str], role: str = "query") -> np.ndarray:
        """Return unit rows; texts that share pairs are near."""
        texts = [plain_text(text) for text in texts]
        self.seen += [(role, text) for text in texts]
        rows = np.full((len(texts), self.dimension), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for one, two in zip(text, text[1:] + " ", strict=True):
                row[int.from_bytes(hashlib.md5((one + two).encode()).digest()[:4]) % self.dimension] += 1
        return rows / np.linalg.norm(rows, axis=1)[:, None]

    def encode_both(self, texts: Sequence[str], role: str = "query") -> tuple[np.ndarray, list[bytes]]:
        """Return the unit rows, and each of them again as the packed row of the text's only token."""
        rows = self.encode(texts, role)
        return rows, [late.pack(row[None, :]) for row in rows]
