"""What care staff credited outside this system, told to it, so that no policy gives the same money again."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from compensation.offer_models import CareCredit
from foundation import clock
from foundation.audit import write_audit
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.money import Money, parse_minor
from outage.models import Account, Incident, Subscriber

COLUMNS = ("ref", "incident", "msisdn", "amount", "currency", "note")
_LONGEST_REF = 64


@dataclass(frozen=True)
class NewCareCredit:
    """One credit that staff gave: `ref` is its reference in the system that it was given in."""

    ref: str
    incident: str
    msisdn: str
    amount_minor: int
    currency: str
    note: str = ""


def record_care_credit(session: Session, given: NewCareCredit, *, actor: str) -> bool:
    """Record one credit; returns whether it is new (the same reference with the same content again adds nothing).

    Raises InputError on an amount of nothing or a currency that is not the account's, NotFoundError for an unknown
    incident or line, RefusedError when the reference is known with another content.
    """
    ref = given.ref.strip()
    if not ref or len(ref) > _LONGEST_REF or given.amount_minor <= 0:
        accepted = f"a reference of at most {_LONGEST_REF} characters and an amount above zero"
        raise InputError("not a care credit", where=ref, value=given.amount_minor, accepted=accepted)
    incident = session.scalars(select(Incident).where(Incident.ref == given.incident)).one_or_none()
    line = session.scalars(select(Subscriber).where(Subscriber.msisdn == given.msisdn)).one_or_none()
    if incident is None or line is None:
        what = "incident" if incident is None else "line"
        raise NotFoundError(f"no such {what}", where=ref, value=given.incident if incident is None else given.msisdn)
    account = session.get_one(Account, line.account_id)
    if account.currency != given.currency:
        raise InputError("not the account's currency", where=ref, value=given.currency, accepted=account.currency)
    content = (incident.id, line.id, given.amount_minor, given.currency)
    known = session.scalars(select(CareCredit).where(CareCredit.ref == ref)).one_or_none()
    if known is not None:
        if (known.incident_id, known.subscriber_id, known.amount_minor, known.currency) != content:
            raise RefusedError("this reference was recorded with another content", where="ref", value=ref)
        return False
    credit = CareCredit(
        ref=ref,
        incident_id=incident.id,
        subscriber_id=line.id,
        account_id=line.account_id,
        amount_minor=given.amount_minor,
        currency=given.currency,
        note=given.note.strip(),
        recorded_by=actor,
        recorded_at=clock.now(),
    )
    session.add(credit)
    session.flush()
    after = {"incident": incident.ref, "amount": str(Money(given.amount_minor, given.currency))}
    write_audit(session, actor=actor, action="care credit recorded", subject=f"care credit:{ref}", after=after)
    return True


def import_care_credits(session: Session, lines: Iterable[str], *, actor: str) -> tuple[int, int]:
    """Record the credits of a CSV with the columns of `COLUMNS`, all or none; returns how many rows, how many new.

    Raises InputError with the row for anything that is wrong with it.
    """
    reader = csv.DictReader(lines)
    missing = [name for name in COLUMNS[:-1] if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError("columns are missing", where="line 1", value=missing, accepted=", ".join(COLUMNS))
    rows = new = 0
    for rows, row in enumerate(reader, 1):  # noqa: B007 - the last number is the count
        try:
            new += record_care_credit(session, _read(row), actor=actor)
        except InputError as error:
            raise InputError(error.message, where=f"line {reader.line_num}") from error
    return rows, new


def _read(row: dict[str, str | None]) -> NewCareCredit:
    said = {name: (row.get(name) or "").strip() for name in COLUMNS}
    amount = parse_minor(said["amount"], said["currency"] or "GBP", where="amount")
    return NewCareCredit(said["ref"], said["incident"], said["msisdn"], amount, said["currency"], said["note"])
