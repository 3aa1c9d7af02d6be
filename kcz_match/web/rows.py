"""Reading the row editors of a form: ``indicators-0-name``, ``indicators-0-target`` … back into rows."""

from __future__ import annotations

from collections.abc import Iterable

from kcz_match.web.paging import whole_number


def typed_rows(items: Iterable[tuple[str, str]], name: str) -> list[dict[str, str]]:
    """Return the rows of the editor ``name`` as typed, in the order of their numbers, column -> text.

    ``items`` are the pairs of a posted form (``request.form.items()``).  Blank rows at the end are dropped, those in
    between stay, so that the position in the list is the number that ``parse_indicators`` puts into its errors.
    """
    found: dict[int, dict[str, str]] = {}
    for key, text in items:
        stem, _, rest = key.partition("-")
        typed_number, _, column = rest.partition("-")
        number = whole_number(typed_number, 999, None)
        if stem == name and column and number is not None:
            found.setdefault(number, {})[column] = text
    rows = [found[number] for number in sorted(found)]
    while rows and not any(text.strip() for column, text in rows[-1].items() if column not in ("direction", "must")):
        rows.pop()
    return rows
