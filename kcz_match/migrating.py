"""Bringing the database to the newest schema, and checking that models and migrations agree."""

from __future__ import annotations

import io
from collections.abc import Callable

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from kcz_match.config import ROOT
from kcz_match.core.db import db


def upgrade() -> None:
    """Run all migrations that the database lacks, in one transaction."""
    _run(lambda config: command.upgrade(config, "head"))


def rebuild() -> None:
    """Take back every migration and run them again: an empty database, whatever was in it."""
    _run(lambda config: command.downgrade(config, "base"))
    upgrade()


def make(message: str) -> None:
    """Write a new migration from the difference between models and database."""
    _run(lambda config: command.revision(config, message, autogenerate=True))


def problems() -> list[str]:
    """Return what is wrong between models, migrations and database; empty when all agree."""
    from kcz_match.schema import metadata

    heads = ScriptDirectory.from_config(_config()).get_heads()
    found = [] if len(heads) == 1 else [f"there are {len(heads)} migration heads: {', '.join(heads)}"]
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _include})
        found += [f"models and database differ: {difference}" for difference in compare_metadata(context, metadata)]
    return found


def is_current() -> bool:
    """Say whether the database has the newest schema."""
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    return set(current) == set(ScriptDirectory.from_config(_config()).get_heads())


def _include(thing: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    return not (kind == "table" and (name or "").startswith(("words_", "sqlite_", "alembic_")))


def _config() -> Config:
    config = Config(output_buffer=io.StringIO(), stdout=io.StringIO())
    config.set_main_option("script_location", str(ROOT / "migrations"))
    return config


def _run(deed: Callable[[Config], object]) -> None:
    with db.engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        connection.begin()
        deed(config)
        _finish(connection)


def _finish(connection: Connection) -> None:
    connection.commit()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.invalidate()
