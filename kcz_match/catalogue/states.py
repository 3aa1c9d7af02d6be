"""States of needs and capabilities, and the closed lists of reasons that go with their verbs."""

from __future__ import annotations

import enum

from kcz_match.core.lifecycle import Hue, Lifecycle, arrow

REVIEW_WORKDAYS = 3


class NeedState(enum.StrEnum):
    """Where a need stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    DISTRICT_APPROVED = "district_approved"
    PUBLISHED = "published"
    DIAGNOSING = "diagnosing"
    MATCHING = "matching"
    ENGAGED = "engaged"
    CONTRACTED = "contracted"
    SOLVED = "solved"
    EXPIRED = "expired"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    LONGTERM = "longterm"
    REJECTED = "rejected"


class Clarity(enum.StrEnum):
    """How clear a need is; it decides the route of a published need."""

    CLEAR = "clear"
    VAGUE = "vague"
    CONCEPT = "concept"


CLARITY_LABELS = {Clarity.CLEAR: "清晰", Clarity.VAGUE: "模糊", Clarity.CONCEPT: "概念"}

RETURN_REASONS = {
    "no_indicator": "没有可检验的指标",
    "unclear_problem": "难题没有说清楚",
    "two_needs": "一条里有两个需求，请拆开",
    "no_owner": "没有能拍板的负责人",
    "identifying": "公开栏里有企业名称等识别信息",
    "duplicate": "与已有需求重复",
    "incomplete": "必填内容不完整",
    "other": "其他（见说明）",
}
REJECT_REASONS = {
    "not_technology": "不是科技需求",
    "no_real_demand": "经核实没有真实需求",
    "duplicate": "与已有需求重复",
    "forbidden": "内容不宜发布",
    "not_eligible": "单位不符合条件",
    "other": "其他（见说明）",
}
CLOSE_REASONS = {
    "solved_elsewhere": "已经另外解决",
    "no_budget": "没有经费了",
    "changed": "方向变了",
    "wrong_entry": "填错了",
    "other": "其他（见说明）",
}

_OPEN = "published diagnosing matching"

NEEDS = Lifecycle(
    kind="need",
    label="需求",
    states=NeedState,
    words={
        NeedState.DRAFT: ("草稿", Hue.WAITING),
        NeedState.SUBMITTED: ("待区科协审核", Hue.WAITING),
        NeedState.RETURNED: ("退回修改", Hue.WAITING),
        NeedState.DISTRICT_APPROVED: ("待办公室审核", Hue.WAITING),
        NeedState.PUBLISHED: ("已发布", Hue.ACTING),
        NeedState.DIAGNOSING: ("诊断中", Hue.ACTING),
        NeedState.MATCHING: ("匹配中", Hue.ACTING),
        NeedState.ENGAGED: ("对接中", Hue.ACTING),
        NeedState.CONTRACTED: ("已签约", Hue.DONE),
        NeedState.SOLVED: ("已解决", Hue.DONE),
        NeedState.EXPIRED: ("已过期", Hue.STOPPED),
        NeedState.MERGED: ("已合并", Hue.STOPPED),
        NeedState.WITHDRAWN: ("已撤回", Hue.STOPPED),
        NeedState.LONGTERM: ("长期跟踪", Hue.STOPPED),
        NeedState.REJECTED: ("不予发布", Hue.STOPPED),
    },
    arrows={
        "submit": arrow("draft returned", NeedState.SUBMITTED, "提交审核", is_primary=True),
        "take_back": arrow("submitted", NeedState.DRAFT, "收回修改"),
        "approve": arrow("submitted", NeedState.DISTRICT_APPROVED, "区科协通过", is_primary=True),
        "return": arrow("submitted", NeedState.RETURNED, "退回修改", needs_reason=True, reasons=RETURN_REASONS),
        "decline": arrow(
            "submitted", NeedState.REJECTED, "不予推荐", needs_reason=True, reasons=REJECT_REASONS, is_loss=True
        ),
        "publish": arrow("district_approved", NeedState.PUBLISHED, "审核发布", is_primary=True),
        "send_back": arrow(
            "district_approved", NeedState.RETURNED, "退回修改", needs_reason=True, reasons=RETURN_REASONS
        ),
        "reject": arrow(
            "district_approved", NeedState.REJECTED, "不予发布", needs_reason=True, reasons=REJECT_REASONS, is_loss=True
        ),
        "start_matching": arrow("published", NeedState.MATCHING, "开始匹配"),
        "start_diagnosis": arrow("published", NeedState.DIAGNOSING, "转入诊断"),
        "revise": arrow(_OPEN, NeedState.DRAFT, "修改后重新送审", needs_reason=True),
        "engage": arrow("diagnosing matching", NeedState.ENGAGED, "开始对接"),
        "contract": arrow("engaged", NeedState.CONTRACTED, "已签约", is_primary=True),
        "solve": arrow("engaged contracted", NeedState.SOLVED, "已解决", needs_reason=True),
        "reopen": arrow("engaged contracted", NeedState.PUBLISHED, "未谈成，继续匹配", needs_reason=True),
        "renew": arrow("expired", NeedState.PUBLISHED, "仍然需要，续期", is_primary=True),
        "expire": arrow(_OPEN, NeedState.EXPIRED, "到期"),
        "merge": arrow(_OPEN, NeedState.MERGED, "合并到另一条", needs_reason=True, is_loss=True),
        "withdraw": arrow(
            "submitted returned district_approved expired longterm " + _OPEN,
            NeedState.WITHDRAWN,
            "撤回需求",
            needs_reason=True,
            reasons=CLOSE_REASONS,
            is_loss=True,
        ),
        "hold": arrow(_OPEN, NeedState.LONGTERM, "转长期跟踪", needs_reason=True),
        "resume": arrow("longterm", NeedState.PUBLISHED, "恢复发布", is_primary=True),
    },
)

LISTED_NEED_STATES = frozenset(
    {
        NeedState.PUBLISHED,
        NeedState.DIAGNOSING,
        NeedState.MATCHING,
        NeedState.ENGAGED,
    }
)
OPEN_NEED_STATES = frozenset({NeedState.PUBLISHED, NeedState.DIAGNOSING, NeedState.MATCHING})
EDITABLE_NEED_STATES = frozenset({NeedState.DRAFT, NeedState.RETURNED})


class CapabilityState(enum.StrEnum):
    """Where a capability stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    PUBLISHED = "published"
    STALE = "stale"
    UNLISTED = "unlisted"
    WITHDRAWN = "withdrawn"


CAPABILITY_RETURN_REASONS = {
    "no_evidence": "指标没有佐证",
    "unclear_problem": "解决什么问题没有说清",
    "titles_only": "只写了头衔和奖项",
    "no_contact": "没有可用的联系人",
    "wrong_type": "类型或行业选错",
    "other": "其他（见说明）",
}

CAPABILITIES = Lifecycle(
    kind="capability",
    label="能力",
    states=CapabilityState,
    words={
        CapabilityState.DRAFT: ("草稿", Hue.WAITING),
        CapabilityState.SUBMITTED: ("待学会审核", Hue.WAITING),
        CapabilityState.RETURNED: ("退回修改", Hue.WAITING),
        CapabilityState.PUBLISHED: ("已发布", Hue.DONE),
        CapabilityState.STALE: ("待确认", Hue.WAITING),
        CapabilityState.UNLISTED: ("已下架", Hue.STOPPED),
        CapabilityState.WITHDRAWN: ("已撤回", Hue.STOPPED),
    },
    arrows={
        "submit": arrow("draft returned", CapabilityState.SUBMITTED, "提交审核", is_primary=True),
        "approve": arrow("submitted", CapabilityState.PUBLISHED, "审核发布", is_primary=True),
        "return": arrow(
            "submitted", CapabilityState.RETURNED, "退回修改", needs_reason=True, reasons=CAPABILITY_RETURN_REASONS
        ),
        "confirm": arrow("stale published", CapabilityState.PUBLISHED, "确认仍然有效", is_primary=True),
        "mark_stale": arrow("published", CapabilityState.STALE, "半年未确认"),
        "revise": arrow("published stale", CapabilityState.DRAFT, "修改后重新送审", needs_reason=True),
        "withdraw": arrow(
            "submitted returned published stale", CapabilityState.WITHDRAWN, "撤回", needs_reason=True, is_loss=True
        ),
        "unlist": arrow("published stale", CapabilityState.UNLISTED, "下架", needs_reason=True, is_loss=True),
        "relist": arrow("unlisted", CapabilityState.PUBLISHED, "恢复上架", needs_reason=True),
    },
)

LISTED_CAPABILITY_STATES = frozenset({CapabilityState.PUBLISHED, CapabilityState.STALE})
EDITABLE_CAPABILITY_STATES = frozenset({CapabilityState.DRAFT, CapabilityState.RETURNED})
