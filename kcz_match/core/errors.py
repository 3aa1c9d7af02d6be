"""Refusals: a class with a sentence for the person refused and a status.

The sentence is shown as it stands, so it says what is wrong and what to do.  One handler in ``web`` turns a refusal
into a page message.
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """Something that was asked for cannot be done; ``sentence`` tells the person why and what to do."""

    status = 422

    def __init__(self, sentence: str) -> None:
        """Keep the sentence that the person will read."""
        super().__init__(sentence)
        self.sentence = sentence


class NotFound(Refusal):
    """There is no such thing, or this person may not know of it."""

    status = 404

    def __init__(self, sentence: str = "没有找到这个页面或记录。它可能已被撤下，或您所在的单位无权查看。") -> None:
        """Use the common sentence unless a better one is given."""
        super().__init__(sentence)


class Forbidden(Refusal):
    """The person sees the thing but may not do this with it."""

    status = 403


class Conflict(Refusal):
    """The thing is no longer in the state that the deed needs, or somebody else was faster."""

    status = 409


class Stale(Conflict):
    """Two people decided at once and this one was second."""

    def __init__(self) -> None:
        """Say what to do: reload."""
        super().__init__("刚才有人先处理了这条记录。请刷新页面，看过最新状态再决定。")


class Invalid(Refusal):
    """The form has mistakes; ``errors`` maps a field's name to a sentence."""

    status = 422

    def __init__(self, errors: Mapping[str, str], sentence: str = "") -> None:
        """Keep all mistakes; the summary names how many there are."""
        super().__init__(sentence or f"有 {len(errors)} 处需要修改，见下方红字。")
        self.errors = dict(errors)
