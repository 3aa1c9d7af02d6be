import json
import math
from pathlib import Path

import pytest

from kcz_match.matching import evaluation
from kcz_match.matching.evaluation import BadFolder
from tests.fakes import FakeEncoder


@pytest.fixture
def folder(tmp_path):
    _write(
        tmp_path / "corpus.jsonl",
        [
            {"_id": "a", "title": "焊缝视觉检测", "text": "薄板焊缝咬边检测"},
            {"_id": "b", "title": "", "text": "污水处理厂曝气控制"},
            {"_id": "c", "title": "荔枝保鲜", "text": "冷链运输", "metadata": {"discipline": "农学"}},
        ],
    )
    _write(
        tmp_path / "queries.jsonl",
        [{"_id": "1", "text": "焊缝检测"}, {"_id": "2", "text": "曝气"}, {"_id": "3", "text": "量子计算"}],
    )
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n1\ta\t2\n1\tc\t0\n2\tb\t1\n3\tc\t0\n", encoding="utf-8"
    )
    return tmp_path


def _write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_the_result_has_the_agreed_shape_and_leaves_out_queries_without_an_answer(folder):
    result = evaluation.evaluate(folder, FakeEncoder())
    assert {"encoder", "queries", "documents", "encode_seconds", "query_ms", "runs"} <= set(result)
    assert (result["encoder"], result["queries"], result["documents"]) == ("fake@1", 2, 3)
    assert result["queries_without_answer"] == 1
    perfect = dict.fromkeys(evaluation.METRICS, 1.0)
    assert result["runs"] == dict.fromkeys(("dense", "lexical", "rrf", "whole", "fused"), perfect)
    assert result["gains"] == dict.fromkeys(("dense", "lexical", "rrf", "whole"), [0.0, 0.0, 0.0])
    assert result["classes"] == {}
    assert json.loads(json.dumps(result)) == result


def test_the_table_names_every_run_and_what_was_left_out(folder):
    text = evaluation.table(evaluation.evaluate(folder, FakeEncoder()))
    assert [line.split()[0] for line in text.splitlines() if line] == [
        "encoder", "documents", "encode", "run", "dense", "lexical", "rrf", "whole", "fused",
        "strong", "possible", "weak", "queries", "queries",
    ]  # fmt: skip
    assert "(left out) 1" in text


def test_queries_are_counted_by_their_class_and_those_of_another_split_left_out(folder):
    rows = [
        {"_id": "1", "text": "焊缝检测", "metadata": {"class": "exact", "split": "dev"}},
        {"_id": "2", "text": "曝气", "metadata": {"class": "paraphrase"}},
        {"_id": "3", "text": "量子计算", "metadata": {"class": "none"}},
    ]
    _write(folder / "queries.jsonl", rows)
    result = evaluation.evaluate(folder, FakeEncoder())
    assert {name: one["queries"] for name, one in result["classes"].items()} == {"paraphrase": 1}
    assert (result["queries"], result["bands"]["without_answer"]["needs"]) == (1, 1)
    assert "paraphrase        1" in evaluation.table(result)
    (folder / "qrels" / "other.tsv").write_text("1\ta\t1\n", encoding="utf-8")
    rows[1]["metadata"]["split"] = rows[2]["metadata"]["split"] = "test"
    _write(folder / "queries.jsonl", rows)
    with pytest.raises(BadFolder, match="没有属于“other”的查询"):
        evaluation.read(folder, "other")


def test_a_gain_is_the_mean_difference_with_an_interval_around_it():
    assert evaluation.gain([1.0, 1.0], [0.5, 0.5]) == (0.5, 0.5, 0.5)
    mean, low, high = evaluation.gain([1.0, 0.0, 1.0, 1.0], [0.0, 0.5, 1.0, 1.0])
    assert mean == 0.125
    assert low < 0 < mean < high
    assert evaluation.gain([1.0, 0.0], [0.0, 1.0]) == evaluation.gain([1.0, 0.0], [0.0, 1.0])


def test_rank_fusion_adds_reciprocal_places_and_breaks_ties_by_the_smaller_id():
    assert evaluation.rank_fusion([3, 1], [1, 3]) == [1, 3]
    assert evaluation.rank_fusion([7, 5], [5]) == [5, 7]


def test_metrics_follow_trec_eval_with_linear_gain():
    found = evaluation.metrics(["x", "b", "a"], {"a": 2, "b": 1, "z": 1, "x": 0})
    gained = 1 / math.log2(3) + 2 / math.log2(4)
    ideal = 2 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found == {
        "recall@1": 0.0, "recall@10": 2 / 3, "recall@100": 2 / 3, "mrr@10": 0.5, "ndcg@10": gained / ideal,
    }  # fmt: skip


def test_a_first_answer_at_place_eleven_counts_for_recall_at_100_only():
    found = evaluation.metrics([*"abcdefghij", "k"], {"k": 1})
    assert (found["recall@10"], found["recall@100"], found["mrr@10"], found["ndcg@10"]) == (0.0, 1.0, 0.0, 0.0)


def test_the_products_own_fields_are_compared_when_the_metadata_has_them():
    metadata = {"keywords": ["焊缝", "视觉"], "problem": "漏检", "method": "双目", "claims": ["漏检率 0.1%"]}
    assert evaluation.compared_texts("检测", "不用的正文", metadata) == {
        "title": "检测 焊缝 视觉", "problem": "漏检\n双目", "target": "漏检率 0.1%",
    }  # fmt: skip
    assert evaluation.compared_texts("检测", "正文", {"discipline": "x"}) == {"title": "检测", "problem": "正文"}
    assert evaluation.compared_texts("", "正文", {"keywords": "焊缝"}) == {"title": "焊缝", "problem": "正文"}
    assert evaluation.compared_texts(" ", "", {}) == {}


def test_of_a_plain_query_its_wishes_are_told_apart_as_its_target_and_those_of_a_document_are_not():
    text = "阀体漏气，一百件退七八件。希望漏检不超过千分之一。"
    assert evaluation.compared_texts("", text, {}, is_query=True) == {
        "problem": "阀体漏气，一百件退七八件。", "target": "希望漏检不超过千分之一。",
    }  # fmt: skip
    assert evaluation.compared_texts("", text, {}) == {"problem": text}
    assert evaluation.compared_texts("", "阀体漏气", {}, is_query=True) == {"problem": "阀体漏气"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("corpus.jsonl", None, "缺少文件 corpus.jsonl"),
        ("qrels/test.tsv", None, "缺少文件 qrels/test.tsv"),
        ("corpus.jsonl", "", "至少要有一行"),
        ("corpus.jsonl", '{"_id": "a", "text": "甲"}\n{坏', "corpus.jsonl 第 2 行不是合法的 JSON"),
        ("queries.jsonl", '\n["a"]', "queries.jsonl 第 2 行应是一个 JSON 对象"),
        ("queries.jsonl", '{"text": "甲"}', "第 1 行缺少 _id"),
        ("queries.jsonl", '{"_id": "1", "text": " "}', "没有任何文字"),
        ("queries.jsonl", '{"_id": "1", "text": 5}', "title 和 text 应是文字"),
        ("corpus.jsonl", '{"_id": "a", "text": "甲"}\n{"_id": "a", "text": "乙"}', "第 2 行的 _id a 重复"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\n1\ta", "第 2 行应有 3 列"),
        ("qrels/test.tsv", "9\ta\t1", "第 1 行：queries.jsonl 里没有查询 9"),
        ("qrels/test.tsv", "1\tz\t1", "第 1 行：corpus.jsonl 里没有文档 z"),
        ("qrels/test.tsv", "1\ta\tgood", "score 应是整数"),
        ("queries.jsonl", b"\xff\xfe\xd6", "无法读取 queries.jsonl"),
    ],
)
def test_a_folder_that_cannot_be_evaluated_is_refused_with_file_and_line(folder, name, content, sentence):
    path = folder / name
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(BadFolder, match=sentence):
        evaluation.read(folder)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(BadFolder, match="没有这个目录"):
        evaluation.read(tmp_path / "none")


@pytest.mark.encoder
def test_with_the_real_encoder_the_final_ranking_finds_what_other_words_say(encoder, tmp_path):
    benchmark = evaluation.read(Path(__file__).resolve().parents[1] / "data" / "match-small")
    paraphrased = [line for line in benchmark.queries if line.metadata["class"] == "paraphrase"][:8]
    graded = {key for line in paraphrased for key in benchmark.grades[line.key]}
    documents = [line for line in benchmark.documents if line.key in graded]
    _write(tmp_path / "corpus.jsonl", [{"_id": one.key, "text": "\n".join(one.texts.values())} for one in documents])
    _write(tmp_path / "queries.jsonl", [{"_id": one.key, "text": "\n".join(one.texts.values())} for one in paraphrased])
    rows = [f"{one.key}\t{key}\t{grade}\n" for one in paraphrased for key, grade in benchmark.grades[one.key].items()]
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("".join(rows), encoding="utf-8")
    runs = evaluation.evaluate(tmp_path, encoder)["runs"]
    assert runs["fused"]["ndcg@10"] > runs["dense"]["ndcg@10"] + 0.1
    assert runs["fused"]["ndcg@10"] > runs["lexical"]["ndcg@10"] + 0.3
