"""科创匹配: certified districts and parks find the science and technology they need."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from flask import Flask

from kcz_match import cli, config
from kcz_match.accounts import passwords, sessions
from kcz_match.core.db import db, engine_options
from kcz_match.matching import engine


def create_app(overrides: Mapping[str, object] | None = None) -> Flask:
    """Return the application, made from ``config.settings``; ``overrides`` replace settings by name."""
    values = config.settings(overrides)
    app = Flask(__name__, template_folder=str(config.ROOT / "templates"), static_folder=str(config.ROOT / "static"))
    app.config.from_mapping(values)
    app.config.from_mapping(
        SQLALCHEMY_ENGINES={"default": engine_options(str(values["DATABASE"]))},
        SESSION_COOKIE_SECURE=values["HTTPS"],
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
        MAX_CONTENT_LENGTH=int(str(values["UPLOAD_MEGABYTES"])) * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,
        TRUSTED_HOSTS=[host.strip() for host in str(values["TRUSTED_HOSTS"]).split(",") if host.strip()] or None,
    )
    Path(str(values["DATA"])).mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=str(values["LOG"]), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    db.init_app(app)
    sessions.set_limits(_limits(values))
    engine.configure(
        str(values["ENCODER"]),
        str(values["INDEXES"]),
        int(str(values["FOLD_ROWS"])),
        int(str(values["ENCODER_THREADS"])),
    )
    passwords.set_memory(int(str(values["PASSWORD_KIB"])))
    cli.init_app(app)
    _init_web(app, values)
    return app


def _limits(values: Mapping[str, object]) -> sessions.Limits:
    def number(name: str) -> int:
        return int(str(values[name]))

    return sessions.Limits(
        idle=timedelta(minutes=number("IDLE_MINUTES")),
        absolute=timedelta(hours=number("ABSOLUTE_HOURS")),
        tries=number("LOCKOUT_TRIES"),
        pause=timedelta(minutes=number("LOCKOUT_MINUTES")),
        invitation_days=number("INVITATION_DAYS"),
    )


def _init_web(app: Flask, values: Mapping[str, object]) -> None:
    from werkzeug.middleware.proxy_fix import ProxyFix

    from kcz_match import web

    if hops := int(str(values["PROXY_HOPS"])):
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    web.init_app(app)
