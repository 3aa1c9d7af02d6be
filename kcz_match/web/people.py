"""What the page of one's own unit and the Office's page of any unit share: people, invitations, and their forms."""

from __future__ import annotations

from typing import Any

from flask import request, session, url_for

from kcz_match.accounts import queries, service
from kcz_match.accounts.models import Organisation
from kcz_match.accounts.states import ROLE_LABELS
from kcz_match.core.errors import Conflict, Invalid
from kcz_match.web.access import actor

NEW_LINK = "new_invitation"
INVITE_FIELDS = ("name", "email", "role")


def people_of(unit: Organisation) -> dict[str, Any]:
    """Return what ``accounts/people.html`` shows: members, open invitations, roles, and a link made just now."""
    return {
        "members": queries.members_of(unit),
        "invitations": queries.open_invitations(unit),
        "roles": ROLE_LABELS,
        "new_link": take_link(unit.key),
    }


def keep_link(about: str, name: str, secret: str) -> None:
    """Keep a one-time link for the next page about ``about`` (a key), in the cookie of the person who made it."""
    session[NEW_LINK] = {
        "about": about,
        "name": name,
        "link": url_for("accounts.invitation", secret=secret, _external=True),
    }


def take_link(about: str) -> dict[str, str] | None:
    """Return the link made just now for ``about`` and forget it; None when there is none."""
    made = session.pop(NEW_LINK, None)
    return made if made and made["about"] == about else None


def invite(unit: Organisation) -> dict[str, str]:
    """Invite whom the posted form names; return mistakes by field (then nothing was done).  The caller commits."""
    typed = {name: request.form.get(name, "") for name in INVITE_FIELDS}
    try:
        secret = service.invite(unit, actor(), **typed)
    except Invalid as refusal:
        return refusal.errors
    except Conflict as refusal:
        return {"email": refusal.sentence}
    keep_link(unit.key, typed["name"].strip(), secret)
    return {}


def change_member(unit: Organisation, key: str) -> str:
    """Give a member the role of the posted form, or end the membership for ``end``; return the sentence to say."""
    membership = queries.member_by_key(unit, key)
    role = request.form.get("role", "")
    service.change_role(membership, actor(), role=None if role == "end" else role)
    name = membership.user.name
    return f"{name} 已不再是{unit.name}的成员。" if role == "end" else f"{name} 现在是{membership.role_label}。"
