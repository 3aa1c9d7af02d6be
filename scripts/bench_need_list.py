"""Print how long a needs list of the greatest length takes: reading the file, and understanding its rows.

    python scripts/bench_need_list.py [rows]

The rows are complete and alike except for title and code numbers.  No database is touched.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import xlsxwriter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kcz_match.catalogue.list_columns import columns  # the path above comes first
from kcz_match.catalogue.list_reading import read_list  # as above
from kcz_match.catalogue.sheets import MOST_ROWS, read_tables  # as above


def list_of(rows: int) -> bytes:
    """Return a workbook with so many needs, each with about four hundred characters."""
    stream, heads = io.BytesIO(), columns()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, [head.label for head in heads])
        for row in range(1, rows + 1):
            for column, head in enumerate(heads):
                longer = 5 if head.field in ("background", "problem", "target") else 1
                text = f"{head.example}第 {row} 号线" if head.field == "title" else head.example * longer
                if text:
                    sheet.write_string(row, column, text)
    return stream.getvalue()


def main() -> None:
    """Time the two steps."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else MOST_ROWS
    data = list_of(rows)
    begun, worked = time.perf_counter(), time.process_time()
    tables = read_tables(data, "list.xlsx")
    middle = time.perf_counter()
    needs = read_list(tables).needs
    ended = time.perf_counter()
    good = sum(not need.errors for need in needs)
    print(
        f"{len(needs)} rows, {good} without errors, {len(data) / 1e6:.1f} MB: file {middle - begun:.1f} s, "
        f"rows {ended - middle:.1f} s, processor {time.process_time() - worked:.1f} s"
    )


if __name__ == "__main__":
    main()
