"""`make bench`: run every scripts/bench_*.py, keep what they print, and write the tables of docs/performance.md anew.

    python scripts/bench.py [index encode …]

Each benchmark runs alone, one after the other, with the threads that a process of the running site has.  Every line
of JSON that it prints goes to docs/performance.jsonl in place of its former ones; lines with the same ``what`` make one
table, other lines of text stand below as they are.  A benchmark that fails keeps its former lines, and the exit code
is 1.  Parts of the page outside the marks are written by people and stay.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import machine
import serve
import setup

SCRIPTS = Path(__file__).resolve().parent
PAGE = machine.ROOT / "docs" / "performance.md"
LINES = machine.ROOT / "docs" / "performance.jsonl"
NAME = re.compile(r"bench_(\w+)\.py")
MARKS = "<!-- {0}: begin -->\n{1}<!-- {0}: end -->"


def names() -> list[str]:
    """Return the benchmarks there are, by name: ``index`` for bench_index.py."""
    return sorted(found[1] for path in SCRIPTS.iterdir() if (found := NAME.fullmatch(path.name)))


def run(name: str) -> list[dict[str, object]] | None:
    """Run one benchmark, show what it prints, and return its lines; None when it failed.  Text becomes {"text": …}."""
    machine.say(f"bench: {name} …")
    with subprocess.Popen(
        [str(machine.PYTHON), "-m", f"scripts.bench_{name}"],
        cwd=machine.ROOT,
        env=machine.environment(PYTHONPATH=f"{machine.ROOT}:{SCRIPTS}", **serve.threads_each(2)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        lines = []
        for line in program.stdout:
            machine.say(f"  {line.rstrip()}")
            lines.append(read(line))
    return None if program.returncode else [line for line in lines if line]


def read(line: str) -> dict[str, object]:
    """Return a printed line as a dictionary; text that is no JSON object under ``text``, nothing for an empty line."""
    try:
        found = json.loads(line)
    except ValueError:
        found = line.strip()
    return found if isinstance(found, dict) else {"text": str(found)} if found else {}


def kept_lines() -> dict[str, list[dict[str, object]]]:
    """Return the lines of the last run of each benchmark."""
    kept: dict[str, list[dict[str, object]]] = {}
    for line in LINES.read_text("utf-8").splitlines() if LINES.exists() else []:
        found = json.loads(line)
        kept.setdefault(found.pop("bench"), []).append(found)
    return kept


def tables(lines: list[dict[str, object]]) -> str:
    """Return the lines of one benchmark as Markdown: a table for each ``what``, then the text."""
    groups: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        if "text" not in line:
            rest = {name: value for name, value in line.items() if name != "what"}
            groups.setdefault(str(line.get("what", "")), []).append(rest)
    parts = [f"{f'**{what}**' + chr(10) * 2 if what else ''}{table(rows)}" for what, rows in groups.items()]
    parts += [f"    {line['text']}\n" for line in lines if "text" in line]
    return "\n".join(parts)


def table(rows: list[dict[str, object]]) -> str:
    """Return dictionaries as a Markdown table whose columns are all their keys."""
    heads = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[shown(row.get(head, "")) for head in heads] for row in rows]
    made = [[head.replace("_", " ") for head in heads], ["---"] * len(heads), *cells]
    return "".join(f"| {' | '.join(row)} |\n" for row in made)


def shown(value: object) -> str:
    """Return a figure as a reader likes it: thousands apart."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).replace("|", "/")
    return f"{value:,}"


def write_page(kept: dict[str, list[dict[str, object]]]) -> None:
    """Put the tables between the marks of the page; a benchmark that has none gets a section at the end."""
    page = PAGE.read_text("utf-8")
    for name, lines in sorted(kept.items()):
        marked = MARKS.format(name, tables(lines))
        found = re.compile(rf"<!-- {name}: begin -->.*?<!-- {name}: end -->", re.DOTALL)
        if not found.search(page):
            page = f"{page.rstrip()}\n\n## {name.capitalize()}\n\n{MARKS.format(name, '')}\n"
        page = found.sub(lambda _, marked=marked: marked, page)
    PAGE.write_text(page, "utf-8")


def main(asked: list[str]) -> int:
    """Run the benchmarks asked for (all when none is), and return the exit code."""
    setup.prepare_tools()
    kept, failed = kept_lines(), []
    for name in asked or names():
        lines = run(name)
        if lines is None:
            failed.append(name)
        else:
            kept[name] = lines
        made = [json.dumps({"bench": each} | line, ensure_ascii=False) for each in sorted(kept) for line in kept[each]]
        LINES.write_text("".join(f"{line}\n" for line in made), "utf-8")
        write_page(kept)
    if failed:
        machine.say(f"bench: failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    with machine.plain_ending():
        sys.exit(main(sys.argv[1:]))
