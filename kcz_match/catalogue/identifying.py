"""Details in a text that tell who wrote it: company, brand, person, phone, e-mail, address, patent, credit code.  Pure.

Used on public fields only.  General words (工厂, 主机厂, 集团内部, 高级工程师, 总体) are not names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kcz_match.accounts.credit_code import is_valid_credit_code


@dataclass(frozen=True)
class Detail:
    """One identifying detail: ``kind`` in Chinese, the words ``found``, and what to write ``instead``."""

    kind: str
    found: str
    instead: str


_SURNAMES = (
    "赵钱孙李周吴郑王冯陈蒋沈韩杨朱秦许何吕张孔曹严魏姜谢邹潘葛范彭鲁韦苗柳鲍史唐薛雷贺倪汤罗毕郝邬常于傅卞齐康伍余顾孟黄"
    "萧尹姚邵汪毛戴宋庞熊纪舒屈项祝董梁杜阮蓝闵季贾江童郭梅林钟徐邱骆高夏蔡田樊胡霍虞万柯卢莫房解丁邓洪包左石崔龚程陆段侯"
    "武刘龙叶黎白蒲赖卓池谭申冉桑桂牛尚温庄晏柴阎习艾廖曾游覃甘聂欧肖"
)
_PLACES = (
    "广州|广东|深圳|佛山|东莞|珠海|中山|越秀|海珠|荔湾|天河|白云|黄埔|番禺|花都|南沙|从化|增城|上海|北京|江苏|浙江"
)
_NOT_NAMES = (
    "某",
    "本",
    "我",
    "该",
    "大型",
    "企业",
    "跨国",
    "国有",
    "龙头",
    "各",
    "多家",
    "头部",
    "所属",
    "母",
    "能源",
    "我们",
    "其",
)
_COMPANY = re.compile(
    r"[A-Za-z一-龥·()（）]{2,24}?(?:有限责任公司|股份有限公司|有限公司|股份公司)|"
    r"[A-Za-z一-龥·]{2,8}(?:集团(?!化|军)|股份(?!制|额|比|占|权|转|合|的|分))|"
    rf"(?:{_PLACES})[一-龥]{{1,10}}厂(?!家|房|商|区|内|务|界|址|站|用|里|外|级)|"
    r"示例·[一-龥A-Za-z]{2,12}"
)
_BRAND = re.compile(
    r"[A-Za-z一-龥][A-Za-z0-9一-龥]{0,11}[®™]|"
    r"[“「『\"][^”」』\"\n]{2,12}[”」』\"](?=\s*(?:牌|品牌|商标|系列))|(?:品牌|商标)\s*[:：是为]?\s*[“「『\"][^”」』\"\n]{2,12}[”」』\"]"
)
_PHONE = re.compile(
    r"(?<![\d.])(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)|(?<![\d.])0\d{2,3}[- ]\d{7,8}(?!\d)|"
    r"(?<!\d)\(0\d{2,3}\)\s*\d{7,8}(?!\d)|(?<!\d)[48]00[- ]\d{3}[- ]?\d{4}(?!\d)"
)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+[@＠][A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_CHAT = re.compile(r"(?:微信号?|QQ|VX|vx)\s*(?:群|号)?\s*[:：是为]?\s*[A-Za-z0-9_-]{5,20}")
_LINK = re.compile(
    r"https?://\S+|www\.[A-Za-z0-9-]+\.\S+|(?<![@A-Za-z0-9.-])[A-Za-z0-9-]+\.(?:com|cn|net|org|gov|edu)(?:\.cn)?(?![A-Za-z])"
)
_PATENT = re.compile(
    r"ZL\s?\d{4}\s?\d{7,8}\s?(?:\.\s?[\dXx])?|CN\s?\d{7,}\s?[A-Z]?\d?(?:\.[\dXx])?|"
    r"(?:专利号|申请号|公开号|授权号)\s*[:：为]?\s*[A-Z]{0,2}\s?\d{7,}(?:\.[\dXx])?"
)
_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9A-HJ-NP-RTUWXYa-hj-np-rtuwxy]{18}(?![0-9A-Za-z])")
_TITLES = "总经理|副总|董事长|经理|厂长|主任|院长|所长|部长|教授|博士|工程师|先生|女士|工(?=[，,。；;:：\\s\\d(（]|$)"
_AFTER_CHIEF = "体量数成装线共部是结磷氮和之额计重长功效谐硬碱酸误投产面氧有需能成固溶黄胆酚糖会是要在可"
_PERSON = re.compile(
    rf"[{_SURNAMES}](?:{_TITLES})|[{_SURNAMES}]总(?![{_AFTER_CHIEF}])|"
    rf"[{_SURNAMES}][一-龥]{{1,2}}(?:总经理|董事长|先生|女士)|"
    rf"(?:联系人|负责人|对接人|经办人)\s*[:：是为]?\s*[{_SURNAMES}][一-龥]{{1,2}}(?![一-龥])"
)
_NO_PERSON = re.compile(r"高工程师|万工程师|万总|(?:提高|最高|于)总|[由对关]于(?:教授|工程师|经理|主任)")

_KINDS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("企业名称", _COMPANY, "写“某汽车零部件企业”这样的类别，名称在对方接受对接后才显示"),
    ("品牌", _BRAND, "写产品类别和型号等级，不写牌子"),
    ("电话", _PHONE, "电话填在“联系人与范围”里，双方接受对接后才显示"),
    ("电子邮箱", _MAIL, "联系方式填在“联系人与范围”里，双方接受对接后才显示"),
    ("聊天号码", _CHAT, "联系方式填在“联系人与范围”里，双方接受对接后才显示"),
    ("网址", _LINK, "把需要说明的内容写出来，不放链接"),
    ("专利号", _PATENT, "写“已有发明专利”，专利号在同意后再给对方"),
    ("人员姓名", _PERSON, "姓名填在“联系人与范围”里，双方接受对接后才显示"),
)


def identifying_details(text: str, names: Iterable[str] = ()) -> list[Detail]:
    """Return the identifying details in ``text``, at most one of each kind; ``names`` are the writer's own names."""
    found: list[Detail] = []
    own = next((name for name in names if len(name) >= 2 and name in text), None)
    if own:
        found.append(Detail("企业名称", own, _KINDS[0][2]))
    for kind, pattern, instead in _KINDS:
        hit = next((hit.group() for hit in pattern.finditer(text) if _is_meant(kind, hit)), None)
        if hit and not any(detail.kind == kind for detail in found):
            found.append(Detail(kind, hit.strip(), instead))
    for code in _CODE.findall(text):
        if is_valid_credit_code(code):
            found.append(Detail("统一社会信用代码", code, "信用代码只在单位资料里填，公开栏不写"))
            break
    return found


def _is_meant(kind: str, hit: re.Match[str]) -> bool:
    text, start = hit.string, hit.start()
    if kind == "企业名称":
        stem = re.split("有限|股份|集团", hit.group())[0].strip("（）()")
        return len(stem) >= 2 and not stem.endswith(_NOT_NAMES)
    if kind == "人员姓名":
        return _NO_PERSON.search(text[max(0, start - 1) : hit.end()]) is None
    return True
