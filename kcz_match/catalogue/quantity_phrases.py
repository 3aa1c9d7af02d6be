"""The wordings around numbers that ``quantities.py`` understands: one pattern for each, nothing else.  Pure.

Texts are tidy (``units.tidy``) and carry digits (``numerals.with_digits``) before any of these is tried.  Patterns that
end in ``$`` look at what stands before a number, the others at what follows.
"""

from __future__ import annotations

import re

NUMBER = re.compile(
    r"(?P<sign>(?<![\dA-Za-z%℃℉‰°)\]])[-+](?=[\d.]))?"
    r"(?P<body>[1-9]\d{0,2}(?:[, ]\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|(?<![\d一-龥)])\.\d+)"
    r"(?P<power>[eE][-+]?\d{1,2}(?![\d.A-Za-z])|\s*[×xX*·]\s*10(?:\^\s*\(?[-+]?\d{1,2}\)?|[-+]\d{1,2}(?!\d))|\^\(?[-+]?\d{1,2}\)?)?"
    r"(?:\s*(?P<ratio>[:/])\s*(?P<below>\d+(?:\.\d+)?)(?![\d.:]))?"
    r"(?P<loose>\s*(?:多|余|几)(?=\s*[万亿千百]))?"
    r"(?:\s*(?P<multiplier>[十百千]?[万亿]亿?|百(?![分帕米])|千(?![克瓦米伏帕赫卡焦牛安欧字分])))?"
    r"\s*(?:多|余)?\s*"
)
STANDARD = re.compile(
    r"(?<![A-Za-z])(?:GB|GBZ|ISO|IEC|ASTM|HG|QB|JB|YY|JT|TB|SJ|JJG|JJF|DIN|JIS|EN|UL|IEEE|SAE|USP|NB|DL|CJ|GJB|Q|T)"
    r"(?:[/ ]?[A-Z]{1,6})?[/ ]?\s*[A-Z]?\d{2,}(?:[.\-]\d+)*(?:\s*-\s*(?:19|20)\d\d)?(?![\d.]*\s*(?:%|℃))"
)
DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d\s*(?:年(?!限)(?:\s*\d{1,2}\s*月(?:份)?(?:\s*\d{1,2}\s*[日号])?)?|"
    r"-\d{1,2}-\d{1,2}|\.\d{1,2}\.\d{1,2})"
)
PAREN = re.compile(r"(?<!/)(?<!dB)[(\[【〔][^()\[\]【】〔〕]*[)\]】〕]")
NOT_A_UNIT = re.compile(r"(?<=[A-Za-z])\s?(?:级(?!差)|型|类|号|网|平台|代|版|认证)")
CLOCKS = (
    (re.compile(r"(\d+)\s*(?:个?小时|h)\s*(\d+)\s*(?:分钟|min|分)(?![\d贝])"), 60, "min"),
    (re.compile(r"(\d+)\s*(?:分钟|min|分)\s*(\d+)\s*(?:秒钟|秒|s)(?![a-zA-Z])"), 60, "s"),
    (re.compile(r"(\d+)\s*年\s*零?(\d+)\s*个月"), 12, "个月"),
)

AT_LEAST = (
    r"不(?:能|可|得|应|宜|要)?(?:低于|小于|少于|短于)|≥|>=|=>|大于或?等于|高于或等于|"
    r"至少(?:达到?|为|有)?|最低(?:为)?|"
    r"最少(?:为)?|最短(?:为)?|起码|达到或超过|下限(?:为)?|保底"
)
MORE = r"大于|高于|超过|多于|长于|突破|超出|>|超(?!声|纯|高|细)"
AT_MOST = (
    r"不(?:能|可|得|应|宜|要)?(?:高于|大于|超过|多于|长于|超出)|≤|<=|=<|小于或?等于|低于或等于|至多|最多(?:为)?|"
    r"最高(?:为|可?达)?|最大(?:为|可?达)?|最长(?:为)?|上限(?:为)?|未超过|压到|压缩到|压降到"
)
LESS = r"小于|低于|少于|短于|不到|不足|未达到?|<"
ABOUT = r"约为?|大约|大概|≈|~|近|接近|将近"
PREFIX = re.compile(
    rf"(?:(?P<ge>{AT_LEAST})|(?P<le>{AT_MOST})|(?P<gt>{MORE})|(?P<lt>{LESS})|(?P<about>{ABOUT}))"
    r"(?:[一-龥]{1,8}的)?\s*(?:约|为|是|到|达到?|[:=])?\s*$"
)
SUFFIX = re.compile(
    r"\s*(?:(?P<ge>或?以上|及以上|或更[高多长大]|起(?!步|动|重)|\+(?!\d))|(?P<le>或?以下|及以下|以内|之内|内(?!径|部|存|容|胆|壁|衬)|"
    r"或更[低少短小])|(?P<about>左右|上下|前后(?!端)))"
)
UP = (
    "提升|提高|增加|增长|增大|上升|延长|扩大|升高|提速|提效|增产|增幅|涨幅|升幅|提升幅度|提高幅度|增加幅度",
    "升|增|涨|提",
)
DOWN = (
    "降低|减少|减小|下降|缩短|节省|节约|降幅|减幅|下调|缩小|减轻|削减|降低幅度|下降幅度|减少幅度",
    "降|减|省|压缩|节能|降本|减重|减排|降耗|节电|节水|节材|减薄|降噪",
)
TO = r"[^\d;,。、]{0,6}?(?:至|到|为|成)(?:\s*(?:原来|原有|原|现有|目前|现在)的?)?"
FILL = r"\s*(?:了|率|幅度?|量|约|近|大约|至少|不?[高低小大少多]于|不超过|超过|≥|>=|>|≤|<=|<|达到?|可达|[:=]|\s)*\s*$"
CHANGE_UP = re.compile(rf"(?:{UP[0]}|(?<![一-龥])(?:{UP[1]})|(?:{UP[1]})(?=\s*(?:了|约)?\s*$)){FILL}")
CHANGE_DOWN = re.compile(rf"(?:{DOWN[0]}|(?:{DOWN[1]})(?=\s*(?:了|约|≥|>|至少)?\s*$)|节能|降本|减重|降耗){FILL}")
COMPARED = re.compile(r"(?:比|较)[^\d;,。]{1,12}?(?P<way>[低少小短轻高多大长快])\s*(?:了|约)?\s*$")
NOUN_UP = re.compile(rf"(?:{UP[0]})(?![^\d]*(?:至|到|为|达))(?P<noun>[^\d;,。、:]{{1,8}}?){FILL}")
NOUN_DOWN = re.compile(rf"(?:{DOWN[0]})(?![^\d]*(?:至|到|为|达))(?P<noun>[^\d;,。、:]{{1,8}}?){FILL}")
CHANGES = (("up", CHANGE_UP, NOUN_UP), ("down", CHANGE_DOWN, NOUN_DOWN))
RATE_RAISED = re.compile(r"[率度]\s*(?:提[升高]|增加|上升)\W*$")
TO_UP = re.compile(rf"(?:{UP[0]}|升|增|提){TO}\s*(?:约)?\s*$")
TO_DOWN = re.compile(rf"(?:{DOWN[0]}|降|减|压缩|压降|压|缩){TO}\s*(?:约)?\s*$")
RANGE_GLUE = re.compile(r"\s*(?:-|~|～|至|到|--|~~|\.{2,3})\s*$")
BETWEEN_GLUE = re.compile(r"\s*[<≤]\s*[^\d<≤]{1,10}[<≤]\s*$")
TOLERANCE_GLUE = re.compile(r"\s*±\s*$")
ARROW_GLUE = re.compile(r"[^\d;。]{0,6}?→\s*(?:约|≤|≥|<|>)?\s*$")
FROM = re.compile(r"(?:由|从|自)[^\d;。]{0,12}$")
FROM_GLUE = re.compile(
    r"(?:左右|以上|以下)?[^\d;。]{0,8}?(?:降|减|缩|压|升|提|增|延|扩|改|优化|变|达)[^\d;。]{0,6}?(?:至|到|为|成)?"
    rf"\s*(?:{AT_LEAST}|{AT_MOST}|{MORE}|{LESS}|{ABOUT})?\s*$"
)
CONDITION = re.compile(r"\s*(?:[^\d;,。]{0,4}?(?:下(?!降|限|游|料)|条件|工况|环境中)|时(?!间|效|长|延)[,;，\s])")
NOTHING_MORE = re.compile(
    rf"(?:{SUFFIX.pattern})?\s*(?:之间|范围内?)?\s*"
    r"(?:$|[^\w\s]|[且或和与的并及至到,]|[大小高低]于|不)"
)
CHARACTER = re.compile(r"(?:Ra|Rz|Rq|Sa|φ|Φ|Ø|ϕ|DN|pH值?|PH值?|R)\s*[:=为]?\s*$")
