"""Tell what a text wants to reach from what it complains of, where nobody wrote them into separate fields.  Pure."""

from __future__ import annotations

import re

from kcz_match.matching.sentences import split

WISH = re.compile(
    "希望|要求|目标|期望|力争|争取|必须|应能|应当|需达到|要做到|能够?做到|想要?[把让找用]|寻求|能否|能不能|有没有"
    "|降到|降至|降低到|降为|提高到|提升到|提升至|提高至|控制在|压到|减到|减少到|缩短到|缩短至|做到|达到"
    "|不超过|不低于|不高于|不大于|不小于|不少于|不得|以内|以下|以上|之内|小于|大于|低于|高于|≤|≥|＜|＞"
)


def is_wish(sentence: str) -> bool:
    """Say whether a sentence names something to be reached: a wish, a limit or a direction with a value."""
    return WISH.search(sentence) is not None


def by_aim(text: str) -> dict[str, str]:
    """Return the text cut into ``problem`` and ``target``, sentence by sentence, each in its order.

    A text that is all wish or none stays one ``problem``.
    """
    sentences = split(text)
    wishes = [one for one in sentences if is_wish(one)]
    if not wishes or len(wishes) == len(sentences):
        return {"problem": text}
    rest = [one for one in sentences if not is_wish(one)]
    return {"problem": "\n".join(rest), "target": "\n".join(wishes)}
