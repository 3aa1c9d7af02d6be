"""Which fields of a record this actor may read.  One rule for pages, search, matching and exports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kcz_match.catalogue import queries
from kcz_match.catalogue.fields import Field, Tier
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core import policy
from kcz_match.core.policy import Actor

Record = Need | Capability


def has_consent(actor: Actor, record: Record) -> bool:
    """Say whether the actor's organisation was granted the after-consent fields of ``record``."""
    return policy.holds_consent(actor, record)


def tiers_open_to(actor: Actor, record: Record) -> frozenset[Tier]:
    """Return the tiers of ``record`` that ``actor`` may read; its own side, its reviewers and the Office read all."""
    return _tiers(actor, record, has_consent)


def tiers_open_to_each(actor: Actor, records: Sequence[Record]) -> list[frozenset[Tier]]:
    """Return what ``tiers_open_to`` returns for each of the records, in one query for all of them."""
    granted = queries.consents_of(actor, records)
    return [_tiers(actor, record, lambda _, one: (one.lifecycle.kind, one.id) in granted) for record in records]


def _tiers(actor: Actor, record: Record, consented: Callable[[Actor, Record], bool]) -> frozenset[Tier]:
    if policy.can(actor, f"{record.lifecycle.kind}.read_own", record) or consented(actor, record):
        return frozenset(Tier)
    return frozenset({Tier.PUBLIC, Tier.MEMBERS}) if policy.is_member(actor, record) else frozenset({Tier.PUBLIC})


def value_of(record: Record, name: str) -> Any:
    """Return the value of a field wherever it is kept: a column, or the type-specific details."""
    if isinstance(record, Capability) and not hasattr(Capability, name):
        return record.details.get(name, "")
    return getattr(record, name)


def fields_of(record: Record) -> list[Field]:
    """Return the fields that this record has (a capability lacks the fields of other types), in form order."""
    kind = record.type if isinstance(record, Capability) else ""
    return [field for field in record.field_table if not field.types or kind in field.types]


def readable_fields(record: Record, tiers: frozenset[Tier]) -> list[tuple[Field, Any]]:
    """Return (field, value) for every filled field within ``tiers``, in form order."""
    pairs = (
        (field, value_of(record, field.name)) for field in fields_of(record) if record.tier_of(field.name) in tiers
    )
    return [(field, value) for field, value in pairs if value not in (None, "", [], False)]


def hidden_labels(record: Record, tiers: frozenset[Tier]) -> list[tuple[str, Tier]]:
    """Return (label, tier) of filled fields outside ``tiers``: the page says that they exist, never what they say."""
    return [
        (field.label, record.tier_of(field.name))
        for field in fields_of(record)
        if record.tier_of(field.name) not in tiers and value_of(record, field.name) not in (None, "", [], False)
    ]


def readable_rows(record: Record, tiers: frozenset[Tier]) -> list[Any]:
    """Return the indicator or claim rows as values when their tier is open, otherwise nothing."""
    return record.rows if record.tier_of(record.rows_name) in tiers else []
