"""The Office's page of how matching does: hits, refusals, crowded capabilities, quality on labelled sets."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from typing import Any, TypeVar

from flask import render_template, request, send_file, url_for
from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response

from kcz_match.accounts.districts import DISTRICT
from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import congestion, figures, lists, places, quality
from kcz_match.brokerage.exposure import Crowd, Shared
from kcz_match.brokerage.figures import BEYOND, OUTCOMES, SIDES, Choice, Hits
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.terms import INDUSTRIES
from kcz_match.core.calendar import local_day
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import NotFound
from kcz_match.matching.reasons import DECLINE_REASONS
from kcz_match.reports import tables
from kcz_match.reports.tables import Cell, Column, Form, Table
from kcz_match.web import matching_tables as made
from kcz_match.web import paging
from kcz_match.web.access import actor, asks
from kcz_match.web.admin import blueprint
from kcz_match.web.paging import Page
from kcz_match.web.presentation import day
from kcz_match.web.words import BANDS

R = TypeVar("R", Need, Capability, Organisation)
PERIODS = {"30": "近 30 天", "90": "近 90 天", "365": "近 365 天"}
USUAL_PERIOD = "90"
PER_PAGE = 30
MOST_CROWDS = 10
MEDIA = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv"}
SLOT_WORDS = {True: "得到名额", False: "没轮到", None: "未分名额"}


@blueprint.get("/matching", endpoint="matching")
@asks("admin.read")
def overview() -> str:
    """Show what became of suggested pairs, why pairs were refused, where it is crowded, and the measured quality."""
    choice = _choice()
    hits, shared = figures.hits(choice), places.shared_now()
    crowded = _crowded(shared)
    return render_template(
        "admin/matching.html",
        chosen=_chosen(),
        periods=PERIODS,
        encoders={name: name for name in figures.encoders()},
        districts={code: one.name for code, one in DISTRICT.items()},
        sets={name: name for name in quality.names()},
        total=hits.total,
        tables=_tables(choice, hits, shared, crowded[:MOST_CROWDS]),
        crowded=len(crowded),
        unseen=catalogue.count(congestion.never_suggested()),
        listed=catalogue.count(catalogue.listed_capabilities()),
        notes=_notes(choice),
        address=lambda endpoint, **more: url_for(f"admin.{endpoint}", **_kept(), **more),
    )


@blueprint.get("/matching/figures.<any(xlsx, csv):kind>", endpoint="matching_file")
@asks("admin.read")
def export(kind: str) -> Response:
    """Give all tables as one workbook, or the table of ``?table=`` as separated text."""
    choice = _choice()
    shared = places.shared_now()
    found = _tables(choice, figures.hits(choice), shared, _crowded(shared))
    today = f"{local_day(utc_now()):%Y%m%d}"
    if kind == "xlsx":
        return _file(tables.tables_xlsx(list(found.values())), kind, f"匹配成效_{today}.xlsx")
    table = found.get(request.args.get("table", ""))
    if table is None:
        raise NotFound("没有这张表。请回到“匹配成效”页再下载。")
    return _file(tables.table_csv(table), kind, f"{table.title}_{today}.csv")


@blueprint.get("/matching/pairs", endpoint="matching_pairs")
@asks("admin.read")
def pairs() -> str:
    """List the pairs behind a number: those suggested within the choice, narrowed by one value and one outcome."""
    narrowed = _narrowed()
    outcome = paging.choice_of("outcome", set(OUTCOMES))
    page = _page(figures.pairs(_choice(), narrowed, outcome))
    needs, capabilities = _of_pairs(page.rows)
    columns = [
        Column("需求"),
        Column("能力"),
        Column("名次", Form.COUNT),
        *map(Column, ("程度", "后来", "列出日期", "模型")),
    ]
    rows = [
        [
            *_pair_cells(row, needs, capabilities),
            Cell(row.place),
            Cell(BANDS[row.band]),
            Cell("、".join(made.OUTCOME_WORDS[name] for name in OUTCOMES[1:] if getattr(row, name)) or None),
            Cell(day(row.made_at)),
            Cell(row.encoder),
        ]
        for row in page.rows
    ]
    words = [PERIODS[_chosen()["days"]], *(made.word_of(name, value) for name, value in narrowed.items())]
    title = f"{made.OUTCOME_WORDS[outcome]}的匹配"
    return _list(page, Table("pairs", title, columns, rows), " · ".join(words), _notes(_choice()), "对")


@blueprint.get("/matching/refusals", endpoint="matching_refusals")
@asks("admin.read")
def refusals() -> str:
    """List the refusals behind a number: decisions and declined interests with one code, of one side."""
    code, side = paging.choice_of("code", DECLINE_REASONS), paging.choice_of("side", set(SIDES))
    page = _page(figures.refusals(_choice(), code, side))
    needs, capabilities = _of_pairs(page.rows)
    units = _records(Organisation, {row.organisation_id for row in page.rows})
    rows = [
        [
            *_pair_cells(row, needs, capabilities),
            Cell(DECLINE_REASONS.get(row.code, row.code)),
            Cell(units[row.organisation_id].name),
            Cell(made.SIDE_WORDS[row.side]),
            Cell(day(row.at)),
        ]
        for row in page.rows
    ]
    columns = list(map(Column, ("需求", "能力", "原因", "单位", "哪一方", "时间")))
    words = filter(None, (PERIODS[_chosen()["days"]], DECLINE_REASONS.get(code), made.SIDE_WORDS.get(side)))
    notes = ("同一单位对同一对用同一原因说了两次（匹配里标记、婉拒意向），只计一次。按说出的时间算。",)
    return _list(page, Table("refusals", "不合适的记录", columns, rows), " · ".join(words), notes, "次")


@blueprint.get("/matching/crowds", endpoint="matching_crowds")
@asks("admin.read")
def crowds() -> str:
    """List every capability that more needs want than it can serve."""
    shared = places.shared_now()
    found = _crowded(shared)
    pages = max(1, -(-len(found) // PER_PAGE))
    number = paging.number_of_page(pages)
    rows = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    page = Page(rows, number, pages, len(found))
    return _list(page, _crowd_table(rows, shared), "全市，本月", (made.loss_sentence(shared),), "项")


@blueprint.get("/matching/crowds/<key>", endpoint="matching_wants")
@asks("admin.read")
def wants(key: str) -> str:
    """List the needs that want one capability, and which of them hold a place."""
    capability = catalogue.capability_by_key(key, actor())
    page = _page(congestion.who_wants(capability.id))
    needs, capabilities = _of_pairs(page.rows)
    rows = [
        [
            *_pair_cells(row, needs, capabilities),
            Cell(row.place),
            Cell(BANDS[row.band]),
            Cell(SLOT_WORDS[row.holds_slot]),
            Cell(day(row.made_at)),
        ]
        for row in page.rows
    ]
    columns = [Column("需求"), Column("能力"), Column("名次", Form.COUNT), *map(Column, ("程度", "名额", "列出日期"))]
    title = f"想要“{capability.title}”的需求"
    return _list(
        page,
        Table("wants", title, columns, rows),
        "全市，本月",
        ("名额先给双方最合适的；没轮到的需求排在最后。",),
        "条",
    )


@blueprint.get("/matching/unseen", endpoint="matching_unseen")
@asks("admin.read")
def unseen() -> str:
    """List the capabilities that no stored list ever suggested, the oldest first."""
    page = paging.page_of(congestion.never_suggested().options(selectinload(Capability.organisation)), PER_PAGE)
    note = "可以请单位把“解决什么问题”写得更接近企业的说法，或由区科协、学会为合适的需求置顶推荐。"
    return _list(page, made.unseen_table(page.rows), "全部时间", (note,), "项")


def _tables(choice: Choice, hits: Hits, shared: Shared, crowded: Sequence[Crowd]) -> dict[str, Table]:
    """Return every table of the page by its key."""
    pairs_behind, refusals_behind = _link("matching_pairs"), _link("matching_refusals")
    charts = {"rank": "bar", "industry": "rows", "encoder": "", "band": "", "week": ""}
    found = [made.hit_table(name, hits, pairs_behind, chart) for name, chart in charts.items()]
    found.append(made.refusal_table(figures.refusal_counts(choice), refusals_behind))
    found.append(_crowd_table(crowded, shared))
    runs = quality.course(_chosen()["set"], choice.encoder)
    found.append(made.course_table(runs))
    if runs:
        found += [made.class_table(runs[-1]), made.promise_table(runs[-1])]
    return {table.key: table for table in found}


def _crowd_table(crowds: Sequence[Crowd], shared: Shared) -> Table:
    ids = {crowd.capability for crowd in crowds}
    capabilities = _records(Capability, ids, selectinload(Capability.organisation))
    return made.crowd_table(crowds, capabilities, shared, _link("matching_wants"))


def _crowded(shared: Shared) -> list[Crowd]:
    return [crowd for crowd in shared.crowds if crowd.turned_away]


def _notes(choice: Choice) -> tuple[str, ...]:
    """Return how pairs are counted, and what a period longer than old lists are kept cannot show."""
    if choice.until - choice.since <= lists.KEPT:
        return made.NOTES
    kept = lists.KEPT.days
    return (
        *made.NOTES,
        f"超过 {kept} 天、后来没人处理过的旧列表已清理，所以 {kept} 天以前的命中率偏高，只宜比较走向。",
    )


def _chosen() -> dict[str, str]:
    """Return the filters of the page as chosen, each one of what there is."""
    sets = quality.names()
    return {
        "days": paging.choice_of("days", PERIODS) or USUAL_PERIOD,
        "encoder": paging.choice_of("encoder", figures.encoders()),
        "district": paging.choice_of("district", DISTRICT),
        "set": paging.choice_of("set", sets) or (sets[0] if sets else ""),
    }


def _choice() -> Choice:
    chosen, now = _chosen(), utc_now()
    return Choice(now - dt.timedelta(days=int(chosen["days"])), now, chosen["encoder"], chosen["district"])


def _kept() -> dict[str, str]:
    """Return the filters that every address below the page carries on."""
    return {name: value for name in ("days", "encoder", "district", "set") if (value := request.args.get(name, ""))}


def _link(endpoint: str):  # type: ignore[no-untyped-def]
    """Return a function from what narrows a list to the address of that list within the same filters."""

    def link(**narrowed: Any) -> str:
        return url_for(f"admin.{endpoint}", **{**_kept(), **{name: value for name, value in narrowed.items() if value}})

    return link


def _narrowed() -> dict[str, Any]:
    """Return the dimensions that a list of pairs is narrowed by, each one of what there is."""
    rank = paging.whole_number(request.args.get("rank", ""), BEYOND, 0)
    week = request.args.get("week", "")
    industry = request.args.get("industry", "")
    found = {
        "rank": rank or None,
        "band": paging.choice_of("band", BANDS) or None,
        "encoder": paging.choice_of("encoder", figures.encoders()) or None,
        "week": week if _is_day(week) else None,
        "industry": "" if industry == made.UNSTATED else paging.choice_of("industry", INDUSTRIES) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _is_day(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _of_pairs(rows: Sequence[Any]) -> tuple[dict[int, Need], dict[int, Capability]]:
    return (
        _records(Need, {row.need_id for row in rows}),
        _records(Capability, {row.capability_id for row in rows}),
    )


def _records(model: type[R], ids: set[int], *options: Any) -> dict[int, R]:
    query = select(model).where(model.id.in_(ids)).options(*options)
    return {record.id: record for record in db.session.scalars(query)}


def _pair_cells(row: Any, needs: dict[int, Need], capabilities: dict[int, Capability]) -> tuple[Cell, Cell]:
    need, capability = needs[row.need_id], capabilities[row.capability_id]
    return (
        Cell(need.title, url_for("needs.show", key=need.key)),
        Cell(capability.title, url_for("capabilities.show", key=capability.key)),
    )


def _count(query: Select[Any]) -> int:
    return db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


def _page(query: Select[Any]) -> Page[Any]:
    """Return the page that ``?page=`` asks for, of a query whose rows have several columns."""
    total = _count(query)
    pages = max(1, -(-total // PER_PAGE))
    number = paging.number_of_page(pages)
    return Page(db.session.execute(query.limit(PER_PAGE).offset((number - 1) * PER_PAGE)).all(), number, pages, total)


def _list(page: Page[Any], table: Table, lead: str, notes: Sequence[str], each: str) -> str:
    return render_template(
        "admin/matching_list.html",
        page=page,
        table=table,
        lead=lead,
        notes=notes,
        each=each,
        link=paging.link_to_page,
        back=url_for("admin.matching", **_kept()),
    )


def _file(data: bytes, kind: str, name: str) -> Response:
    return send_file(io.BytesIO(data), mimetype=MEDIA[kind], as_attachment=True, download_name=name)
