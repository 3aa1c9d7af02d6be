"""Turn texts into unit vectors with any sentence-transformers model, safely from many threads.

Importing this module is cheap: torch and the model load at the first text, which must be after a web worker forked.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kcz_match.matching import sentences

Role = Literal["query", "passage"]
DEFAULT_RARITY = 10.0
BATCH_TOKENS = 4096
BATCH_TEXTS = 32
SAMPLED_BYTES = 1 << 20
OWN_MODULE = "kcz_match.matching.onnx_transformer.OnnxTransformer"
_threads_set = threading.Event()


class EncodingError(ValueError):
    """A text has no usable vector, or the model cannot be loaded; the message says which and why."""


@dataclass(frozen=True)
class TokenRows:
    """The token vectors of one text, without special tokens and prompt: ids (n,), float32 rows (n, d), rarity (n,).

    Rarity is the piece's negative log probability in the tokenizer; constant when the tokenizer knows none.
    """

    ids: np.ndarray
    rows: np.ndarray
    rarity: np.ndarray


NO_TOKENS = TokenRows(np.zeros(0, np.int64), np.zeros((0, 0), np.float32), np.zeros(0, np.float32))


def fingerprint(location: str | Path) -> str:
    """Name a model so that vectors of different models are never mixed; needs no torch.

    A folder gives ``name@12 hex digits`` over its small files and the sizes and edges of its large ones, hidden files
    and the README left out; a hub name is returned as it is.
    """
    folder = Path(location)
    if not folder.is_dir():
        return str(location)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and path.name != "README.md" and not hidden:
            size = path.stat().st_size
            digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
            with path.open("rb") as file:
                digest.update(file.read(SAMPLED_BYTES))
                file.seek(max(0, size - SAMPLED_BYTES))
                digest.update(file.read(SAMPLED_BYTES))
    return f"{_folder_name(folder)}@{digest.hexdigest()[:12]}"


def _folder_name(folder: Path) -> str:
    try:
        return str(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError):
        return folder.resolve().name


class Encoder:
    """A sentence-transformers model behind three things: a name, a dimension, and ``encode``.

    ``location`` is a folder (used offline) or a hub name; ``threads`` bounds torch, and the texts that the default
    encoder works on at once, for the whole process.
    """

    def __init__(self, location: str | Path, threads: int | None = None) -> None:
        self.location = str(location)
        self.threads = threads or min(4, os.cpu_count() or 1)
        self._lock = threading.RLock()

    @cached_property
    def name(self) -> str:
        """The fingerprint of the model, stored with every vector."""
        return fingerprint(self.location)

    @cached_property
    def model(self) -> Any:
        """The loaded ``SentenceTransformer``; ``EncodingError`` when it cannot be loaded."""
        with self._lock:
            return _load_model(self.location, self.threads)

    @cached_property
    def dimension(self) -> int:
        """Length of one vector; loads the model."""
        return int(self.model.get_embedding_dimension())

    def encode(self, texts: Sequence[str], role: Role = "query") -> np.ndarray:
        """Return float32 unit rows (len(texts), dimension), in the order of the texts.

        ``role`` chooses the model's prompt.  A text longer than the model reads is cut at sentence ends and its parts
        are averaged by length.  An empty text, or a vector that is zero or not finite, is an ``EncodingError``.
        """
        for place, text in enumerate(texts):
            if not text.strip():
                raise EncodingError(f"第 {place + 1} 条文本是空的，无法编码。")
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        parts, owner, weight = self._parts(texts, role)
        with self._lock:
            rows = self._rows(parts, role)
        return _averaged(rows, owner, weight, len(texts))

    def encode_both(self, texts: Sequence[str], role: Role = "query") -> tuple[np.ndarray, list[TokenRows]]:
        """Return what ``encode`` returns and the token vectors of each text, from one pass through the model."""
        for place, text in enumerate(texts):
            if not text.strip():
                raise EncodingError(f"第 {place + 1} 条文本是空的，无法编码。")
        if not texts:
            return np.zeros((0, self.dimension), np.float32), []
        parts, owner, weight = self._parts(texts, role)
        with self._lock:
            rows, tokens = self._rows_and_tokens(parts, role)
        gathered: list[list[TokenRows]] = [[] for _ in texts]
        for place, one in zip(owner, tokens, strict=True):
            gathered[place].append(one)
        return _averaged(rows, owner, weight, len(texts)), [_joined(one) for one in gathered]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, special ones left out; loads the model."""
        return [len(self._token_ids(text)) for text in texts]

    @cached_property
    def _rarity(self) -> np.ndarray:
        if (stored := getattr(self.model[0], "rarity", None)) is not None:
            return np.asarray(stored)
        size = len(self.model.tokenizer)
        described = json.loads(self.model.tokenizer.backend_tokenizer.to_str())["model"]
        rarity = np.full(size, DEFAULT_RARITY, np.float32)
        if described.get("type") == "Unigram":
            scores = [-score for _piece, score in described["vocab"]][:size]
            rarity[: len(scores)] = scores
        return rarity

    def _rows_and_tokens(self, parts: list[str], role: Role) -> tuple[np.ndarray, list[TokenRows]]:
        rows = np.zeros((len(parts), self.dimension), np.float32)
        tokens: list[TokenRows] = [NO_TOKENS] * len(parts)
        order = sorted(range(len(parts)), key=lambda place: len(parts[place]))
        skipped = 1 + len(self._token_ids(self._prompt(role).strip()))
        for batch in _batches(order, [len(part) for part in parts]):
            found = self.model.encode(
                [parts[place] for place in batch], output_value=None, prompt=self._prompt(role),
                batch_size=len(batch), show_progress_bar=False,
            )  # fmt: skip
            for place, one in zip(batch, found, strict=True):
                rows[place] = one["sentence_embedding"].float().cpu().numpy()
                tokens[place] = self._token_rows(one, skipped)
        return unit_rows(rows), tokens

    def _token_rows(self, one: dict[str, Any], skipped: int) -> TokenRows:
        keep = one["attention_mask"].bool().cpu().numpy()
        ids = one["input_ids"].cpu().numpy()[keep]
        rows = one["token_embeddings"].float().cpu().numpy()[keep]
        wanted = ~np.isin(ids, self.model.tokenizer.all_special_ids)
        wanted[:skipped] = False
        ids = ids[wanted]
        return TokenRows(ids, np.ascontiguousarray(rows[wanted]), self._rarity[ids])

    def _prompt(self, role: Role) -> str:
        prompts = self.model.prompts
        return (prompts.get(role) or (prompts.get("document") if role == "passage" else None)) or ""

    def _token_ids(self, text: str) -> list[int]:
        found = self.model.tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)
        return list(found["input_ids"])

    def _parts(self, texts: Sequence[str], role: Role) -> tuple[list[str], list[int], list[int]]:
        longest = self.model.max_seq_length or 512
        room = longest - len(self._token_ids(self._prompt(role))) - 4
        parts, owner, weight = [], [], []
        for place, text in enumerate(texts):
            count = len(self._token_ids(text)) if len(text) > room // 3 else len(text)
            pieces = [(text, count)] if count <= room else self._windows(text, room)
            for piece, length in pieces:
                parts.append(piece)
                owner.append(place)
                weight.append(max(1, length))
        return parts, owner, weight

    def _windows(self, text: str, room: int) -> list[tuple[str, int]]:
        windows: list[tuple[str, int]] = []
        for sentence in sentences.split(text, longest=min(sentences.LONGEST, max(8, room // 3))):
            length = len(self._token_ids(sentence))
            if windows and windows[-1][1] + length <= room:
                windows[-1] = (windows[-1][0] + sentence, windows[-1][1] + length)
            else:
                windows.append((sentence, length))
        return windows

    def _rows(self, parts: list[str], role: Role) -> np.ndarray:
        order = sorted(range(len(parts)), key=lambda place: len(parts[place]))
        rows = np.zeros((len(parts), self.dimension), np.float32)
        for batch in _batches(order, [len(part) for part in parts]):
            rows[batch] = self.model.encode(
                [parts[place] for place in batch], prompt=self._prompt(role), batch_size=len(batch),
                show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True,
            )  # fmt: skip
        return rows


def load(location: str | Path, threads: int | None = None) -> Encoder:
    """Return the encoder of a folder or hub name; the weights load at the first use."""
    return Encoder(location, threads)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return float32 rows (n, d) scaled to length 1; ``EncodingError`` when a row is zero or not finite."""
    rows = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(rows, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths < 1e-12))
    if len(bad):
        raise EncodingError(f"第 {bad[0] + 1} 条文本得不到有效向量，请检查编码器模型文件。")
    scaled: np.ndarray = rows / lengths[:, None]
    return scaled


def _averaged(rows: np.ndarray, owner: list[int], weight: list[int], count: int) -> np.ndarray:
    summed = np.zeros((count, rows.shape[1]), np.float32)
    np.add.at(summed, owner, rows * np.asarray(weight, np.float32)[:, None])
    return unit_rows(summed)


def _joined(parts: list[TokenRows]) -> TokenRows:
    if len(parts) == 1:
        return parts[0]
    columns = ([getattr(part, name) for part in parts] for name in ("ids", "rows", "rarity"))
    return TokenRows(*(np.concatenate(column) for column in columns))


def _batches(order: list[int], lengths: list[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    for place in order:
        fits = batches and len(batches[-1]) < BATCH_TEXTS and lengths[place] * (len(batches[-1]) + 1) <= BATCH_TOKENS
        if fits:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches


def _load_model(location: str, threads: int) -> Any:
    local = Path(location).is_dir()
    if local:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    if not _threads_set.is_set():
        torch.set_num_threads(threads)
        _threads_set.set()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            location, device="cpu", local_files_only=local, trust_remote_code=local and _is_ours(Path(location))
        )
    except (ImportError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise EncodingError(f"无法加载编码器 {location}：{error}") from error
    return model.eval()


def _is_ours(folder: Path) -> bool:
    """Say whether all code that a folder names is this package's own or the library's, and none lies in the folder."""
    try:
        types = {str(module["type"]) for module in json.loads((folder / "modules.json").read_text(encoding="utf-8"))}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    foreign = {name for name in types if not name.startswith("sentence_transformers.")}
    return foreign == {OWN_MODULE} and not any(folder.rglob("*.py"))
