"""Guangzhou's eleven districts: administrative code, name, and the letters used in public codes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class District:
    """A district: ``code`` is the six-digit administrative code, ``letters`` stand in codes: GZ-HP-2026-N0123."""

    code: str
    name: str
    letters: str


DISTRICTS = (
    District("440103", "荔湾区", "LW"),
    District("440104", "越秀区", "YX"),
    District("440105", "海珠区", "HZ"),
    District("440106", "天河区", "TH"),
    District("440111", "白云区", "BY"),
    District("440112", "黄埔区", "HP"),
    District("440113", "番禺区", "PY"),
    District("440114", "花都区", "HD"),
    District("440115", "南沙区", "NS"),
    District("440117", "从化区", "CH"),
    District("440118", "增城区", "ZC"),
)
DISTRICT = {district.code: district for district in DISTRICTS}
