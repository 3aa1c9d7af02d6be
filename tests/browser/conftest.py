"""What browser stories stand on: the real web server with two workers, the real worker, a fresh database, Chromium.

    def test_an_officer_posts_a_need(server, page_at):
        page = page_at(390)
        page.goto("/needs")

`server` has an empty, migrated database; `demo_server` one with the demo data. Both last for the whole run. Every
page is watched: a request to another origin, an error in a script or a blocked inline style fails the story.
"""

from __future__ import annotations

import re
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import chromium
import machine
import pytest
import serve
import setup

RESULTS = machine.ROOT / "test-results"
ENCODER = machine.ROOT / "indexes" / "encoder"
WORKERS = 2


@dataclass
class Server:
    """A running site: gunicorn with two workers and one job worker, on a database of its own.

    `settings` are the overrides with which `create_app` opens the same database, `env` the environment with which
    `flask` commands do; `run("seed-demo")` runs one and returns what it printed.
    """

    folder: Path
    port: int = 0
    programs: serve.Programs = field(default_factory=serve.Programs)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.folder / "kcz.sqlite3"

    @property
    def settings(self) -> dict[str, object]:
        return {"DATA": self.folder, "INDEXES": self.folder / "indexes", "ENCODER": str(ENCODER)}

    @property
    def env(self) -> dict[str, str]:
        return machine.environment(
            **{f"KCZ_{name}": str(value) for name, value in self.settings.items()},
            **serve.threads_each(WORKERS),
        )

    @property
    def log(self) -> str:
        """Everything that the programs have printed so far."""
        return (self.folder / "server.log").read_text("utf-8", "replace")

    def run(self, *words: str) -> str:
        """Run one of the site's commands to its end; a failure shows what it said."""
        done = subprocess.run(
            serve.flask_command(*words),
            cwd=machine.ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> Server:
        """Start both programs on a free port and return when the site answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with (self.folder / "server.log").open("ab") as log:
            self.programs.start("web server", serve.web_command("127.0.0.1", self.port, WORKERS), self.env, log)
            self.programs.start("worker", serve.flask_command("worker"), self.env, log)
        try:
            serve.wait_until_it_answers(self.base_url, self.programs)
        except machine.Stop as reason:
            self.stop()
            pytest.fail(f"{reason}\n{self.log}", pytrace=False)
        return self

    def stop(self) -> None:
        """Stop both programs; the database stays, and `start` opens it again."""
        self.programs.stop()


def _new_server(folder: Path, *commands: str) -> Server:
    setup.build_encoder(ENCODER)
    made = Server(folder)
    for command in ("db-upgrade", *commands):
        made.run(command)
    return made.start()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running site with an empty database."""
    running = _new_server(tmp_path_factory.mktemp("site"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory):
    """A running site with the demo data."""
    running = _new_server(tmp_path_factory.mktemp("demo-site"), "seed-demo")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser():
    """A running Chromium."""
    with chromium.running() as started:
        yield started


@pytest.fixture
def page_at(request, browser):
    """A function that opens a page of a fresh visitor at a window width, on the server that the story uses."""
    opened = []

    def open_page(width: int = 1280, on: Server | None = None):
        site = on or next(request.getfixturevalue(name) for name in SERVERS if name in request.fixturenames)
        opened.append(chromium.page_at(browser, site.base_url, width))
        return opened[-1][0]

    yield open_page
    if request.node.stash.get(FAILED, False):
        _keep_pictures(request.node.name, [page for page, _ in opened])
    for page, _ in opened:
        page.context.close()
    assert [stray for _, strays in opened for stray in strays] == []


@pytest.fixture
def sign_in():
    """A function that signs a page in through the form: sign_in(page, email, password)."""
    return chromium.sign_in


SERVERS = ("server", "demo_server")
FAILED = pytest.StashKey[bool]()


def _keep_pictures(name: str, pages: list) -> None:
    RESULTS.mkdir(exist_ok=True)
    stem = re.sub(r"[^\w-]+", "-", name)[:100]
    for number, page in enumerate(pages, 1):
        page.screenshot(path=RESULTS / f"{stem}-{number}.png", full_page=True)
        (RESULTS / f"{stem}-{number}.html").write_text(page.content(), "utf-8")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember that a story failed, so that pictures of its pages are kept in test-results/."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def pytest_collection_modifyitems(items):
    """Every test in this folder is a browser story, and may take longer than a unit test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))
