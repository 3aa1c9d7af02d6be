import numpy as np
import pytest

from kcz_match.matching import late
from kcz_match.matching.whole import whole_text
from tests.fakes import FakeEncoder


def _rows(seed, count, width=8):
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_packed_rows_come_back_almost_the_same_in_two_bytes_and_a_row_more_than_their_width():
    rows = _rows(1, 20, 128)
    packed = late.pack(rows)
    assert len(packed) == 4 + 20 * 130
    assert np.abs(late.unpack(packed) - rows).max() < 0.003
    assert late.unpack(late.pack(np.zeros((0, 128), np.float32))).shape == (0, 128)


@pytest.mark.parametrize("cut", [slice(0, 2), slice(0, -1), slice(0, 30)])
def test_bytes_cut_short_are_refused(cut):
    with pytest.raises(ValueError, match="packed token rows"):
        late.unpack(late.pack(_rows(1, 3))[cut])


def test_the_similarity_is_the_weighted_mean_of_each_query_tokens_best():
    query = np.eye(3, dtype=np.float32)
    records = [np.eye(3, dtype=np.float32)[:1], np.zeros((0, 3), np.float32), np.eye(3, dtype=np.float32)]
    found = late.similarities(query, np.array([2.0, 1.0, 1.0], np.float32), records)
    assert found.tolist()[::2] == [0.5, 1.0]
    assert np.isnan(found[1])
    assert np.isnan(late.similarities(query[:0], np.zeros(0), records)).all()


def test_no_token_counts_for_more_than_the_ceiling():
    query = np.eye(2, dtype=np.float32)
    records = [np.eye(2, dtype=np.float32)[:1], np.array([[0.6, 0.6]], np.float32)]
    weights = np.ones(2, np.float32)
    assert late.similarities(query, weights, records).tolist() == pytest.approx([0.5, 0.6])
    assert late.similarities(query, weights, records, 0.5).tolist() == pytest.approx([0.25, 0.5])


def test_a_field_weighs_its_share_whatever_its_length():
    weights = np.array([1.0, 1.0, 2.0, 3.0, 5.0], np.float32)
    shared = late.by_field(weights, [("title", 1), ("target", 2)], {"title": 0.5, "target": 2.0})
    assert shared.tolist() == pytest.approx([0.5, 0.1818, 0.3636, 0.5454, 0.909], abs=1e-3)
    assert late.by_field(weights, [("problem", 9)], {"problem": 3.0}).sum() == pytest.approx(3.0)
    assert late.by_field(weights[:0], [("title", 0), ("problem", 0)], {"title": 1, "problem": 1}).tolist() == []


def test_the_fields_of_a_marked_text_are_counted_in_order():
    whole = whole_text({"title": "漏气", "target": "三十秒内\n挑出来"})
    assert late.field_counts(FakeEncoder(), whole) == [("title", 2), ("target", 7)]
    assert late.field_counts(FakeEncoder(), "没有记号") == [("problem", 4)]


def test_the_stamp_changes_with_the_way_rows_are_made(monkeypatch):
    before = late.stamp()
    assert before == late.stamp()
    monkeypatch.setattr(late, "FIELD_SHARES", {"title": 1.0, "problem": 1.0, "target": 1.0})
    assert late.stamp() != before


def test_only_the_heaviest_tokens_are_kept_in_their_order():
    rows, weights = late.heaviest(np.arange(4, dtype=np.float32)[:, None], np.array([1.0, 3.0, 2.0, 4.0]), 2)
    assert rows.tolist() == [[1.0], [3.0]]
    assert weights.tolist() == [3.0, 4.0]


def test_a_space_is_fitted_once_kept_and_fitted_again_for_another_encoder(tmp_path):
    file = tmp_path / "spaces" / "space.npz"
    first = late.load_or_fit(FakeEncoder(), file)
    kept = late.load_or_fit(FakeEncoder(), file)
    assert kept.encoder == "fake@1"
    assert np.array_equal(kept.axes, first.axes)
    assert kept.background == first.background
    assert late.load_or_fit(FakeEncoder("fake@2"), file).encoder == "fake@2"
    file.write_bytes(b"not a space")
    assert late.load_or_fit(FakeEncoder(), file).encoder == "fake@1"
    assert [path.name for path in file.parent.iterdir()] == ["space.npz"]


def test_unrelated_texts_lie_at_the_background_and_equal_ones_above_it():
    encoder = FakeEncoder()
    space = late.fit(encoder)
    query = late.query_tokens(space, encoder.encode_both(["薄板焊缝视觉检测"])[1][0])
    texts = ["薄板焊缝视觉检测", "葡萄栽培"]
    records = [late.unpack(late.record_tokens(space, one)) for one in encoder.encode_both(texts, "passage")[1]]
    same, other = late.similarities(query.rows, query.weights, records)
    assert same > space.background.token_mean + 3 * space.background.token_spread
    assert same > other
