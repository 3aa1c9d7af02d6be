"""Verbs on a technology needs list: look at it first, then make drafts of it, submit them, undo the whole.

Until ``confirm_batch`` nothing is written but the batch itself, whose ``rows`` hold what was read.  Nothing commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import load_only

from kcz_match.catalogue.fields import NEED_FIELD, NEED_FIELDS, Direction, Form, Indicator
from kcz_match.catalogue.list_reading import CellError, ReadList, ReadNeed, title_key
from kcz_match.catalogue.models import Need, NeedBatch, NeedIndicator, NeedRemark
from kcz_match.catalogue.need_service import act
from kcz_match.catalogue.states import NEEDS, Clarity, NeedState
from kcz_match.core import audit, jobs, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.core.policy import Actor

MOST_SUBMITTED = 100
MOST_BATCHES = 50
LONGEST_NAME = 200
PREVIEW_KEPT = dt.timedelta(days=7)
GONE_STATES = (NeedState.WITHDRAWN, NeedState.MERGED, NeedState.REJECTED)
Row = dict[str, Any]
BLANK: dict[Form, Any] = {Form.CHOICES: [], Form.NUMBER: None, Form.DATE: None, Form.FLAG: False}


@dataclass
class Undoing:
    """What undoing a batch does: drafts that go, waiting ones that are withdrawn, those that stay with the reason."""

    drafts: list[Need] = field(default_factory=list)
    waiting: list[Need] = field(default_factory=list)
    kept: list[tuple[Need, str]] = field(default_factory=list)


@dataclass
class Submitting:
    """What came of submitting a batch: how many went, which did not and why, and how many are still to go."""

    submitted: int = 0
    refused: list[tuple[Need, str]] = field(default_factory=list)
    left: int = 0


@dataclass(frozen=True)
class BatchRow:
    """One row that was read, as the batch keeps it; see ``list_reading.ReadNeed``.

    ``twin`` is the code or state of a need of the organisation with the same title, or ''.  ``texts`` are there only
    when the row has errors; ``values`` hold days as ISO text.
    """

    row: int
    title: str
    twin: str
    clarity: str
    lacking: list[str]
    values: dict[str, Any]
    indicators: list[Indicator]
    errors: list[CellError]
    warnings: list[str]
    texts: dict[str, str]


def preview_list(actor: Actor, reading: ReadList, file_name: str, file_hash: str) -> NeedBatch:
    """Keep what was read from a file as a batch that waits for confirmation, and return it.

    Rows whose title the organisation has already get a warning and the code or state of the need they resemble.
    """
    policy.require(actor, "need.import")
    assert actor.organisation_id is not None  # noqa: S101 - the rule need.import has checked it
    known = _titles_of(actor.organisation_id)
    rows: list[Row] = [{"notice": sentence} for sentence in reading.notices]
    if twin := _same_file(actor.organisation_id, file_hash):
        rows.append({"notice": f"同样内容的文件（{twin.file_name}）以前上传过，已经生成过草稿。请确认不是重复上传。"})
    rows += [_stored(need, known.get(title_key(need.title), "")) for need in reading.needs]
    batch = NeedBatch(
        organisation_id=actor.organisation_id,
        user_id=actor.user_id,
        created_at=utc_now(),
        file_name=file_name[-LONGEST_NAME:],
        file_hash=file_hash,
        rows=rows,
    )
    db.session.add(batch)
    db.session.flush()
    jobs.leave("forget_preview", run_at=utc_now() + PREVIEW_KEPT, batch_id=batch.id)
    return batch


def forget_preview(batch_id: int) -> None:
    """Job: remove a preview that nobody confirmed in time, with the names and phone numbers in it."""
    batch = db.session.get(NeedBatch, batch_id)
    if batch is not None and batch.confirmed_at is None:
        db.session.delete(batch)


def notices_of(batch: NeedBatch) -> list[str]:
    """Return the remarks on the file as a whole."""
    return [row["notice"] for row in batch.rows if "notice" in row]


def rows_of(batch: NeedBatch) -> list[BatchRow]:
    """Return the rows that were read, in the order of the sheet."""
    return [
        BatchRow(
            **stored
            | {
                "indicators": [_indicator(one) for one in stored["indicators"]],
                "errors": [CellError(**one) for one in stored["errors"]],
            }
        )
        for stored in batch.rows
        if "row" in stored
    ]


def good_rows(batch: NeedBatch) -> list[int]:
    """Return the numbers of the rows without errors."""
    return [row.row for row in rows_of(batch) if not row.errors]


def new_rows(batch: NeedBatch) -> list[int]:
    """Return the numbers of the rows without errors whose title the organisation had not when the file was read."""
    return [row.row for row in rows_of(batch) if not row.errors and not row.twin]


def confirm_batch(batch: NeedBatch, actor: Actor, rows: Collection[int]) -> int:
    """Make drafts of the rows with these numbers, and return how many the batch has; a second call makes none.

    Raises ``Conflict`` when the batch was cancelled or undone, ``Invalid`` when no row is left to make.
    """
    policy.require(actor, "need.import")
    policy.require(actor, "need.edit", batch)
    if batch.undone_at is not None:
        raise Conflict("这份清单已经取消或撤销。请重新上传文件。")
    if batch.confirmed_at is None:
        wanted = set(rows) & set(good_rows(batch))
        if not wanted:
            raise Invalid({"file": "没有可以生成的行。"}, "没有可以生成的行。请下载有错的行，改好再上传。")
        _make_drafts(batch, actor, [row for row in rows_of(batch) if row.row in wanted])
        batch.confirmed_at = utc_now()
        audit.write(actor, "need.import", batch, after="confirmed", file=batch.file_name, needs=len(wanted))
    return len(batch_needs(batch))


def batch_needs(batch: NeedBatch) -> Sequence[Need]:
    """Return the needs made of the batch that still exist, in the order of the sheet."""
    return db.session.scalars(select(Need).where(Need.batch_id == batch.id).order_by(Need.id)).all()


def submit_batch(batch: NeedBatch, actor: Actor) -> Submitting:
    """Submit the drafts of a batch for review, at most ``MOST_SUBMITTED`` in one go; incomplete ones stay drafts."""
    policy.require(actor, "need.edit", batch)
    drafts = [need for need in batch_needs(batch) if need.state == NeedState.DRAFT]
    done = Submitting()
    for place, need in enumerate(drafts):
        if done.submitted == MOST_SUBMITTED:
            done.left = len(drafts) - place
            break
        try:
            act(need, "submit", actor)
            done.submitted += 1
        except Invalid as refusal:
            done.refused.append((need, "".join(refusal.errors.values())))
    return done


def undoing_of(batch: NeedBatch) -> Undoing:
    """Return what undoing the batch would do now.

    Drafts that nobody touched are removed; needs that still wait for 区科协 are withdrawn, since they have a code;
    what was edited by hand or decided on stays.
    """
    found = Undoing()
    discussed = _discussed(batch)
    for need in batch_needs(batch):
        if need.state == NeedState.SUBMITTED:
            found.waiting.append(need)
        elif need.state in GONE_STATES:
            found.kept.append((need, f"“{NEEDS.word(need.state)}”，有编号，记录保留"))
        elif need.state != NeedState.DRAFT:
            found.kept.append((need, f"已经是“{NEEDS.word(need.state)}”，请在需求页里处理"))
        elif need.code:
            found.kept.append((need, "提交过、有编号，记录要保留"))
        elif need.id in discussed:
            found.kept.append((need, "有人写了意见，请在需求页里处理"))
        elif need.version > 1:
            found.kept.append((need, "生成以后改动过，怕丢了您的修改；不要了请在需求页里删除"))
        else:
            found.drafts.append(need)
    return found


def undo_batch(batch: NeedBatch, actor: Actor) -> Undoing:
    """Cancel a batch that was only looked at, or take a confirmed one back as far as ``undoing_of`` says.

    Raises ``Conflict`` when it was undone before.  Personal data read from the file go with it.
    """
    policy.require(actor, "need.import")
    policy.require(actor, "need.edit", batch)
    if batch.undone_at is not None:
        raise Conflict("这份清单已经取消或撤销过。")
    plan = undoing_of(batch)
    if batch.confirmed_at is not None:
        audit.write(
            actor,
            "need.import_undo",
            batch,
            before="confirmed",
            removed=[need.title for need in plan.drafts],
            withdrawn=[need.code for need in plan.waiting],
            kept=len(plan.kept),
        )
    for need in plan.waiting:
        act(need, "withdraw", actor, reason="wrong_entry", remark="整批撤销")
    _remove(plan.drafts)
    batch.rows = []
    batch.undone_at = utc_now()
    db.session.flush()
    return plan


def batches_of(actor: Actor) -> list[tuple[NeedBatch, int]]:
    """Return the newest batches of the actor's organisation, each with the number of its needs; their rows unread."""
    counted = (
        select(Need.batch_id, func.count().label("needs"))
        .where(Need.batch_id.is_not(None))
        .group_by(Need.batch_id)
        .subquery()
    )
    query = (
        select(NeedBatch, func.coalesce(counted.c.needs, 0))
        .outerjoin(counted, counted.c.batch_id == NeedBatch.id)
        .where(NeedBatch.organisation_id == actor.organisation_id)
        .options(
            load_only(
                NeedBatch.key,
                NeedBatch.file_name,
                NeedBatch.created_at,
                NeedBatch.confirmed_at,
                NeedBatch.undone_at,
                NeedBatch.organisation_id,
            )
        )
        .order_by(NeedBatch.id.desc())
        .limit(MOST_BATCHES)
    )
    return [(batch, number) for batch, number in db.session.execute(query).all()]


def _stored(need: ReadNeed, twin: str) -> Row:
    """Return a row as it is kept: JSON values only, the typed texts only where they must be mended."""
    warnings = list(need.warnings)
    if twin:
        warnings.insert(0, f"本单位已有同名的需求（{twin}）。")
    return {
        "row": need.row,
        "title": need.title,
        "twin": twin,
        "clarity": need.clarity,
        "lacking": list(need.lacking),
        "values": {
            name: value.isoformat() if isinstance(value, dt.date) else value
            for name, value in need.values.items()
            if value not in (None, "", [])
        },
        "indicators": [asdict(indicator) for indicator in need.indicators],
        "errors": [asdict(error) for error in need.errors],
        "warnings": warnings,
        "texts": need.texts if need.errors else {},
    }


def _titles_of(organisation_id: int) -> dict[str, str]:
    """Return the titles that an organisation's needs have, as they are compared, with a word to find each by."""
    query = select(Need.title, Need.code, Need.state).where(
        Need.organisation_id == organisation_id, Need.state.not_in(GONE_STATES), Need.title != ""
    )
    return {title_key(title): code or NEEDS.word(state) for title, code, state in db.session.execute(query)}


def _same_file(organisation_id: int, file_hash: str) -> NeedBatch | None:
    return db.session.scalar(
        select(NeedBatch)
        .options(load_only(NeedBatch.file_name))
        .where(
            NeedBatch.organisation_id == organisation_id,
            NeedBatch.file_hash == file_hash,
            NeedBatch.confirmed_at.is_not(None),
            NeedBatch.undone_at.is_(None),
        )
        .limit(1)
    )


def _make_drafts(batch: NeedBatch, actor: Actor, rows: Sequence[BatchRow]) -> None:
    """Add the drafts in two large statements, since others wait for the database meanwhile.

    The batch's own audit row stands for all of them.
    """
    now = utc_now()
    shared = {
        "organisation_id": batch.organisation_id,
        "district_code": actor.district_code,
        "created_by": actor.user_id,
        "state": NeedState.DRAFT,
        "state_since": now,
        "created_at": now,
        "saved_at": now,
        "origin": "list",
        "batch_id": batch.id,
        "tiers": {},
    }
    blank = {field.name: BLANK.get(field.form, "") for field in NEED_FIELDS}
    drafts = [blank | shared | _live(row.values) | {"clarity": Clarity(row.clarity)} for row in rows]
    ids = db.session.scalars(insert(Need).returning(Need.id, sort_by_parameter_order=True), drafts).all()
    indicators = [
        {"need_id": need_id, "position": place} | asdict(indicator)
        for need_id, row in zip(ids, rows, strict=True)
        for place, indicator in enumerate(row.indicators)
    ]
    if indicators:
        db.session.execute(insert(NeedIndicator), indicators)


def _live(values: Row) -> Row:
    """Return stored values as a need takes them: days as dates."""
    return {
        name: dt.date.fromisoformat(value) if NEED_FIELD[name].form is Form.DATE else value
        for name, value in values.items()
    }


def _indicator(stored: Row) -> Indicator:
    return Indicator(**(stored | {"direction": Direction(stored["direction"])}))


def _discussed(batch: NeedBatch) -> set[int]:
    """Return the ids of the batch's needs that carry a remark."""
    query = select(NeedRemark.need_id).join(Need, Need.id == NeedRemark.need_id).where(Need.batch_id == batch.id)
    return set(db.session.scalars(query))


def _remove(drafts: Sequence[Need]) -> None:
    """Delete untouched drafts with their indicators in a few statements."""
    ids = [need.id for need in drafts]
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        db.session.execute(delete(NeedIndicator).where(NeedIndicator.need_id.in_(some)))
        db.session.execute(delete(Need).where(Need.id.in_(some)))
