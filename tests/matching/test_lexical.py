import pysqlite3
import pytest
from sqlalchemy import create_engine

from kcz_match.matching.lexical import DDL, LexicalIndex, exact_words, idf, is_identifier, pairs, table_name, words


@pytest.fixture
def index():
    connection = pysqlite3.connect(":memory:")
    index = LexicalIndex(connection, "need", "public")
    index.create()
    yield index
    connection.close()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("压铸件缺陷检测", ["压铸", "铸件", "压铸件", "缺陷", "检测"]),
        ("ＧＢ／Ｔ 31467.3-2015", ["gb/t31467.3-2015", "gb/t31467.3", "2015", "gb", "t31467.3"]),
        ("≤10 ppt", ["10ppt", "ppt"]),
        ("S7-1500", ["s7-1500", "s7", "1500"]),
        ("PC/ABS", ["pc/abs", "pc", "abs"]),
        ("GCr15", ["gcr15"]),
        ("UL94 V-0", ["ul94", "v-0", "v"]),
        ("35℃", ["35°c", "°c"]),
        ("α-Fe2O3", ["α-fe2o3", "α", "fe2o3"]),
        ("的和了", []),
    ],
)
def test_words_keep_models_standards_units_and_formulas_whole(text, tokens):
    assert words(text) == tokens


def test_pairs_are_marked_and_never_cross_a_sign():
    assert pairs("漏气，检漏") == ["_漏气", "_检漏"]


def test_full_width_and_spaced_spellings_find_each_other(index):
    index.put(1, {"title": "按ＧＢ／Ｔ 9286 试验"})
    index.put(2, {"title": "按GB/T 9287试验"})
    assert [record for record, _ in index.search({"problem": "gb/t9286"}, 1)] == [1]


def test_the_record_with_the_rare_word_comes_first_and_shared_words_carry_their_rarity(index):
    index.put(7, {"title": "焊缝检测", "problem": "薄板焊缝"})
    index.put(8, {"title": "水质检测"})
    index.put(9, {"title": "土壤检测"})
    query = {"problem": "焊缝检测"}
    assert [record for record, _ in index.search(query, 10)] == [7, 8, 9]
    found = index.matches(query, [8, 7, 99])
    assert found[7].terms == (("焊缝", idf(3, 1)), ("检测", idf(3, 3)))
    assert found[8].terms == (("检测", idf(3, 3)),)
    assert found[7].coverage == 1.0
    assert found[7].exact == 0.0
    assert set(found) == {7, 8}


@pytest.mark.parametrize("token", ["316l", "gb/t31467.3-2015", "35w270", "ncm622", "qt500-14", "iso13485"])
def test_models_standards_and_grades_are_identifiers(token):
    assert is_identifier(token)


@pytest.mark.parametrize("token", ["0.1%", "30s", "10ppt", "60mg/ml", "1500", "ppt", "焊缝", "_焊缝", "mol"])
def test_values_units_and_words_are_no_identifiers(token):
    assert not is_identifier(token)


def test_a_value_decides_where_it_stands_in_the_title_and_not_elsewhere():
    asked = words("-60℃ 冷库 降温 误差 0.1% 2000 1550nm 35w270")
    assert exact_words(asked, "-60℃冷库2000 1550nm") == {"60°c", "1550nm", "35w270"}
    assert exact_words(asked, "冷库") == {"35w270"}


def test_exact_tokens_are_counted_apart(index):
    index.put(1, {"problem": "控制器 S7-1500 通信"})
    index.put(2, {"problem": "控制器通信"})
    found = index.matches({"problem": "S7-1500 通信"}, [1, 2])
    assert found[1].exact == 2 * idf(2, 1)
    assert found[2].exact == 0.0


def test_coverage_counts_words_that_no_record_holds(index):
    index.put(1, {"title": "焊缝"})
    coverage = index.matches({"problem": "焊缝 量子"}, [1])[1].coverage
    assert coverage == pytest.approx(idf(1, 1) / (idf(1, 1) + idf(1, 0)))


def test_putting_again_replaces_and_removing_forgets(index):
    index.put(1, {"title": "焊缝"})
    index.put(1, {"title": "涂布"})
    assert index.search({"problem": "焊缝"}, 5) == []
    assert [record for record, _ in index.search({"problem": "涂布"}, 5)] == [1]
    assert index.count() == 1
    index.remove(1)
    index.remove(1)
    assert index.count() == 0
    assert index.search({"problem": "涂布"}, 5) == []


TYPED = ['" OR "', "NEAR(a b)", "title:焊缝", "a*", "焊缝 AND NOT", "'; DROP TABLE x; --", "()", "-a ^b"]


@pytest.mark.parametrize("text", TYPED)
def test_nothing_that_is_typed_is_query_syntax(index, text):
    index.put(1, {"title": "别的"})
    assert index.search({"problem": text}, 5) == []
    assert index.count() == 1


def test_scores_of_given_records_rank_them_like_the_search(index):
    for record, title in enumerate(["焊缝检测", "焊缝", "检测设备", "水质"]):
        index.put(record, {"title": title})
    query = {"problem": "焊缝检测"}
    scores = index.scores(query, [3, 2, 1, 0, 99])
    assert sorted(scores, key=scores.get, reverse=True) == [record for record, _ in index.search(query, 3)]
    assert all(score > 0 for score in scores.values())


def test_tiers_do_not_share_words_or_rarity(index):
    other = LexicalIndex(index._run.__self__, "need", "members")
    other.create()
    index.put(1, {"title": "焊缝"})
    other.put(2, {"title": "焊缝 压铸"})
    assert index.search({"problem": "压铸"}, 5) == []
    assert index.rarity(["焊缝", "压铸"]) == {"焊缝": idf(1, 1), "压铸": idf(1, 0)}


def test_it_works_over_a_sqlalchemy_connection():
    engine = create_engine("sqlite://", module=pysqlite3.dbapi2)
    with engine.connect() as connection:
        index = LexicalIndex(connection, "capability", "public")
        index.create()
        index.put(3, {"title": "焊缝检测"})
        assert [record for record, _ in index.search({"problem": "焊缝"}, 5)] == [3]
        assert set(index.matches({"problem": "焊缝"}, [3])) == {3}
    engine.dispose()


@pytest.mark.parametrize(("kind", "tier"), [("need; drop", "public"), ("need", "Public"), ("", "public")])
def test_a_table_name_is_made_of_plain_words_only(kind, tier):
    with pytest.raises(ValueError, match="lower-case words"):
        table_name(kind, tier)
    with pytest.raises(ValueError, match="lower-case words"):
        DDL(kind, tier)
