"""The quality of the ranking on labelled sets: measured by the product's evaluation, kept, read back."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import func, select

from kcz_match.brokerage import quality
from kcz_match.brokerage.models import QualityRun
from kcz_match.core.db import db
from kcz_match.matching import evaluation
from kcz_match.matching.ranking import WEIGHTS
from tests.brokerage.stored import ago
from tests.fakes import FakeEncoder

LABELLED = Path(__file__).parents[1] / "data" / "match-small"
NEEDS = 6


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """The first needs of a labelled set with the capabilities that answer them: enough to measure, quick to measure."""
    folder = tmp_path_factory.mktemp("sets") / "match-small"
    (folder / "qrels").mkdir(parents=True)
    benchmark = evaluation.read(LABELLED)
    asked = [line.key for line in benchmark.queries if benchmark.has_answer(line.key)][:NEEDS]
    answers = {key for need in asked for key in benchmark.grades[need]}
    for name, keys in (("queries", set(asked)), ("corpus", answers)):
        rows = (LABELLED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [row for row in rows if json.loads(row)["_id"] in keys]
        (folder / f"{name}.jsonl").write_text("".join(kept), encoding="utf-8")
    rows = (LABELLED / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "qrels" / "test.tsv").write_text(
        "".join(row for row in rows if row.split("\t")[0] in asked), encoding="utf-8"
    )
    return folder


def keep(name: str = "match", days: float = 0, encoder: str = "e5", **figures) -> QualityRun:
    run = QualityRun(name=name, encoder=encoder, weights={}, figures=figures, made_at=ago(days))
    db.session.add(run)
    db.session.commit()
    return run


def test_a_measurement_is_what_the_evaluation_says_with_encoder_and_weights(app, small):
    encoder = FakeEncoder()
    run = quality.measure(small, encoder)
    db.session.commit()
    said = evaluation.evaluate(small, encoder)
    kept = db.session.get(QualityRun, run.id)
    assert (kept.name, kept.encoder, kept.weights) == ("match-small", encoder.name, asdict(WEIGHTS))
    assert kept.figures["runs"] == said["runs"]
    assert quality.metric(kept, "ndcg@10") == said["runs"]["fused"]["ndcg@10"]
    assert quality.queries_of(kept) == said["queries"]


def test_the_evaluation_itself_leaves_the_database_alone(app, count_queries, small):
    assert count_queries(lambda: evaluation.evaluate(small, FakeEncoder())) == 0
    assert db.session.scalar(select(func.count(QualityRun.id))) == 0


def test_a_folder_that_cannot_be_read_leaves_no_run(app, tmp_path, small):
    broken = tmp_path / "broken"
    shutil.copytree(small, broken)
    (broken / "corpus.jsonl").unlink()
    with pytest.raises(evaluation.BadFolder):
        quality.measure(broken, FakeEncoder())
    db.session.commit()
    assert db.session.scalar(select(func.count(QualityRun.id))) == 0


def test_the_course_of_one_set_is_in_order_of_time_and_can_be_of_one_encoder(app):
    late, early, other = keep(days=1), keep(days=9), keep(days=5, encoder="neu")
    keep("anders")
    assert quality.names() == ["anders", "match"]
    assert quality.course("match") == [early, other, late]
    assert quality.course("match", "neu") == [other]
    assert quality.course("match", limit=2) == [other, late]
    assert (quality.course("gibt es nicht"), quality.course("")) == ([], [])


def test_figures_by_class_stand_after_those_of_all_in_the_order_of_ways(app):
    part = {"fused": {"ndcg@10": 0.7}, "dense": {"ndcg@10": 0.6}, "fields": {"ndcg@10": 0.8}}
    run = keep(queries=9, runs=part, classes={"paraphrase": {"queries": 3, "runs": part}})
    found = quality.by_class(run)
    assert list(found) == ["all", "paraphrase"]
    assert list(found["all"]) == ["dense", "fused", "fields"]
    assert found["paraphrase"]["fields"] == {"ndcg@10": 0.8}
    assert (quality.queries_of(run), quality.queries_of(run, "paraphrase")) == (9, 3)
    assert quality.queries_of(run, "unknown") is None


def test_a_run_without_figures_is_read_as_not_measured(app):
    run = keep()
    assert quality.metric(run, "ndcg@10") is None
    assert quality.by_class(run) == {"all": {}}


def test_gains_and_bands_are_read_where_they_were_measured(app):
    run = keep(
        gains={"dense": [0.05, 0.01, 0.09]},
        classes={"paraphrase": {"gains": {}}},
        bands={"weak": {"answers": 3, "right": None}, "strong": {"answers": 4, "right": 0.75}, "needs_with_strong": 2},
    )
    assert quality.gain_of(run) == (0.05, 0.01, 0.09)
    assert (quality.gain_of(run, "paraphrase"), quality.gain_of(run, over="rrf"), quality.gain_of(keep())) == (
        None,
    ) * 3
    assert quality.bands(run) == {"strong": (4, 0.75), "weak": (3, None)}


def test_another_split_has_a_course_of_its_own(app, tmp_path, small):
    folder = tmp_path / "match"
    shutil.copytree(small, folder)
    shutil.copy(folder / "qrels" / "test.tsv", folder / "qrels" / "dev.tsv")
    quality.measure(folder, FakeEncoder(), "dev")
    quality.measure(folder, FakeEncoder())
    db.session.commit()
    assert quality.names() == ["match", "match/dev"]


def test_the_command_measures_keeps_and_prints(app, monkeypatch, small):
    monkeypatch.setattr("kcz_match.matching.encoder.load", lambda folder: FakeEncoder())
    done = app.test_cli_runner().invoke(args=["match", "quality", str(small)])
    assert done.exit_code == 0, done.output
    assert "kept as match-small" in done.output
    assert [run.encoder for run in quality.course("match-small")] == [FakeEncoder().name]
    missing = app.test_cli_runner().invoke(args=["match", "quality", "nowhere"])
    assert missing.exit_code == 1
    assert len(quality.course("match-small")) == 1
