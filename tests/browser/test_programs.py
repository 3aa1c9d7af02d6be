"""`make run` as a person uses it: it starts within seconds, says where, and everything it started ends with it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import machine
import pytest

RUNNING = re.compile(r"kcz_match is running at (http://127\.0\.0\.1:\d+)")


@contextlib.contextmanager
def running_site(folder):
    """Start `make run` on a free port; yield the process, its address and what it has printed so far."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"KCZ_PORT": str(port), "KCZ_DATA": str(folder / "data"), "KCZ_DEMO": "0"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "--silent", "run"],
            cwd=machine.ROOT,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def said():
        return (folder / "log").read_text("utf-8")

    try:
        until(lambda: RUNNING.search(said()) or process.poll() is not None, 60)
        assert RUNNING.search(said()), said()
        yield process, f"http://127.0.0.1:{port}", said
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def until(is_so, seconds):
    """Wait until something is so, and return whether it became so in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.1)
    return False


def programs_of(folder):
    """Process ids by name of what runs with this data folder."""
    mark = f"KCZ_DATA={folder / 'data'}".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                words = (process / "cmdline").read_text().split("\0")
                for name in ("gunicorn", "worker", "serve.py"):
                    if any(word.rpartition("/")[2] == name for word in words):
                        found.setdefault(name, []).append(int(process.name))
    return found


def test_a_second_start_takes_under_15_seconds_and_says_where_in_both_languages(tmp_path):
    with running_site(tmp_path):
        pass
    begun = time.monotonic()
    with running_site(tmp_path) as (_, address, said):
        assert time.monotonic() - begun < 15
        lines = [line for line in said().splitlines() if address in line]
    assert lines == [
        f"kcz_match is running at {address} (Ctrl-C stops it). Demo accounts: README.md, “Demo accounts”.",
        f"科创匹配已启动，请用浏览器打开 {address} ；演示账号见 README.md，按 Ctrl-C 停止。",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_stopping_it_leaves_nothing_behind(tmp_path, number):
    with running_site(tmp_path) as (process, _, said):
        before = programs_of(tmp_path)
        assert {name: len(ids) for name, ids in before.items()} == {"gunicorn": 3, "worker": 1, "serve.py": 1}
        os.kill(before["serve.py"][0], number)
        process.wait(30)
        assert programs_of(tmp_path) == {}
        assert "Traceback" not in said()


@pytest.mark.parametrize("name", ["gunicorn", "worker"])
def test_when_one_program_ends_the_other_is_stopped_and_it_says_which(tmp_path, name):
    with running_site(tmp_path) as (process, _, said):
        os.kill(min(programs_of(tmp_path)[name]), signal.SIGKILL)
        assert process.wait(30) != 0
        assert until(lambda: programs_of(tmp_path) == {}, 10), programs_of(tmp_path)
        what = {"gunicorn": "web server", "worker": "worker"}[name]
        assert f"kcz_match: the {what} ended by itself, so the rest was stopped" in said()
        assert "Traceback" not in said()


def test_when_it_is_killed_outright_its_programs_end_too(tmp_path):
    with running_site(tmp_path) as (process, _, _said):
        os.kill(programs_of(tmp_path)["serve.py"][0], signal.SIGKILL)
        process.wait(30)
        assert until(lambda: programs_of(tmp_path) == {}, 20), programs_of(tmp_path)


def test_both_web_processes_serve_the_front_end_files(server):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for name in ("htmx.min.js", "bootstrap.min.css"):
        with opener.open(f"{server.base_url}/static/vendor/{name}", timeout=10) as answer:
            assert answer.read() == (machine.ROOT / "static/vendor" / name).read_bytes()
    assert server.database.exists()
    assert "worker is ready" in server.log
