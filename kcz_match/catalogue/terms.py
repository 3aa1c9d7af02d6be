"""Closed lists that records choose from: code -> word.  Codes are stored, words are shown.

The fifteen industry clusters are Guangzhou's published list; the maturity ladder is TRL 1–9 with the Chinese stage
words in use; cooperation modes follow the contract classes plus the forms of help that are not contracts.
"""

from __future__ import annotations

from kcz_match.accounts.districts import DISTRICTS

NEED_KINDS = {
    "rd": "技术研发",
    "testing": "检验检测",
    "standard": "标准制定",
    "talent": "人才引进",
    "consulting": "技术咨询",
    "finance": "融资",
    "training": "培训",
}
INDUSTRIES = {
    "nev": "智能网联与新能源汽车",
    "uhd": "超高清视频与新型显示",
    "bio": "生物医药与健康",
    "chem": "绿色石化与新材料",
    "soft": "软件与互联网",
    "equip": "智能装备与机器人",
    "ai": "人工智能",
    "ic": "半导体与集成电路",
    "energy": "新能源与新型储能",
    "air": "低空经济与航空航天",
    "biomake": "生物制造",
    "fashion": "时尚消费品",
    "rail": "轨道交通",
    "marine": "船舶与海洋工程",
    "build": "智能建造与工业化建筑",
}
MODES = {
    "entrust": "委托开发",
    "joint": "合作开发",
    "transfer": "技术转让",
    "license": "技术许可",
    "equity": "技术入股",
    "consult": "技术咨询",
    "service": "技术服务",
    "lab": "共建研发平台",
    "talent": "柔性引才",
    "testing": "检验检测",
    "standard": "标准制定",
    "training": "培训",
    "open_call": "揭榜挂帅",
    "diagnosis": "专家诊断",
}
TRL = {
    "1": "TRL1 原理提出",
    "2": "TRL2 概念形成",
    "3": "TRL3 实验室验证",
    "4": "TRL4 小试",
    "5": "TRL5 样机",
    "6": "TRL6 中试",
    "7": "TRL7 小批量",
    "8": "TRL8 示范应用",
    "9": "TRL9 产业化",
}
URGENCY = {"urgent": "紧急", "normal": "一般", "long": "长期"}
PAYERS = {"self": "企业自筹", "shared": "企业与园区分担", "subsidy": "拟申请财政补助", "open": "待商定"}
ACTIVITIES = {
    "basic": "基础研究",
    "applied": "应用研究",
    "trial": "试验发展",
    "application": "研究发展与成果应用",
    "promotion": "技术推广与技术服务",
}
CAPABILITY_TYPES = {
    "result": "成果",
    "expert": "专家能力",
    "service": "科技服务",
    "testing": "检测平台",
    "pilot": "中试平台",
}

TERMS: dict[str, dict[str, str]] = {
    "need_kinds": NEED_KINDS,
    "industries": INDUSTRIES,
    "modes": MODES,
    "trl": TRL,
    "urgency": URGENCY,
    "payers": PAYERS,
    "activities": ACTIVITIES,
    "capability_types": CAPABILITY_TYPES,
    "districts": {district.code: district.name for district in DISTRICTS},
}


def word(terms: str, code: str | int | None) -> str:
    """Return the word of ``code`` in the list ``terms``; an unknown code is shown as it is, nothing as ''."""
    return "" if code in (None, "") else TERMS[terms].get(str(code), str(code))
