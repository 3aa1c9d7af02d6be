"""What people say about a pair: an organisation's own pin with its reason, and the notes that both sides read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from kcz_match.accounts.models import Organisation
from kcz_match.brokerage.models import MatchNote, MatchPin
from kcz_match.catalogue.models import Need
from kcz_match.core import policy
from kcz_match.core.db import db
from kcz_match.core.policy import Actor
from kcz_match.matching.queries import Match

Keys = tuple[int, int]


@dataclass(frozen=True)
class Said:
    """What somebody wrote about a pair, and who it was in the words of this viewer."""

    who: str
    sentence: str
    is_own: bool


@dataclass(frozen=True)
class Remarks:
    """What is said about a pair: why the viewer's organisation pinned it ('' without a pin), and everybody's notes."""

    pin: str = ""
    notes: tuple[Said, ...] = ()

    @property
    def own_note(self) -> str:
        """The note of the viewer's organisation, '' without one."""
        return next((note.sentence for note in self.notes if note.is_own), "")


def remarks_about(matches: Sequence[Match], actor: Actor) -> dict[Keys, Remarks]:
    """Return by (need id, capability id) what this viewer may read that people said about each pair; in two queries.

    Pins are the viewer's organisation's own, notes everybody's.  The owner of a need is not named to others.
    """
    by_key = {(match.need.id, match.capability.id): match for match in matches}
    pins = db.session.scalars(
        select(MatchPin).where(_is_among(MatchPin, by_key), MatchPin.organisation_id == actor.organisation_id)
    )
    reasons = {(pin.need_id, pin.capability_id): pin.reason for pin in pins}
    notes: dict[Keys, list[Said]] = {}
    rows = db.session.execute(
        select(MatchNote, Organisation)
        .join(Organisation, Organisation.id == MatchNote.organisation_id)
        .where(_is_among(MatchNote, by_key))
        .order_by(MatchNote.id)
    ).all()
    for note, writer in rows:
        key = (note.need_id, note.capability_id)
        if key in by_key:
            is_own = writer.id == actor.organisation_id
            who = "本单位" if is_own else _name(writer, by_key[key].need, actor)
            notes.setdefault(key, []).append(Said(who, note.sentence, is_own))
    return {key: Remarks(reasons.get(key, ""), tuple(notes.get(key, ()))) for key in by_key}


def _is_among(model: Any, keys: Iterable[Keys]) -> ColumnElement[bool]:
    """A superset of the pairs in two short lists of ids; the caller picks."""
    return and_(model.need_id.in_({need for need, _ in keys}), model.capability_id.in_({offer for _, offer in keys}))


def _name(writer: Organisation, need: Need, actor: Actor) -> str:
    is_unnamed = writer.id == need.organisation_id and not policy.can(actor, "need.read_own", need)
    return "需求方" if is_unnamed else writer.name
