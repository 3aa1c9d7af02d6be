"""Signing in and server-side sessions.  Nothing here commits, except where a docstring says so.

The cookie carries a random token; the table holds its hash and decides.  Sign-out, a disabled account, a new
password or an administrator end the row, and the cookie is worth nothing from that request on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.orm import joinedload

from kcz_match.accounts import queries
from kcz_match.accounts.models import Membership, Organisation, SignInTry, User, UserSession
from kcz_match.accounts.passwords import is_right
from kcz_match.core import audit, policy
from kcz_match.core.db import db, utc_now
from kcz_match.core.errors import Forbidden, Refusal
from kcz_match.core.policy import Actor

TOUCH_EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Limits:
    """How long sessions and invitations live and when a pause begins; set once from ``config.SETTINGS``."""

    idle: dt.timedelta = dt.timedelta(minutes=30)
    absolute: dt.timedelta = dt.timedelta(hours=12)
    tries: int = 5
    pause: dt.timedelta = dt.timedelta(minutes=30)
    invitation_days: int = 7


_limits = Limits()


def limits() -> Limits:
    """Return the limits in force."""
    return _limits


def set_limits(new: Limits) -> None:
    """Put limits in force; called once when the application is made."""
    global _limits
    _limits = new


class WrongPassword(Refusal):
    """The account or the password is wrong; the sentence is the same for both."""

    status = 401

    def __init__(self) -> None:
        """Say what to do without telling which of the two was wrong."""
        super().__init__("邮箱或密码不对。请核对大小写；忘记密码请联系办公室重设。")


class Paused(Refusal):
    """Too many wrong passwords for this account from this address."""

    status = 429

    def __init__(self, minutes: int) -> None:
        """Say how long to wait."""
        super().__init__(f"密码错误次数过多。请 {minutes} 分钟后再试，或联系管理员。")


def sign_in(email: str, password: str, *, address: str, device: str) -> tuple[UserSession, str]:
    """Check a password and open a session; return its row and the token for the cookie.

    The person acts for the first of their organisations that is verified, else for the first that is not stopped.
    Raises what ``prove_password`` raises.
    """
    user = prove_password(email, password, address=address)
    home = next((unit.id for unit in queries.organisations_of(user)), None)
    return start_session(user, home, address=address, device=device)


def prove_password(email: str, password: str, *, address: str) -> User:
    """Return the person whose account and password these are.

    Wrong passwords are counted per (account, address) over ``pause``; after ``tries`` of them this raises ``Paused``
    even for the right password, and as well for an account that does not exist.  Raises ``WrongPassword`` otherwise.

    The running transaction is given up, with whatever was not committed, before the password is verified: that takes
    a while, and nobody else should wait for the write lock meanwhile.  Afterwards all is read again, so that of many
    tries at once no more than ``tries`` are answered and a password that changed meanwhile counts no longer.  A wrong
    try is kept in a transaction of its own, because the request that carries it is refused and rolled back.
    """
    account = email.strip().lower()[:200]
    _refuse_in_a_pause(account, address)
    user = queries.user_by_email(account)
    stored = user.password_hash if user else ""
    db.session.rollback()
    if not is_right(stored, password):
        _keep_try(account, address)
        raise WrongPassword
    _refuse_in_a_pause(account, address)
    user = queries.user_by_email(account)
    if user is None or user.is_disabled or user.password_hash != stored:
        _keep_try(account, address)
        raise WrongPassword
    db.session.execute(delete(SignInTry).where(SignInTry.account == account, SignInTry.address == address))
    return user


def start_session(user: User, organisation_id: int | None, *, address: str, device: str) -> tuple[UserSession, str]:
    """Open a session for a person who has proved who they are; return its row and the token for the cookie."""
    token = secrets.token_urlsafe(32)
    row = UserSession(
        token_hash=_digest(token),
        user_id=user.id,
        organisation_id=organisation_id,
        address=address,
        device=device[:200],
        created_at=utc_now(),
        seen_at=utc_now(),
    )
    db.session.add(row)
    audit.write(queries.actor_for(user, organisation_id), "session.start", user, address=address)
    return row, token


def live_session(token: str) -> UserSession | None:
    """Return the session of a token while it is alive: not ended, not idle too long, not too old, account enabled."""
    row = db.session.scalar(
        select(UserSession)
        .where(UserSession.token_hash == _digest(token))
        .options(joinedload(UserSession.user), joinedload(UserSession.organisation))
    )
    if row is None or row.ended_at is not None or row.user.is_disabled:
        return None
    now = utc_now()
    if now - row.seen_at > _limits.idle or now - row.created_at > _limits.absolute:
        return None
    return row


def needs_touch(row: UserSession) -> bool:
    """Say whether the time of the last request should be written again (at most once a minute)."""
    return utc_now() - row.seen_at > TOUCH_EVERY


def touch(connection: Connection, session_id: int) -> None:
    """Write the time of the last request through a connection of its own, so that reading pages stay readers."""
    connection.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=utc_now()))


def live_sessions_of(user: User) -> list[UserSession]:
    """Return the person's sessions that are alive, newest first."""
    now = utc_now()
    return list(
        db.session.scalars(
            select(UserSession)
            .where(
                UserSession.user_id == user.id,
                UserSession.ended_at.is_(None),
                UserSession.seen_at > now - _limits.idle,
                UserSession.created_at > now - _limits.absolute,
            )
            .options(joinedload(UserSession.organisation))
            .order_by(UserSession.created_at.desc())
        )
    )


def end_session(row: UserSession, actor: Actor, reason: str) -> None:
    """End one session: one's own, or anybody's for a manager of the Office; one that has ended stays as it is."""
    policy.require(actor, "session.end", row)
    if row.ended_at is not None:
        return
    row.ended_at, row.end_reason = utc_now(), reason
    audit.write(actor, "session.end", row.user, reason=reason)


def switch_organisation(row: UserSession, organisation: Organisation, actor: Actor) -> None:
    """Let the person act for another of their organisations from now on.

    Raises ``Forbidden`` without a live membership there, and when that organisation is suspended or closed.
    """
    if organisation not in queries.organisations_of(row.user):
        raise Forbidden("您不是这个单位的成员，或者这个单位已经停用。")
    row.organisation_id = organisation.id
    audit.write(actor, "session.switch", organisation)


def end_all_sessions(user: User, reason: str) -> None:
    """End every session of a person."""
    _end(UserSession.user_id == user.id, reason=reason)


def end_sessions_of_member(membership: Membership, reason: str) -> None:
    """End the person's sessions that act for the membership's organisation."""
    _end(
        UserSession.user_id == membership.user_id,
        UserSession.organisation_id == membership.organisation_id,
        reason=reason,
    )


def end_sessions_for_organisation(organisation: Organisation, reason: str) -> None:
    """End every session that acts for an organisation."""
    _end(UserSession.organisation_id == organisation.id, reason=reason)


def _end(*which: object, reason: str) -> None:
    db.session.execute(
        update(UserSession)
        .where(UserSession.ended_at.is_(None), *which)  # type: ignore[arg-type]
        .values(ended_at=utc_now(), end_reason=reason)
        .execution_options(synchronize_session="fetch")
    )


def _refuse_in_a_pause(account: str, address: str) -> None:
    if _recent_tries(account, address) >= _limits.tries:
        raise Paused(int(_limits.pause.total_seconds() // 60))


def _keep_try(account: str, address: str) -> None:
    db.session.rollback()
    with db.session.begin():
        _refuse_in_a_pause(account, address)
        db.session.execute(delete(SignInTry).where(SignInTry.at < utc_now() - _limits.pause))
        db.session.add(SignInTry(account=account, address=address, at=utc_now()))
        user = queries.user_by_email(account)
        if user is not None and _recent_tries(account, address) == _limits.tries:
            audit.write(policy.SYSTEM, "session.pause", user, address=address)


def _recent_tries(account: str, address: str) -> int:
    return (
        db.session.scalar(
            select(func.count())
            .select_from(SignInTry)
            .where(SignInTry.account == account, SignInTry.address == address, SignInTry.at > utc_now() - _limits.pause)
        )
        or 0
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
