"""Which hits of a search are worth showing."""

from kcz_match.matching.queries import MOST_UNWORDED, Hit, worth_a_look
from kcz_match.matching.ranking import LexicalMatch, Scored


def _hit(number, nearness, word=""):
    words = LexicalMatch(terms=((word, 1.0),)) if word else LexicalMatch()
    return Hit(number, "none", Scored(number, nearness, {"tokens": nearness, "meaning": 0.0}, words=words))


def test_without_a_shared_word_only_those_about_as_near_as_the_nearest_are_shown():
    hits = [_hit(1, 9.3), _hit(2, 8.5), _hit(3, 7.8), _hit(4, 5.9)]
    assert [hit.record for hit in worth_a_look(hits)] == [1, 2]


def test_a_hit_that_shares_a_word_is_shown_however_far_it_is():
    hits = [_hit(1, 9.3), _hit(2, 1.0, "油冷"), _hit(3, 2.0)]
    assert [hit.record for hit in worth_a_look(hits)] == [1, 2]


def test_what_is_near_to_nothing_is_not_shown_and_many_alike_are_cut():
    assert worth_a_look([_hit(1, 5.9), _hit(2, 5.8)]) == []
    assert worth_a_look([]) == []
    assert len(worth_a_look([_hit(number, 8.0) for number in range(20)])) == MOST_UNWORDED
