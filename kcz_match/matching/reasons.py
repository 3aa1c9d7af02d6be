"""What people decide about a proposed match, and the closed list of reasons for refusing one.  Pure."""

from __future__ import annotations

import enum


class Decision(enum.StrEnum):
    """What one side did with a proposed match."""

    ADOPT = "adopt"
    IGNORE = "ignore"
    REFUSE = "refuse"


DECLINE_REASONS = {
    "too_early": "成熟度不足",
    "benefit_unclear": "与现有办法相比优势不清",
    "cost_unclear": "成本或商业路径不清",
    "too_vague": "描述太笼统",
    "spec_gap": "指标达不到",
    "off_topic": "方向不符",
    "no_capacity": "时间或人手不足",
    "avoid": "地域、涉密或竞争回避",
    "solved_elsewhere": "已自行解决",
    "budget": "预算不符",
    "ip": "知识产权障碍",
    "other": "其他（见说明）",
}
