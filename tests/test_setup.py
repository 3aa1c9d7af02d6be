"""Set-up: what a person reads when the machine lacks something, what is skipped, and how the programs end together."""

import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import machine
import pytest
import serve
import setup
import vendor

ROOT = Path(__file__).resolve().parent.parent
SLEEPER = "import subprocess, sys, time; subprocess.Popen(['sleep', '97']); print('up', flush=True); time.sleep(97)"


def make(target: str, *words: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["make", "--silent", "--no-print-directory", target, *words],
        cwd=ROOT,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(done: subprocess.CompletedProcess) -> list[str]:
    """Everything printed, without make's own closing word about the exit code."""
    return [line for line in (done.stdout + done.stderr).splitlines() if not re.match(r"make(\[\d+\])?:", line)]


def has_process(words: str) -> bool:
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout.splitlines()
    return any(line.startswith(words) for line in lines)


# --- what is missing ends in one sentence ------------------------------------------------------------------------


def test_a_busy_port_is_one_sentence_that_names_the_way_out():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = make("run", KCZ_PORT=str(port))
    assert said(done) == [
        f"kcz_match: port {port} is in use by another program: stop it, or choose another: "
        f"KCZ_PORT={port + 1} make run."
    ]
    assert done.returncode != 0


def test_a_python_that_is_not_there_is_one_sentence():
    done = make("run", PYTHON="python-of-nowhere")
    assert said(done) == [
        "kcz_match: Python 3.11, 3.12 or 3.13 is needed and none was found as python-of-nowhere: "
        "install one, or name it with 'make run PYTHON=/path/to/python3.11'."
    ]
    assert done.returncode != 0


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_a_python_outside_the_range_is_refused(version):
    with pytest.raises(machine.Stop, match=rf"Python 3\.11 to 3\.13 is needed and this is {version[0]}\.{version[1]}"):
        machine.require_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_python_inside_the_range_is_taken(version):
    assert machine.require_python(version) is None


def test_a_setting_that_cannot_be_read_is_one_sentence():
    done = make("run", KCZ_PORT="eighty")
    assert said(done) == ["kcz_match: KCZ_PORT='eighty' cannot be read: port that gunicorn listens on"]
    assert done.returncode != 0


def test_a_data_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    done = make("run", KCZ_DATA=str(tmp_path / "file" / "data"), KCZ_PORT="0")
    assert len(said(done)) == 1
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


def test_a_full_disk_is_one_sentence_before_anything_is_installed(tmp_path):
    with pytest.raises(machine.Stop) as reason:
        machine.require_space(tmp_path, 10**12)
    assert str(reason.value).startswith(f"1000000000000 MB of free disk are needed in {tmp_path} and ")


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("npm error code EAI_AGAIN", "no package registry can be reached"),
        ("PermissionError: [Errno 13] Permission denied: '.venv'", "a file may not be written"),
        ("something else", None),
    ],
)
def test_the_output_of_a_tool_is_translated_into_its_cause(output, sentence):
    found = machine.explain(output)
    assert (found and found.split(":")[0]) == sentence


def test_a_failing_tool_is_quoted_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "print('a'); print('b'); raise SystemExit(3)"]
    with pytest.raises(machine.Stop) as reason:
        machine.call(command, "it did not work", cwd=tmp_path)
    assert str(reason.value) == "it did not work: the tool said:\n    a\n    b"


def test_without_node_the_package_from_pypi_is_used(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    own = tmp_path / "bin" / "npm"
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    python.chmod(0o755)
    monkeypatch.setattr(machine, "VENV", tmp_path)
    monkeypatch.setattr(machine, "PYTHON", python)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.npm() == [str(own)]
    assert (tmp_path / "asked").read_text() == (
        f"-m pip install --quiet --disable-pip-version-check {machine.NODE_PACKAGE}\n"
    )


# --- what is done is not done again ------------------------------------------------------------------------------


def test_a_stamp_holds_until_an_input_changes(tmp_path):
    listed = tmp_path / "requirements.txt"
    listed.write_text("flask==1\n")
    stamp = machine.Stamp(tmp_path / "deep" / "stamp", [listed])
    assert not stamp.holds()
    stamp.write()
    assert stamp.holds()
    listed.write_text("flask==2\n")
    assert not stamp.holds()


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """A built encoder of one file, and a function that tells how often the builder was asked since."""
    asked = tmp_path / "asked"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho built >> {asked}\n")
    python.chmod(0o755)
    monkeypatch.setattr(machine, "PYTHON", python)
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "model").write_text("12345")
    (folder / "manifest.json").write_text(json.dumps({"files": {"model": 5}}))
    setup.build_encoder(folder)
    return folder, lambda: len(asked.read_text().splitlines()) - 1


def test_a_whole_encoder_is_not_built_again(encoder):
    folder, times_built = encoder
    setup.build_encoder(folder)
    assert times_built() == 0


@pytest.mark.parametrize("damage", ["model", "manifest.json", ".built"])
def test_a_damaged_encoder_is_built_again(encoder, damage):
    folder, times_built = encoder
    (folder / damage).write_text("")
    setup.build_encoder(folder)
    assert times_built() == 1


@pytest.fixture
def assets(tmp_path):
    """A tree with installed packages, as npm leaves it."""
    versions = {}
    for package, files in vendor.USED.items():
        folder = tmp_path / "node_modules" / package
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{package} {name}")
        (folder / "package.json").write_text(json.dumps({"version": "1.2.3", "license": "MIT"}))
        versions[f"node_modules/{package}"] = {"version": "1.2.3"}
    (tmp_path / "package-lock.json").write_text(json.dumps({"packages": versions}))
    return tmp_path


def test_only_used_files_are_vendored_and_each_is_listed_with_its_digest(assets):
    stale = assets / "static/vendor/old.js"
    stale.parent.mkdir(parents=True)
    stale.write_text("old")
    rows = vendor.copy(assets)
    assert sorted(path.name for path in (assets / "static/vendor").iterdir()) == [
        "bootstrap.min.css",
        "echarts.min.js",
        "htmx.min.js",
        "vendor.json",
    ]
    assert json.loads((assets / "static/vendor/vendor.json").read_text()) == rows
    assert [(row["package"], row["version"], row["licence"], row["file"]) for row in rows] == [
        ("htmx.org", "1.2.3", "MIT", "htmx.min.js"),
        ("bootstrap", "1.2.3", "MIT", "bootstrap.min.css"),
        ("echarts", "1.2.3", "MIT", "echarts.min.js"),
    ]
    assert vendor.is_current(assets)


@pytest.mark.parametrize("name", ["htmx.min.js", "bootstrap.min.css", "echarts.min.js", "vendor.json"])
def test_a_vendored_file_that_was_changed_or_lost_is_noticed(assets, name):
    vendor.copy(assets)
    path = assets / "static/vendor" / name
    text = path.read_text()
    path.write_text("changed by hand")
    assert not vendor.is_current(assets)
    path.unlink()
    assert not vendor.is_current(assets)
    path.write_text(text)
    assert vendor.is_current(assets)


def test_another_version_in_the_lock_file_is_noticed(assets):
    vendor.copy(assets)
    lock = assets / "package-lock.json"
    lock.write_text(lock.read_text().replace("1.2.3", "1.2.4"))
    assert not vendor.is_current(assets)


def test_the_lock_file_pins_exact_versions_and_holds_no_download_address():
    wanted = json.loads((ROOT / "package.json").read_text())
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    named = {**wanted["dependencies"], **wanted["devDependencies"]}
    assert {name: locked[f"node_modules/{name}"]["version"] for name in named} == named
    assert [name for name, entry in locked.items() if "resolved" in entry] == []
    assert [name for name, entry in locked.items() if name and "integrity" not in entry] == []


def test_every_python_package_is_pinned_to_one_version():
    lines = [
        line.split("#")[0].strip()
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text().splitlines()
    ]
    assert [line for line in lines if line and not line.startswith("-r ") and "==" not in line] == []


# --- the programs start and end together -------------------------------------------------------------------------


def test_stopping_ends_every_program_and_its_children():
    programs = serve.Programs()
    leaders = [
        programs.start(name, [sys.executable, "-c", SLEEPER], dict(os.environ), log=subprocess.PIPE)
        for name in ("web server", "worker")
    ]
    for leader in leaders:
        assert leader.stdout.readline() == b"up\n"
    assert has_process("sleep 97")
    assert programs.ended() is None
    programs.stop()
    assert [leader.returncode for leader in leaders] == [-signal.SIGTERM, -signal.SIGTERM]
    assert not has_process("sleep 97")
    for leader in leaders:
        leader.stdout.close()


def test_a_program_that_ends_by_itself_is_named():
    programs = serve.Programs()
    programs.start("worker", [sys.executable, "-c", "raise SystemExit(4)"], dict(os.environ)).wait()
    assert programs.ended() == "worker"
    with pytest.raises(machine.Stop, match="the worker ended while starting"):
        serve.wait_until_it_answers("http://127.0.0.1:9", programs, seconds=5)
    programs.stop()


class Answer(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def site():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_waiting_ends_when_the_site_answers(site):
    start = time.monotonic()
    serve.wait_until_it_answers(site, serve.Programs(), seconds=30)
    assert time.monotonic() - start < 10


def test_an_error_page_is_not_taken_for_a_running_site(site, monkeypatch):
    monkeypatch.setattr(Answer, "status", 500)
    with pytest.raises(machine.Stop, match=r"answers with an error \(500\)"):
        serve.wait_until_it_answers(site, serve.Programs(), seconds=30)


def test_no_answer_in_time_is_one_sentence():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(machine.Stop, match="did not answer within 1 seconds"):
            serve.wait_until_it_answers(address, serve.Programs(), seconds=1)


def test_nothing_is_preloaded_before_the_fork():
    words = serve.web_command("127.0.0.1", 8000, 2)
    assert "--preload" not in words
    assert "--no-control-socket" in words
    assert words[words.index("--worker-class") + 1] == "gthread"


# --- the Makefile ------------------------------------------------------------------------------------------------


def test_help_lists_every_target_and_each_is_one_line():
    lines = (ROOT / "Makefile").read_text().splitlines()
    targets = [line.split(":")[0] for line in lines if line[:1].isalpha() and "##" in line]
    recipes = [line for line in lines if line.startswith("\t")]
    phony = next(line for line in lines if line.startswith(".PHONY")).split()[1:]
    assert sorted(phony) == sorted(targets)
    assert len(recipes) == len(targets)
    assert [line.split()[1] for line in make("help").stdout.splitlines()] == targets
