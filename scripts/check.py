"""`make check`: every check that needs no browser and no model; all are run, and each failure shows what was said.

Commands of the site run on a database of their own, in a folder that goes away. `python scripts/check.py format`
repairs instead of checking.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

import machine
import setup

BIN = machine.VENV / "bin"
PYTEST = [machine.PYTHON, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
FLASK = [machine.PYTHON, "-m", "flask", "--app", "app"]
CHECKS = {
    "format": [[BIN / "ruff", "format", "--check", "--quiet", "--output-format", "concise", "."]],
    "lint": [[BIN / "ruff", "check", "--quiet", "--output-format", "concise", "."]],
    "types of the pure modules": [[BIN / "mypy", "--no-error-summary"]],
    "conventions": [[*PYTEST, "tests/test_conventions.py"]],
    "one migration head, models equal migrations": [[*FLASK, "db-upgrade"], [*FLASK, "db-check"]],
    "docs fresh": [[*PYTEST, "tests/test_docs.py"]],
}
REPAIRS = [[BIN / "ruff", "format", "."], [BIN / "ruff", "check", "--fix", "--quiet", "."]]
LINES_SHOWN = 40
WIDTH_SHOWN = 300


def run_checks() -> list[str]:
    """Run every check, show the end of the output of those that fail, and return their names."""
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name, commands in CHECKS.items():
            said = _first_failure(commands, machine.environment(KCZ_DATA=folder, KCZ_DATABASE=""))
            machine.say(f"check: {name} … {'ok' if said is None else 'FAILED'}")
            if said is not None:
                machine.say("\n".join(line[:WIDTH_SHOWN] for line in said.rstrip().splitlines()[-LINES_SHOWN:]))
                failed.append(name)
    return failed


def _first_failure(commands: list[list], env: dict[str, str]) -> str | None:
    for command in commands:
        done = subprocess.run(
            command,
            cwd=machine.ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            return done.stdout
    return None


def require_checks() -> None:
    """Raise machine.Stop naming the checks that failed."""
    if failed := run_checks():
        raise machine.Stop(f"{len(failed)} of {len(CHECKS)} checks failed: {'; '.join(failed)}.")


if __name__ == "__main__":
    with machine.plain_ending():
        setup.prepare_tools()
        if sys.argv[1:] == ["format"]:
            sys.exit(max(subprocess.run(command, cwd=machine.ROOT).returncode for command in REPAIRS))
        require_checks()
