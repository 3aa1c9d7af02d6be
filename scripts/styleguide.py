"""Show every macro of templates/macros/ on one page, with nothing, one, many and long content.

    python scripts/styleguide.py               serve it on http://127.0.0.1:8010/ (and /form, /errors/404 …)
    python scripts/styleguide.py --out DIR     take pictures of it at 1280 and 390 px

The page is no part of the site: it has an application of its own, with made-up records and no database.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chromium
from flask import Flask, jsonify, render_template, request
from werkzeug.serving import make_server

from kcz_match.catalogue.coach import Advice, Warning
from kcz_match.catalogue.fields import (
    CAPABILITY_FIELDS,
    NEED_FIELD,
    NEED_FIELDS,
    NEED_SECTIONS,
    Claim,
    Direction,
    Indicator,
)
from kcz_match.catalogue.indicators import IndicatorResult, Verdict
from kcz_match.catalogue.states import CAPABILITIES, NEEDS, NeedState
from kcz_match.core.lifecycle import Lifecycle, Move
from kcz_match.matching.explanation import GridLine, QuotedPair, SharedTerm
from kcz_match.matching.filters import FilterResult
from kcz_match.web import presentation

ROOT = Path(__file__).resolve().parent.parent
NOW = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)
LONG_TITLE = "面向新能源汽车三电系统一体化压铸壳体的微小气孔与冷隔缺陷在线智能识别以及工艺参数闭环优化联合攻关项目"
LONG_TEXT = "漏检率高，靠人工看片，夜班尤其严重，一条线每月因漏检返工损失二十多万元。" * 60


@dataclass(frozen=True)
class Body:
    """A made-up organisation."""

    key: str
    full_name: str
    short_name: str
    is_demo: bool = False


@dataclass(frozen=True)
class Me:
    """A made-up person who looks at the page."""

    name: str
    organisation: Body
    organisations: tuple[Body, ...]
    is_office: bool = False
    waiting_count: int = 0


@dataclass
class Record:
    """A made-up record with a lifecycle."""

    lifecycle: Lifecycle
    state: Any
    version: int = 3
    is_demo: bool = True
    tiers: dict[str, str] = field(default_factory=dict)


BODIES = (
    Body("a", "广州市黄埔区科学技术协会", "黄埔区科协", True),
    Body("b", "广州市智能装备与工业机器人检验检测技术学会联合体示范园区管理委员会", "智能装备学会联合体示范园区"),
    Body("c", "科创广州领导小组办公室", "办公室"),
)
PEOPLE = {
    "office": Me("陈晓明", BODIES[0], BODIES, True, 3),
    "one": Me("欧阳慕容若兰若兰", BODIES[1], BODIES[1:2], False, 128),
}
INDICATORS = [
    Indicator("漏检率", "0.1", "%", Direction.AT_MOST, "2.3", "1000 件盲测", True),
    Indicator("节拍", "8", "s", Direction.AT_MOST, "15", "现场计时", True),
    Indicator("可检出最小气孔直径", "0.3–0.5", "mm", Direction.RANGE, "", "标准试块", False),
]
CLAIMS = [Claim("漏检率", "0.06", "%", "第三方检测报告 2026-0417", "2026-04-17"), Claim("节拍", "6.5", "s")]
VALUES = {
    "title": "一体化压铸件在线缺陷检测",
    "kind": "rd",
    "industry": "nev",
    "keywords": "压铸 X射线 缺陷识别",
    "background": "现在靠人工看片。\n每班 3 人，漏检率 2.3 %。",
    "problem": LONG_TEXT[:700],
    "target": "",
    "tried": "",
    "benefit": "",
    "modes": ["entrust", "joint"],
    "min_trl": "6",
    "urgency": "urgent",
    "starts_on": None,
    "due_on": dt.date(2027, 3, 31),
    "budget_min": 30,
    "budget_max": 50,
    "payer": "self",
    "cash_payable": True,
    "ip_terms": "",
    "solver_conditions": "",
    "not_alone": "",
    "activity": "",
    "partners": "",
    "owner_name": "李总",
    "owner_phone": "020-8000 0000",
    "technical_contact": "",
    "technical_phone": "",
    "signer": "",
    "valid_until": None,
}
ERRORS = {
    "title": "项目名称要写 60 字以内，现在 73 字。",
    "modes": "请选择“合作方式”。",
    "budget_max": "预算上限 20 万元小于预算下限 30 万元。请改其中一个。",
    "indicators-0-target": "第 1 行“漏检率”写了“大幅提升”。请填数字，例如 0.1。",
    "indicators": "第 1 行还缺目标值。",
}
REASONS = {"no_indicator": "没有可检验的指标", "two_needs": "一条里有两个需求，请拆开", "other": "其他（见说明）"}
MOVES = [
    Move("publish", "审核发布", False, {}, True, False),
    Move("send_back", "退回修改", True, REASONS, False, False),
    Move("hold", "转长期跟踪", True, {}, False, False),
    Move("reject", "不予发布", True, REASONS, False, True),
]
PAIRS = [
    QuotedPair(
        "问题↔方法",
        "漏检率高，靠人工看X射线片，夜班尤其严重。",
        "用卷积网络对X射线图像中的气孔、缩松做在线判别，漏检率 0.06 %。",
        "很接近",
        ("X射线", "漏检率"),
    ),
    QuotedPair("目标↔指标", "漏检率不高于 0.1 %，节拍不超过 8 秒。", "漏检率 0.06 %", "接近", ("漏检率",)),
]
RESULTS = [
    IndicatorResult(INDICATORS[0], Verdict.MET, CLAIMS[0], "0.06 ≤ 0.1"),
    IndicatorResult(INDICATORS[1], Verdict.UNMET, Claim("节拍", "9.5", "s"), "9.5 > 8"),
    IndicatorResult(INDICATORS[2], Verdict.NOT_STATED, None, "能力没有写这一项"),
]
FILTERS = [
    FilterResult("产业", True, "同属智能网联与新能源汽车"),
    FilterResult("成熟度", False, "要求 TRL6 中试，能力为 TRL4 小试"),
    FilterResult("服务区域", True, "能力未说明", unknown=True),
]
TERMS = [SharedTerm("X射线", 7.1, True), SharedTerm("压铸", 6.2, True), SharedTerm("缺陷", 3.0, False)]
ADVICE = Advice(
    (
        Warning("no_method", "indicators", "“漏检率”没有写检测方法，验收时会有争议。", "用 1000 件盲测样件统计"),
        Warning("identifying", "background", "公开栏里像是出现了企业名称“广州某某精密”。请改写成“一家压铸企业”。"),
        Warning("wish_word", "target", "“提升质量”没有内容。", "漏检率 ≤0.1 %"),
    ),
    "vague",
    {"问题": (20, 30), "指标": (12, 30)},
)
THREAD = [
    presentation.ThreadLine(NOW - dt.timedelta(days=6), "王丽", "黄埔区某园区", "提交审核", after="待区科协审核"),
    presentation.ThreadLine(
        NOW - dt.timedelta(days=5),
        "陈晓明",
        "黄埔区科协",
        "退回修改",
        "没有可检验的指标",
        "漏检率现在是多少？请写到指标表里。\n另外请补一个能拍板的负责人。",
        "待区科协审核",
        "退回修改",
    ),
    presentation.ThreadLine(NOW - dt.timedelta(hours=2), "王丽", "黄埔区某园区", remark=LONG_TEXT[:300]),
]


def need(state: NeedState = NeedState.DISTRICT_APPROVED) -> Record:
    """Return a made-up need in a state."""
    return Record(NEEDS, state)


def sample() -> dict[str, Any]:
    """Return everything the style guide draws, by name."""
    due = {
        "late": NOW - dt.timedelta(days=3),
        "today": NOW + dt.timedelta(hours=3),
        "soon": NOW + dt.timedelta(days=2),
        "later": NOW + dt.timedelta(days=20),
    }
    return {
        "place": "needs",
        "demo": False,
        "need": need(),
        "states": [need(state) for state in NeedState],
        "capability_states": [Record(CAPABILITIES, state) for state in CAPABILITIES.states],
        "moves_open": MOVES,
        "fields": NEED_FIELDS,
        "capability_fields": CAPABILITY_FIELDS,
        "sections": NEED_SECTIONS,
        "values": VALUES,
        "errors": ERRORS,
        "field": NEED_FIELD,
        "indicators": INDICATORS,
        "claims": CLAIMS,
        "pairs": PAIRS,
        "results": RESULTS,
        "filters": FILTERS,
        "terms": TERMS,
        "advice": ADVICE,
        "thread_lines": THREAD,
        "due": due,
        "filled": [(spec, VALUES[spec.name]) for spec in NEED_FIELDS],
        "long_title": LONG_TITLE,
        "long_text": LONG_TEXT,
        "now": NOW,
        "grid_lines": [GridLine("问题↔方法", "很接近"), GridLine("名称↔名称", "一方未写")],
    }


def build(saves: list[dict[str, str]] | None = None) -> Flask:
    """Return the application; what a form saves by itself is appended to ``saves``."""
    app = Flask("styleguide", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.config["SECRET_KEY"] = "only for the style guide"  # noqa: S105 - signs nothing but made-up page messages
    app.jinja_env.globals["csrf_token"] = lambda: "a-token"
    app.jinja_env.globals["can"] = lambda action, record=None: True
    presentation.register(app)
    kept = [] if saves is None else saves

    @app.context_processor
    def viewer() -> dict[str, Any]:
        return {"me": PEOPLE.get(request.args.get("as", "office"))}

    @app.after_request
    def strict(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'"
        )
        return response

    @app.get("/")
    def guide() -> str:
        if "plain" not in request.args:
            presentation.say("需求已提交，等黄埔区科协审核。", undo=presentation.Undo("/undo", "收回"))
            presentation.say("有 1 处需要修改。", "refused")
        return render_template("styleguide.html", **sample())

    @app.get("/form")
    def form() -> str:
        wrong = "wrong" in request.args
        return render_template("styleguide_form.html", wrong=wrong, **sample())

    @app.post("/autosave")
    def autosave() -> Any:
        kept.append(dict(request.form.items()))
        if request.form.get("title") == "refuse":
            return "", 500
        return jsonify(version=len(kept) + 3, saved_at="14:05")

    @app.post("/coach")
    def coach() -> str:
        return render_template("styleguide_coach.html", advice=ADVICE)

    @app.get("/errors/<int:status>")
    def error(status: int) -> str:
        return render_template(f"errors/{status}.html", sentence="", back="/needs", request_id="4f1c22ab09de")

    return app


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve ``app`` in a thread of this process and yield its address; port 0 takes a free one."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


def take(out: Path, paths: list[str]) -> None:
    """Save a picture of each path at both widths into ``out`` and say what should never happen on a page."""
    out.mkdir(parents=True, exist_ok=True)
    with served(build()) as url, chromium.running() as browser:
        for width in (1280, 390):
            page, strays = chromium.page_at(browser, url, width)
            for path in paths:
                page.goto(path, wait_until="networkidle")
                name = "-".join(re.findall(r"\w+", path)) or "guide"
                page.screenshot(path=out / f"{name}-{width}.png", full_page=True)
                wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                print(f"{name}-{width}.png", f"scrolls sideways by {wide} px" if wide > 0 else "", *strays, sep="  ")
                strays.clear()


def main(words: list[str]) -> None:
    """Read the command line, then serve or take pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for pictures; without it the page is served")
    parser.add_argument("--path", action="append", help="page to take, may be repeated")
    parser.add_argument("--port", type=int, default=8010)
    asked = parser.parse_args(words)
    if asked.out:
        take(asked.out, asked.path or ["/", "/form", "/form?wrong=1&as=one", "/errors/404"])
        return
    with served(build(), asked.port) as url:
        print(f"the style guide is at {url}/ ; Ctrl-C ends it", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
