"""A need cut into parts: proposing and keeping the cut, and the small set of providers that covers it.

Nothing here commits.  A part asks by its own sentence and the indicators that the sentence speaks of.  The title of the
need is left out of the question: it speaks of all parts at once, and what answers one part would answer every other
(measured, see ``BANDS``).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import delete, select
from sqlalchemy.orm import selectinload

from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import cutting
from kcz_match.brokerage.cover import Cover, cover
from kcz_match.brokerage.models import MatchVeto, NeedPart
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.fields import Indicator
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.visibility import tiers_open_to
from kcz_match.core import audit, policy
from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.core.policy import Actor
from kcz_match.matching import explanation, filters, ranking, reading, vectors
from kcz_match.matching.documents import MEMBERS, PUBLIC, Document
from kcz_match.matching.engine import engine
from kcz_match.matching.explanation import Cell, QuotedPair, Side
from kcz_match.matching.lexical import LexicalIndex
from kcz_match.matching.models import MatchDecision
from kcz_match.matching.ranking import Scored
from kcz_match.matching.reasons import Decision
from kcz_match.matching.retrieval import WHOLE, Query, retrieve
from kcz_match.matching.terms import capability_terms, need_terms

FEWEST, MOST = 2, 8
SHORTEST, LONGEST = 6, 200
MOST_ANSWERS = 40
# A sentence scores on another scale than a whole record, and says less ("Parts of a need" in docs/matching.md, measured
# by `python scripts/calibrate_parts.py`).  Of the answers to one sentence of the demo needs 0.90 are right from 8.5 on
# and 0.76 from 7.5 on; at 6.0, 可谈 for a whole record, half are wrong.  In a catalogue made of lookalikes most are
# wrong at any score.
BANDS: tuple[tuple[str, float], ...] = (("strong", 8.5), ("possible", 7.5))
QUOTED = tuple(Cell(name, "problem", name) for name in ("problem", "target", "title"))


@dataclass(frozen=True)
class Answer:
    """The best capability of one provider for one part, with the pair of sentences that says so."""

    capability: Capability
    scored: Scored
    pair: QuotedPair | None = None

    @property
    def band(self) -> str:
        """强 or 可谈, on the scale of parts."""
        return ranking.band_by_score(self.scored, BANDS)


@dataclass(frozen=True)
class Part:
    """One part, what answers it by organisation, and how many more only hard filters keep out, by the first's name."""

    sentence: str
    indicators: Sequence[Indicator]
    answers: Mapping[int, Answer]
    kept_out: Mapping[str, int]


@dataclass(frozen=True)
class PartsCover:
    """The parts of a need and the few providers that cover them, as far as anybody does."""

    parts: Sequence[Part]
    providers: Sequence[Organisation]
    result: Cover

    @cached_property
    def chosen(self) -> list[Organisation]:
        """The providers of the cover, those with most parts first."""
        taken = Counter(self.result.given.values())
        return [self.providers[place] for place in sorted(self.result.chosen, key=lambda place: (-taken[place], place))]

    @property
    def covered(self) -> int:
        """How many parts have a provider."""
        return len(self.result.given)

    @property
    def missing(self) -> list[tuple[int, Part]]:
        """The parts without a provider, with their numbers from 1."""
        return [(number, part) for number, part in enumerate(self.parts, 1) if number - 1 not in self.result.given]

    def taker(self, number: int) -> Organisation | None:
        """Return who takes part ``number`` (from 1)."""
        place = self.result.given.get(number - 1)
        return None if place is None else self.providers[place]

    def others(self, part: Part) -> list[Organisation]:
        """Return who could take a part too, the best first."""
        able = [unit for unit in self.providers if unit.id in part.answers and unit not in self.chosen]
        return sorted(able, key=lambda unit: -part.answers[unit.id].scored.score)

    def is_crowded(self, number: int) -> bool:
        """Say whether part ``number`` is only missing because those who could take it have their places full."""
        return number - 1 in self.result.crowded

    def best_of(self, unit: Organisation) -> Answer:
        """Return the answer by which a provider is asked: its best one among the parts that it takes."""
        mine = [part.answers[unit.id] for number, part in enumerate(self.parts, 1) if self.taker(number) is unit]
        return max(mine, key=lambda one: one.scored.score)


def suggest_parts(need: Need) -> list[str]:
    """Return a proposal for cutting a need, as verbatim slices of its text; nothing when it says one thing only."""
    return cutting.propose(need.problem, need.target, need.rows)


def parts_of(need: Need) -> list[str]:
    """Return the sentences of the kept cut in order, nothing when the need is not cut."""
    return list(
        db.session.scalars(select(NeedPart.sentence).where(NeedPart.need_id == need.id).order_by(NeedPart.position))
    )


def mark_of(sentences: Sequence[str]) -> str:
    """Return what tells one cut from another, so that a form knows whether somebody changed it meanwhile."""
    return hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:16]


def save_parts(need: Need, actor: Actor, sentences: Sequence[str], seen: str | None = None) -> list[str]:
    """Keep a cut in place of the one there was, and return it; blank lines are dropped.

    ``seen`` is the mark of the cut that the form was opened on.  Raises ``Invalid`` by the number of the line,
    ``Conflict`` when somebody changed the cut since.
    """
    policy.require(actor, "need.split", need)
    typed = [" ".join(clean(sentence).split()) for sentence in sentences]
    wanted = [sentence for sentence in typed if sentence]
    if errors := _errors(typed, wanted):
        raise Invalid(errors)
    _replace(need, actor, wanted, seen)
    return wanted


def clear_parts(need: Need, actor: Actor, seen: str | None = None) -> None:
    """Make the need whole again; nothing happens when it is."""
    policy.require(actor, "need.split", need)
    _replace(need, actor, [], seen)


def cover_of(need: Need, actor: Actor) -> PartsCover | None:
    """Return who covers the parts of a need, for somebody who may read its matches; None when it is not cut.

    A need that is not listed finds nobody.  Several capabilities of one organisation count as one provider, which is
    given no more parts than all of them together take contacts in a month.
    """
    policy.require(actor, "match.read", need)
    sentences = parts_of(need)
    return _cover(need, sentences, actor) if sentences else None


def trial_cover(need: Need, actor: Actor) -> PartsCover | None:
    """Return who would cover the proposed parts of a need, None when there is nothing to propose; nothing is kept."""
    policy.require(actor, "match.read", need)
    sentences = suggest_parts(need)
    return _cover(need, sentences, actor) if sentences else None


def _cover(need: Need, sentences: Sequence[str], actor: Actor) -> PartsCover:
    asking = [_asking(sentence, need.rows) for sentence in sentences]
    queries = vectors.queries(engine().encoder, asking)
    found = _found(queries, actor) if need.is_listed else [[] for _ in queries]
    records = _records(need, actor, {one.record_id for answers in found for one in answers})
    parts = [_part(sentence, need, answers, records) for sentence, answers in zip(sentences, found, strict=True)]
    return _covered(parts, queries, actor)


def _errors(typed: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    errors = {
        f"part-{place}": f"每个子问题写 {SHORTEST}–{LONGEST} 个字，这一条有 {len(sentence)} 个字。"
        for place, sentence in enumerate(typed)
        if sentence and not SHORTEST <= len(sentence) <= LONGEST
    }
    for place, sentence in enumerate(typed):
        if sentence and sentence in typed[:place]:
            errors.setdefault(f"part-{place}", "这一条和前面的重复了。")
    if not FEWEST <= len(wanted) <= MOST:
        errors["parts"] = f"请写 {FEWEST}–{MOST} 个子问题，现在 {len(wanted)} 个。不想拆分就点“不拆了”。"
    return errors


def _replace(need: Need, actor: Actor, wanted: Sequence[str], seen: str | None) -> None:
    before = parts_of(need)
    if seen is not None and seen != mark_of(before):
        raise Conflict("刚才有人改过这条需求的拆分。请核对下面的最新内容，再保存。")
    if before == list(wanted):
        return
    db.session.execute(delete(NeedPart).where(NeedPart.need_id == need.id))
    db.session.add_all(
        NeedPart(need_id=need.id, position=place, sentence=sentence) for place, sentence in enumerate(wanted, 1)
    )
    audit.write(actor, "need.split", need, parts_before=before, parts_after=list(wanted))


def _asking(sentence: str, rows: Sequence[Indicator]) -> Document:
    named = "\n".join(row.text() for row in cutting.named_in(sentence, rows))
    return Document("need", {"problem": sentence} | ({"target": named} if named else {}))


def _found(queries: Sequence[Query], actor: Actor) -> list[list[Scored]]:
    """Return for each part what reaches the lowest band, best first."""
    tier = MEMBERS if policy.is_member(actor, None) else PUBLIC
    channel = engine().index.channel("capability", tier)
    words = LexicalIndex(db.session.connection(), "capability", tier)
    return [
        [one for one in retrieve(query, channel, words, MOST_ANSWERS) if ranking.band_by_score(one, BANDS) != "none"]
        for query in queries
    ]


def _records(need: Need, actor: Actor, ids: Collection[int]) -> dict[int, Capability]:
    """Return the listed capabilities among ``ids`` that nobody ruled out for this need, and that may meet it at all."""
    ruled_out = set(db.session.scalars(select(MatchVeto.capability_id).where(MatchVeto.need_id == need.id))) | set(
        db.session.scalars(
            select(MatchDecision.capability_id).where(
                MatchDecision.need_id == need.id,
                MatchDecision.decision == Decision.REFUSE,
                MatchDecision.organisation_id.in_([need.organisation_id, actor.organisation_id]),
            )
        )
    )
    rows = db.session.scalars(
        catalogue.listed_capabilities()
        .where(Capability.id.in_(set(ids) - ruled_out))
        .options(selectinload(Capability.organisation), selectinload(Capability.claims))
    )
    return {row.id: row for row in rows}


def _part(sentence: str, need: Need, found: Sequence[Scored], records: Mapping[int, Capability]) -> Part:
    answers: dict[int, Answer] = {}
    kept_out: Counter[str] = Counter()
    for one in found:
        capability = records.get(one.record_id)
        if capability is None:
            continue
        lines = filters.check(need_terms(need), capability_terms(capability))
        failed = [line for line in lines if not line.passed]
        if not failed:
            answers.setdefault(capability.organisation_id, Answer(capability, one))
        elif all(line.code != filters.OPEN for line in failed):
            kept_out[failed[0].name] += 1
    return Part(sentence, cutting.named_in(sentence, need.rows), answers, kept_out)


def _covered(parts: Sequence[Part], queries: Sequence[Query], actor: Actor) -> PartsCover:
    units = {
        answer.capability.organisation_id: answer.capability.organisation
        for part in parts
        for answer in part.answers.values()
    }
    best = {key: max(part.answers[key].scored.score for part in parts if key in part.answers) for key in units}
    providers = sorted(units.values(), key=lambda unit: (-best[unit.id], unit.id))
    scores = [
        [part.answers[unit.id].scored.score if unit.id in part.answers else None for unit in providers]
        for part in parts
    ]
    result = cover(scores, [_limit(parts, unit) for unit in providers])
    chosen = {providers[place].id for place in result.chosen}
    quoted = _quoted(parts, queries, chosen, actor)
    return PartsCover(quoted, providers, result)


def _limit(parts: Sequence[Part], unit: Organisation) -> int | None:
    """Return how many contacts a month the capabilities that answer take together, None when one has not said."""
    mine = {part.answers[unit.id].capability for part in parts if unit.id in part.answers}
    places = [capability.monthly_capacity for capability in mine]
    return None if None in places else max(1, int(sum(place or 0 for place in places)))


def _quoted(parts: Sequence[Part], queries: Sequence[Query], chosen: Collection[int], actor: Actor) -> list[Part]:
    """Return the parts with the sentence of each chosen provider's capability that answers best."""
    shown = {answer.capability for part in parts for key, answer in part.answers.items() if key in chosen}
    sides = {capability: _side(capability, actor) for capability in shown}
    return [
        Part(
            part.sentence,
            part.indicators,
            {
                key: Answer(answer.capability, answer.scored, _pair(part, query, sides[answer.capability], answer))
                if key in chosen
                else answer
                for key, answer in part.answers.items()
            },
            part.kept_out,
        )
        for part, query in zip(parts, queries, strict=True)
    ]


def _side(capability: Capability, actor: Actor) -> Side:
    document = reading.document(capability, tiers_open_to(actor, capability))
    return Side(document.texts, vectors.stored_sentence_vectors(engine().encoder, document))


def _pair(part: Part, query: Query, offer: Side, answer: Answer) -> QuotedPair | None:
    asked = Side({"problem": part.sentence}, {"problem": query.vectors[WHOLE][None, :]} if query.vectors else {})
    found = explanation.explain(asked, offer, answer.scored.terms, grid=QUOTED).pairs
    return found[0] if found else None
