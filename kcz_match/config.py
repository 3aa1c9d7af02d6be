"""Every setting in one table, and the only place that reads the environment.

A setting ``NAME`` is taken from the environment variable ``KCZ_NAME``; otherwise its default stands.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Setting:
    """One setting: its default, how its text is read, and what it is for."""

    default: object
    read: Callable[[str], object]
    help: str


def _flag(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on"}


SETTINGS: dict[str, Setting] = {
    "DATA": Setting(ROOT / "instance", Path, "folder of the database file and the secret key"),
    "DATABASE": Setting("", str, "SQLAlchemy address of the database; empty: kcz.sqlite3 in DATA"),
    "INDEXES": Setting(ROOT / "indexes", Path, "folder of the default encoder and the index generations"),
    "ENCODER": Setting("", str, "folder or hub name of a SentenceTransformer; empty: INDEXES/encoder"),
    "ENCODER_THREADS": Setting(
        1, int, "processor threads of one process for encoding; more only when nothing else runs"
    ),
    "HOST": Setting("127.0.0.1", str, "address that gunicorn listens on"),
    "PORT": Setting(8000, int, "port that gunicorn listens on"),
    "WEB_WORKERS": Setting(2, int, "gunicorn worker processes"),
    "SECRET_KEY": Setting("", str, "key that signs cookies; empty: made once and kept in DATA/secret_key"),
    "HTTPS": Setting(False, _flag, "site is served over HTTPS: cookies carry the Secure flag"),
    "PROXY_HOPS": Setting(0, int, "reverse proxies in front whose X-Forwarded-* heads are believed"),
    "TRUSTED_HOSTS": Setting("", str, "host names answered, separated by commas; empty: any"),
    "IDLE_MINUTES": Setting(30, int, "a session ends after so many minutes without a request"),
    "ABSOLUTE_HOURS": Setting(12, int, "a session ends after so many hours in any case"),
    "LOCKOUT_TRIES": Setting(5, int, "wrong passwords for one account from one address before a pause"),
    "LOCKOUT_MINUTES": Setting(30, int, "length of that pause, and the span in which tries are counted"),
    "PASSWORD_KIB": Setting(65536, int, "memory in KiB that one argon2id password hash takes"),
    "INVITATION_DAYS": Setting(7, int, "life of an invitation link in days"),
    "WORKER_PAUSE": Setting(0.2, float, "seconds between two looks of the worker at an empty queue"),
    "FOLD_ROWS": Setting(500, int, "fewest changes after which the worker builds a new index generation"),
    "UPLOAD_MEGABYTES": Setting(10, int, "largest upload"),
    "DEMO": Setting(True, _flag, "load the demo data when the database is empty"),
    "LOG": Setting("INFO", str, "log level"),
}


def settings(overrides: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return all settings by name: overrides first, then the environment, then the defaults.

    Raises ``ValueError`` with the variable's name when its text cannot be read, ``KeyError`` for an unknown override.
    """
    values: dict[str, object] = {}
    for name, setting in SETTINGS.items():
        text = os.environ.get(f"KCZ_{name}")
        try:
            values[name] = setting.default if text in (None, "") else setting.read(text)
        except ValueError as error:
            raise ValueError(f"KCZ_{name}={text!r} cannot be read: {setting.help}") from error
    for name, value in (overrides or {}).items():
        if name not in SETTINGS:
            raise KeyError(name)
        values[name] = value
    _derive(values)
    return values


def _derive(values: dict[str, object]) -> None:
    data = Path(str(values["DATA"]))
    values["DATABASE"] = values["DATABASE"] or f"sqlite:///{data / 'kcz.sqlite3'}"
    values["ENCODER"] = values["ENCODER"] or str(Path(str(values["INDEXES"])) / "encoder")
    values["SECRET_KEY"] = values["SECRET_KEY"] or _kept_secret(data)


def _kept_secret(data: Path) -> str:
    """Read the key kept in the data folder, making it once; two processes that race agree on one."""
    path = data / "secret_key"
    data.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        own = data / f".secret_key.{os.getpid()}"
        own.write_text(secrets.token_hex(32), encoding="ascii")
        own.chmod(0o600)
        try:
            os.link(own, path)
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return path.read_text(encoding="ascii")
