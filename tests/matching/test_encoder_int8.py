import importlib.util
import json
import shutil

import numpy as np
import pytest

from kcz_match.matching import encoder_build, encoder_graph, encoder_source, sample
from kcz_match.matching.encoder import EncodingError, load
from kcz_match.matching.encoder_source import BuildError

REAL = pytest.mark.encoder
QUESTIONS, RECORDS = list(sample.NEEDS[12:]), list(sample.CAPABILITIES[12:])  # the first twelve set the factors
LONG = "".join(sample.CAPABILITIES[:16])


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The same weights as an ordinary PyTorch folder in float32."""
    folder = tmp_path_factory.mktemp("plain") / "encoder"
    yield load(encoder_build.build_plain(folder, say=lambda sentence: None), threads=2)
    shutil.rmtree(folder)


@REAL
@pytest.mark.timeout(600)
def test_vectors_and_tokens_agree_with_the_float32_model(encoder, plain):
    for texts, role in ((QUESTIONS[:6], "query"), ([*RECORDS[:6], LONG], "passage")):
        rows, tokens = encoder.encode_both(texts, role)
        wanted, wanted_tokens = plain.encode_both(texts, role)
        assert (rows * wanted).sum(axis=1).min() > 0.998
        for one, other in zip(tokens, wanted_tokens, strict=True):
            assert one.ids.tolist() == other.ids.tolist()
            assert one.rarity.tolist() == pytest.approx(other.rarity.tolist())
            lengths = np.linalg.norm(one.rows, axis=1) * np.linalg.norm(other.rows, axis=1)
            assert ((one.rows * other.rows).sum(axis=1) / lengths).mean() > 0.997


@REAL
@pytest.mark.timeout(600)
def test_each_question_finds_the_same_nearest_record_as_with_the_float32_model(encoder, plain):
    found = encoder.encode(QUESTIONS, "query") @ encoder.encode(RECORDS, "passage").T
    wanted = plain.encode(QUESTIONS, "query") @ plain.encode(RECORDS, "passage").T
    best = wanted.argmax(axis=1)
    places = np.arange(len(wanted))
    assert (wanted[places, best] - wanted[places, found.argmax(axis=1)]).max() < 0.004
    assert np.abs(found - wanted).max() < 0.02


@REAL
def test_a_text_has_the_same_row_alone_and_in_any_company(encoder):
    texts = [LONG, *QUESTIONS, "漏气"]
    together, tokens = encoder.encode_both(texts, "passage")
    reversed_rows = encoder.encode(texts[::-1], "passage")[::-1]
    assert np.abs(together - reversed_rows).max() < 1e-6
    for place in (0, 1, len(texts) - 1):
        row, [alone] = encoder.encode_both([texts[place]], "passage")
        assert np.abs(row[0] - together[place]).max() < 1e-6
        assert np.array_equal(alone.rows, tokens[place].rows)


@REAL
def test_the_folder_is_an_ordinary_one_of_sentence_transformers(encoder, tmp_path):
    model = encoder.model
    assert type(model).__name__ == "SentenceTransformer"
    rows = model.encode(["焊缝", LONG], prompt="passage: ", show_progress_bar=False)
    assert rows.shape == (2, 384) and np.linalg.norm(rows, axis=1).tolist() == pytest.approx([1, 1], abs=1e-5)
    tokens = model.encode(["焊缝", "污水处理"], output_value="token_embeddings", show_progress_bar=False)
    assert [one.shape[1] for one in tokens] == [384, 384]
    model.save(str(tmp_path / "copy"), create_model_card=False)
    again = load(tmp_path / "copy").encode(["焊缝"], "passage")
    assert np.abs(again - encoder.encode(["焊缝"], "passage")).max() < 1e-6


@REAL
def test_code_lying_in_a_folder_is_never_run(encoder, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(encoder.location, folder)
    (folder / "extra.py").write_text("raise SystemExit('must not run')")
    with pytest.raises(EncodingError, match="无法加载编码器"):
        load(folder).encode(["焊缝"])
    (folder / "extra.py").unlink()
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    modules[0]["type"] = "antigravity.Module"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(EncodingError, match="无法加载编码器"):
        load(folder).encode(["焊缝"])


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_build_without_the_runtime_is_refused_with_its_name(missing, monkeypatch, tmp_path):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == missing else real(name, *rest))
    with pytest.raises(BuildError, match=f"找不到软件包 {missing}，"):
        encoder_build.build(tmp_path / "encoder")
    assert list(tmp_path.iterdir()) == []


def test_no_pair_of_quantised_weights_can_leave_sixteen_bits():
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(64, 40)).astype(np.float32)
    matrix[10:12, 3] = 9.0, 8.5  # a pair of large neighbours
    weights, scales = encoder_graph.quantised(matrix)
    first, second = weights[0::2].astype(int), weights[1::2].astype(int)
    most = np.maximum(np.maximum(255 * (first + second), 255 * first), 255 * second)
    least = np.minimum(np.minimum(255 * (first + second), 255 * first), 255 * second)
    assert most.max() <= 32767 and least.min() >= -32768
    assert np.abs(weights * scales - matrix).max() <= scales.max() / 2 + 1e-6
    assert (np.abs(weights).max(axis=0) > 63).mean() > 0.9


def test_dividing_channels_by_factors_changes_no_exact_product():
    container = encoder_source.read_container(encoder_source.source_file().read_bytes())
    rng = np.random.default_rng(1)
    by = encoder_build.encoder_balance.factors(container, [rng.normal(size=(5, 384)).astype(np.float32)])
    assert len(by) == 12 and {place: len(values) for place, values in by[0].items()} == {
        "qkv": 384, "context": 384, "up": 384, "down": 1536,
    }  # fmt: skip
    powers = np.log2(np.concatenate([values for layer in by for values in layer.values()]))
    assert np.array_equal(powers, np.round(powers))
