"""The house keeps its own rules, and every rule is seen to fail when it is broken."""

from pathlib import Path

import pytest

from tests import house_rules as rules

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = '[tool.mypy]\nfiles = ["kcz_match/catalogue/coach.py", "kcz_match/matching/ranking.py"]\n'


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"pyproject.toml": PYPROJECT, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps(rule):
    assert "\n".join(rule(ROOT)) == ""


BROKEN = [
    # rule, files, the violations in order
    (
        rules.imports_only_from_the_left,
        {
            "kcz_match/catalogue/service.py": (
                "from kcz_match.core import jobs\n"
                "from kcz_match.matching.ranking import rank\n"
                "from kcz_match import web\n"
                "from ..matching import ranking\n"
                "from . import models\n"
                "from kcz_match import create_app\n"
                "def late():\n    import kcz_match.engagements.service\n"
            )
        },
        [
            "kcz_match/catalogue/service.py:2: catalogue.service must not import matching",
            "kcz_match/catalogue/service.py:3: catalogue.service must not import web",
            "kcz_match/catalogue/service.py:4: catalogue.service must not import matching",
            "kcz_match/catalogue/service.py:6: catalogue.service must not import create_app",
            "kcz_match/catalogue/service.py:8: catalogue.service must not import engagements",
        ],
    ),
    (
        rules.imports_only_from_the_left,
        {
            "kcz_match/__init__.py": "from kcz_match import web, cli\n",
            "kcz_match/cli.py": "from kcz_match import worker\nfrom kcz_match.reports import ledger\n",
            "kcz_match/config.py": "from kcz_match.core import db\n",
            "kcz_match/core/db.py": "from kcz_match import config\n",
            "kcz_match/worker.py": "from kcz_match import cli, schema\n",
            "kcz_match/schema.py": "from kcz_match.core import db\nfrom kcz_match.web import needs\n",
            "kcz_match/core/jobs.py": "from kcz_match import schema\n",
        },
        [
            "kcz_match/config.py:1: config must not import core",
            "kcz_match/core/jobs.py:1: core.jobs must not import schema",
            "kcz_match/schema.py:2: schema must not import web",
            "kcz_match/worker.py:1: worker must not import cli",
        ],
    ),
    (
        rules.web_and_api_are_strangers,
        {
            "kcz_match/web/needs.py": "from kcz_match.api import v1\nfrom kcz_match.web import layout\n",
            "kcz_match/api/v1.py": "from ..web.needs import page\nfrom kcz_match.core import db\n",
        },
        ["kcz_match/api/v1.py:1: api must not import web", "kcz_match/web/needs.py:1: web must not import api"],
    ),
    (
        rules.states_models_queries_service_in_this_order,
        {
            "kcz_match/catalogue/states.py": "from kcz_match.catalogue.models import Need\n",
            "kcz_match/catalogue/models.py": "from kcz_match.catalogue import states\nfrom .queries import needs\n",
            "kcz_match/catalogue/queries.py": "from kcz_match.catalogue import models, service\n",
            "kcz_match/catalogue/need_service.py": "from kcz_match.catalogue import models, queries, states\n",
            "kcz_match/matching/service.py": "from kcz_match.catalogue import service\n",
        },
        [
            "kcz_match/catalogue/models.py:2: models must not import queries",
            "kcz_match/catalogue/queries.py:1: queries must not import service",
            "kcz_match/catalogue/states.py:1: states must not import models",
        ],
    ),
    (
        rules.pure_modules_stay_pure,
        {
            "kcz_match/catalogue/coach.py": "import re\nimport sqlalchemy as sa\nfrom flask import g\n",
            "kcz_match/matching/ranking.py": (
                "import numpy\nfrom kcz_match.catalogue.models import Need\nfrom kcz_match.core.db import db\n"
            ),
            "kcz_match/catalogue/models.py": "import sqlalchemy\n",
        },
        [
            "kcz_match/catalogue/coach.py:2: a pure module must not import sqlalchemy",
            "kcz_match/catalogue/coach.py:3: a pure module must not import flask.g",
            "kcz_match/matching/ranking.py:2: a pure module must not import kcz_match.catalogue.models.Need",
            "kcz_match/matching/ranking.py:3: a pure module must not import kcz_match.core.db.db",
        ],
    ),
    (
        rules.pure_modules_are_listed,
        {
            "kcz_match/catalogue/coach.py": "import re\n",
            "kcz_match/catalogue/terms.py": "import re\nfrom kcz_match.catalogue.coach import warn\n",
            "kcz_match/catalogue/__init__.py": "",
            "kcz_match/catalogue/service.py": "import flask\n",
            "kcz_match/catalogue/batches.py": "from kcz_match.catalogue import service\n",
            "kcz_match/web/needs.py": "import re\n",
        },
        ["kcz_match/catalogue/terms.py:1: is pure, so list it under [tool.mypy] files in pyproject.toml"],
    ),
    (
        rules.flask_only_at_the_edges,
        {
            "kcz_match/accounts/service.py": "import flask_login\nfrom flask.globals import g\n",
            "kcz_match/worker.py": "from flask import current_app\n",
            "kcz_match/core/db.py": "import flask\n",
            "kcz_match/web/needs.py": "import flask\n",
            "kcz_match/cli.py": "import flask\n",
            "kcz_match/__init__.py": "import flask\n",
        },
        [
            "kcz_match/accounts/service.py:1: flask_login belongs to web, api, cli, core/db.py or __init__",
            "kcz_match/accounts/service.py:2: flask.globals.g belongs to web, api, cli, core/db.py or __init__",
            "kcz_match/worker.py:1: flask.current_app belongs to web, api, cli, core/db.py or __init__",
        ],
    ),
    (
        rules.model_libraries_only_in_matching,
        {
            "kcz_match/matching/index.py": "import faiss, torch\n",
            "kcz_match/web/search.py": "def late():\n    from sentence_transformers import SentenceTransformer\n",
        },
        ["kcz_match/web/search.py:2: sentence_transformers.SentenceTransformer belongs to matching"],
    ),
    (
        rules.only_edges_commit,
        {
            "kcz_match/catalogue/service.py": "def publish(need):\n    db.session.commit()\n",
            "kcz_match/web/needs.py": "def page():\n    db.session.commit()\n",
            "kcz_match/worker.py": "db.session.commit()\n",
        },
        ["kcz_match/catalogue/service.py:2: only web, api, cli and worker commit"],
    ),
    (
        rules.only_move_assigns_state,
        {
            "kcz_match/core/lifecycle.py": (
                "def move(record):\n    record.state = 'a'\n\n\ndef other(record):\n    record.state = 'b'\n"
            ),
            "kcz_match/catalogue/service.py": (
                "need.state = 'x'\nneed.state: str = 'x'\nfirst, need.state = 1, 2\n"
                "setattr(need, 'state', 'x')\nupdate(Need).values(state='x')\n"
                "Need(state='draft')\nneed.state == 'x'\nneed.stated = 1\nfor need.state in x:\n    pass\n"
            ),
            "kcz_match/selection/move.py": "def move(record):\n    record.state = 'a'\n",
        },
        [f"kcz_match/catalogue/service.py:{n}: only lifecycle.move assigns .state" for n in (1, 2, 3, 4, 5, 9)]
        + ["kcz_match/core/lifecycle.py:6: only lifecycle.move assigns .state"]
        + ["kcz_match/selection/move.py:2: only lifecycle.move assigns .state"],
    ),
    (
        rules.only_config_reads_the_environment,
        {
            "kcz_match/config.py": "import os\nx = os.environ['A']\n",
            "kcz_match/matching/encoder.py": (
                "import os\nos.environ['A'] = '1'\nfrom os import getenv\nos.getpid()\n"
                "os.environ.setdefault('A', '1')\na = os.environ.setdefault('A', '1')\n"
            ),
        },
        [
            "kcz_match/matching/encoder.py:2: only config.py reads the environment",
            "kcz_match/matching/encoder.py:3: only config.py reads the environment",
            "kcz_match/matching/encoder.py:6: only config.py reads the environment",
        ],
    ),
    (
        rules.modules_are_named_for_what_they_hold,
        {"kcz_match/core/utils.py": "", "kcz_match/common/terms.py": "", "kcz_match/core/basement.py": ""},
        [
            "kcz_match/common/terms.py:1: 'common' says nothing: name the module for what it holds",
            "kcz_match/core/utils.py:1: 'utils' says nothing: name the module for what it holds",
        ],
    ),
    (
        rules.public_functions_have_docstrings,
        {
            "kcz_match/core/audit.py": (
                "def write():\n    pass\n\ndef _hidden():\n    pass\n\n"
                "class Entry:\n    def verify(self):\n        pass\n    def __init__(self):\n        pass\n"
                "    def said(self):\n        'Say it.'\n"
            )
        },
        ["kcz_match/core/audit.py:1: write has no docstring", "kcz_match/core/audit.py:8: verify has no docstring"],
    ),
    (
        rules.silenced_checks_say_why,
        {
            "kcz_match/core/db.py": (
                "a = 1  # noqa\n"
                "b = 1  # noqa: S608\n"
                "c = 1  # noqa: S608  # the names are our own\n"
                "d = 1  # type: ignore[attr-defined]\n"
                "e = 1  # type: ignore\n"
                "f = 1  # pragma: no cover\n"
                "g = 1  # pragma: no cover - only on Windows\n"
            )
        },
        [f"kcz_match/core/db.py:{n}: a silenced check says which and why" for n in (1, 2, 5, 6)],
    ),
    (
        rules.pages_stay_on_their_origin,
        {
            "templates/layout.html": (
                '<script src="https://cdn.example/x.js"></script>\n<a href="/needs">需求</a>\n'
                '<img src="//cdn.example/x.png">\n<svg xmlns="http://www.w3.org/2000/svg"></svg>\n'
            ),
            "static/site.css": "a { background: url(http://cdn.example/x.png) }\n@import '//cdn.example/x.css';\n",
            "static/site.js": 'fetch("https://api.example/x"); // see "notes"\nfetch("/needs");\n',
            "static/vendor/kit.css": "a { background: url(https://cdn.example/x.png) }\n",
        },
        [
            "static/site.css:1: a page never calls another origin (url(http://)",
            "static/site.css:2: a page never calls another origin (@import '//)",
            'static/site.js:1: a page never calls another origin ("https://a)',
            'templates/layout.html:1: a page never calls another origin (src="https://)',
            'templates/layout.html:3: a page never calls another origin (src="//)',
        ],
    ),
    (
        rules.pages_obey_a_strict_policy,
        {
            "templates/a.html": '<p style="color: red">x</p>\n<p class="style">style = x</p>\n',
            "templates/b.html": '<style>p {}</style>\n<button hx-on:click="x()">x</button>\n',
            "templates/c.html": '<button onclick="x()">x</button>\n<script>x()</script>\n<script src="/x"></script>\n',
            "templates/d.html": '<script type="application/json">{}</script>\n<p data-on="1">x</p>\n',
        },
        [
            "templates/a.html:1: no inline style: a strict policy blocks it",
            "templates/b.html:1: no <style>: a strict policy blocks it",
            "templates/b.html:2: no hx-on: it does nothing under a strict policy",
            "templates/c.html:1: no inline event handler: a strict policy blocks it",
            "templates/c.html:2: no inline script: use static/",
        ],
    ),
]


@pytest.mark.parametrize(
    ("rule", "files", "violations"), BROKEN, ids=[f"{rule.__name__}-{n}" for n, (rule, *_) in enumerate(BROKEN)]
)
def test_a_broken_tree_is_told_apart_by(rule, files, violations, tmp_path):
    assert rule(tree(tmp_path, files)) == violations


def test_every_rule_is_shown_to_fail():
    assert {rule for rule, *_ in BROKEN} == set(rules.RULES)
