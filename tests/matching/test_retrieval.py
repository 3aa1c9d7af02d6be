import numpy as np
import pysqlite3
import pytest

from kcz_match.matching import late
from kcz_match.matching.lexical import LexicalIndex
from kcz_match.matching.retrieval import MemoryDense, Query, retrieve
from kcz_match.matching.whole import plain_text, whole_text
from tests.fakes import FakeEncoder

TEXTS = {
    11: {"title": "焊缝视觉检测", "problem": "薄板焊缝咬边靠人眼看"},
    12: {"title": "污水曝气控制", "target": "电耗下降20%"},
    13: {"title": "焊缝打磨机器人", "problem": "焊缝余高打磨"},
}


@pytest.fixture(scope="module")
def encoder():
    return FakeEncoder()


@pytest.fixture(scope="module")
def space(encoder):
    return late.fit(encoder)


@pytest.fixture
def lexical():
    connection = pysqlite3.connect(":memory:")
    index = LexicalIndex(connection, "capability", "public")
    index.create()
    for record, texts in TEXTS.items():
        index.put(record, texts)
    yield index
    connection.close()


@pytest.fixture
def dense(encoder, space):
    return _dense(encoder, space, TEXTS)


def _dense(encoder, space, texts, with_tokens=True):
    whole, tokens = encoder.encode_both([plain_text(whole_text(one)) for one in texts.values()], "passage")
    titles = encoder.encode([one["title"] for one in texts.values()], "passage")
    rows = {"whole": whole, "title": titles, "problem": np.full_like(whole, np.nan)}
    packed = {key: late.record_tokens(space, one) for key, one in zip(texts, tokens, strict=True)}
    return MemoryDense(list(texts), rows, packed if with_tokens else None)


def _query(encoder, space, text):
    rows, tokens = encoder.encode_both([text])
    return Query({"problem": text}, {"whole": rows[0]}, late.query_tokens(space, tokens[0]), space.background)


def test_the_whole_text_joins_fields_in_fixed_order_and_leaves_out_empty_ones():
    assert whole_text({"target": "丙", "title": " 甲 ", "problem": "  "}) == "甲\x1c\n丙\x1e"
    assert whole_text({}) == ""


def test_the_best_record_comes_first_with_parts_that_sum_and_shared_terms(encoder, space, dense, lexical):
    found = retrieve(_query(encoder, space, "薄板焊缝检测"), dense, lexical, 10)
    assert [one.record_id for one in found][0] == 11
    assert found[0].score == pytest.approx(sum(found[0].parts.values()))
    assert {term for term, _ in found[0].terms} == {"薄板", "焊缝", "检测"}
    assert sorted(one.record_id for one in found) == [11, 12, 13]


def test_a_record_that_only_words_propose_is_scored_too(encoder, space, lexical):
    known = {key: TEXTS[key] for key in (12, 13)}
    found = retrieve(_query(encoder, space, "薄板焊缝检测"), _dense(encoder, space, known), lexical, 10)
    by_id = {one.record_id: one for one in found}
    assert by_id[11].cosines == {}
    assert by_id[11].parts["words"] > 0
    assert np.isnan(by_id[11].token_similarity)


def test_without_vectors_the_words_alone_answer(dense, lexical):
    assert [one.record_id for one in retrieve(Query({"problem": "曝气"}), dense, lexical, 10)] == [12]


def test_the_limit_is_kept_and_an_empty_catalogue_answers_nothing(encoder, space, dense, lexical):
    assert len(retrieve(_query(encoder, space, "焊缝"), dense, lexical, 2)) == 2
    connection = pysqlite3.connect(":memory:")
    empty = LexicalIndex(connection, "need", "public")
    empty.create()
    assert retrieve(_query(encoder, space, "焊缝"), MemoryDense([], {}), empty, 10) == []
    connection.close()


def test_a_channel_without_token_rows_still_ranks(encoder, space, lexical):
    bare = _dense(encoder, space, TEXTS, with_tokens=False)
    found = retrieve(_query(encoder, space, "薄板焊缝检测"), bare, lexical, 3)
    assert found[0].record_id == 11
    assert all(np.isnan(one.token_similarity) for one in found)


def test_field_scores_are_exact_and_nan_where_a_field_or_record_is_missing(encoder, dense):
    vector = encoder.encode(["焊缝视觉检测"], "query")[0]
    scores = dense.field_scores({"title": vector, "problem": vector, "target": vector}, [12, 99, 11])
    titles = encoder.encode([TEXTS[key]["title"] for key in (12, 11)], "passage") @ vector
    assert scores["title"][[0, 2]].tolist() == pytest.approx(titles.tolist())
    assert np.isnan(scores["title"][1])
    assert np.isnan(scores["problem"]).all()
    assert np.isnan(scores["target"]).all()
