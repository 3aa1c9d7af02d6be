"""The page ``docs/lifecycles.md``: printed from the arrow tables and the policy table, never written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from kcz_match.accounts.states import ORGANISATIONS
from kcz_match.catalogue.states import CAPABILITIES, NEEDS
from kcz_match.core.lifecycle import Arrow, Lifecycle
from kcz_match.core.policy import RULES
from kcz_match.engagements.states import INTERESTS
from kcz_match.selection.states import CERTIFICATES

LIFECYCLES = (ORGANISATIONS, CERTIFICATES, NEEDS, CAPABILITIES, INTERESTS)
HEAD = """# Lifecycles

Printed by `flask --app app lifecycles > docs/lifecycles.md` from the `states.py` tables and `policy.RULES`; a test
fails when this page is older than they are. `move()` refuses every arrow that is not drawn here.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    return "\n".join([HEAD, *(line for lifecycle in LIFECYCLES for line in _section(lifecycle))]).rstrip() + "\n"


def _section(lifecycle: Lifecycle) -> Iterator[str]:
    yield f"## {lifecycle.kind} {lifecycle.label}\n"
    yield "States: " + " · ".join(f"`{state}` {lifecycle.word(state)}" for state in lifecycle.states) + "\n"
    yield "| verb | button | from | to | who may | must be said |"
    yield "|---|---|---|---|---|---|"
    for verb, step in lifecycle.arrows.items():
        yield _row(lifecycle, verb, step)
    yield ""


def _row(lifecycle: Lifecycle, verb: str, step: Arrow) -> str:
    sources = ", ".join(f"`{state}`" for state in lifecycle.states if state in step.sources)
    who = " / ".join((rule.__doc__ or rule.__name__).strip().rstrip("。") for rule in RULES[f"{lifecycle.kind}.{verb}"])
    said = "、".join(step.reasons.values()) if step.reasons else "a reason" if step.needs_reason else ""
    return f"| `{verb}` | {step.label} | {sources} | `{step.target}` | {who} | {said} |"
