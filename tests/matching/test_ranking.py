import numpy as np
import pytest

from kcz_match.matching.late import Background
from kcz_match.matching.ranking import (
    CHANCE_OF_MISSED,
    CHANCES,
    LexicalMatch,
    Scored,
    Weights,
    band,
    ceiling,
    chances,
    fuse,
    mean_cosine,
    trust,
)

NAN = float("nan")
PLAIN = Background(0.0, 1.0, 0.0, 1.0)


def _fuse(cosines, tokens, matches=None):
    ids = list(range(1, len(tokens) + 1))
    return fuse(ids, {"whole": np.array(cosines)}, np.array(tokens), matches or {}, PLAIN)


def test_a_score_is_the_sum_of_its_parts():
    matches = {1: LexicalMatch(3.0, 0.5, 2.0, (("焊缝", 2.0),))}
    for one in _fuse([0.5, 0.2], [2.0, 1.0], matches):
        assert one.score == pytest.approx(sum(one.parts.values()))
        assert list(one.parts) == ["tokens", "meaning", "words", "exact"]


def test_a_missing_field_is_left_out_of_the_mean():
    cosines = {"whole": np.array([0.8, 0.8]), "title": np.array([NAN, 0.4])}
    assert mean_cosine(cosines, {"whole": 1.0, "title": 1.0}).tolist() == pytest.approx([0.8, 0.6])
    assert np.isnan(mean_cosine({"title": np.array([NAN])}, {"title": 1.0}))[0]


def test_words_count_little_when_no_record_holds_the_rare_words_of_the_query():
    lookalike = {2: LexicalMatch(9.0, 0.2)}
    assert [one.record_id for one in _fuse([0.5, 0.5], [2.0, 1.5], lookalike)] == [1, 2]
    speaker = {2: LexicalMatch(9.0, 0.9)}
    assert [one.record_id for one in _fuse([0.5, 0.5], [2.0, 1.5], speaker)] == [2, 1]


def test_a_shared_model_number_decides_between_equals_and_has_a_ceiling():
    found = _fuse([0.5, 0.5], [2.0, 2.0], {2: LexicalMatch(0.0, 0.0, 100.0)})
    assert [one.record_id for one in found] == [2, 1]
    assert found[0].parts["exact"] == pytest.approx(Weights().exact * Weights().exact_ceiling)


def test_a_record_without_token_rows_is_estimated_from_its_cosine_on_the_scale_of_the_others():
    found = {one.record_id: one for one in _fuse([0.5, 0.5, 0.9], [2.0, 2.0, NAN])}
    assert found[3].parts["tokens"] > found[1].parts["tokens"] == pytest.approx(2.0)
    same = {one.record_id: one for one in _fuse([0.5, 0.5], [2.0, NAN])}
    assert same[2].score == pytest.approx(same[1].score)


def test_equal_scores_keep_the_smaller_id_first_and_no_candidates_give_nothing():
    assert [one.record_id for one in _fuse([0.5] * 3, [1.0] * 3)] == [1, 2, 3]
    assert fuse([], {}, np.zeros(0), {}, PLAIN) == []


def test_a_record_found_by_words_alone_has_a_score():
    [one] = fuse([5], {}, np.array([NAN]), {5: LexicalMatch(2.0, 1.0)}, PLAIN)
    assert one.parts["words"] == Weights().words
    assert one.cosines == {}


@pytest.mark.parametrize(("score", "name"), [(8.5, "strong"), (8.4, "possible"), (5.9, "weak"), (4.9, "none")])
def test_a_band_is_the_first_whose_threshold_the_score_reaches(score, name):
    assert band(Scored(1, score, {})) == name


def test_words_are_trusted_as_far_as_the_best_candidate_speaks_the_querys_language():
    weights = Weights(trust_from=0.2, trust_to=0.6, token_ceiling=0.5)
    held = [LexicalMatch(coverage=0.1), LexicalMatch(coverage=0.4)]
    assert trust(held, weights) == pytest.approx(0.5)
    assert ceiling(held, weights) == pytest.approx(0.75)
    assert (trust([], weights), ceiling([], weights)) == (0.0, 0.5)
    assert (trust([LexicalMatch(coverage=0.9)], weights), ceiling([LexicalMatch(coverage=0.9)], weights)) == (1.0, 1.0)


def test_words_and_whole_vectors_count_for_nothing_where_words_cannot_be_trusted():
    cosines = {"whole": np.array([0.9, 0.8], np.float32)}
    matches = {1: LexicalMatch(score=3.0, coverage=0.05), 2: LexicalMatch(score=9.0, coverage=0.1)}
    found = fuse([1, 2], cosines, np.array([0.5, 0.4], np.float32), matches, Background(0.8, 0.1, 0.3, 0.1))
    assert [one.record_id for one in found] == [1, 2]
    assert [(one.parts["words"], one.parts["meaning"]) for one in found] == [(0.0, 0.0), (0.0, 0.0)]


def test_a_chance_is_how_an_answer_stands_out_from_the_rest_of_its_list():
    field = np.linspace(3.0, 4.0, 40)
    one_ahead = chances(np.concatenate([[8.0], field]), np.zeros(41))
    two_ahead = chances(np.concatenate([[8.0, 7.9], field]), np.zeros(42))
    assert one_ahead[0] > CHANCES[0][1]
    assert two_ahead[0] < one_ahead[0]
    assert (one_ahead[1:] < CHANCES[-1][1]).all()
    assert chances(field, np.zeros(40)).max() < CHANCES[1][1]


def test_an_answer_about_a_neighbour_of_what_the_title_names_is_never_strong():
    scores = np.concatenate([[9.0], np.linspace(3.0, 4.0, 40)])
    named = np.zeros(41)
    named[5] = 6.0
    assert chances(scores, named)[0] == CHANCE_OF_MISSED < CHANCES[0][1]
    named[0] = 6.0
    assert chances(scores, named)[0] > CHANCES[0][1]


def test_few_candidates_are_no_field_and_are_judged_by_their_score():
    assert np.isnan(chances(np.arange(19.0), np.zeros(19))).all()
    [one, _two] = _fuse([0.5, 0.2], [9.0, 5.5])
    assert (band(one), np.isnan(one.chance)) == ("strong", True)


def test_all_candidates_alike_give_no_chance_to_anybody():
    assert chances(np.full(30, 5.0), np.zeros(30)).max() < CHANCES[-1][1]


def test_the_best_of_a_poor_lot_is_not_strong():
    tokens = [6.4] + [2.0 + place / 40 for place in range(40)]
    poor, better = (max(_fuse([0.0] * 41, [first, *tokens[1:]]), key=lambda one: one.score) for first in (6.4, 6.6))
    assert poor.chance > CHANCES[0][1]
    assert (band(poor), band(better)) == ("possible", "strong")
