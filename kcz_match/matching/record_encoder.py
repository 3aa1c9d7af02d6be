"""An encoder together with its token space: what records are stored with and what queries ask with.

One pass through the model gives both a text's vector and the rows of its tokens, packed for the database.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from kcz_match.matching import late
from kcz_match.matching.encoder import Encoder, Role
from kcz_match.matching.late import Background, Space
from kcz_match.matching.whole import plain_text


class RecordEncoder:
    """Wraps an encoder; the space is measured once for an encoder and kept beside its folder.

    An encoder that is not a folder, or lies where nothing may be written, has its space kept in ``indexes``.
    """

    def __init__(self, encoder: Encoder, indexes: Path) -> None:
        self.encoder = encoder
        beside = Path(encoder.location).parent
        kept = beside if Path(encoder.location).is_dir() and os.access(beside, os.W_OK) else indexes
        self._file = kept / "spaces" / f"{hashlib.sha256(encoder.name.encode()).hexdigest()[:16]}.npz"

    @property
    def name(self) -> str:
        """The name stored with every row: the model's fingerprint, and the way in which token rows are made of it."""
        return f"{self.encoder.name}+{late.stamp()}"

    @cached_property
    def space(self) -> Space:
        """The token space; measuring it loads the model and takes some seconds."""
        return late.load_or_fit(self.encoder, self._file)

    @property
    def background(self) -> Background:
        """How alike unrelated texts are for this encoder."""
        return self.space.background

    def encode(self, texts: Sequence[str], role: Role = "query") -> np.ndarray:
        """Return float32 unit rows (n, d), one for each text."""
        return self.encoder.encode([plain_text(text) for text in texts], role)

    def encode_both(self, texts: Sequence[str], role: Role = "query") -> tuple[np.ndarray, list[bytes]]:
        """Return the unit rows (n, d) and, for each text, its token rows as they are stored for this role."""
        rows, tokens = self.encoder.encode_both([plain_text(text) for text in texts], role)
        if role == "passage":
            return rows, [late.record_tokens(self.space, one) for one in tokens]
        counts = [late.field_counts(self.encoder, text) for text in texts]
        asked = [late.query_tokens(self.space, *one) for one in zip(tokens, counts, strict=True)]
        return rows, [late.pack_query(one) for one in asked]
