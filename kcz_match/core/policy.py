"""Who may do what, on one page.

``RULES`` maps an action to named questions about (actor, record); any that answers yes suffices.  Verbs ask
``require``, pages ask ``can``, so that page, API, command line and worker cannot differ.  An action that is missing
from the table is a ``KeyError``: a mistake in the program, never a silent yes or no.

The questions read attributes only (``organisation_id``, ``district_code``, ``approver_id`` …), so this page imports
no domain and can be read over coffee.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kcz_match.core.errors import Forbidden


@dataclass(frozen=True)
class Actor:
    """Who acts: a person, the organisation they act for, and what both are."""

    user_id: int | None
    name: str
    organisation_id: int | None = None
    organisation_kind: str = ""
    organisation_name: str = ""
    role: str = ""
    is_verified: bool = False
    district_code: str = ""


SYSTEM = Actor(user_id=None, name="系统", role="system", is_verified=True)
ANYONE = Actor(user_id=None, name="访客")

Rule = Callable[[Actor, Any], bool]
WORKING_ROLES = frozenset({"manager", "officer"})


def anyone(actor: Actor, record: Any) -> bool:
    """任何人。"""
    return True


def is_system(actor: Actor, record: Any) -> bool:
    """系统按时间或连带动作执行。"""
    return actor.role == "system"


def is_signed_in(actor: Actor, record: Any) -> bool:
    """已登录的人。"""
    return actor.user_id is not None


def is_member(actor: Actor, record: Any) -> bool:
    """已核验单位的成员。"""
    return actor.organisation_id is not None and actor.is_verified


def is_working(actor: Actor) -> bool:
    """Say whether the actor may act (not only look) for a verified organisation."""
    return actor.is_verified and actor.role in WORKING_ROLES


def acts_for_organisation(actor: Actor, record: Any) -> bool:
    """本单位的经办人或管理员。"""
    return actor.role in WORKING_ROLES and record.id == actor.organisation_id


def is_office(actor: Actor, record: Any) -> bool:
    """办公室的经办人或管理员。"""
    return is_working(actor) and actor.organisation_kind == "office"


def is_office_manager(actor: Actor, record: Any) -> bool:
    """办公室管理员。"""
    return is_office(actor, record) and actor.role == "manager"


def is_office_helping(actor: Actor, record: Any) -> bool:
    """办公室的经办人（替其他单位办理；办公室自己的人由管理员管）。"""
    return is_office(actor, record) and record.id != actor.organisation_id


def is_demand_side(actor: Actor, record: Any) -> bool:
    """已核验的区、园区或企业的经办人。"""
    return is_working(actor) and actor.organisation_kind in {"district", "park", "enterprise"}


def is_supply_side(actor: Actor, record: Any) -> bool:
    """已核验的学会或服务团的经办人。"""
    return is_working(actor) and actor.organisation_kind in {"society", "service_team"}


def is_owner(actor: Actor, record: Any) -> bool:
    """记录所属单位的经办人。"""
    return is_working(actor) and record.organisation_id == actor.organisation_id


def belongs_to_owner(actor: Actor, record: Any) -> bool:
    """记录所属单位的任何成员。"""
    return actor.organisation_id is not None and record.organisation_id == actor.organisation_id


def is_first_reviewer(actor: Actor, record: Any) -> bool:
    """需求所在区科协的经办人；提交人不得审核自己提交的，除非需求属于本区科协。"""
    own_need = record.organisation_id == actor.organisation_id
    return _is_association_of(actor, record) and (own_need or record.submitted_by != actor.user_id)


def belongs_to_association(actor: Actor, record: Any) -> bool:
    """需求所在区科协的任何成员；从未提交过的草稿除外。"""
    is_there = actor.organisation_kind == "district" and record.district_code == actor.district_code
    return is_there and actor.is_verified and record.submitted_at is not None


def works_for_association(actor: Actor, record: Any) -> bool:
    """需求所在区科协的经办人。"""
    return _is_association_of(actor, record)


def is_second_reviewer(actor: Actor, record: Any) -> bool:
    """办公室的经办人；提交人和区科协审核人不得再作第二级审核。"""
    return is_office(actor, record) and actor.user_id not in (record.submitted_by, record.approved_by)


def holds_consent(actor: Actor, record: Any) -> bool:
    """已接受对接的另一方的任何成员。"""
    return actor.organisation_id is not None and record.has_consented_to(actor.organisation_id)


def _is_association_of(actor: Actor, record: Any) -> bool:
    return is_working(actor) and belongs_to_association(actor, record)


def is_approver(actor: Actor, record: Any) -> bool:
    """负责审核这条能力的学会管理员（服务团由牵头学会审核）。"""
    is_manager = is_supply_side(actor, record) and actor.role == "manager"
    return is_manager and record.approver_id == actor.organisation_id


def belongs_to_approver(actor: Actor, record: Any) -> bool:
    """负责审核这条能力的学会的任何成员。"""
    return actor.organisation_id is not None and record.approver_id == actor.organisation_id


def belongs_to_broker(actor: Actor, record: Any) -> bool:
    """需求所在区科协、或审核这条能力的学会的任何成员。"""
    rule = belongs_to_approver if hasattr(record, "approver_id") else belongs_to_association
    return rule(actor, record)


def works_as_broker(actor: Actor, record: Any) -> bool:
    """需求所在区科协、或审核这条能力的学会的经办人。"""
    return is_working(actor) and belongs_to_broker(actor, record)


def is_listed(actor: Actor, record: Any) -> bool:
    """已公开列出的记录。"""
    return bool(record.is_listed)


def is_asker(actor: Actor, record: Any) -> bool:
    """发出意向的单位。"""
    return is_working(actor) and record.asker_id == actor.organisation_id


def is_answerer(actor: Actor, record: Any) -> bool:
    """收到意向的单位。"""
    return is_working(actor) and record.answerer_id == actor.organisation_id


def belongs_to_party(actor: Actor, record: Any) -> bool:
    """对接双方的任何成员。"""
    return actor.organisation_id is not None and actor.organisation_id in (record.asker_id, record.answerer_id)


def manages_organisation(actor: Actor, record: Any) -> bool:
    """本单位的管理员。"""
    return actor.role == "manager" and record.id == actor.organisation_id


def is_self(actor: Actor, record: Any) -> bool:
    """本人。"""
    return actor.user_id is not None and record.user_id == actor.user_id


def is_own_account(actor: Actor, record: Any) -> bool:
    """账号本人。"""
    return actor.user_id is not None and record.id == actor.user_id


RULES: dict[str, tuple[Rule, ...]] = {
    "organisation.register": (is_office,),
    "organisation.verify": (is_office,),
    "organisation.suspend": (is_office_manager,),
    "organisation.restore": (is_office_manager,),
    "organisation.close": (is_office_manager,),
    "organisation.edit": (manages_organisation, is_office),
    "organisation.invite": (manages_organisation, is_office_helping),
    "membership.change": (manages_organisation, is_office_manager),
    "session.end": (is_self, is_office_manager),
    "user.edit": (is_own_account,),
    "user.reset_password": (is_office_manager,),
    "user.disable": (is_office_manager,),
    "user.enable": (is_office_manager,),
    "admin.read": (is_office,),
    "job.retry": (is_office_manager,),
    "certificate.grant": (is_office,),
    "certificate.rectify": (is_office,),
    "certificate.restore": (is_office,),
    "certificate.revoke": (is_office,),
    "certificate.withdraw": (is_office,),
    "certificate.expire": (is_system,),
    "need.write": (is_demand_side,),
    "need.import": (is_demand_side,),
    "need.read": (is_listed, belongs_to_owner, belongs_to_association, is_office, holds_consent),
    "need.read_own": (belongs_to_owner, belongs_to_association, is_office),
    "need.edit": (is_owner,),
    "need.submit": (is_owner,),
    "need.take_back": (is_owner,),
    "need.approve": (is_first_reviewer,),
    "need.return": (is_first_reviewer,),
    "need.decline": (is_first_reviewer,),
    "need.publish": (is_second_reviewer,),
    "need.send_back": (is_office,),
    "need.reject": (is_office,),
    "need.start_matching": (is_system,),
    "need.start_diagnosis": (is_system,),
    "need.revise": (is_owner,),
    "need.engage": (is_system,),
    "need.contract": (is_owner,),
    "need.solve": (is_owner,),
    "need.reopen": (is_owner,),
    "need.renew": (is_owner,),
    "need.expire": (is_system,),
    "need.merge": (is_office,),
    "need.withdraw": (is_owner,),
    "need.hold": (is_office,),
    "need.resume": (is_office,),
    "need.remark": (is_owner, works_for_association, is_office),
    "need.share": (is_office,),
    "capability.write": (is_supply_side,),
    "capability.read": (is_listed, belongs_to_owner, belongs_to_approver, is_office, holds_consent),
    "capability.read_own": (belongs_to_owner, belongs_to_approver, is_office),
    "capability.edit": (is_owner,),
    "capability.submit": (is_owner,),
    "capability.approve": (is_approver,),
    "capability.return": (is_approver,),
    "capability.confirm": (is_owner,),
    "capability.mark_stale": (is_system,),
    "capability.revise": (is_owner,),
    "capability.withdraw": (is_owner,),
    "capability.unlist": (is_office,),
    "capability.relist": (is_office,),
    "match.queue": (is_demand_side, is_supply_side, is_office),
    "match.read": (belongs_to_owner, belongs_to_broker, is_office),
    "match.decide": (is_owner, works_as_broker, is_office),
    "match.pin": (is_owner, works_as_broker, is_office),
    "match.veto": (is_owner, works_as_broker),
    "match.note": (is_owner, works_as_broker, is_office),
    "need.split": (is_owner, works_for_association, is_office),
    "search.save": (is_member,),
    "search.change": (is_owner,),
    "interest.send": (is_demand_side, is_supply_side),
    "interest.read": (belongs_to_party, is_office),
    "interest.accept": (is_answerer,),
    "interest.decline": (is_answerer,),
    "interest.withdraw": (is_asker,),
    "interest.expire": (is_system,),
    "interest.lapse": (is_system,),
    "inbox.clear": (acts_for_organisation,),
}


def can(actor: Actor, action: str, record: Any = None) -> bool:
    """Say whether ``actor`` may do ``action`` to ``record``; ``KeyError`` for an action that is not in the table."""
    return any(rule(actor, record) for rule in RULES[action])


def require(actor: Actor, action: str, record: Any = None) -> None:
    """Raise ``Forbidden`` with the sentence that names who may, unless ``can``."""
    if not can(actor, action, record):
        who = "；".join((rule.__doc__ or rule.__name__).strip("。") for rule in RULES[action])
        raise Forbidden(f"您现在的身份不能做这件事。可以做的是：{who}。需要时请切换单位或联系对方。")
