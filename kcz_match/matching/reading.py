"""From a record to its documents, through the one rule of who may read which field."""

from __future__ import annotations

from kcz_match.catalogue.fields import Tier
from kcz_match.catalogue.states import LISTED_CAPABILITY_STATES, LISTED_NEED_STATES
from kcz_match.catalogue.visibility import Record, readable_fields, readable_rows
from kcz_match.matching.documents import READ_BY, Document, build


def document(record: Record, tiers: frozenset[Tier]) -> Document:
    """Return the document that somebody who may read ``tiers`` of ``record`` sees; hidden text cannot enter."""
    values = {field.name: value for field, value in readable_fields(record, tiers)}
    return build(record.lifecycle.kind, values, readable_rows(record, tiers))


def documents(record: Record) -> dict[str, Document]:
    """Return the documents of a record by tier: ``public`` and ``members`` for searching, ``own`` for asking."""
    return {name: document(record, tiers) for name, tiers in READ_BY.items()}


def is_in_listed_state(record: Record) -> bool:
    """Say whether the record belongs into the index by its own state.

    Certificates and the state of its organisation are left to the query that filters every answer: they change for
    many records at once, and the index need not follow.
    """
    return record.state in LISTED_NEED_STATES or record.state in LISTED_CAPABILITY_STATES
