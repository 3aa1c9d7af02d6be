"""Finding the head of a needs list among the rows of its sheets, whatever the labels look like.  Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kcz_match.catalogue.fields import NEED_FIELD, Form
from kcz_match.catalogue.list_columns import Column, recognise
from kcz_match.catalogue.parsing import clean
from kcz_match.catalogue.sheets import Table, address, refused

HEAD_WITHIN = 20
FEWEST_LABELS = 3
MOST_SHOWN = 40
IN_YUAN = re.compile(r"[(（][^万亿()（）]*元[^()（）]*[)）]")


@dataclass(frozen=True)
class Head:
    """Where the head ends (row, from 1), its labels by column, and what each recognised column means."""

    row: int
    labels: dict[int, str]
    columns: dict[int, Column]


def find_head(tables: Sequence[Table]) -> tuple[Table, Head]:
    """Return the sheet and the head that name the most columns; raises ``Invalid`` when none will do."""
    best: tuple[Table, Head] | None = None
    for table in tables:
        for head in _possible_heads(table):
            if best is None or _standing(head) > _standing(best[1]):
                best = (table, head)
    if best is None or _standing(best[1])[1] < FEWEST_LABELS:
        seen = "、".join(_seen_labels(tables)) or "（没有文字）"
        raise refused(
            f"没有找到表头。前 {HEAD_WITHIN} 行里要有一行写着“项目名称”“需解决的主要技术难题”等列名；"
            f"现在看到的是：{seen}。请下载模板，对照改好列名再上传。"
        )
    table, head = best[0], _without_spread(*best)
    _check_head(head)
    return table, head


def _possible_heads(table: Table) -> Iterable[Head]:
    """Yield heads of one row first, so that a head of two rows wins only by naming more."""
    rows = table.rows[:HEAD_WITHIN]
    yield from (_head(place, row) for place, row in enumerate(rows, start=1))
    yield from (_head(place, _two_rows(*pair)) for place, pair in enumerate(pairwise(rows), start=2))


def _two_rows(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    """Join a head of two rows: the same text in both (merged downwards) counts once, 指标1 over 名称 is 指标1名称."""
    found = []
    for column in range(max(len(upper), len(lower))):
        above = upper[column].strip() if column < len(upper) else ""
        below = lower[column].strip() if column < len(lower) else ""
        both = above + below
        if above and below and (above == below or recognise(both) is None):
            both = below if recognise(below) else above
        found.append(both)
    return found


def _head(row: int, labels: Sequence[str]) -> Head:
    named = {column: clean(label) for column, label in enumerate(labels) if clean(label)}
    meant = {
        column: found
        for column, label in named.items()
        if len(label) <= MOST_SHOWN and (found := recognise(label)) is not None
    }
    return Head(row, named, meant)


def _without_spread(table: Table, head: Head) -> Head:
    """Leave out columns whose label only comes from a merged cell to their left."""
    spread = {column for row, column in table.spread if row == head.row}
    return Head(head.row, head.labels, {at: meant for at, meant in head.columns.items() if at + 1 not in spread})


def _standing(head: Head) -> tuple[bool, int, int]:
    """Rank a possible head: one with a title first, then by the columns it names, then the upper one."""
    fields = {(one.field, one.group, one.part) for one in head.columns.values() if one.field or one.part}
    return ("title", 0, "") in fields, len(fields), -head.row


def _check_head(head: Head) -> None:
    places = defaultdict(list)
    for column, meant in head.columns.items():
        if meant.field or meant.part:
            places[meant.field, meant.group, meant.part].append(column)
    if ("title", 0, "") not in places:
        raise refused(f"表头（第 {head.row} 行）里没有“项目名称”（或“技术需求名称”）这一列。请补上这一列再上传。")
    if ("problem", 0, "") not in places and ("background", 0, "") not in places:
        raise refused(
            f"表头（第 {head.row} 行）里没有“需解决的主要技术难题”（或“需求概述”）这一列。请补上这一列再上传。"
        )
    _check_twice(head, places)
    _check_money(head)


def _check_twice(head: Head, places: Mapping[tuple[str, int, str], list[int]]) -> None:
    for (name, _, _), columns in places.items():
        if len(columns) > 1 and (name not in NEED_FIELD or NEED_FIELD[name].form is not Form.TEXT):
            where = "、".join(address(head.row, column + 1) for column in columns)
            raise refused(
                f"表头里“{plain_label(head.labels[columns[0]])}”出现了 {len(columns)} 次（{where}）。请只留一列。"
            )


def _check_money(head: Head) -> None:
    for column, meant in head.columns.items():
        label = head.labels[column]
        if meant.field in ("budget_min", "budget_max") and IN_YUAN.search(label):
            where, name = address(head.row, column + 1), plain_label(label)
            raise refused(f"“{label}”（{where}）的单位是元。请把数换算成万元，列名改成“{name}（万元）”。")


def remarks_on(tables: Sequence[Table], table: Table, head: Head) -> Iterable[str]:
    """Yield what the person should know about the file as a whole: which sheet was read, which columns were not."""
    alike = [other.name for other in tables if other is not table and _is_alike(other)]
    if alike:
        yield f"读的是工作表“{table.name}”。这些工作表也像清单，没有读：{'、'.join(alike[:5])}。请另存后再上传。"
    unused = [label for column, label in head.labels.items() if column not in head.columns]
    if unused:
        yield "这些列不认识，没有读入：" + "、".join(label[:20] for label in unused[:12]) + "。"


def _is_alike(table: Table) -> bool:
    return any(_standing(head) > (True, FEWEST_LABELS - 1, 0) for head in _possible_heads(table))


def _seen_labels(tables: Sequence[Table]) -> list[str]:
    for table in tables:
        for row in table.rows[:HEAD_WITHIN]:
            labels = [clean(cell)[:12] for cell in row if clean(cell)]
            if len(labels) >= 2:
                return labels[:8]
    return []


def plain_label(label: str) -> str:
    """Return a label without what stands in brackets, without asterisks and spaces."""
    return re.sub(r"[（(].*?[)）]|[*＊\s]", "", label)[:MOST_SHOWN] or label[:MOST_SHOWN]
