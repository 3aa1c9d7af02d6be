"""Load the demo data by calling the services, the way people would: fictional units, people, needs, capabilities.

`flask --app app seed-demo` calls `seed`.  The texts are in `scripts/demo/*.json`.  Three things only a calendar could
make are set by hand, and marked below: capabilities confirmed long ago, and needs whose validity has passed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select

from kcz_match import migrating
from kcz_match.accounts import queries as accounts
from kcz_match.accounts import service
from kcz_match.accounts.credit_code import check_digit
from kcz_match.accounts.models import Organisation
from kcz_match.brokerage import lists
from kcz_match.brokerage import service as brokerage
from kcz_match.brokerage.places import WORTH
from kcz_match.catalogue import capability_service, need_service
from kcz_match.catalogue import queries as catalogue
from kcz_match.catalogue.fields import CAPABILITY_FIELDS, NEED_FIELDS, Claim, Direction, Indicator
from kcz_match.catalogue.models import Capability, Need
from kcz_match.catalogue.parsing import parse_values
from kcz_match.core import notify
from kcz_match.core.calendar import local_day
from kcz_match.core.db import db, utc_now
from kcz_match.core.policy import Actor
from kcz_match.engagements import service as engagements
from kcz_match.matching import service as matching
from kcz_match.selection import service as selection

PASSWORD = "Demo-Keji-2026"
FOLDER = Path(__file__).parent / "demo"
BASIS = "演示：工作会议纪要第 1 号"
IN_CREDIT_CODE = {"district": "12", "park": "91", "enterprise": "91", "society": "51", "review_body": "52"}
NEED_STEPS = {"draft": 0, "submitted": 1, "returned": 1, "rejected": 1, "district_approved": 2}
LISTS_DECIDED = 40
REFUSALS = ("too_early", "spec_gap", "too_early", "cost_unclear", "too_vague", "budget")
PIN_REASON = "演示：区科协走访时双方都有意，先见一面。"
CAPABILITY_STEPS = {"draft": 0, "submitted": 1, "returned": 1}


class Seeder:
    """Makes the demo data, remembering every record by its short name in the files."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.units: dict[str, Organisation] = {}
        self.people: dict[str, str] = {}
        self.capabilities: dict[str, Capability] = {}
        self.needs: dict[str, Need] = {}

    def run(self) -> None:
        """Make everything; joining a second unit gives up what is not committed, so each person is a commit."""
        units = _read("organisations")
        for number, facts in enumerate(units):
            self._unit(number, facts)
        for facts in units:
            self._complete_unit(facts)
        self.say(f"{len(self.units)} organisations, {len(self.people)} people")
        for facts in _read("capabilities"):
            self._capability(facts)
        self.say(f"{len(self.capabilities)} capabilities")
        needs = _read("needs")
        for facts in needs:
            self._need(facts)
        self._share(needs)
        self.say(f"{len(self.needs)} needs")
        for unit in self.units.values():
            if unit.kind in ("district", "office", "society", "service_team"):
                notify.mark_all_read(unit.id)
        db.session.commit()

    def _unit(self, number: int, facts: dict[str, Any]) -> None:
        people = facts["people"]
        if facts["kind"] == "office":
            first = people[0]
            unit, secret = service.found_office(
                facts["full_name"], email=first["email"], name=first["name"], is_demo=True
            )
            unit.short_name = facts["short_name"]
            self.units[facts["ref"]] = unit
            self._join(secret, first)
            people = people[1:]
        else:
            unit = self._register(number, facts)
        for person in people:
            self._join(
                service.invite(unit, self.office, email=person["email"], name=person["name"], role=person["role"]),
                person,
            )

    def _register(self, number: int, facts: dict[str, Any]) -> Organisation:
        parent = facts.get("lead") or facts.get("parent")
        wants_parent = facts["kind"] in ("enterprise", "service_team")
        level = facts.get("level", "")
        unit = service.register_organisation(
            self.office,
            kind=facts["kind"],
            full_name=facts["full_name"],
            short_name=facts.get("short_name", ""),
            district_code=facts.get("district_code", ""),
            intro=facts.get("intro", ""),
            credit_code=_credit_code(facts["kind"], facts.get("district_code", ""), number),
            level=level if facts["kind"] in ("society", "service_team") else "",
            parent_id=self.units[parent].id if wants_parent else None,
            aliases=facts.get("aliases", ()),
            is_demo=True,
        )
        service.move_organisation(unit, "verify", self.office)
        if facts.get("certified"):
            selection.grant_certificate(unit, self.office, reason=BASIS)
        self.units[facts["ref"]] = unit
        return unit

    def _complete_unit(self, facts: dict[str, Any]) -> None:
        unit = self.units[facts["ref"]]
        if facts.get("members"):
            unit.members = [self.units[ref] for ref in facts["members"]]

    def _join(self, secret: str, person: dict[str, Any]) -> None:
        db.session.commit()
        user = service.accept_invitation(secret, password=PASSWORD)
        user.post = person.get("post", "")
        self.people.setdefault(person["ref"], person["email"])

    def _capability(self, facts: dict[str, Any]) -> None:
        owner = self.manager(self.units[facts["organisation"]])
        values, errors = parse_values(CAPABILITY_FIELDS, _as_typed(facts))
        assert not errors, (facts["ref"], errors)
        capability = capability_service.draft_capability(
            owner, values, [Claim(**{"dated_on": "", **row}) for row in facts.get("claims", [])]
        )
        approver = self.manager(db.session.get_one(Organisation, capability.approver_id))
        story = facts["story"]
        for verb, actor in [("submit", owner), ("approve", approver)][: CAPABILITY_STEPS.get(story, 2)]:
            capability_service.act(capability, verb, actor)
        if story == "returned":
            capability_service.act(
                capability,
                "return",
                approver,
                reason=facts.get("reason", "no_evidence"),
                remark=facts.get("remark", ""),
            )
        elif story == "unlisted":
            capability_service.act(
                capability, "unlist", self.office, reason=facts.get("remark") or "演示：单位申请下架"
            )
        elif story == "stale":
            capability.confirmed_at = utc_now() - dt.timedelta(days=200)  # by hand: nobody can wait half a year
            capability_service.mark_stale(capability.id)
        self.capabilities[facts["ref"]] = capability

    def _need(self, facts: dict[str, Any]) -> None:
        owner = self.manager(self.units[facts["organisation"]])
        values, errors = parse_values(NEED_FIELDS, _as_typed(facts))
        assert not errors, (facts["ref"], errors)
        rows = [Indicator(**row | {"direction": Direction(row.get("direction", "ge"))}) for row in facts["indicators"]]
        need = need_service.draft_need(owner, values, rows)
        story, reviewer = facts["story"], self.manager(_association(need))
        for verb, actor in [("submit", owner), ("approve", reviewer), ("publish", self.office)][
            : NEED_STEPS.get(story, 3)
        ]:
            need_service.act(need, verb, actor)
        self._finish(need, facts, owner, reviewer)
        self.needs[facts["ref"]] = need

    def _finish(self, need: Need, facts: dict[str, Any], owner: Actor, reviewer: Actor) -> None:
        story, remark = facts["story"], facts.get("remark", "")
        if story == "returned":
            need_service.act(need, "return", reviewer, reason=facts.get("reason", "no_indicator"), remark=remark)
        elif story == "rejected":
            need_service.act(need, "decline", reviewer, reason=facts.get("reason", "not_technology"), remark=remark)
        elif story == "withdrawn":
            need_service.act(need, "withdraw", owner, reason=facts.get("reason", "solved_elsewhere"), remark=remark)
        elif story == "longterm":
            need_service.act(need, "hold", self.office, reason=remark or "基础材料问题，三年内难有结果，转长期跟踪")
        elif story == "expired":
            need.valid_until = local_day(utc_now()) - dt.timedelta(days=1)  # by hand: nobody can wait three months
            need_service.expire_need(need.id)
        elif story in ("engaged", "declined"):
            self._interest(need, facts["interest"], owner, accepts=story == "engaged")

    def _interest(self, need: Need, facts: dict[str, Any], owner: Actor, *, accepts: bool) -> None:
        capability = self.capabilities[facts["capability"]]
        interest = engagements.send_interest(
            need,
            capability,
            owner,
            cooperation=facts["wants"],
            unclear=facts.get("unclear", ""),
            about_us=facts["about"],
        )
        answerer = self.manager(db.session.get_one(Organisation, interest.answerer_id))
        engagements.act(
            interest,
            "accept" if accepts else "decline",
            answerer,
            reason="" if accepts else facts.get("reason", "no_capacity"),
            remark=facts.get("answer", ""),
        )

    def _share(self, needs: list[dict[str, Any]]) -> None:
        for facts in needs:
            twin = self.needs.get(facts.get("twin", ""))
            need = self.needs[facts["ref"]]
            if twin is not None and need.shared_need_id is None and {need.state, twin.state} == {"matching"}:
                need_service.share_needs([need, twin], need.title, self.office)
                return

    @property
    def office(self) -> Actor:
        """The manager of the Office."""
        unit = accounts.office()
        assert unit is not None
        return self.manager(unit)

    def manager(self, unit: Organisation) -> Actor:
        """Return the first manager of a unit as acting for it."""
        member = next(item for item in sorted(unit.memberships, key=lambda item: item.id) if item.role == "manager")
        return accounts.actor_for(member.user, unit.id)


def seed(say: Callable[[str], None]) -> None:
    """Load the demo data into an empty, migrated database; needs an application context.

    Whatever cuts it short leaves an empty database behind, not half of the data.
    """
    try:
        Seeder(say).run()
    except BaseException:
        db.session.rollback()
        migrating.rebuild()
        raise


def decide_matches(say: Callable[[str], None]) -> None:
    """Store the lists of some open needs and let fictional people decide about them; needs an index of the records.

    In turn a pair is adopted, refused, pinned by the association, and left open.
    """
    people, deeds, reasons = Seeder(say), cycle(("adopt", "refuse", "pin", "")), cycle(REFUSALS)
    decided = 0
    for need_id in db.session.scalars(_some_open_needs()).all():
        lists.store_list("need", need_id)
        db.session.commit()
        need, stored = db.session.get_one(Need, need_id), lists.current_list("need", need_id)
        for entry in [one for one in stored.entries if not one.failed and one.band in WORTH] if stored else []:
            capability, deed = db.session.get_one(Capability, entry.record_id), next(deeds)
            if deed == "pin":
                brokerage.pin(need, capability, people.manager(_association(need)), PIN_REASON)
            elif deed:
                reason = next(reasons) if deed == "refuse" else ""
                matching.decide(need, capability, people.manager(need.organisation), deed, reason=reason)
            decided += bool(deed)
        db.session.commit()
    say(f"{decided} decisions on stored lists")


def is_empty() -> bool:
    """Say whether the database has no organisation yet."""
    return db.session.scalar(select(Organisation.id).limit(1)) is None


def _some_open_needs() -> Select[tuple[int]]:
    return catalogue.open_needs().with_only_columns(Need.id).order_by(Need.id.desc()).limit(LISTS_DECIDED)


def _association(need: Need) -> Organisation:
    unit = accounts.association_of(need.district_code)
    assert unit is not None
    return unit


def _read(name: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def _as_typed(facts: dict[str, Any]) -> dict[str, object]:
    return {
        name: value
        if isinstance(value, (str, list))
        else "是"
        if value is True
        else ""
        if value is False
        else str(value)
        for name, value in facts.items()
    }


def _credit_code(kind: str, district_code: str, number: int) -> str:
    if kind not in IN_CREDIT_CODE:
        return ""
    first = f"{IN_CREDIT_CODE[kind]}{district_code or '440100'}MADEM{number:04d}"
    return first + check_digit(first)
