"""The quality of the ranking on labelled sets, measured now and kept, so that its course can be seen.

``measure`` runs ``matching.evaluation`` (which touches nothing of the site) and stores what it says as a
``QualityRun``.  Figures are kept as they were returned; ``by_class`` reads them, whatever more a later version says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from kcz_match.brokerage.models import QualityRun
from kcz_match.core.db import db
from kcz_match.matching import evaluation
from kcz_match.matching.ranking import WEIGHTS, Weights

RUNS = ("lexical", "dense", "rrf", "whole", "fused")
USUAL_SPLIT = "test"
OVERALL = "all"
BANDS = ("strong", "possible", "weak")
MOST_RUNS = 60


def measure(directory: str | Path, encoder: Any, split: str = USUAL_SPLIT, weights: Weights = WEIGHTS) -> QualityRun:
    """Measure the ranking on a labelled folder and add the figures to the session; folder and split name the course.

    ``evaluation.BadFolder`` when the folder cannot be read: nothing is added then.
    """
    folder = Path(directory).resolve()
    figures = evaluation.evaluate(folder, encoder, weights=weights, split=split)
    name = folder.name if split == USUAL_SPLIT else f"{folder.name}/{split}"
    run = QualityRun(name=name, encoder=encoder.name, weights=asdict(weights), figures=figures)
    db.session.add(run)
    return run


def names() -> list[str]:
    """Return the names of all labelled sets, the most recently measured first."""
    query = select(QualityRun.name).group_by(QualityRun.name).order_by(func.max(QualityRun.id).desc())
    return list(db.session.scalars(query))


def course(name: str, encoder: str = "", limit: int = MOST_RUNS) -> Sequence[QualityRun]:
    """Return the last runs on a labelled set, the oldest of them first."""
    query = select(QualityRun).where(QualityRun.name == name).order_by(QualityRun.made_at.desc(), QualityRun.id.desc())
    if encoder:
        query = query.where(QualityRun.encoder == encoder)
    return list(reversed(db.session.scalars(query.limit(limit)).all()))


def metric(run: QualityRun, name: str, way: str = "fused") -> float | None:
    """Return one figure over all queries of a run, None where it was not measured."""
    return _figures(run.figures).get(way, {}).get(name)


def by_class(run: QualityRun) -> dict[str, dict[str, Mapping[str, float]]]:
    """Return class of challenge -> way of ranking -> figures, ``OVERALL`` first."""
    classes = run.figures.get("classes") or {}
    return {OVERALL: _figures(run.figures), **{name: _figures(each) for name, each in classes.items()}}


def queries_of(run: QualityRun, name: str = OVERALL) -> int | None:
    """Return how many queries the figures of a class rest on, None where it was not said."""
    return _part(run, name).get("queries")


def gain_of(run: QualityRun, name: str = OVERALL, over: str = "dense") -> tuple[float, float, float] | None:
    """Return by how much nDCG@10 of ``fused`` is above another way, with its 95 % interval; None when not measured."""
    found = (_part(run, name).get("gains") or {}).get(over)
    return tuple(found) if found else None


def bands(run: QualityRun) -> dict[str, tuple[int, float | None]]:
    """Return band -> (answers that reach it, share of them that is right), for what was measured."""
    found = run.figures.get("bands") or {}
    return {code: (found[code]["answers"], found[code]["right"]) for code in BANDS if code in found}


def _part(run: QualityRun, name: str) -> Mapping[str, Any]:
    return run.figures if name == OVERALL else (run.figures.get("classes") or {}).get(name, {})


def _figures(part: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """Return the ways of ranking of one part, in the order of ``RUNS``, others after them."""
    runs = part.get("runs") or {}
    order = [*(name for name in RUNS if name in runs), *(name for name in runs if name not in RUNS)]
    return {name: runs[name] for name in order if isinstance(runs[name], Mapping)}
