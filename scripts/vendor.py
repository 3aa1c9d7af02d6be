"""Install the front-end files that pages use: npm packages -> static/vendor/, with a list of what they are.

Nothing third-party is committed. `package-lock.json` pins every version and digest, `npm ci` installs exactly those
without running any of their code, and this script copies the few files that templates name. `static/vendor/vendor.json`
records name, version, licence and SHA-256 of each copy, so that a file changed by hand is noticed and replaced.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import machine

# package -> files inside it -> name under static/vendor/
USED = {
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js"},
    "bootstrap": {"dist/css/bootstrap.min.css": "bootstrap.min.css"},
    "echarts": {"dist/echarts.simple.min.js": "echarts.min.js"},  # bars and lines are all that the charts need
}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_current(root: Path) -> bool:
    """Tell whether every vendored file is present, unchanged, and of the version that the lock file pins."""
    try:
        listed = json.loads((root / "static/vendor/vendor.json").read_text("utf-8"))
        locked = json.loads((root / "package-lock.json").read_text("utf-8"))["packages"]
        rows = {(row["package"], row["file"]): row for row in listed}
        return set(rows) == {(package, name) for package, files in USED.items() for name in files.values()} and all(
            row["version"] == locked[f"node_modules/{package}"]["version"]
            and row["sha256"] == digest(root / "static/vendor" / name)
            for (package, name), row in rows.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def copy(root: Path) -> list[dict[str, str]]:
    """Copy the used files out of node_modules/, write vendor.json, return its rows; other files there go away."""
    target = root / "static/vendor"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    rows = []
    for package, files in USED.items():
        about = json.loads((root / "node_modules" / package / "package.json").read_text("utf-8"))
        for source, name in files.items():
            shutil.copyfile(root / "node_modules" / package / source, target / name)
            rows.append(
                {
                    "package": package,
                    "version": about["version"],
                    "licence": about["license"],
                    "file": name,
                    "sha256": digest(target / name),
                }
            )
    (target / "vendor.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return rows


def install(root: Path = machine.ROOT) -> bool:
    """Bring node_modules/ and static/vendor/ up to the lock file; return whether anything had to be done.

    Raises machine.Stop with one sentence when there is no npm to be had, or npm fails.
    """
    stamp = machine.Stamp(root / "node_modules/.installed", [root / "package.json", root / "package-lock.json"])
    if stamp.holds() and is_current(root):
        return False
    if not stamp.holds():
        machine.say("Installing the front-end files (npm) …")
        machine.call([*machine.npm(), "ci", "--ignore-scripts"], "npm could not install the front-end files", cwd=root)
        stamp.write()
    copy(root)
    return True


if __name__ == "__main__":
    with machine.plain_ending():
        done = install()
        sys.stdout.write("static/vendor is " + ("installed.\n" if done else "up to date.\n"))
