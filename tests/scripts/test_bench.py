"""`make bench`: what benchmarks print becomes tables, and what people wrote around them stays."""

from __future__ import annotations

import bench
import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with one good and one failing benchmark, and a page."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "bench_good.py").write_text(
        'import json\nprint(json.dumps({"what": "search", "records": 10000, "ms": 1.5}))\nprint("three | words")\n'
    )
    (scripts / "bench_bad.py").write_text('print(\'{"what": "half", "ms": 2}\')\nraise SystemExit(3)\n')
    (scripts / "benchmark.py").write_text("")
    page, lines = tmp_path / "performance.md", tmp_path / "performance.jsonl"
    page.write_text("# Page\n\nWritten by hand.\n\n<!-- good: begin -->\nold\n<!-- good: end -->\n\nBelow.\n")
    lines.write_text('{"bench": "bad", "what": "half", "ms": 9}\n')
    for name, value in {"SCRIPTS": scripts, "PAGE": page, "LINES": lines}.items():
        monkeypatch.setattr(bench, name, value)
    monkeypatch.setattr(bench.machine, "ROOT", tmp_path)
    monkeypatch.setattr(bench.setup, "prepare_tools", lambda: None)
    return page, lines


def test_benchmarks_are_found_by_their_names(project):
    assert bench.names() == ["bad", "good"]


def test_tables_are_written_between_the_marks_and_a_failure_keeps_the_former_lines(project, capsys):
    page, lines = project

    assert bench.main([]) == 1

    assert "bench: failed: bad" in capsys.readouterr().out
    assert lines.read_text().splitlines() == [
        '{"bench": "bad", "what": "half", "ms": 9}',
        '{"bench": "good", "what": "search", "records": 10000, "ms": 1.5}',
        '{"bench": "good", "text": "three | words"}',
    ]
    assert page.read_text() == (
        "# Page\n\nWritten by hand.\n\n<!-- good: begin -->\n"
        "**search**\n\n| records | ms |\n| --- | --- |\n| 10,000 | 1.5 |\n\n    three | words\n"
        "<!-- good: end -->\n\nBelow.\n\n## Bad\n\n<!-- bad: begin -->\n"
        "**half**\n\n| ms |\n| --- |\n| 9 |\n<!-- bad: end -->\n"
    )


def test_one_benchmark_alone_is_run_again_and_nothing_is_written_twice(project):
    page, lines = project
    assert bench.main(["good"]) == 0
    before = page.read_text(), lines.read_text()

    assert bench.main(["good"]) == 0

    assert (page.read_text(), lines.read_text()) == before
