"""Who may do what: staff users, their roles, sign-in with a lock-out, API tokens; deny by default."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation import clock
from foundation.audit import write_audit
from foundation.db import Base, Document, Instant, Key
from foundation.errors import ForbiddenError, InputError, NotFoundError, RefusedError

LOCK_OUT_AFTER = 5
LOCK_OUT_FOR = timedelta(minutes=15)
LEAST_PASSWORD = 12
_hasher = PasswordHasher()


class StaffUser(Base):
    """A person (or a machine with a token) who uses the system."""

    __tablename__ = "staff_users"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(128))
    password_hash: Mapped[str] = mapped_column(String(256))
    roles: Mapped[list[str]] = mapped_column(Document)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Instant)


class ApiToken(Base):
    """A token for machines: only its hash is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff_users.id"), index=True)
    label: Mapped[str] = mapped_column(String(64))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)


class SignInFailure(Base):
    """A failed sign-in, kept to lock a name out for a while across all web processes."""

    __tablename__ = "sign_in_failures"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(Instant)


# Each role's permissions; a permission is `noun.verb`. Nothing else grants anything.
ROLES: dict[str, frozenset[str]] = {
    "noc": frozenset(
        {
            "incidents.read",
            "incidents.write",
            "impact.run",
            "assessments.read",
            "inventory.read",
            "inventory.write",
            "declarations.write",
        }
    ),
    "marketing": frozenset(
        {"incidents.read", "impact.run", "policies.read", "policies.write", "assessments.read", "assessments.write"}
    ),
    "approver": frozenset(
        {
            "incidents.read",
            "policies.read",
            "policies.approve",
            "assessments.read",
            "assessments.approve",
            "assessments.release",
            "offers.write",
            "deliveries.read",
        }
    ),
    "care": frozenset({"incidents.read", "people.read", "assessments.read", "declarations.write", "offers.write"}),
    "delivery": frozenset({"incidents.read", "assessments.read", "deliveries.read", "deliveries.write"}),
    "auditor": frozenset(
        {
            "incidents.read",
            "inventory.read",
            "policies.read",
            "assessments.read",
            "deliveries.read",
            "audit.read",
        }
    ),
    "machine": frozenset({"alarms.write"}),
}
for _role in ROLES.keys() - {"machine"}:
    ROLES[_role] |= {"errands.read"}
ROLES["admin"] = frozenset().union(*ROLES.values(), {"users.write"}) - {"alarms.write"}


def permissions_of(user: StaffUser) -> frozenset[str]:
    """All permissions of a user's roles; none for an inactive user."""
    if not user.active:
        return frozenset()
    return frozenset().union(*(ROLES.get(role, frozenset()) for role in user.roles))


def check_permission(user: StaffUser, permission: str) -> None:
    """Raise ForbiddenError unless one of the user's roles grants `permission`."""
    if permission in permissions_of(user):
        return
    granting = sorted(role for role, granted in ROLES.items() if permission in granted)
    raise ForbiddenError(f"{user.name} may not do this", value=permission, accepted=f"a role of: {', '.join(granting)}")


def add_user(
    session: Session, *, name: str, display_name: str, password: str, roles: Iterable[str], actor: str
) -> StaffUser:
    """Add a staff user; raises InputError on a bad name, role or password, or a name already taken."""
    roles = sorted(set(roles))
    if not name or not name.replace("-", "").replace(".", "").isalnum() or name != name.lower():
        raise InputError("not a user name", where="name", value=name, accepted="lower-case letters, digits, . and -")
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise InputError("unknown role", where="roles", value=unknown, accepted=", ".join(sorted(ROLES)))
    if len(password) < LEAST_PASSWORD:
        raise InputError("too short", where="password", accepted=f"at least {LEAST_PASSWORD} characters")
    if find_user(session, name) is not None:
        raise RefusedError("this user exists already", where="name", value=name)
    user = StaffUser(
        name=name,
        display_name=display_name or name,
        password_hash=_hasher.hash(password),
        roles=roles,
        active=True,
        created_at=clock.now(),
    )
    session.add(user)
    session.flush()
    write_audit(session, actor=actor, action="user added", subject=f"user:{name}", after={"roles": roles})
    return user


def find_user(session: Session, name: str) -> StaffUser | None:
    """The user of that name, active or not."""
    return session.scalars(select(StaffUser).where(StaffUser.name == name)).one_or_none()


def list_users(session: Session) -> Sequence[StaffUser]:
    """All staff users by name."""
    return session.scalars(select(StaffUser).order_by(StaffUser.name)).all()


def get_user(session: Session, name: str) -> StaffUser:
    """The user of that name; raises NotFoundError."""
    user = find_user(session, name)
    if user is None:
        raise NotFoundError("no such staff user", value=name, accepted="a name from `outage user list`")
    return user


def sign_in(session: Session, name: str, password: str) -> StaffUser | None:
    """The user when name and password fit, else None; five failures lock the name for 15 minutes (RefusedError).

    The caller must commit in every case: failures are counted in this transaction.
    """
    since = clock.now() - LOCK_OUT_FOR
    recent = select(func.count()).where(SignInFailure.name == name[:64], SignInFailure.at > since)
    if (session.scalar(recent) or 0) >= LOCK_OUT_AFTER:
        raise RefusedError("too many failed sign-ins; try again in 15 minutes")
    user = find_user(session, name)
    if _fits(user, password):
        return user
    session.add(SignInFailure(name=name[:64], at=clock.now()))
    return None


def _fits(user: StaffUser | None, password: str) -> bool:
    stored = user.password_hash if user is not None else _nobody()
    try:
        _hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return user is not None and user.active


@functools.cache
def _nobody() -> str:
    # Verified when the name is unknown, so that the answer takes as long as for a known one. Made late: it is slow.
    return _hasher.hash("nobody has this password")


def add_token(session: Session, user: StaffUser, label: str, *, actor: str) -> str:
    """Make an API token for a user; the returned text is shown once and never stored."""
    token = secrets.token_urlsafe(32)
    session.add(ApiToken(user_id=user.id, label=label, token_hash=_token_hash(token), created_at=clock.now()))
    write_audit(session, actor=actor, action="token added", subject=f"user:{user.name}", after={"label": label})
    return token


def find_token_user(session: Session, token: str) -> StaffUser | None:
    """The active user of a token that was not revoked, else None."""
    statement = (
        select(StaffUser)
        .join(ApiToken, ApiToken.user_id == StaffUser.id)
        .where(ApiToken.token_hash == _token_hash(token), ApiToken.revoked_at.is_(None), StaffUser.active)
    )
    return session.scalars(statement).one_or_none()


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
