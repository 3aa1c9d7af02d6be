"""What may be written on file about organisations and people: limits, and a sentence for every mistake."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select

from kcz_match.accounts import queries
from kcz_match.accounts.credit_code import normal_form, why_invalid
from kcz_match.accounts.districts import DISTRICT
from kcz_match.accounts.models import Organisation
from kcz_match.accounts.states import LEVELS_OF_KIND, STOPPED, OrganisationKind
from kcz_match.core.db import db
from kcz_match.core.text import clean_line

PHONE = re.compile(r"[0-9+\-() ]{5,40}")
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
IN_A_DISTRICT = {OrganisationKind.DISTRICT, OrganisationKind.PARK, OrganisationKind.ENTERPRISE}
MUST_HAVE_PARENT = {
    OrganisationKind.ENTERPRISE: "请选择企业所属的园区或区科协。",
    OrganisationKind.SERVICE_TEAM: "请选择服务团的牵头学会。",
}
LONGEST = {"full_name": 120, "short_name": 40, "intro": 2000, "name": 40, "phone": 40, "post": 60, "email": 200}
LONGEST_ALIAS, MOST_ALIASES = 120, 20
PARENT_KINDS = {
    OrganisationKind.ENTERPRISE: {OrganisationKind.PARK, OrganisationKind.DISTRICT},
    OrganisationKind.SERVICE_TEAM: {OrganisationKind.SOCIETY},
}


def organisation_errors(
    kind: str, full_name: str, credit_code: str, district_code: str, level: str, parent_id: int | None
) -> dict[str, str]:
    """Return a sentence per field of what is wrong with the facts of a new organisation; empty when nothing is.

    ``kind`` is '' when none, or an unknown one, was chosen.
    """
    errors = {} if kind else {"kind": "请选择单位类别。"}
    if not full_name.strip():
        errors["full_name"] = "请填写单位全称。"
    elif db.session.scalar(select(Organisation.id).where(Organisation.full_name == full_name.strip())):
        errors["full_name"] = "这个单位已经登记。请在列表里查找，或核对全称。"
    code = normal_form(credit_code)
    wrong = why_invalid(code) if code else None
    if wrong:
        errors["credit_code"] = wrong + "。"
    elif code and db.session.scalar(select(Organisation.id).where(Organisation.credit_code == code)):
        errors["credit_code"] = "这个统一社会信用代码已经登记在另一个单位名下。"
    if district_code not in DISTRICT and (district_code or kind in IN_A_DISTRICT):
        errors["district_code"] = "请选择所在的区。"
    elif kind == OrganisationKind.DISTRICT and queries.association_of(district_code):
        errors["district_code"] = "这个区已经有区科协登记。"
    if kind == OrganisationKind.OFFICE:
        errors["kind"] = "领导小组办公室只有一个，已经登记。"
    if kind in LEVELS_OF_KIND and level not in LEVELS_OF_KIND[kind]:
        errors["level"] = "请选择学会或服务团的级别。"
    parent = db.session.get(Organisation, parent_id) if parent_id else None
    if kind in MUST_HAVE_PARENT and (
        parent is None or parent.kind not in PARENT_KINDS[kind] or parent.state in STOPPED
    ):
        errors["parent_id"] = MUST_HAVE_PARENT[kind]
    return errors


def tidy(aliases: Sequence[str]) -> list[str]:
    """Return other names as they are kept, without empty ones and repetitions, in their order."""
    return [name for name in dict.fromkeys(clean_line(name) for name in aliases) if name]


def alias_errors(aliases: Sequence[str]) -> dict[str, str]:
    """Return the sentence for ``aliases`` when there are too many or one is too long."""
    if len(aliases) > MOST_ALIASES or any(len(name) > LONGEST_ALIAS for name in aliases):
        return {"aliases": f"别名每行一个，最多 {MOST_ALIASES} 个，每个不超过 {LONGEST_ALIAS} 字。"}
    return {}


def too_long(**texts: str) -> dict[str, str]:
    """Return a sentence for each text, given by the name of its field, that is longer than the field may be."""
    return {
        name: f"不要超过 {LONGEST[name]} 字，现在是 {len(text.strip())} 字。"
        for name, text in texts.items()
        if len(text.strip()) > LONGEST[name]
    }
