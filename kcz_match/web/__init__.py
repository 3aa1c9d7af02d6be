"""Pages: one file per domain.  A view loads a record, calls one verb, commits in its last line, and redirects."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request
from flask_wtf import CSRFProtect

from kcz_match.web import access, errors, me, presentation

csrf = CSRFProtect()

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def init_app(app: Flask) -> None:
    """Add sign-in, form protection, error pages, template words and every blueprint to the application."""
    csrf.init_app(app)
    access.init_app(app)
    errors.init_app(app)
    presentation.register(app)
    me.init_app(app)
    app.before_request(_number_request)
    app.after_request(_add_headers)
    for blueprint in _blueprints():
        app.register_blueprint(blueprint)


def _blueprints():  # type: ignore[no-untyped-def]
    from kcz_match.web import (
        accounts,
        admin,
        admin_matching,
        admin_organisations,
        admin_people,
        admin_records,
        broker,
        capabilities,
        diagnoses,
        home,
        interests,
        matches,
        need_lists,
        need_parts,
        needs,
        own_organisation,
        saved_searches,
        search,
    )

    return list(
        dict.fromkeys(
            module.blueprint
            for module in (
                home,
                accounts,
                own_organisation,
                needs,
                need_lists,
                capabilities,
                matches,
                need_parts,
                diagnoses,
                broker,
                interests,
                search,
                saved_searches,
                admin,
                admin_matching,
                admin_organisations,
                admin_people,
                admin_records,
            )
        )
    )


def _number_request() -> None:
    g.request_id = secrets.token_hex(6)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
