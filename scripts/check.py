"""`make check`: every check that needs no browser and no model; all are run, and each failure is shown in full.

`python scripts/check.py format` repairs instead of checking.
"""

from __future__ import annotations

import subprocess
import sys

import machine
import setup

BIN = machine.VENV / "bin"
PYTEST = [machine.PYTHON, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
CHECKS = {
    "format": [BIN / "ruff", "format", "--check", "--quiet", "."],
    "lint": [BIN / "ruff", "check", "--quiet", "."],
    "types of the pure modules": [BIN / "mypy"],
    "conventions": [*PYTEST, "tests/test_conventions.py"],
    "one migration head, models equal migrations": [machine.PYTHON, "-m", "flask", "--app", "app", "db-check"],
    "docs fresh": [*PYTEST, "tests/test_docs.py"],
}
REPAIRS = [[BIN / "ruff", "format", "."], [BIN / "ruff", "check", "--fix", "--quiet", "."]]


def run_checks() -> list[str]:
    """Run every check, show the output of those that fail, and return their names."""
    failed = []
    for name, command in CHECKS.items():
        done = subprocess.run(
            command,
            cwd=machine.ROOT,
            env=machine.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        machine.say(f"check: {name} … {'FAILED' if done.returncode else 'ok'}")
        if done.returncode:
            machine.say(done.stdout.rstrip())
            failed.append(name)
    return failed


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
