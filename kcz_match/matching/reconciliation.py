"""Whether vectors and words say the same as the records: for ``flask doctor`` and ``flask reindex``."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.states import LISTED_CAPABILITY_STATES, LISTED_NEED_STATES
from kcz_match.matching.generations import SLICES, Slice
from kcz_match.matching.lexical import table_name
from kcz_match.matching.models import SEARCHED, Vector


@dataclass(frozen=True)
class Difference:
    """One list that does not agree with the records: ids that lack something, and ids that should not be there."""

    what: str
    missing: frozenset[int]
    surplus: frozenset[int]


def listed_ids(connection: Connection, kind: str) -> set[int]:
    """Return the ids of records whose own state lists them."""
    if kind == "need":
        return set(connection.scalars(select(Need.id).where(Need.state.in_(LISTED_NEED_STATES))))
    return set(connection.scalars(select(Capability.id).where(Capability.state.in_(LISTED_CAPABILITY_STATES))))


def indexed_ids(connection: Connection, encoder: str, one: Slice) -> set[int]:
    """Return the ids of records with a live searched vector of ``encoder`` in this list."""
    return set(
        connection.scalars(
            select(Vector.record_id).where(
                Vector.encoder == encoder,
                Vector.kind == one.kind,
                Vector.tier == one.tier,
                Vector.is_live,
                text(SEARCHED),
            )
        )
    )


def worded_ids(connection: Connection, one: Slice) -> set[int]:
    """Return the ids of records in the word table of this list."""
    docsize = table_name(one.kind, one.tier) + "_docsize"
    return set(connection.exec_driver_sql(f"SELECT id FROM {docsize}").scalars())  # noqa: S608 - a name from a closed list


def differences(connection: Connection, encoder: str) -> list[Difference]:
    """Return every list whose records differ from the listed ones; empty when all agree."""
    found = []
    for one in SLICES:
        listed = listed_ids(connection, one.kind)
        for what, held in (
            (f"vectors {one.name}", indexed_ids(connection, encoder, one)),
            (f"words {one.name}", worded_ids(connection, one)),
        ):
            if held != listed:
                found.append(Difference(what, frozenset(listed - held), frozenset(held - listed)))
    return found
