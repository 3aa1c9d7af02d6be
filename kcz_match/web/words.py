"""Words that only pages need: places in the head, bands of a match, clarity.  Tables; ``presentation`` reads them."""

from __future__ import annotations

from dataclasses import dataclass

NOT_FILLED = "未填"


@dataclass(frozen=True)
class Place:
    """A place in the head of every page: name in code, word, address below the site's root, icon, who sees it.

    With ``asks`` it is for those who may take this action.
    ``in_bar`` puts it into the phone's bottom bar; the others stand in the phone's 我 menu.
    """

    name: str
    word: str
    path: str
    icon: str
    for_everybody: bool = False
    for_office: bool = False
    asks: str = ""
    in_bar: bool = True


PLACES = (
    Place("home", "工作台", "/", "home"),
    Place("needs", "需求", "/needs", "need", for_everybody=True),
    Place("capabilities", "能力", "/capabilities", "capability", for_everybody=True),
    Place("broker", "匹配推荐", "/broker", "interest", asks="match.queue", in_bar=False),
    Place("interests", "对接意向", "/interests", "interest", in_bar=False),
    Place("admin", "管理", "/admin", "admin", for_office=True, in_bar=False),
)

# Addresses that stand in the head of every page besides the places.
ADDRESSES = {
    "search": "/search",
    "searches": "/searches",
    "inbox": "/inbox",
    "sign_in": "/login",
    "sign_out": "/logout",
    "switch": "/switch",
    "account": "/me",
    "organisation": "/organisation",
}

BANDS = {"strong": "强", "possible": "可谈", "weak": "弱"}
CLARITY = {"clear": ("清晰", 3), "vague": ("模糊", 2), "concept": ("概念", 1)}  # word, filled dots of three
