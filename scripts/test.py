"""`make test`: set up, check, run the unit tests on two processes, then the browser stories alone on the machine.

Stops at the first part that fails, so that the last thing printed is the closing line of the run that matters.
"""

from __future__ import annotations

import subprocess
import sys

import check
import machine
import setup

UNIT = ["-n", "2", "--dist", "loadgroup", "-m", "not browser", "--cov=kcz_match", "--cov-report=term:skip-covered"]
BROWSER = ["-m", "browser", "-p", "no:randomly"]


def run(*words: str) -> None:
    """Run pytest with its output on the terminal; end with its exit code when it fails."""
    code = subprocess.run(
        [machine.PYTHON, "-m", "pytest", *words], cwd=machine.ROOT, env=machine.environment(), stdin=subprocess.DEVNULL
    ).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    with machine.plain_ending():
        setup.prepare_tests(machine.settings())
        check.require_checks()
        run(*UNIT)
        run(*BROWSER)
