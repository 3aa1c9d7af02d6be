"""The smallest valid records, made by calling the services."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from kcz_match.accounts import queries as accounts
from kcz_match.accounts import service
from kcz_match.accounts.models import Organisation, User
from kcz_match.catalogue import capability_service, need_service
from kcz_match.catalogue.fields import Claim, Direction, Indicator
from kcz_match.catalogue.models import Capability, Need
from kcz_match.core.db import db
from kcz_match.core.policy import Actor
from kcz_match.selection import service as selection

PASSWORD = "白云山下喝早茶 2026"

NEED = {
    "title": "一体化压铸件在线缺陷检测",
    "kind": "rd",
    "industry": "nev",
    "keywords": "压铸 X射线 缺陷识别",
    "background": "压铸车间每天出件三千件，靠人工看片判定气孔和缩松。",
    "problem": "人工看片漏检率高，节拍跟不上，小气孔经常被放过，返修成本高。",
    "target": "实现在线自动判定，漏检率不高于 0.1 %，单件检测不超过 8 s。",
    "modes": ["joint"],
    "urgency": "normal",
    "tried": "试过通用视觉软件，误报太多。",
    "owner_name": "周工",
    "owner_phone": "13800000001",
    "technical_contact": "吴工",
    "technical_phone": "13800000002",
}
INDICATORS = (
    Indicator(name="漏检率", target="0.1", unit="%", direction=Direction.AT_MOST, present="1.5", method="盲样比对"),
    Indicator(name="检测节拍", target="8", unit="s", direction=Direction.AT_MOST, method="连续 100 件计时"),
)
CAPABILITY = {
    "title": "铸件气孔缩松的射线图像判定",
    "type": "result",
    "industries": ["nev", "equip"],
    "keywords": "射线 卷积网络 气孔",
    "problem": "铸造企业靠人眼判读射线底片，漏判多、速度慢。",
    "method": "用卷积网络对射线图像分割气孔和缩松，结合工艺参数在线判定。",
    "trl": "7",
    "trl_proof": "两条产线运行一年。",
    "modes": ["joint", "service"],
    "monthly_capacity": 4,
    "contact_name": "郑老师",
    "contact_phone": "13800000003",
    "limits": "只在 500 吨以下压铸机上验证过。",
}
CLAIMS = (Claim(name="漏检率", value="0.06", unit="%", evidence="第三方检测报告", dated_on="2026-05-01"),)


UNITS = {
    "district": {"kind": "district", "full_name": "示例·黄埔区科协", "district_code": "440112"},
    "other_district": {"kind": "district", "full_name": "示例·白云区科协", "district_code": "440111"},
    "park": {"kind": "park", "full_name": "示例·黄埔园区", "district_code": "440112"},
    "enterprise": {"kind": "enterprise", "full_name": "示例·珠江压铸", "district_code": "440112", "parent": "park"},
    "society": {"kind": "society", "full_name": "示例·铸造学会", "level": "national"},
    "other_society": {"kind": "society", "full_name": "示例·材料学会", "level": "city"},
    "team": {"kind": "service_team", "full_name": "示例·压铸服务团", "level": "industry", "parent": "society"},
}


def build_world() -> None:
    """Make an Office, two districts, a park with an enterprise, two societies and a team, each with a manager.

    The first district and the park are certified; the other district is not.
    """
    office, secret = service.found_office("示例·办公室", email="office@example.org", name="办公室甲", is_demo=True)
    service.accept_invitation(secret, password=PASSWORD)
    world = World.__new__(World)
    world.office = office
    for name, facts in UNITS.items():
        facts = dict(facts)
        parent = facts.pop("parent", None)
        unit = world.unit(**facts, parent_id=getattr(world, parent).id if parent else None)
        setattr(world, name, unit)
        world.join(unit, f"officer{unit.id}@example.org")
    for unit in (world.district, world.park):
        selection.grant_certificate(unit, world.office_manager, reason="示例纪要 1 号")
    db.session.commit()


class World:
    """The organisations that ``build_world`` made, and ways to make records in their name."""

    district: Organisation
    other_district: Organisation
    park: Organisation
    enterprise: Organisation
    society: Organisation
    other_society: Organisation
    team: Organisation

    def __init__(self) -> None:
        """Find the organisations in the database."""
        self.office = accounts.office()
        for name, facts in UNITS.items():
            setattr(
                self, name, db.session.scalar(select(Organisation).where(Organisation.full_name == facts["full_name"]))
            )

    @property
    def office_manager(self) -> Actor:
        """The manager of the Office."""
        return self.actor("office@example.org", self.office)

    def unit(self, kind: str, full_name: str, **more: Any) -> Organisation:
        """Register and verify an organisation."""
        made = service.register_organisation(self.office_manager, kind=kind, full_name=full_name, is_demo=True, **more)
        service.move_organisation(made, "verify", self.office_manager)
        return made

    def join(self, unit: Organisation, email: str, role: str = "manager") -> Actor:
        """Invite a person to an organisation, let them choose the password, and return who they are there."""
        name = f"{unit.name[-2:]}{role[:2]}"
        secret = service.invite(unit, self.office_manager, email=email, name=name, role=role)
        db.session.commit()  # somebody with an account proves the password, which gives up what is not committed
        service.accept_invitation(secret, password=PASSWORD)
        return self.actor(email, unit)

    def actor(self, email: str, unit: Organisation) -> Actor:
        """Return a person as acting for an organisation."""
        user = accounts.user_by_email(email)
        assert isinstance(user, User)
        return accounts.actor_for(user, unit.id)

    def of(self, unit: Organisation) -> Actor:
        """Return the manager of an organisation, as it stands in the database now."""
        return self.actor(f"officer{unit.id}@example.org", unit)

    def draft(self, **changes: Any) -> Need:
        """Return a complete draft need of the enterprise."""
        rows = changes.pop("rows", INDICATORS)
        owner = changes.pop("by", None) or self.of(self.enterprise)
        need = need_service.draft_need(owner, NEED | changes, rows)
        db.session.commit()
        return need

    def need(self, state: str = "matching", **changes: Any) -> Need:
        """Return a need carried to ``submitted``, ``district_approved`` or ``matching`` (or ``diagnosing``)."""
        need = self.draft(**changes)
        reviewer = self.of(self.district if need.district_code == "440112" else self.other_district)
        owner = changes.get("by") or self.of(self.enterprise)
        steps = [("submit", owner), ("approve", reviewer), ("publish", self.office_manager)]
        wanted = {"draft": 0, "submitted": 1, "district_approved": 2}.get(state, 3)
        for verb, actor in steps[:wanted]:
            need_service.act(need, verb, actor)
        db.session.commit()
        assert need.state == state
        return need

    def capability(self, state: str = "published", **changes: Any) -> Capability:
        """Return a capability of the society carried to ``draft``, ``submitted`` or ``published``."""
        rows = changes.pop("rows", CLAIMS)
        owner = changes.pop("by", None) or self.of(self.society)
        capability = capability_service.draft_capability(owner, CAPABILITY | changes, rows)
        approver = self.of(
            self.society if owner.organisation_kind == "service_team" else accounts.organisation(owner.organisation_id)
        )
        for verb, actor in [("submit", owner), ("approve", approver)][: {"draft": 0, "submitted": 1}.get(state, 2)]:
            capability_service.act(capability, verb, actor)
        db.session.commit()
        assert capability.state == state
        return capability


def sign_in(client, actor: Actor) -> None:
    """Sign the client in as this actor, acting for the actor's organisation."""
    user = db.session.get_one(User, actor.user_id)
    unit = db.session.get_one(Organisation, actor.organisation_id)
    client.post("/login", data={"email": user.email, "password": PASSWORD})
    client.post("/switch", data={"organisation": unit.key})
