"""Why a need is still without a partner, and the one change that would help most.  Pure.

``CAUSES`` is the order in which causes are looked for; the first that holds is the cause.  What people did comes before
what the lists say: somebody at it, refusals, silence, answers that nobody was asked about; only then the text, the hard
filters, and that there is nothing.  Refusals and silence are the cause when they are at least as many as the
answers still left to ask: with five good names left, one refusal explains nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kcz_match.catalogue.terms import MODES, word
from kcz_match.matching import filters
from kcz_match.matching.filters import CapabilityTerms, NeedTerms
from kcz_match.matching.reasons import DECLINE_REASONS

CAUSES = {
    "waiting": "已有在谈",
    "refused": "被婉拒",
    "unanswered": "对方未回复",
    "unasked": "有推荐，还没有联系",
    "too_vague": "描述太笼统",
    "filtered": "条件太窄",
    "no_supply": "没有供给",
}
# What to do about a suggestion, for the page to link: change the text, cut it up, ask somebody, wait, call societies.
EDIT, SPLIT, ASK, WAIT, CALL = "edit", "split", "ask", "wait", "call"


@dataclass(frozen=True)
class Advice:
    """The coach's first remark: the form field and the sentence, with an example."""

    field: str
    sentence: str
    example: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known of a need after ``days`` open.

    ``strong`` and ``possible`` count the answers of these bands that pass every filter, ``left`` those of them that
    nobody was asked about and nobody refused.  ``excluded`` are answers that only one hard filter keeps out: its code
    and what the capability offers.  ``refusals`` counts reason codes.  ``to_answer`` counts interests that wait for the
    poster, ``waiting`` those that wait for others, ``accepted`` and ``expired`` those that ended so.  ``unmet`` counts
    by the name of a must indicator how many answers miss it.  ``parts`` is the number of sub-problems that the text
    could be cut into and ``parts_found`` how many of these somebody answers; 0 when that was not tried.
    """

    days: int
    terms: NeedTerms
    strong: int = 0
    possible: int = 0
    left: int = 0
    excluded: Sequence[tuple[str, CapabilityTerms]] = ()
    clarity: str = "clear"
    advice: Advice | None = None
    refusals: Mapping[str, int] = field(default_factory=dict)
    to_answer: int = 0
    waiting: int = 0
    accepted: int = 0
    expired: int = 0
    unmet: Mapping[str, int] = field(default_factory=dict)
    parts: int = 0
    parts_found: int = 0


@dataclass(frozen=True)
class Relaxation:
    """One hard filter let go by one step: the form field, the sentence of what to change, how many answers come in."""

    field: str
    sentence: str
    gain: int


@dataclass(frozen=True)
class Diagnosis:
    """One cause, why in a sentence, and one suggestion: its ``deed``, and the form ``field`` it is about (or none)."""

    cause: str
    reason: str
    suggestion: str
    deed: str
    field: str = ""

    @property
    def label(self) -> str:
        """The cause in Chinese."""
        return CAUSES[self.cause]


def diagnose(facts: Facts) -> Diagnosis:
    """Return the first cause of ``CAUSES`` that holds; ``no_supply`` always does."""
    return next(found for cause in CAUSES if (found := _LOOK[cause](facts)) is not None)


def relaxations(terms: NeedTerms, excluded: Iterable[tuple[str, CapabilityTerms]]) -> list[Relaxation]:
    """Return what letting go of one filter by one step would bring, most first; without those that no edit moves."""
    kept_out: dict[str, list[CapabilityTerms]] = {}
    for code, offer in excluded:
        kept_out.setdefault(code, []).append(offer)
    found = [step for code, step_of in _STEPS.items() if (step := step_of(terms, kept_out.get(code, []))) is not None]
    return sorted(found, key=lambda one: -one.gain)


def _maturity(terms: NeedTerms, offers: Sequence[CapabilityTerms]) -> Relaxation | None:
    levels = sorted({offer.trl for offer in offers if offer.trl is not None}, reverse=True)
    if not levels or terms.min_trl is None:
        return None
    gain = sum(offer.trl == levels[0] for offer in offers)
    sentence = f"把最低成熟度由 {terms.min_trl} 级放宽到 {levels[0]} 级，可多出 {gain} 项"
    return Relaxation("min_trl", sentence, gain)


def _modes(terms: NeedTerms, offers: Sequence[CapabilityTerms]) -> Relaxation | None:
    offered = Counter(mode for offer in offers for mode in offer.modes if mode not in terms.modes)
    best = max(offered, key=lambda mode: (offered[mode], -list(MODES).index(mode)), default=None)
    if best is None:
        return None
    return Relaxation("modes", f"合作方式再选上“{word('modes', best)}”，可多出 {offered[best]} 项", offered[best])


def _budget(terms: NeedTerms, offers: Sequence[CapabilityTerms]) -> Relaxation | None:
    if not offers:
        return None
    return Relaxation("budget_max", f"提高预算上限，或写明可以分期，最多可多出 {len(offers)} 项", len(offers))


def _industry(terms: NeedTerms, offers: Sequence[CapabilityTerms]) -> Relaxation | None:
    offered = Counter(cluster for offer in offers for cluster in offer.industries)
    best = max(sorted(offered), key=lambda cluster: offered[cluster], default=None)
    if best is None:
        return None
    sentence = f"核对行业领域：如果也属于“{word('industries', best)}”，改选后可多出 {offered[best]} 项"
    return Relaxation("industry", sentence, offered[best])


def _kind(terms: NeedTerms, offers: Sequence[CapabilityTerms]) -> Relaxation | None:
    gains = {
        kind: sum(offer.type in types for offer in offers)
        for kind, types in filters.TYPES_FOR_KIND.items()
        if kind != terms.kind
    }
    best = max(gains, key=lambda kind: gains[kind])
    if not gains[best]:
        return None
    sentence = f"核对需求类型：如果其实是“{word('need_kinds', best)}”，改选后可多出 {gains[best]} 项"
    return Relaxation("kind", sentence, gains[best])


# By the code of the hard filter; of equal gain the first one is suggested: the change that costs the poster least.
_STEPS: dict[str, Callable[[NeedTerms, Sequence[CapabilityTerms]], Relaxation | None]] = {
    "modes": _modes,
    "trl": _maturity,
    "budget": _budget,
    "industry": _industry,
    "kind": _kind,
}


def _waiting(facts: Facts) -> Diagnosis | None:
    if facts.accepted:
        return Diagnosis("waiting", f"已有 {facts.accepted} 家接受对接", "先把已接受的对接谈出结果，再找别家", WAIT)
    if facts.to_answer:
        return Diagnosis("waiting", f"有 {facts.to_answer} 条对接意向在等您回复", "先回复收到的对接意向", WAIT)
    if facts.waiting:
        return Diagnosis("waiting", f"有 {facts.waiting} 条对接意向在等回复", "先等回复；到期没有回复会提醒您", WAIT)
    return None


def _refused(facts: Facts) -> Diagnosis | None:
    total = sum(facts.refusals.values())
    if not total or total < max(facts.left, facts.expired):
        return None
    code = max(DECLINE_REASONS, key=lambda one: facts.refusals.get(one, 0))
    said = "、".join(
        f"{DECLINE_REASONS[one]} {facts.refusals[one]} 次" for one in DECLINE_REASONS if one in facts.refusals
    )
    name, sentence = _remedy(code, facts)
    return Diagnosis("refused", f"原因：{said}", sentence, EDIT if name else ASK if facts.left else CALL, name)


def _remedy(code: str, facts: Facts) -> tuple[str, str]:
    """Return (field, sentence) against the reason that was given most often."""
    if code == "too_vague" and facts.advice is not None:
        return facts.advice.field, _advised(facts.advice)
    if code == "spec_gap" and facts.unmet:
        hardest = max(facts.unmet, key=lambda name: facts.unmet[name])
        return "indicators", f"“{hardest}”有 {facts.unmet[hardest]} 项能力达不到：核对目标值，或由“必须”改为“期望”"
    return REMEDIES[code]


REMEDIES: dict[str, tuple[str, str]] = {
    "too_early": ("min_trl", "在“最低成熟度”里写明最低要几级，不够成熟的就不再推荐"),
    "benefit_unclear": ("benefit", "写明现有做法的成本和损失，对方才算得出新办法的好处"),
    "cost_unclear": ("budget_max", "填上预算上限，报价明显不合的会先筛掉"),
    "too_vague": ("problem", "把难题写到工序、现象、现在的数和损失"),
    "spec_gap": ("indicators", "核对指标的目标值，把不是非达到不可的由“必须”改为“期望”"),
    "off_topic": ("title", "名称写出对象、工序和要解决的缺陷，免得被当成另一类问题"),
    "no_capacity": ("", "对方近期没有人手，下个月再问，或另请学会推荐"),
    "avoid": ("", "对方不便合作，另请学会推荐别家"),
    "solved_elsewhere": ("", "如果已经另外解决，请撤回这条需求；没有解决就另请学会推荐"),
    "budget": ("budget_max", "提高预算上限，或写明可以分期、分担"),
    "ip": ("ip_terms", "写明知识产权归属设想，能商量的写“可协商”"),
    "other": ("", "看对方写的说明，再请学会推荐别家"),
}


def _unanswered(facts: Facts) -> Diagnosis | None:
    if not facts.expired or facts.expired < facts.left:
        return None
    rest = f"，或另问还没联系过的 {facts.left} 项" if facts.left else "，或请学会推荐别家"
    return Diagnosis(
        "unanswered",
        f"{facts.expired} 条对接意向到期没有回复",
        f"再发一次，并请区科协帮忙联系{rest}",
        ASK if facts.left else CALL,
    )


def _unasked(facts: Facts) -> Diagnosis | None:
    if not facts.left:
        return None
    return Diagnosis("unasked", f"有 {facts.left} 项够得上的能力还没有人联系过", "从最靠前的一项开始发起对接", ASK)


def _too_vague(facts: Facts) -> Diagnosis | None:
    if facts.clarity == "clear" or facts.advice is None:
        return None
    return Diagnosis(
        "too_vague", "照现在的写法，系统和学会都难以判断", _advised(facts.advice), EDIT, facts.advice.field
    )


def _filtered(facts: Facts) -> Diagnosis | None:
    found = relaxations(facts.terms, facts.excluded)
    if not found:
        return None
    many = len(facts.excluded)
    return Diagnosis("filtered", f"有 {many} 项能力只因一项硬性条件被排除", found[0].sentence, EDIT, found[0].field)


def _no_supply(facts: Facts) -> Diagnosis:
    reason = "现有的能力里没有够得上整条需求的"
    if facts.parts_found:
        found = f"拆成 {facts.parts} 个子问题分别找：其中 {facts.parts_found} 个有够得上的能力"
        return Diagnosis("no_supply", reason, found, SPLIT)
    return Diagnosis("no_supply", reason, "请学会看一看这条需求，并保存搜索，有新能力发布时会通知您", CALL)


def _advised(advice: Advice) -> str:
    return f"{advice.sentence}例：{advice.example}" if advice.example else advice.sentence


_LOOK: dict[str, Callable[[Facts], Diagnosis | None]] = {
    "waiting": _waiting,
    "refused": _refused,
    "unanswered": _unanswered,
    "unasked": _unasked,
    "too_vague": _too_vague,
    "filtered": _filtered,
    "no_supply": _no_supply,
}
