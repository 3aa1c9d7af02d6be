"""The labelled set of needs and capabilities, and what the final ranking does with a part of it."""

import json
from collections import Counter
from pathlib import Path

import pytest

from kcz_match.matching import evaluation, sample

SET = Path(__file__).resolve().parents[1] / "data" / "match"
TRADES = "cd"


@pytest.fixture(scope="module")
def halves():
    return {half: evaluation.read(SET, half) for half in ("dev", "test")}


def test_no_need_is_in_both_halves_and_every_need_is_in_one(halves):
    dev, test = ({line.key for line in halves[half].queries} for half in ("dev", "test"))
    every = [json.loads(row)["_id"] for row in (SET / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (dev & test, dev | test) == (set(), set(every))
    assert len(every) >= 120
    assert all(key in dev for key in halves["dev"].grades)
    assert all(key in test for key in halves["test"].grades)


def test_the_hard_kinds_of_needs_have_their_share_in_both_halves(halves):
    for half in halves.values():
        kinds = Counter(line.metadata["class"] for line in half.queries)
        answerable = sum(half.has_answer(line.key) for line in half.queries)
        assert kinds["paraphrase"] >= answerable / 3
        assert kinds["lookalike"] >= answerable / 4
        assert kinds["exact"] >= answerable / 6
        assert kinds["none"] >= 10
        assert kinds["vague"] >= 9


def test_exactly_the_needs_meant_to_have_an_answer_have_one_that_fits_fully(halves):
    for half in halves.values():
        for line in half.queries:
            best = max(half.grades.get(line.key, {"": 0}).values())
            assert (line.key, best) == (line.key, 0 if line.metadata["class"] in ("none", "vague") else 2)
    assert len(halves["dev"].documents) >= 400


def test_no_text_of_the_set_is_among_those_by_which_encoders_are_measured(halves):
    texts = {text for line in halves["dev"].documents for text in line.texts.values()}
    assert texts & {*sample.NEEDS, *sample.CAPABILITIES} == set()


@pytest.mark.encoder
def test_with_the_real_encoder_the_final_ranking_beats_both_channels_on_two_trades(encoder, halves, tmp_path):
    rows = (SET / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if json.loads(row)["_id"][1] in TRADES]
    (tmp_path / "corpus.jsonl").write_text("\n".join(kept), encoding="utf-8")
    needs = (SET / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [row for row in needs if json.loads(row)["_id"][0] in TRADES]
    (tmp_path / "queries.jsonl").write_text("\n".join(asked), encoding="utf-8")
    graded = (SET / "qrels" / "dev.tsv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "qrels").mkdir()
    lines = [graded[0], *(row for row in graded[1:] if row[0] in TRADES)]
    (tmp_path / "qrels" / "dev.tsv").write_text("\n".join(lines), encoding="utf-8")
    result = evaluation.evaluate(tmp_path, encoder, split="dev")
    ndcg = {run: found["ndcg@10"] for run, found in result["runs"].items()}
    assert ndcg["fused"] > max(ndcg["dense"], ndcg["lexical"]) + 0.05
    assert ndcg["fused"] > ndcg["rrf"] + 0.05
    paraphrase = {run: found["ndcg@10"] for run, found in result["classes"]["paraphrase"]["runs"].items()}
    assert paraphrase["fused"] > max(paraphrase["dense"], paraphrase["lexical"]) + 0.08
    bands = result["bands"]
    assert bands["without_answer"]["no_strong"] >= 0.9 * bands["without_answer"]["needs"]
