"""Vectors as rows: nothing is encoded twice, nothing changes without a number."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from kcz_match.core.db import db
from kcz_match.matching import vectors
from kcz_match.matching.documents import MEMBERS, OWN, PUBLIC, Document
from kcz_match.matching.models import Vector
from kcz_match.matching.vectors import Place


def _documents(problem: str = "漏检率高", hidden: str = "") -> dict[str, Document]:
    public = Document("need", {"title": "压铸件检测", "problem": problem})
    wider = Document("need", {"title": "压铸件检测", "problem": problem + hidden})
    return {PUBLIC: public, MEMBERS: wider, OWN: wider}


def _put(letters, record_id: int = 1, sentences: bool = False, **texts: str) -> bool:
    wanted = vectors.wanted_sentences if sentences else vectors.wanted_rows
    changed = vectors.put(letters, "need", record_id, wanted(_documents(**texts)), {}, sentences=sentences)
    db.session.commit()
    return changed


def _rows(**where) -> dict[Place, Vector]:
    found = db.session.scalars(select(Vector).filter_by(**where))
    return {Place(row.tier, row.role, row.field, row.part): row for row in found}


def test_each_searched_tier_has_passages_and_a_query_is_stored_once_for_all_tiers_with_the_same_text(app, letters):
    _put(letters)

    assert sorted(_rows()) == sorted(
        [Place(tier, role, "whole") for tier in ("public", "members") for role in ("passage", "passage_tokens")]
        + [Place("own", role, "whole") for role in ("query", "query_tokens")]
    )


def test_where_a_tier_reads_less_it_asks_with_its_own_text(app, letters):
    _put(letters, hidden="，配方是甲乙丙")

    rows = _rows(role="query")

    assert sorted(rows) == [Place("own", "query", "whole"), Place("public", "query", "whole")]


def test_the_same_text_is_encoded_once_for_each_role(app, letters):
    _put(letters)

    assert sorted(letters.seen) == sorted(set(letters.seen))
    assert len(letters.seen) == 2


def test_storing_again_encodes_nothing_and_changes_nothing(app, letters):
    assert _put(letters) is True
    before = {place: row.change for place, row in _rows().items()}
    letters.seen.clear()

    assert _put(letters) is False

    assert letters.seen == []
    assert {place: row.change for place, row in _rows().items()} == before


def test_an_edit_encodes_only_what_changed_and_renumbers_only_that(app, letters):
    _put(letters)
    letters.seen.clear()

    _put(letters, problem="气孔漏判")

    assert sorted(letters.seen) == [("passage", "压铸件检测\n气孔漏判"), ("query", "压铸件检测\n气孔漏判")]
    assert {row.change for row in _rows().values()} == {2}


def test_a_record_that_comes_back_unchanged_is_not_encoded_again(app, letters):
    _put(letters)
    assert vectors.remove("need", 1) is True
    db.session.commit()
    assert {row.is_live for row in _rows().values()} == {False}
    letters.seen.clear()

    assert _put(letters) is True

    assert letters.seen == []
    assert {(row.is_live, row.change) for row in _rows().values()} == {(True, 3)}


def test_removing_twice_changes_nothing_the_second_time(app, letters):
    _put(letters)
    vectors.remove("need", 1)
    db.session.commit()

    assert vectors.remove("need", 1) is False
    assert vectors.remove("need", 99) is False
    assert {row.change for row in _rows().values()} == {2}


def test_of_a_deleted_record_only_the_notice_that_it_left_remains(app, letters):
    _put(letters)
    _put(letters, sentences=True)

    vectors.remove("need", 1, forget=True)
    db.session.commit()

    assert {place: (row.data, row.text_hash, row.is_live) for place, row in _rows().items()} == {
        Place("public", "passage", "whole"): (b"", "", False),
        Place("members", "passage", "whole"): (b"", "", False),
    }


def test_text_that_another_record_has_is_found_and_not_encoded_again(app, letters):
    _put(letters)
    letters.seen.clear()
    wanted = vectors.wanted_rows(_documents())

    known = vectors.lookup(db.session, letters.name, [(place.role, text) for place, text in wanted.items()])
    vectors.put(letters, "need", 2, wanted, known)
    db.session.commit()

    assert letters.seen == []
    assert {place: row.data for place, row in _rows(record_id=2).items()} == {
        place: row.data for place, row in _rows(record_id=1).items()
    }


def test_a_sentence_is_stored_in_the_lowest_tier_that_holds_it(app, letters):
    _put(letters, sentences=True, problem="人工看片的漏检率很高。", hidden="关键配方是甲乙丙丁戊。")

    assert sorted(_rows()) == [
        Place("members", "passage", "problem", 1),
        Place("public", "passage", "problem", 1),
        Place("public", "passage", "title", 1),
    ]
    assert "配方" not in str(
        [text for place, text in vectors.wanted_sentences(_documents(hidden="配方")).items() if place.tier == "public"]
    )


def test_sentences_and_fields_do_not_disturb_each_other(app, letters):
    _put(letters)
    fields = set(_rows())
    _put(letters, sentences=True)

    assert _put(letters) is False
    assert _put(letters, sentences=True) is False
    assert fields < set(_rows())


def test_stored_query_vectors_are_used_and_missing_ones_are_made(app, letters):
    _put(letters)
    letters.seen.clear()

    found = vectors.query(letters, _documents()[OWN])
    other = vectors.query(letters, Document("text", {"problem": "气孔"}))

    assert [text for _, text in letters.seen] == ["气孔"]
    np.testing.assert_array_equal(found.vectors["whole"], _row(letters, "压铸件检测\n漏检率高"))
    np.testing.assert_array_equal(other.vectors["whole"], _row(letters, "气孔"))


def test_a_query_has_the_tokens_that_were_stored_with_their_weights(app, letters):
    _put(letters)

    found = vectors.query(letters, _documents()[OWN])

    assert found.background == letters.background
    np.testing.assert_allclose(found.tokens.rows, found.vectors["whole"][None, :], atol=0.02)
    np.testing.assert_allclose(found.tokens.weights, [1.0], atol=0.02)


def test_a_document_without_text_asks_nothing(app, letters):
    found = vectors.query(letters, Document("text", {}))

    assert (found.texts, found.vectors, found.tokens) == ({}, {}, None)


def _row(letters, text: str) -> np.ndarray:
    return letters.encode([text], role="query")[0]


def test_sentence_vectors_stand_in_the_order_of_the_sentences(app, letters):
    document = Document("need", {"title": "压铸件检测", "problem": "人工看片漏检率高。节拍总是跟不上。"})

    vectors.put(letters, "need", 1, vectors.wanted_sentences({PUBLIC: document, MEMBERS: document}), {}, sentences=True)
    db.session.commit()

    found = vectors.stored_sentence_vectors(letters, document)

    assert {field: rows.shape for field, rows in found.items()} == {"title": (1, 64), "problem": (2, 64)}
    np.testing.assert_array_equal(found["problem"][1], _row(letters, "节拍总是跟不上。"))


def test_a_field_with_a_sentence_that_is_not_stored_is_left_to_its_words(app, letters):
    document = Document("need", {"title": "压铸件检测", "problem": "人工看片漏检率高。节拍总是跟不上。"})
    shorter = Document("need", {"title": "压铸件检测", "problem": "人工看片漏检率高。"})
    vectors.put(letters, "need", 1, vectors.wanted_sentences({PUBLIC: shorter, MEMBERS: shorter}), {}, sentences=True)
    db.session.commit()
    letters.seen.clear()

    assert sorted(vectors.stored_sentence_vectors(letters, document)) == ["title"]
    assert letters.seen == []


def test_own_text_cannot_be_stored_for_searching(app, letters):
    with pytest.raises(IntegrityError):
        vectors.put(letters, "need", 1, {Place("own", "passage", "whole"): "甲"}, {})
    db.session.rollback()


@pytest.mark.parametrize("value", [np.nan, 0.0, 3.0])
def test_a_vector_that_is_not_a_unit_vector_is_refused_and_nothing_is_stored(app, letters, value):
    class Broken:
        name = "broken"

        def encode(self, texts, role="query"):
            return np.full((len(texts), 4), value, np.float32)

        def encode_both(self, texts, role="query"):
            return self.encode(texts), [b""] * len(texts)

    with pytest.raises(ValueError, match="not finite or not of length 1"):
        vectors.put(Broken(), "need", 1, vectors.wanted_rows(_documents()), {})
    assert _rows() == {}


def test_change_numbers_rise_with_every_commit_and_a_rolled_back_one_is_given_again(app):
    assert vectors.next_change() == 1
    db.session.commit()
    assert vectors.next_change() == 2
    db.session.rollback()
    assert vectors.next_change() == 2
    db.session.commit()
    with vectors.reading() as connection:
        assert vectors.last_change(connection) == 2
