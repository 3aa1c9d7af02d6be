"""From the rows of a sheet to needs: what was understood, and for every cell that was not, where it is and what to do.

Pure.  Errors block their own row only.  Warnings (what the coach says, twins, words read by likeness) block nothing.
"""

from __future__ import annotations

import difflib
import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from kcz_match.catalogue import coach
from kcz_match.catalogue.fields import MOST_ROWS as MOST_INDICATORS
from kcz_match.catalogue.fields import NEED_FIELD, NEED_FIELDS, Form, Indicator
from kcz_match.catalogue.list_columns import (
    EXAMPLE,
    EXAMPLE_MARK,
    FREE_INDICATORS,
    MARK,
    NOTE_MARK,
    PERIOD,
    squeeze,
)
from kcz_match.catalogue.list_head import Head, find_head, plain_label, remarks_on
from kcz_match.catalogue.list_indicators import read_free_text, read_group
from kcz_match.catalogue.parsing import clean, missing, parse_values
from kcz_match.catalogue.sheets import MOST_ROWS, Table, address, read_tables, refused
from kcz_match.catalogue.terms import TERMS

Values = dict[str, Any]
FEWEST_SAME = 4
DEFAULT_TIERS = {item.name: item.tier for item in NEED_FIELDS}
SPAN = re.compile(
    r"(\d{4})(?:年|[-/.](\d{1,2})(?:月|[-/.]\d{1,2}日?)?)?\s*(?:[-–—~～至到]+)\s*(\d{4})(?:年|[-/.](\d{1,2}))?.*"
)
MONEY_SPAN = re.compile(r"([\d.,]+)\s*(?:万元?)?\s*[-–—~～至到]+\s*([\d.,]+)\s*(?:万元?)?")


@dataclass(frozen=True)
class CellError:
    """One cell that stops its row: its address (C7), the label of its column, and a sentence on what to write."""

    cell: str
    column: str
    sentence: str


@dataclass(frozen=True)
class ReadNeed:
    """One row: its number in the sheet, the texts by label as they stood, what they mean, errors and warnings.

    ``values`` are ready for a need's fields.  ``lacking`` are labels that submission needs and the row leaves empty.
    """

    row: int
    texts: dict[str, str]
    values: dict[str, object]
    indicators: tuple[Indicator, ...] = ()
    errors: tuple[CellError, ...] = ()
    warnings: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    clarity: str = "concept"

    @property
    def title(self) -> str:
        """The title as understood, or as it stood."""
        return str(self.values.get("title") or "")


@dataclass(frozen=True)
class ReadList:
    """A whole list: the sheet and row the head was found in, the needs in order, and remarks on the file."""

    sheet: str
    head_row: int
    needs: tuple[ReadNeed, ...]
    notices: tuple[str, ...] = ()


@dataclass
class _Row:
    """A row under way: its number, its clean texts by column, and what was found wrong or worth saying."""

    number: int
    head: Head
    texts: dict[int, str]
    errors: list[CellError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def text(self, column: int) -> str:
        """The clean text of a cell."""
        return self.texts.get(column, "")

    def meant(self) -> list[str]:
        """The texts of the columns that are read."""
        return [
            text
            for column, text in self.texts.items()
            if (one := self.head.columns.get(column)) and (one.field or one.part)
        ]

    def wrong(self, column: int, sentence: str) -> None:
        """Note an error of a cell."""
        label = plain_label(self.head.labels[column])
        self.errors.append(CellError(address(self.number, column + 1), label, f"第 {self.number} 行{sentence}"))


def read_file(data: bytes, name: str) -> ReadList:
    """Read an uploaded list; ``name`` is the file's name as sent.  Raises ``Invalid`` with the error ``file``."""
    return read_list(read_tables(data, name))


def read_list(tables: Sequence[Table]) -> ReadList:
    """Read the needs of the first sheet that has a head; raises ``Invalid`` when none has, or it holds no need."""
    table, head = find_head(tables)
    notices = list(remarks_on(tables, table, head))
    rows = list(_rows(table, head, notices))
    if not rows:
        raise refused(f"表头（第 {head.row} 行）下面没有需求。请从表头下一行起，一行写一条需求。")
    if len(rows) > MOST_ROWS:
        last = rows[MOST_ROWS].number
        raise refused(f"清单超过 {MOST_ROWS:,} 条（从第 {last} 行起）。请分成几个文件上传。")
    return ReadList(table.name, head.row, tuple(_with_twins(map(_read_row, rows))), tuple(notices))


def _rows(table: Table, head: Head, notices: list[str]) -> Iterable[_Row]:
    """Yield the rows below the head that are needs; what is skipped for a reason is added to ``notices``."""
    problems = _by_row(table, head)
    for number, cells in enumerate(table.rows[head.row :], start=head.row + 1):
        row = _Row(number, head, {at: text for at, cell in enumerate(cells) if cell and (text := clean(cell))})
        for column, problem in problems.get(number, ()):
            name = plain_label(head.labels[column])
            row.wrong(column, f"“{name}”：{problem}。请在 Excel 里把公式换成数值（复制—选择性粘贴—数值）。")
        if (row.meant() or row.errors) and not _is_note(row, notices):
            yield row


def _by_row(table: Table, head: Head) -> dict[int, list[tuple[int, str]]]:
    """Return the unreadable cells of columns that are read: row -> (column from 0, what is wrong)."""
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for (number, column), problem in sorted(table.problems.items()):
        meant = head.columns.get(column - 1)
        if meant and (meant.field or meant.part):
            found[number].append((column - 1, problem))
    return found


# --- one row --------------------------------------------------------------------------------------------------------


def _is_note(row: _Row, notices: list[str]) -> bool:
    """Whether the row is no need: the template's explanation or unchanged example, or one text across the sheet."""
    said = row.meant()
    if len(said) >= FEWEST_SAME and len(set(said)) == 1:
        notices.append(f"第 {row.number} 行整行是同一句话“{said[0][:20]}”，没有当作需求读入。")
        return True
    mark = next((row.text(column) for column, meant in row.head.columns.items() if squeeze(meant.label) == MARK), "")
    if mark not in (NOTE_MARK, EXAMPLE_MARK):
        return False
    title = next((row.text(column) for column, meant in row.head.columns.items() if meant.field == "title"), "")
    if mark == NOTE_MARK or title in (EXAMPLE["title"], ""):
        return True
    notices.append(f"第 {row.number} 行的序号还是“{EXAMPLE_MARK}”，但内容改过，已经当作一条需求读入。")
    return False


def _read_row(row: _Row) -> ReadNeed:
    broken = {error.cell for error in row.errors}
    raw, places = _raw_values(row)
    values, errors = parse_values(NEED_FIELDS, raw)
    for name, sentence in errors.items():
        if address(row.number, places[name] + 1) not in broken:
            row.wrong(places[name], _led(sentence, NEED_FIELD[name].label))
    _check_sense(row, values, places)
    indicators = _indicators(row, values)
    advice = coach.coach(values, indicators, DEFAULT_TIERS)
    lacking = tuple(NEED_FIELD[name].label for name in missing(NEED_FIELDS, values) if name not in errors)
    said = [warning.sentence for warning in advice.warnings]
    return ReadNeed(
        row.number,
        _texts(row),
        dict(values),
        tuple(indicators),
        tuple(sorted(row.errors, key=lambda error: (len(error.cell), error.cell))),
        tuple(row.warnings + said),
        lacking,
        str(advice.clarity),
    )


def _raw_values(row: _Row) -> tuple[dict[str, object], dict[str, int]]:
    """Return the typed text of each field, several columns of one long text joined, and the column each stands in."""
    raw: dict[str, object] = {}
    places: dict[str, int] = {}
    shared = _shared_fields(row.head)
    for column, meant in row.head.columns.items():
        text = row.text(column)
        if meant.field == PERIOD:
            _read_period(row, column, text, raw, places)
        if meant.field not in NEED_FIELD or not text:
            continue
        places.setdefault(meant.field, column)
        spec = NEED_FIELD[meant.field]
        if meant.field in shared:
            led = f"{plain_label(row.head.labels[column])}：{text}"
            raw[meant.field] = f"{raw[meant.field]}\n{led}" if raw.get(meant.field) else led
        elif spec.form in (Form.CHOICE, Form.CHOICES):
            raw[meant.field] = _near_words(row, spec.terms, spec.label, text, many=spec.form is Form.CHOICES)
        elif meant.field == "budget_max" and (found := MONEY_SPAN.fullmatch(text)) and "budget_min" not in raw:
            raw["budget_min"], raw["budget_max"] = found[1], found[2]
            places["budget_min"] = column
        else:
            raw[meant.field] = re.sub(r"万元?$", "", text) if spec.form is Form.NUMBER else text
    return raw, places


def _shared_fields(head: Head) -> set[str]:
    names = [meant.field for meant in head.columns.values() if meant.field in NEED_FIELD]
    return {name for name in names if names.count(name) > 1}


def _read_period(row: _Row, column: int, text: str, raw: dict[str, object], places: dict[str, int]) -> None:
    if not text:
        return
    found = SPAN.fullmatch(text)
    if found is None:
        row.wrong(
            column, f"“{plain_label(row.head.labels[column])}”写了“{text[:20]}”。请写成起止年份，例如 2026-2028。"
        )
        return
    year, month = int(found[3]), min(max(int(found[4] or 12), 1), 12)
    raw["starts_on"] = f"{found[1]}-{found[2] or 1}-1"
    raw["due_on"] = f"{year}-{month}-{monthrange(year, month)[1] if year else 1}"
    places["starts_on"] = places["due_on"] = column


def _near_words(row: _Row, terms: str, label: str, text: str, *, many: bool) -> list[str]:
    """Return the words of a list that are meant; a word that only one term contains is taken, with a warning."""
    parts = re.split(r"[,，、;；|/／\n]+", text) if many else [text]
    found = []
    for part in (clean(part) for part in parts):
        if not part:
            continue
        term = _term(terms, part)
        if term and term != part and part not in TERMS[terms]:
            row.warnings.append(f"“{label}”写的是“{part}”，按“{term}”读入。")
        found.append(term or part)
    return found


@lru_cache(maxsize=4096)
def _term(terms: str, part: str) -> str:
    """Return the word of the list that ``part`` means: itself, its code, or the only word that contains it; or ''."""
    table = TERMS[terms]
    if part in table:
        return table[part]
    wanted = squeeze(part).upper()
    exact = [word for word in table.values() if squeeze(word).upper() == wanted]
    inside = [word for word in table.values() if len(wanted) >= 2 and wanted in squeeze(word).upper()]
    return exact[0] if exact else inside[0] if len(inside) == 1 else ""


def suggestion(terms: str, text: str) -> str:
    """Return up to five words of a list that look like ``text``, or its first five, for a sentence."""

    def distance(word: str) -> tuple[int, int, float]:
        matcher = difflib.SequenceMatcher(None, text, word)
        longest = matcher.find_longest_match()
        return -longest.size, longest.a, -matcher.ratio()

    return "、".join(sorted(TERMS[terms].values(), key=distance)[:5])


def _led(sentence: str, label: str) -> str:
    if found := re.fullmatch(r"“(.+?)”里没有“(.*)”。请从列表里选。", sentence):
        terms = next(item.terms for item in NEED_FIELDS if item.label == found[1])
        more = " 等" if len(TERMS[terms]) > 5 else ""
        return f"“{found[1]}”里没有“{found[2]}”。可以写：{suggestion(terms, found[2])}{more}。"
    return sentence if sentence.startswith(f"“{label}”") else f"“{label}”：{sentence}"


def _check_sense(row: _Row, values: Values, places: dict[str, int]) -> None:
    title = next(column for column, meant in row.head.columns.items() if meant.field == "title")
    if not values.get("title") and "title" not in places:
        row.wrong(title, "没有“项目名称”。请写一句话说清对象和要解决的问题。")
    start, due = values.get("starts_on"), values.get("due_on")
    if start is not None and due is not None and start > due:
        row.wrong(places["due_on"], f"“完成时限”{due} 早于“需求开始”{start}。请改正其中一个日期。")


def _indicators(row: _Row, values: Values) -> list[Indicator]:
    groups: dict[int, dict[str, int]] = defaultdict(dict)
    for column, meant in row.head.columns.items():
        if meant.part:
            groups[meant.group][meant.part] = column
    found = []
    for number in sorted(groups):
        texts = {part: " ".join(row.text(column).split()) for part, column in groups[number].items()}
        indicator, faults = read_group(number, texts)
        for part, sentence in faults.items():
            row.wrong(groups[number].get(part, next(iter(groups[number].values()))), sentence)
        if indicator is not None:
            found.append(indicator)
    for column, meant in row.head.columns.items():
        if meant.field == FREE_INDICATORS and row.text(column):
            read, left = read_free_text(row.text(column))
            found += [one for one in read if one.name not in {known.name for known in found}]
            _keep_unread(row, column, left, values)
    if len(found) > MOST_INDICATORS:
        last = max(column for column, meant in row.head.columns.items() if meant.part or meant.field == FREE_INDICATORS)
        row.wrong(last, f"有 {len(found)} 个指标，最多 {MOST_INDICATORS} 个。请合并或拆成两条需求。")
    return found


def _keep_unread(row: _Row, column: int, left: Sequence[str], values: Values) -> None:
    """Put indicator sentences without a number into the target, so that nothing typed is lost, and say so."""
    target = str(values.get("target") or "")
    left = [piece for piece in left if piece not in target]
    if not left:
        return
    how = "请写成“漏检率 ≤0.1 %”的样子。"
    kept = "\n".join(part for part in (target, "；".join(left)) if part)
    if len(kept) > NEED_FIELD["target"].limit:
        row.wrong(column, f"“指标”里“{left[0][:20]}”没有读出数字和单位。{how}")
        return
    values["target"] = kept
    row.warnings.append(f"“指标”里“{left[0][:20]}”没有读出数字和单位，没有成为指标行，已附在技术目标后面。{how}")


def _texts(row: _Row) -> dict[str, str]:
    return {
        label: row.text(column)
        for column, label in row.head.labels.items()
        if row.text(column) and squeeze(label) != "错误"
    }


def _with_twins(rows: Iterable[ReadNeed]) -> Iterable[ReadNeed]:
    first: dict[str, int] = {}
    for row in rows:
        name = title_key(row.title)
        if name and name in first:
            row = replace(row, warnings=(f"与第 {first[name]} 行的项目名称相同，请确认不是重复。", *row.warnings))
        elif name:
            first[name] = row.row
        yield row


def title_key(title: str) -> str:
    """Return a title as it is compared for being the same: half width, without spaces, brackets' signs or case."""
    return re.sub(r"[\W_]+", "", squeeze(re.sub(r"[()（）\[\]【】]", "", title))).lower()
