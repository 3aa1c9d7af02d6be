"""The database: base class, column types, and one rule about transactions.

SQLite comes from ``pysqlite3`` (the system library of older Debian releases can corrupt a WAL database that two
processes write).  A request that only reads opens a deferred transaction, everything else takes the write lock at
once (``BEGIN IMMEDIATE``), because a deferred transaction that turns into a writer fails without waiting.
"""

from __future__ import annotations

import datetime as dt
import enum
import secrets
from typing import Any

import pysqlite3.dbapi2 as sqlite
from flask import has_request_context, request
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import DateTime, Engine, Enum, MetaData, String, event
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import TypeDecorator

KEY_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
KEY_LENGTH = 12
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BUSY_MILLISECONDS = 10_000


class UtcDateTime(TypeDecorator[dt.datetime]):
    """A point in time: aware values only, kept in UTC, given back aware."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Refuse a naive value with ``ValueError``; drop the zone after conversion to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Give the stored value its zone back."""
        return None if value is None else value.replace(tzinfo=dt.UTC)


def choice(kind: type[enum.StrEnum]) -> Enum:
    """Return a column type that stores an enum's values (not its names) as text with a check constraint."""
    return Enum(
        kind,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        create_constraint=True,
        length=32,
        validate_strings=True,
        name=kind.__name__.lower(),
    )


class Base(DeclarativeBase):
    """All tables of the product."""

    registry = registry(
        type_annotation_map={dt.datetime: UtcDateTime(), str: String()},
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "pk": "pk_%(table_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            }
        ),
    )


db = SQLAlchemy(require_default_engine=True)


def utc_now() -> dt.datetime:
    """Return the present moment, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def new_key() -> str:
    """Return a random public key of twelve letters and digits (59 bits): ids in addresses cannot be walked."""
    return "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))


def engine_options(address: str) -> dict[str, Any]:
    """Return the options with which an engine for ``address`` is made."""
    options: dict[str, Any] = {"url": address}
    if address.startswith("sqlite"):
        options |= {"module": sqlite, "connect_args": {"timeout": BUSY_MILLISECONDS / 1000}}
    return options


@event.listens_for(Engine, "connect")
def _prepare_connection(connection: Any, record: Any) -> None:
    if not isinstance(connection, sqlite.Connection):
        return
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", f"busy_timeout={BUSY_MILLISECONDS}"):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        reading = connection.get_execution_options().get("reading", _is_reading())
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _is_reading() -> bool:
    return has_request_context() and request.method in READING_METHODS
