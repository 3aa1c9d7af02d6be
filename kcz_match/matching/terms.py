"""What the hard filters compare, taken from a need and a capability."""

from __future__ import annotations

from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.states import CapabilityState
from kcz_match.matching.filters import CapabilityTerms, NeedTerms


def need_terms(need: Need, *, with_budget: bool = True) -> NeedTerms:
    """Return what a need asks.

    The budget is compared and never shown, and left out for a viewer who may not read it: one comparison after another
    would tell it.
    """
    return NeedTerms(
        organisation_id=need.organisation_id,
        industry=need.industry,
        kind=need.kind,
        modes=tuple(need.modes),
        min_trl=int(need.min_trl) if need.min_trl else None,
        budget_max=need.budget_max if with_budget else None,
        district_code=need.district_code,
        avoided=frozenset(unit.id for unit in need.avoided),
    )


def capability_terms(capability: Capability) -> CapabilityTerms:
    """Return what a capability offers; the lead society of a team counts as behind its items."""
    return CapabilityTerms(
        organisation_id=capability.organisation_id,
        type=capability.type,
        industries=tuple(capability.industries),
        modes=tuple(capability.modes),
        trl=int(capability.trl) if capability.trl else None,
        price_min=capability.price_min,
        regions=tuple(capability.regions),
        organisation_ids=frozenset({capability.approver_id}),
        published=capability.is_listed,
        stale=capability.state == CapabilityState.STALE,
    )
