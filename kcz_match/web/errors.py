"""One handler turns a refusal into a page, and every other error into a page that says what to do."""

from __future__ import annotations

import logging

from flask import Flask, current_app, g, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from kcz_match.core.db import db
from kcz_match.core.errors import Conflict, Refusal, Stale

log = logging.getLogger(__name__)
PAGES = (400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503)


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(Refusal, show_refusal)
    app.register_error_handler(StaleDataError, lambda error: show_refusal(Stale()))
    app.register_error_handler(IntegrityError, _integrity)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(
        CSRFError,
        lambda error: page(
            400,
            "这个页面打开太久，安全令牌已失效。也可能登录已失效。请另开一页登录，再回来重新提交。",
        ),
    )
    app.register_error_handler(HTTPException, lambda error: page(error.code or 500, ""))
    app.register_error_handler(Exception, _unexpected)


def show_refusal(refusal: Refusal) -> tuple[str, int]:
    """Roll back and show the refusal's sentence on a page of its status."""
    return page(refusal.status, refusal.sentence)


def page(status: int, sentence: str) -> tuple[str, int]:
    """Roll back and return the error page of a status; an empty sentence leaves the page's own words."""
    db.session.rollback()
    g.pop("actor", None)
    name = status if status in PAGES else 500
    back = request.referrer if request.referrer and request.referrer.startswith(request.host_url) else ""
    return render_template(
        f"errors/{name}.html", sentence=sentence, back=back, request_id=g.get("request_id", "")
    ), status


def _integrity(error: IntegrityError) -> tuple[str, int]:
    log.warning("the database refused: %s", error.orig)
    return show_refusal(Conflict("刚才有人登记了同样的内容，数据库不允许重复。请刷新页面查看最新情况。"))


def _busy(error: OperationalError) -> tuple[str, int]:
    log.error("database: %s", error.orig)
    g.me = None  # who looks is in the database too: the page must do without
    return page(503, "系统正忙，您的操作没有保存。请稍等片刻再试一次。")


def _unexpected(error: Exception) -> tuple[str, int]:
    log.exception("request %s %s (%s) failed", request.method, request.path, g.get("request_id", ""))
    if current_app.debug or current_app.testing:
        raise error
    return page(500, "")
