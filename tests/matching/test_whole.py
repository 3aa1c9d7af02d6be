from kcz_match.matching.whole import pieces, plain_text, whole_text


def test_the_fields_of_a_whole_text_can_be_told_apart_again():
    whole = whole_text({"title": " 甲 ", "problem": "乙\n丙", "target": ""})
    assert pieces(whole) == [("title", "甲"), ("problem", "乙\n丙")]
    assert plain_text(whole) == "甲\n乙\n丙"


def test_marks_in_a_text_are_taken_out_so_that_nobody_forges_a_field():
    assert pieces(whole_text({"title": "甲\x1e", "problem": "\x1c乙"})) == [("title", "甲"), ("problem", "乙")]


def test_text_without_marks_is_a_problem_and_nothing_is_nothing():
    assert pieces("甲") == [("problem", "甲")]
    assert pieces("") == []
    assert whole_text({"title": " ", "problem": "\x1d"}) == ""
