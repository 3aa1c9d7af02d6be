"""Chinese numbers in words, turned into digits before a phrase is parsed: 三个月, 半年, 九成, 减半.  Pure."""

from __future__ import annotations

import re

_DIGITS = {letter: value for value, letter in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_PLACES = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = "[零〇一二两三四五六七八九十百千万亿]+"
_TIMES = "小时|个小时|钟头|个钟头|分钟|秒|天|日|周|星期|个星期|个月|年|个工作日|工作日|周年"
_COUNTS = "次|轮|倍|吨|元|米|毫米|微米|厘米|公斤|千克|克|升|毫升|度电|件|台|套|人|名|家|批|个批次|项|片|个百分点|折"
_HALF_AFTER = re.compile(
    rf"(?P<number>\d+|{_NUMERAL})(?P<unit>个?)半(?=(?:{_TIMES}|月|倍))|"
    rf"(?P<number2>\d+|{_NUMERAL})(?P<unit2>年|个月|小时|天|倍|分钟)半"
)
_HALF = re.compile(rf"(?<![\d一二两三四五六七八九十大多对])半(?:个)?(?=(?:{_TIMES}))")
_PART = re.compile(rf"(?P<base>百|千|万)分之(?P<number>{_NUMERAL}(?:点{_NUMERAL})?|\d+(?:\.\d+)?)")
_FRACTION = re.compile(r"(?P<base>[二三四五六七八九十])分之(?P<number>[一二三四五六七八九])")
_TENTHS = re.compile(
    r"(?<![\d分])(?P<tens>[一二三四五六七八九])成(?P<ones>[一二三四五六七八九]?)"
    r"(?![分熟本为功品型员套果立交长品人])"
)
_COUNTED = re.compile(
    rf"(?<![第数几每\d.一二两三四五六七八九十百千万亿])"
    rf"(?P<number>(?:[一二两三四五六七八九十]|百(?=万)|千(?=万)){_NUMERAL[:-1]}*)"
    rf"(?=\s*(?:{_TIMES}|{_COUNTS}))"
)
_ARTICLE = re.compile(r"一\s*(?:次|件|台|套|人|名|家|批|项|片)")


def numeral_value(text: str) -> int | None:
    """Return the value of a Chinese whole number such as 一百二十, 两万 or 二〇; None when it is not one."""
    if not text or any(letter not in _DIGITS and letter not in _PLACES and letter not in "万亿" for letter in text):
        return None
    if all(letter in _DIGITS for letter in text):
        return int("".join(str(_DIGITS[letter]) for letter in text))
    total = section = digit = 0
    for letter in text:
        if letter in _DIGITS:
            digit = _DIGITS[letter]
        elif letter in _PLACES:
            section += (digit or 1) * _PLACES[letter]
            digit = 0
        else:
            total = (total + section + digit) * (10**4 if letter == "万" else 10**8)
            section = digit = 0
    return total + section + digit


def _number(text: str) -> str:
    if text[0].isdigit():
        return text
    whole, _, decimals = text.partition("点")
    value = str(numeral_value(whole))
    return f"{value}.{''.join(str(_DIGITS[letter]) for letter in decimals if letter in _DIGITS)}" if decimals else value


def _part(hit: re.Match[str]) -> str:
    number = _number(hit["number"])
    return {"百": f"{number}%", "千": f"{number}‰", "万": f"{float(number) / 100:g}%"}[hit["base"]]


def _counted(hit: re.Match[str]) -> str:
    """Put digits for a counted numeral; an article (一次成型, 一套设备) inside a longer phrase stays a word."""
    text = hit.string
    if _ARTICLE.match(text, hit.start()) and hit["number"] == "一" and hit.end() + 1 < len(text):
        return hit.group()
    return str(numeral_value(hit["number"]))


def with_digits(text: str) -> str:
    """Return tidy ``text`` with its Chinese numbers in digits; words that only look like numbers are left alone."""
    if (alone := numeral_value(text.strip())) is not None:
        return str(alone)
    text = text.replace("翻一番", "提高1倍").replace("翻番", "提高1倍").replace("翻两番", "提高3倍")
    text = text.replace("减半", "降低50%").replace("一大半", "大半")
    text = re.sub(r"一半(?!径)", "50%", text)
    text = _PART.sub(_part, text)
    text = _FRACTION.sub(lambda hit: f"{numeral_value(hit['number'])}/{numeral_value(hit['base'])}", text)
    text = _TENTHS.sub(lambda hit: f"{_DIGITS[hit['tens']]}{_DIGITS.get(hit['ones'], 0)}%", text)
    text = _HALF_AFTER.sub(
        lambda hit: (
            f"{_number(hit['number'])}.5{hit['unit']}"
            if hit["number"]
            else f"{_number(hit['number2'])}.5{hit['unit2']}"
        ),
        text,
    )
    text = _HALF.sub(lambda hit: "0.5个" if "个" in hit.group() else "0.5", text)
    return _COUNTED.sub(_counted, text)
