"""The customer base from CSV: accounts and their lines, checked in batches, staged, and loaded as a diff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Connection, Date, Integer, String, literal, select
from sqlalchemy.orm import Session

from foundation.audit import write_audit
from foundation.bulk import Progress, insert_rows
from foundation.db import Document
from foundation.errors import InputError
from foundation.money import check_currency, parse_minor
from outage.base.account_import import STANDINGS, load_accounts, reject_account_conflicts
from outage.base.attributes import ATTRIBUTE_PREFIX, attribute_columns, join_attributes
from outage.base.subscriber_load import line_load
from outage.imports.column_checks import (
    check_date,
    check_language,
    check_zone,
    one_of,
    optional,
    text_of,
    whole_number,
    word_of,
)
from outage.imports.column_shapes import plain_imsi, plain_msisdn, plain_text
from outage.imports.importing import Batch, Column, CsvFile, ImportResult, Refusal, Rejects, remembered
from outage.imports.staging import doubles, index_staged, reject_lines, staged, staging_table, table_of
from outage.models import NetworkElement, Subscriber
from outage.msisdn import check_imsi, check_msisdn

FEES = ("fee_list", "fee_discounted", "fee_service", "fee_device")
COLUMNS = (
    Column("msisdn", check_msisdn, shape=plain_msisdn),
    Column("imsi", check_imsi, shape=plain_imsi),
    Column("account", text_of(64), shape=plain_text(64)),
    Column("account_name", text_of(256), required=False, shape=plain_text(256)),
    Column("account_parent", optional(text_of(64)), required=False),
    Column("account_bill_day", optional(whole_number(1, 31)), required=False),
    Column("account_standing", optional(one_of(*STANDINGS)), required=False),
    Column("currency", lambda raw: check_currency(raw.strip())),
    Column("plan", text_of(64)),
    Column("payment_type", one_of("prepaid", "postpaid")),
    Column("segment", one_of("consumer", "business")),
    Column("brand", text_of(64)),
    Column("language", check_language),
    Column("zone", check_zone),
    Column("status", word_of(16)),
    *(Column(fee, str.strip) for fee in FEES),
    Column("contract_started_on", optional(check_date), required=False),
    Column("contract_ended_on", optional(check_date), required=False),
    Column("served_by", optional(text_of(128)), required=False),
    Column("home_area", optional(text_of(64)), required=False),
)
_STAGED = staging_table(
    "staged_subscribers",
    msisdn=String,
    imsi=String,
    account=String,
    account_name=String,
    account_parent=String,
    account_bill_day=Integer,
    account_standing=String,
    currency=String,
    plan=String,
    payment_type=String,
    segment=String,
    brand=String,
    language=String,
    zone=String,
    status=String,
    fee_list_minor=BigInteger,
    fee_discounted_minor=BigInteger,
    fee_service_minor=BigInteger,
    fee_device_minor=BigInteger,
    contract_started_on=Date,
    contract_ended_on=Date,
    served_by_id=Integer,
    home_area=String,
    attributes=Document,
)
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_subscribers = table_of(Subscriber)


def import_subscribers(
    session: Session,
    csv: Path,
    *,
    actor: str,
    column_map: Mapping[str, str] | None = None,
    reject_dir: Path,
    progress: Progress | None = None,
) -> ImportResult:
    """Load lines and their accounts from a file with `COLUMNS` and `attribute:NAME` for staff-defined attributes.

    Fees are decimal major units of the row's currency, per month. The MSISDN is a line's identity; a row whose MSISDN
    or IMSI stands on an earlier line, or whose IMSI another line holds, is rejected. Optional columns that the file
    lacks leave what is recorded as it is; lines that the file lacks are left too. The same file again changes nothing.
    Memory is bounded by a batch of rows. Raises InputError for a file that is not what it should be, an attribute
    nobody defined, and a cycle among accounts; the caller's transaction must then be rolled back.
    """
    connection = session.connection()
    with (
        CsvFile(csv, COLUMNS, column_map=column_map, further=attribute_columns(session)) as file,
        Rejects(csv, reject_dir) as rejects,
        staged(connection, _STAGED),
    ):
        names = _stage(session, file, rejects, progress)
        _reject_doubles(connection, rejects)
        reject_account_conflicts(connection, _STAGED, rejects, file.present)
        accounts = load_accounts(connection, _STAGED, file.present, str(csv))
        with line_load(session, _STAGED, names) as load:
            added, changed = load.run()
            any_change = accounts.added + accounts.changed + added + changed > 0
            version = load.raise_version(logged=accounts.mirrored == 0) if any_change else None
    unchanged = file.read - rejects.rows - added - changed
    details = {"accounts added": accounts.added, "accounts changed": accounts.changed}
    result = ImportResult(str(csv), file.read, added, changed, unchanged, rejects.rows, rejects.written, details)
    if version is not None:
        after = {"file": csv.name, "added": added, "changed": changed, "rejected": rejects.rows, **details}
        write_audit(session, actor=actor, action="subscribers imported", subject=f"base:{version}", after=after)
    return result


def _stage(session: Session, file: CsvFile, rejects: Rejects, progress: Progress | None) -> list[str]:
    """Fill the staging table; returns the stored columns that the file speaks of."""
    elements = {row.ref: row.id for row in session.execute(select(NetworkElement.ref, NetworkElement.id))}
    direct = [name for name in file.present if name in _STAGED.c]
    fees = [f"{fee}_minor" for fee in FEES]
    further = [*fees]
    if "served_by" in file.present:
        further.append("served_by_id")
    if any(name.startswith(ATTRIBUTE_PREFIX) for name in file.present):
        further.append("attributes")
    names = [*direct, *further]
    batches = _checked(file.batches(rejects, progress), elements)
    insert_rows(session.connection(), _STAGED, ["line", *names], (batch.rows(names) for batch in batches))
    index_staged(session.connection(), _STAGED, "msisdn", "imsi", "account")
    return names


def _checked(batches: Iterable[Batch], elements: Mapping[str, int]) -> Iterator[Batch]:
    """What several columns of a row say together: amounts in a currency, contracts in order, elements that exist."""
    read_fee = remembered(_fee)
    for batch in batches:
        currencies = batch.values["currency"]
        for fee in FEES:
            amounts = read_fee(zip(batch.values[fee], currencies, strict=True))
            if Refusal in set(map(type, amounts)):
                _refuse_faulty(batch, fee, amounts, batch.values[fee])
            batch.values[f"{fee}_minor"] = amounts
        if "served_by" in batch.values:
            _resolve(batch, elements)
        if "contract_ended_on" in batch.values and "contract_started_on" in batch.values:
            _check_contracts(batch)
        join_attributes(batch)
        yield batch


def _fee(amount_and_currency: tuple[str, Any]) -> int:
    amount, currency = amount_and_currency
    if type(currency) is Refusal:
        return 0  # the row is rejected for its currency already
    if _AMOUNT.fullmatch(amount) is None:
        raise InputError("not an amount", accepted="a decimal number of major units, not negative, such as 20.42")
    return parse_minor(amount, currency)


def _refuse_faulty(batch: Batch, name: str, checked: Sequence[Any], raw: Sequence[Any]) -> None:
    for position, value in enumerate(checked):
        if type(value) is Refusal:
            batch.refuse(position, name, raw[position], value.reason)


def _resolve(batch: Batch, elements: Mapping[str, int]) -> None:
    refs = batch.values["served_by"]
    ids = [None if ref is None else elements.get(ref) for ref in refs]
    batch.values["served_by_id"] = ids
    if ids.count(None) == refs.count(None):
        return
    for position, (ref, key) in enumerate(zip(refs, ids, strict=True)):
        if key is None and ref is not None and type(ref) is not Refusal:
            batch.refuse(position, "served_by", ref, "unknown network element; accepted: a ref from the inventory")


def _check_contracts(batch: Batch) -> None:
    started, ended = batch.values["contract_started_on"], batch.values["contract_ended_on"]
    for position, (start, end) in enumerate(zip(started, ended, strict=True)):
        if type(start) is str and type(end) is str and end < start:
            reason = f"the contract ended before it started; accepted: {start} or later"
            batch.refuse(position, "contract_ended_on", end, reason)


def _reject_doubles(connection: Connection, rejects: Rejects) -> None:
    reject_lines(connection, _STAGED, rejects, "msisdn", doubles(_STAGED, ["msisdn"], "MSISDN"))
    reject_lines(connection, _STAGED, rejects, "imsi", doubles(_STAGED, ["imsi"], "IMSI"))
    reason = literal("this IMSI belongs to ").concat(_subscribers.c.msisdn)
    taken = (
        select(_STAGED.c.line, _STAGED.c.imsi, reason.concat("; accepted: an IMSI that no other line has"))
        .join(_subscribers, _subscribers.c.imsi == _STAGED.c.imsi)
        .where(_subscribers.c.msisdn != _STAGED.c.msisdn)
        .order_by(_STAGED.c.line)
    )
    reject_lines(connection, _STAGED, rejects, "imsi", taken)
