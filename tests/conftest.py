"""Fixtures of the unit layer: an application on a database of its own, made by running the migrations once."""

from __future__ import annotations

import contextvars
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from kcz_match import create_app, migrating
from kcz_match.core.db import db
from kcz_match.matching import engine
from tests import factories
from tests.letters import Letters

SETTINGS = {"SECRET_KEY": "for tests only", "DEMO": False, "PASSWORD_KIB": 64}


def _make(folder: Path, fill: Callable[[], None]) -> Path:
    app = create_app(SETTINGS | {"DATA": folder, "INDEXES": folder / "indexes"})
    with app.app_context():
        migrating.upgrade()
        fill()
        db.session.close()
        with db.engine.connect() as connection:
            connection.rollback()
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return folder / "kcz.sqlite3"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file that tests copy."""
    return _make(tmp_path_factory.mktemp("empty"), lambda: None)


@pytest.fixture(scope="session")
def world_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the organisations of ``factories.World`` that tests copy."""
    return _make(tmp_path_factory.mktemp("world"), factories.build_world)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The one application of this process; each test that asks for ``app`` gives it a fresh database."""
    folder = tmp_path_factory.mktemp("site")
    return create_app(SETTINGS | {"DATA": folder, "INDEXES": folder / "indexes"})


@pytest.fixture
def app(site: Flask, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The application with a database of its own, empty unless the test asks for ``world``; inside its context."""
    folder = Path(site.config["DATA"])
    source = request.getfixturevalue("world_database" if "world" in request.fixturenames else "empty_database")
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copy(source, folder / "kcz.sqlite3")
    settings = dict(site.config)
    site.testing = True
    site.config["WTF_CSRF_ENABLED"] = False
    site.test_client_class = None
    engine.configure(site.config["ENCODER"], site.config["INDEXES"], site.config["FOLD_ROWS"])
    engine.set_encoder_for_tests(Letters())
    with site.app_context():
        yield site
        db.session.close()
        db.engine.dispose()
    engine.set_encoder_for_tests(None)
    site.config.clear()
    site.config.update(settings)


@pytest.fixture
def world(app: Flask) -> factories.World:
    """The smallest set of organisations and people in which the main job can be told."""
    return factories.World()


class Client(FlaskClient):
    """A browser without JavaScript: each request runs in a context of its own, as on a real server.

    The test's own transaction is given up before the request (commit what must be seen) and its records are read
    again after it.
    """

    def open(self, *args, **kwargs):
        db.session.rollback()
        response = contextvars.Context().run(super().open, *args, **kwargs)
        db.session.expire_all()
        return response


@pytest.fixture
def client(app: Flask) -> Client:
    """A browser without JavaScript."""
    app.test_client_class = Client
    return app.test_client()


@pytest.fixture
def count_queries(app: Flask):
    """A function that runs another one and returns how many statements it sent to the database."""

    def count(deed) -> int:
        seen: list[str] = []

        def remember(connection, cursor, statement, *rest) -> None:
            seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", remember)
        try:
            deed()
        finally:
            event.remove(db.engine, "before_cursor_execute", remember)
        return len(seen)

    return count


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with the real encoder share one process, which loads it once, when tests are spread over processes."""
    for item in items:
        if item.get_closest_marker("encoder"):
            item.add_marker(pytest.mark.xdist_group("encoder"))
