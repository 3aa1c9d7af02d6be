"""Set-up: virtual environment, Python packages, front-end files, default encoder; each step is skipped while it holds.

`python scripts/setup.py` prepares what the site needs, `python scripts/setup.py tests` what the tests need on top.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import machine
import vendor

FIRST_INSTALL_MEGABYTES = 4000
LATER_MEGABYTES = 200
ENCODER_BUILDER = machine.ROOT / "kcz_match" / "matching" / "encoder_build.py"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TEST_PACKAGES = ("chromium", "fonts-noto-cjk")


def make_environment() -> None:
    """Create .venv on this Python, or make it anew when its Python no longer runs or is of a wrong version."""
    question = "import sys, pip; print(*sys.version_info[:2])"
    if machine.PYTHON.exists():
        answer = subprocess.run([machine.PYTHON, "-c", question], capture_output=True, text=True)
        if answer.returncode == 0:
            machine.require_python(tuple(int(part) for part in answer.stdout.split()))
            return
    machine.say("Creating the virtual environment .venv …")
    try:
        venv.create(machine.VENV, with_pip=True, clear=(machine.VENV / "pyvenv.cfg").exists())
    except subprocess.CalledProcessError as fault:
        said = (fault.output or b"").decode(errors="replace")
        raise machine.Stop(
            f"the virtual environment cannot be made: "
            f"{machine.explain(said) or 'Python lacks its venv module: install the package python3-venv.'}"
        ) from None


def install_packages(name: str) -> None:
    """Install a requirements file into .venv unless that was done for exactly these files."""
    files = [machine.ROOT / "requirements.txt"]
    if name != "requirements.txt":
        files.append(machine.ROOT / name)
    stamp = machine.Stamp(machine.VENV / f".installed-{name}", files)
    if stamp.holds():
        return
    is_first = name == "requirements.txt" and not stamp.path.exists()
    machine.say(f"Installing the Python packages of {name}{' (about 2 GB, some minutes)' if is_first else ''} …")
    machine.call(
        [machine.PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r", name],
        f"the Python packages of {name} could not be installed",
    )
    stamp.write()


def build_encoder(folder: Path) -> None:
    """Build the default encoder into the folder, unless a whole one of this builder and these packages is there."""
    stamp = machine.Stamp(folder / ".built", [ENCODER_BUILDER, machine.ROOT / "requirements.txt"])
    if stamp.holds() and _is_whole(folder):
        return
    if not (folder / "manifest.json").exists():
        machine.say("Building the default text encoder (once, about half a minute) …")
    machine.call(
        [machine.PYTHON, "-m", "kcz_match.matching.encoder_build", folder], "the default encoder could not be built"
    )
    stamp.write()


def _is_whole(folder: Path) -> bool:
    try:
        files = json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
        return all((folder / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, KeyError):
        return False


def prepare_site(values: dict[str, object]) -> None:
    """Bring everything that the running site needs up to date; raise machine.Stop with one sentence when it cannot.

    The default encoder is built unless the setting ENCODER names another one.
    """
    machine.require_python()
    machine.require_writable(machine.ROOT)
    is_new = not (machine.VENV / ".installed-requirements.txt").exists()
    machine.require_space(machine.ROOT, FIRST_INSTALL_MEGABYTES if is_new else LATER_MEGABYTES)
    make_environment()
    install_packages("requirements.txt")
    vendor.install()
    machine.require_writable(values["INDEXES"])
    default = values["INDEXES"] / "encoder"
    if str(values["ENCODER"]) == str(default):
        build_encoder(default)


def browser() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def has_chinese_font() -> bool:
    """Tell whether the machine can draw Chinese."""
    if not shutil.which("fc-list"):
        return False
    return bool(subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True, text=True).stdout.strip())


def install_browser() -> None:
    """Install Chromium and a Chinese font through apt-get when that is allowed, else raise Stop naming the packages."""
    if browser() and has_chinese_font():
        return
    names = " ".join(TEST_PACKAGES)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise machine.Stop(f"the browser tests need the packages {names}: `sudo apt-get install {names}`, then again.")
    machine.say(f"Installing {names} …")
    quiet = machine.environment(DEBIAN_FRONTEND="noninteractive")
    failure = f"the packages {names} could not be installed"
    machine.call(["apt-get", "update", "-q"], failure, env=quiet)
    machine.call(["apt-get", "install", "-q", "-y", "--no-install-recommends", *TEST_PACKAGES], failure, env=quiet)


def prepare_tools() -> None:
    """Bring the tools of `make check` up to date: the site's packages and requirements-dev.txt."""
    machine.require_python()
    make_environment()
    install_packages("requirements.txt")
    install_packages("requirements-dev.txt")


def prepare_tests(values: dict[str, object]) -> None:
    """Bring everything that the tests need up to date, on top of what the site needs."""
    prepare_site(values)
    prepare_tools()
    install_browser()


if __name__ == "__main__":
    with machine.plain_ending():
        (prepare_tests if sys.argv[1:] == ["tests"] else prepare_site)(machine.settings())
        machine.say("Set-up is complete.")
