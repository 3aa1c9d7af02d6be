"""How Alembic reaches the database: always through the application's own engine, with foreign keys off.

SQLite alters a table by copying it; with foreign keys on, dropping the old copy would delete the rows of child
tables.  They are switched off outside the transaction and checked before the commit.
"""

from alembic import context
from sqlalchemy import Connection

from kcz_match.core.db import UtcDateTime
from kcz_match.schema import metadata


def include(thing: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    """Leave the full-text tables (and SQLite's shadow tables of them) to their own migration."""
    return not (kind == "table" and (name or "").startswith(("words_", "sqlite_")))


def render(kind: str, thing: object, context: object) -> str | bool:
    """Write our column types as the plain types they store, so that a migration stands on its own."""
    return "sa.DateTime()" if kind == "type" and isinstance(thing, UtcDateTime) else False


def run(connection: Connection) -> None:
    """Run the migrations on one connection, in one transaction."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        include_object=include,
        render_item=render,
        compare_type=True,
        compare_server_default=False,
        transactional_ddl=True,
    )
    context.run_migrations()
    if is_sqlite:
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"the migration leaves broken references: {broken[:5]}")


run(context.config.attributes["connection"])
