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


def _make(folder: Path, fill: Callable[[], None]) -> Path:
    app = create_app({"DATA": folder, "INDEXES": folder / "indexes", "SECRET_KEY": "for tests only"})
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


@pytest.fixture
def app(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """An application with a database of its own, empty unless the test asks for ``world``; inside its context."""
    source = "world_database" if "world" in request.fixturenames else "empty_database"
    shutil.copy(request.getfixturevalue(source), tmp_path / "kcz.sqlite3")
    app = create_app({"DATA": tmp_path, "INDEXES": tmp_path / "indexes", "SECRET_KEY": "for tests only", "DEMO": False})
    app.testing = True
    app.config["WTF_CSRF_ENABLED"] = False
    engine.set_encoder_for_tests(Letters())
    with app.app_context():
        yield app
        db.session.close()
        db.engine.dispose()
    engine.set_encoder_for_tests(None)


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
