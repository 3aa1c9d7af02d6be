"""States of an organisation, and the kinds and roles that rules speak of."""

from __future__ import annotations

import enum

from kcz_match.core.lifecycle import Hue, Lifecycle, arrow


class OrganisationKind(enum.StrEnum):
    """What an organisation is."""

    DISTRICT = "district"
    PARK = "park"
    ENTERPRISE = "enterprise"
    SOCIETY = "society"
    SERVICE_TEAM = "service_team"
    REVIEW_BODY = "review_body"
    OFFICE = "office"


KIND_LABELS = {
    OrganisationKind.DISTRICT: "区科协（试点区）",
    OrganisationKind.PARK: "园区",
    OrganisationKind.ENTERPRISE: "企业",
    OrganisationKind.SOCIETY: "学会",
    OrganisationKind.SERVICE_TEAM: "科技服务团",
    OrganisationKind.REVIEW_BODY: "第三方评审机构",
    OrganisationKind.OFFICE: "领导小组办公室",
}
LEVEL_LABELS = {
    "national": "全国学会",
    "provincial": "省级学会",
    "city": "市级学会",
    "industry": "产业服务团",
    "regional": "区域服务团",
    "": "",
}
LEVELS_OF_KIND = {
    OrganisationKind.SOCIETY: ("national", "provincial", "city"),
    OrganisationKind.SERVICE_TEAM: ("industry", "regional"),
}


class Role(enum.StrEnum):
    """What a person may do for an organisation: manage its people too, act for it, or only look."""

    MANAGER = "manager"
    OFFICER = "officer"
    VIEWER = "viewer"


ROLE_LABELS = {Role.MANAGER: "管理员", Role.OFFICER: "经办人", Role.VIEWER: "只读"}


class OrganisationState(enum.StrEnum):
    """Where an organisation stands with the Office."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    SUSPENDED = "suspended"
    CLOSED = "closed"


STOPPED = (OrganisationState.SUSPENDED, OrganisationState.CLOSED)

ORGANISATIONS = Lifecycle(
    kind="organisation",
    label="单位",
    states=OrganisationState,
    words={
        OrganisationState.UNVERIFIED: ("待核验", Hue.WAITING),
        OrganisationState.VERIFIED: ("已核验", Hue.DONE),
        OrganisationState.SUSPENDED: ("停用", Hue.STOPPED),
        OrganisationState.CLOSED: ("注销", Hue.STOPPED),
    },
    arrows={
        "verify": arrow("unverified", OrganisationState.VERIFIED, "核验通过", is_primary=True),
        "suspend": arrow("verified", OrganisationState.SUSPENDED, "停用", needs_reason=True, is_loss=True),
        "restore": arrow("suspended", OrganisationState.VERIFIED, "恢复", needs_reason=True),
        "close": arrow(
            "unverified verified suspended", OrganisationState.CLOSED, "注销", needs_reason=True, is_loss=True
        ),
    },
)
