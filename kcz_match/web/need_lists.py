"""Pages of the technology needs list: template, upload and dry run, confirmation, undo, and the list out again."""

from __future__ import annotations

import datetime as dt
import hashlib
import io

from flask import Blueprint, redirect, render_template, request, send_file, url_for
from flask_login import login_required
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response

from kcz_match.catalogue import list_service, queries
from kcz_match.catalogue.list_reading import read_file
from kcz_match.catalogue.list_service import BatchRow
from kcz_match.catalogue.models import Need, NeedBatch
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.sheets import MOST_ROWS
from kcz_match.catalogue.states import NEEDS, NeedState
from kcz_match.core.calendar import ZONE, local_day
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.reports import needs_list, needs_sheet
from kcz_match.web import paging
from kcz_match.web.access import actor, asks
from kcz_match.web.presentation import Undo, say

blueprint = Blueprint("need_lists", __name__, url_prefix="/needs")

PER_PAGE = 100
MOST_IN_DOCUMENT = 500
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = {
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", MOST_IN_DOCUMENT),
    "xlsx": (XLSX, MOST_ROWS),
    "csv": ("text/csv", MOST_ROWS),
}
SHOWN = {"": "全部", "errors": "要改的", "good": "可以生成的"}


@blueprint.get("/list")
@asks("need.import")
def start() -> str:
    """Show the upload form, the template, and the lists of earlier days."""
    return _start({})


@blueprint.get("/list/template.xlsx")
@asks("need.import")
def template() -> Response:
    """Give the blank list."""
    return _file(needs_sheet.template_xlsx(), XLSX, "技术需求清单模板.xlsx")


@blueprint.post("/list")
@asks("need.import")
def upload() -> Response | tuple[str, int]:
    """Read the file and show what it would make; nothing is made yet."""
    sent, who = request.files.get("file"), actor()
    name = clean(sent.filename if sent else "").replace("\\", "/").rpartition("/")[2]
    data = sent.read() if sent else b""
    db.session.rollback()  # reading may take seconds: no lock is held meanwhile
    try:
        if not name:
            raise Invalid({"file": "还没有选择文件。请点“选择文件”，选中填好的清单。"})
        reading = read_file(data, name)
        batch = list_service.preview_list(who, reading, name, hashlib.sha256(data).hexdigest())
    except Invalid as refusal:
        db.session.rollback()
        return _start(refusal.errors, name), refusal.status
    address = url_for(".batch", key=batch.key)
    db.session.commit()
    return redirect(address)


@blueprint.get("/list/<key>")
@asks("need.import")
def batch(key: str) -> str:
    """Show a list: what was read while it waits for confirmation, its needs afterwards."""
    found = queries.batch_by_key(key, actor())
    if found.undone_at is not None:
        return render_template("need_lists/undone.html", batch=found, needs=list_service.undoing_of(found).kept)
    rows = list_service.rows_of(found)
    if found.confirmed_at is not None and request.args.get("show") != "errors":
        return _confirmed(found, rows)
    return _preview(found, rows)


@blueprint.get("/list/<key>/rejected.xlsx")
@asks("need.import")
def rejected(key: str) -> Response:
    """Give the rows that have errors, to be mended and uploaded again."""
    found = queries.batch_by_key(key, actor())
    rows = [row for row in list_service.rows_of(found) if row.errors]
    if not rows:
        raise Conflict("这份清单没有要改的行。")
    return _file(needs_sheet.rejected_xlsx(rows), XLSX, f"要改的行_{found.file_name.rpartition('.')[0]}.xlsx")


@blueprint.post("/list/<key>/confirm")
@asks("need.import")
def confirm(key: str) -> Response:
    """Make drafts of the good rows, or with ``rows=new`` only of those whose title is new."""
    found = queries.batch_by_key(key, actor())
    rows = list_service.new_rows(found) if request.form.get("rows") == "new" else list_service.good_rows(found)
    made = list_service.confirm_batch(found, actor(), rows)
    say(f"已生成 {made} 条草稿。", undo=Undo(url_for(".undo", key=key), "整批撤销"))
    db.session.commit()
    return redirect(url_for(".batch", key=key))


@blueprint.post("/list/<key>/submit")
@asks("need.import")
def submit(key: str) -> Response:
    """Submit the drafts of the list for review, so many at a time."""
    found = queries.batch_by_key(key, actor())
    done = list_service.submit_batch(found, actor())
    if done.submitted:
        say(f"已提交 {done.submitted} 条，等区科协审核。")
    if done.left:
        say(f"一次最多提交 {list_service.MOST_SUBMITTED} 条，还有 {done.left} 条，请再点一次“全部提交审核”。", "info")
    if done.refused:
        need, why = done.refused[0]
        say(f"{len(done.refused)} 条还不能提交，仍是草稿。例如“{need.title}”：{why}", "warning")
    if not (done.submitted or done.refused):
        say("没有待提交的草稿。", "info")
    db.session.commit()
    return redirect(url_for(".batch", key=key))


@blueprint.post("/list/<key>/undo")
@asks("need.import")
def undo(key: str) -> Response:
    """Cancel a list that waits for confirmation, or take a confirmed one back."""
    found = queries.batch_by_key(key, actor())
    was_confirmed = found.confirmed_at is not None
    plan = list_service.undo_batch(found, actor())
    if was_confirmed:
        parts = [
            (len(plan.drafts), "删除草稿 {} 条"),
            (len(plan.waiting), "撤回待审核的 {} 条"),
            (len(plan.kept), "保留 {} 条"),
        ]
        say("已整批撤销：" + "，".join(text.format(number) for number, text in parts if number) + "。")
    else:
        say("已取消，没有生成任何需求。", "info")
    db.session.commit()
    return redirect(url_for(".batch", key=key) if plan.kept else url_for(".start"))


@blueprint.get("/export.<any(docx, xlsx, csv):kind>")
@login_required
def export(kind: str) -> Response:
    """Give the needs of the viewer's own side as a document to stamp, a workbook, or separated text.

    ``?state=`` and ``?year=`` (of creation) narrow the list; an unknown value is refused.  The document to stamp leaves
    drafts out unless they are asked for.
    """
    media, most = KINDS[kind]
    query = _narrowed(queries.needs_on_own_side(actor()))
    if kind == "docx" and not request.args.get("state"):
        query = query.where(Need.state != NeedState.DRAFT)
    total = queries.count(query)
    if total == 0:
        raise Conflict("没有符合条件的需求，导不出清单。请换一个状态或年份，或先新建需求。")
    if total > most:
        raise Conflict(
            f"符合条件的有 {total:,} 条，一次最多导出 {most:,} 条。请按状态或年份缩小范围"
            + ("，或改导 Excel。" if kind == "docx" else "。")
        )
    needs = db.session.scalars(
        query.options(selectinload(Need.indicators), selectinload(Need.organisation)).order_by(Need.code, Need.id)
    ).all()
    today = local_day(utc_now())
    if kind == "docx":
        data = needs_list.needs_docx(needs, actor().organisation_name, today)
    else:
        data = {"xlsx": needs_sheet.needs_xlsx, "csv": needs_sheet.needs_csv}[kind](needs)
    return _file(data, media, f"技术需求清单_{today:%Y%m%d}.{kind}")


def _start(errors: dict[str, str], name: str = "") -> str:
    own = queries.needs_on_own_side(actor())
    counts = queries.counts_by_state(own, Need.state)
    states = {
        state.value: f"{word}（{counts[state.value]}）"
        for state, (word, _) in NEEDS.words.items()
        if counts.get(state.value)
    }
    this_year = local_day(utc_now()).year
    return render_template(
        "need_lists/start.html",
        errors=errors,
        name=name,
        batches=list_service.batches_of(actor()),
        states=states,
        years={str(year): f"{year} 年" for year in range(this_year, this_year - 5, -1)},
        total=sum(counts.values()),
        most=MOST_ROWS,
    )


def _preview(found: NeedBatch, rows: list[BatchRow]) -> str:
    wrong = [row for row in rows if row.errors]
    good = [row for row in rows if not row.errors]
    show = paging.choice_of("show", SHOWN)
    chosen = {"errors": wrong, "good": good}.get(show, rows)
    counts = {"": len(rows), "errors": len(wrong), "good": len(good)}
    return render_template(
        "need_lists/preview.html",
        batch=found,
        notices=list_service.notices_of(found),
        page=_slice(chosen),
        show=show,
        tabs=[(code, word, paging.with_args(show=code), counts[code]) for code, word in SHOWN.items()],
        wrong=len(wrong),
        good=len(good),
        twins=len(good) - len(list_service.new_rows(found)),
        link=paging.link_to_page,
    )


def _confirmed(found: NeedBatch, rows: list[BatchRow]) -> str:
    query = select(Need).where(Need.batch_id == found.id).order_by(Need.id)
    counts = queries.counts_by_state(query, Need.state)
    return render_template(
        "need_lists/confirmed.html",
        batch=found,
        page=paging.page_of(query, PER_PAGE),
        link=paging.link_to_page,
        plan=list_service.undoing_of(found),
        drafts=counts.get(NeedState.DRAFT.value, 0),
        wrong=sum(bool(row.errors) for row in rows),
        most=list_service.MOST_SUBMITTED,
    )


def _slice(rows: list[BatchRow]) -> paging.Page[BatchRow]:
    pages = max(1, -(-len(rows) // PER_PAGE))
    number = paging.number_of_page(pages)
    return paging.Page(rows[(number - 1) * PER_PAGE : number * PER_PAGE], number, pages, len(rows))


def _narrowed(query: Select[tuple[Need]]) -> Select[tuple[Need]]:
    state, year = request.args.get("state", ""), request.args.get("year", "")
    if state:
        if state not in {item.value for item in NeedState}:
            raise Invalid({"state": "没有这个状态。"}, "没有这个状态。请从列表里选状态再导出。")
        query = query.where(Need.state == NeedState(state))
    if year:
        chosen = paging.whole_number(year, 2099, 0)
        if chosen < 2000:
            raise Invalid({"year": "年份不对。"}, "年份要写成四位数，例如 2026。")
        first, last = (dt.datetime(chosen + more, 1, 1, tzinfo=ZONE) for more in (0, 1))
        query = query.where(Need.created_at >= first, Need.created_at < last)
    return query


def _file(data: bytes, media: str, name: str) -> Response:
    return send_file(io.BytesIO(data), mimetype=media, as_attachment=True, download_name=name)
