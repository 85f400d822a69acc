"""The texts of an update to the lines that an incident hit: enqueued from the run that holds, let go line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.errors import InputError, RefusedError
from foundation.logging import get_logger
from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from notify.conditions import hold_again, release_holds
from notify.models import DeliveryKind, Purpose
from notify.outbox import NewDelivery, enqueue
from notify.registry import EMBEDDED
from notify.routing import Routing
from notify.texts import list_current_texts
from outage.incidents.timeline import lock_incidents, record_change
from outage.models import ImpactRun, Incident
from outage.runs.holding import holding_run, with_holding_run
from outage.runs.patterns import spans_source
from outage.updates.cadence import UpdateKind
from outage.updates.models import IncidentUpdate, UpdatePlan

_FALLBACK = "en"
_FREED_AT_ONCE = 5_000
_LONGEST_WAIT = timedelta(days=1)
_VULNERABLE_FIRST, _OTHERS = 50, 100
log = get_logger()

# A line is out at the end of its run while one of its losses is not over there: the run stops before it.
_LINES = """
SELECT run.line_id, base.msisdn, base.language, base.zone, base.brand, out.pattern IS NOT NULL AS is_out,
    json_extract_string(base.attributes, '$.email') AS email,
    json_extract_string(base.attributes, '$.texts_by') AS texts_by,
    coalesce(json_extract_string(base.attributes, '$.vulnerable') = 'true', false) AS is_vulnerable
FROM {lines} run
JOIN (SELECT line_id, msisdn, language, zone, brand, attributes FROM {base}) base ON base.line_id = run.line_id
LEFT JOIN (SELECT pattern FROM {patterns} GROUP BY pattern HAVING max(ended_at) >= $1) out
    ON out.pattern = coalesce(run.{pattern}, run.pattern)
"""

_FREED = """
SELECT before.line_id FROM ({before}) before
WHERE before.is_out AND before.line_id NOT IN (SELECT line_id FROM ({now}) WHERE is_out)
"""
_OUT = "SELECT line_id FROM ({now}) WHERE is_out"


@dataclass(frozen=True, slots=True)
class QueuedTexts:
    """How many texts were enqueued now; 0 when they were before."""

    update: IncidentUpdate
    texts: int


def queue_texts(
    session: Session,
    store: SnapshotStore,
    incident: Incident,
    update: IncidentUpdate,
    text_name: str,
    *,
    routing: Routing = EMBEDDED,
    next_at: datetime | None,
    actor: str,
) -> QueuedTexts:
    """Enqueue a text to every line of the run that holds, once per line, in the caller's transaction.

    A line that is without service where the run stops gets its text when it has service again, or not at all when the
    next update (due `next_at`; None or past: a day from now) comes first. Memory is a batch of rows, whatever the
    number of lines. Again, with the same text: nothing is added. Raises RefusedError for an incident without a run or
    an update that has another text, InputError for a text that nobody wrote or that asks for what an update does not
    know, NotFoundError for a missing file.
    """
    lock_incidents(session, incident)
    run = session.get_one(ImpactRun, update.run_id) if update.run_id else holding_run(session, incident.id)
    if run is None:
        raise RefusedError(f"{incident.ref} was never measured", where="incident", accepted="its impact run first")
    if update.text_name not in (None, text_name):
        said = f"update {update.number} of {incident.ref} went out as {update.text_name}"
        raise RefusedError(said, where="text", accepted="another update for another text")
    values = _values(incident, run, session.get(UpdatePlan, incident.id), next_at)
    versions = _versions(session, text_name, values)
    campaign = f"{incident.ref}-U{update.number}"
    now = clock.now()
    outdated_at = next_at if next_at is not None and next_at > now else now + _LONGEST_WAIT
    expires_at = None if update.kind is UpdateKind.RESTORED else outdated_at
    shape = _Shape(incident.ref, update.number, campaign, routing, versions, values, expires_at)
    # Once service is back nobody has to wait for it, whatever the run still says.
    holds = incident.restored_at is None
    with store.connect() as workspace:
        added = enqueue(session, _batches(workspace, store, run, shape, holds=holds))
    if not added:
        return QueuedTexts(update, 0)
    update.text_name, update.campaign, update.run_id, update.freed_turn = text_name, campaign, run.id, run.turn
    update.texts += added
    record_change(
        session,
        incident,
        kind="texts enqueued",
        text=f"Update {update.number}: {added:,} texts ({text_name}) to the lines of run {run.number}",
        actor=actor,
        after={"update": update.number, "text": text_name, "texts": added, "run": run.number, "campaign": campaign},
    )
    return QueuedTexts(update, added)


def free_texts(session: Session, store: SnapshotStore) -> int:
    """Let go the texts that were held for lines which have service again, by the runs that hold now; how many.

    For the scheduler. Texts that have not left for lines which lost service again are held again first. An incident
    that is over frees none: its last update tells that service is back, and an older one would tell that it is not.
    Those expire.
    """
    freed = 0
    for update, incident in _waiting(session):
        lock_incidents(session, incident)
        session.refresh(update)
        run = holding_run(session, incident.id)
        if run is None or run.turn == update.freed_turn or incident.restored_at is not None:
            continue
        with store.connect() as workspace:
            sent_by = session.get_one(ImpactRun, update.run_id)
            held = sum(
                hold_again(
                    session, {_key(incident.ref, update.number, line): _condition(incident.ref, line) for line in lines}
                )
                for lines in _out(workspace, store, run)
            )
            for lines in _freed(workspace, store, sent_by, run):
                freed += release_holds(session, [_condition(incident.ref, line) for line in lines])
        update.freed_turn = run.turn
        log.info("update_texts_freed", incident=incident.ref, update=update.number, run=run.number, held_again=held)
    return freed


def _waiting(session: Session) -> list[tuple[IncidentUpdate, Incident]]:
    """The updates with texts by another run than the one that holds, of incidents that are not over."""
    waiting = select(IncidentUpdate, Incident).join(Incident, Incident.id == IncidentUpdate.incident_id)
    statement = (
        with_holding_run(waiting)
        .where(
            IncidentUpdate.run_id.is_not(None),
            Incident.restored_at.is_(None),
            IncidentUpdate.freed_turn != ImpactRun.turn,
        )
        .order_by(IncidentUpdate.id)
    )
    return [(update, incident) for update, incident in session.execute(statement)]


@dataclass(frozen=True, slots=True)
class _Shape:
    incident: str
    number: int
    campaign: str
    routing: Routing
    versions: Mapping[str, int]
    values: Mapping[str, str]
    expires_at: datetime | None

    def text(self, row: tuple[Any, ...], *, holds: bool) -> NewDelivery:
        line, msisdn, language, zone, brand, is_out, email, texts_by, is_vulnerable = row
        way, *others = self.routing.ways_for(Purpose.SERVICE, number=msisdn, email=email, prefers=texts_by, brand=brand)
        base, known = language.partition("-")[0], self.versions
        spoken = next(one for one in (language, base, _FALLBACK) if one in known)
        key = _key(self.incident, self.number, line)
        return NewDelivery(
            key=key,
            campaign=self.campaign,
            group_key=key,
            kind=DeliveryKind.MESSAGE,
            channel=way.channel,
            address=way.address,
            payload={
                "version": known[spoken],
                "values": {**self.values, "brand": brand},
                **({"ways": others} if others else {}),
            },
            priority=_VULNERABLE_FIRST if is_vulnerable else _OTHERS,
            expires_at=self.expires_at,
            # Only what goes to the line itself needs its service.
            hold=_condition(self.incident, line) if holds and is_out and way.address == msisdn else None,
            purpose=Purpose.SERVICE,
            zone=zone,
        )


def _batches(
    workspace: Workspace, store: SnapshotStore, run: ImpactRun, shape: _Shape, *, holds: bool
) -> Iterator[Iterator[NewDelivery]]:
    for batch in workspace.fetch_batches(_lines_sql(store, run), [clock.to_unix(run.as_of)]):
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        yield (shape.text(row, holds=holds) for row in rows)


def _freed(workspace: Workspace, store: SnapshotStore, sent_by: ImpactRun, run: ImpactRun) -> Iterator[list[int]]:
    """The lines that were out by one run and are not by another, some at a time."""
    before, now = _lines_sql(store, sent_by), _lines_sql(store, run)
    ends = [clock.to_unix(one.as_of) for one in (sent_by, run)]
    query = _FREED.format(before=before, now=now.replace("$1", "$2"))
    return _line_ids(workspace, query, ends)


def _out(workspace: Workspace, store: SnapshotStore, run: ImpactRun) -> Iterator[list[int]]:
    """The lines that are out where a run stops, some at a time."""
    return _line_ids(workspace, _OUT.format(now=_lines_sql(store, run)), [clock.to_unix(run.as_of)])


def _line_ids(workspace: Workspace, query: str, instants: list[int]) -> Iterator[list[int]]:
    for batch in workspace.fetch_batches(query, instants, size=_FREED_AT_ONCE):
        yield batch.column(0).to_pylist()


def _lines_sql(store: SnapshotStore, run: ImpactRun) -> str:
    lines = store.source(run.lines_snapshot)
    gross = "gross_pattern" in store.columns(run.lines_snapshot)
    return _LINES.format(
        lines=lines,
        base=store.source(run.base_snapshot),
        patterns=spans_source(store, run.patterns_snapshot),
        pattern="gross_pattern" if gross else "pattern",
    )


def _key(incident: str, update: int, line: int) -> str:
    return f"{incident}:update:{update}:{line}"


def _condition(incident: str, line: int) -> str:
    return f"service:{incident}:{line}"


def _values(incident: Incident, run: ImpactRun, plan: UpdatePlan | None, next_at: datetime | None) -> dict[str, str]:
    """What an update knows to fill a text with, besides the brand of each line; days are written per language."""
    services = sorted(run.counts.get("services", {}))
    expected = None if plan is None else plan.estimated_at
    return {
        "outage_date": incident.started_at.date().isoformat(),
        "incident": incident.ref,
        "services": ", ".join(services),
        "estimate": _moment(expected),
        "next_update": _moment(next_at),
    }


def _moment(instant: datetime | None) -> str:
    return "" if instant is None else instant.strftime("%Y-%m-%d %H:%M UTC")


def _versions(session: Session, name: str, values: Mapping[str, str]) -> dict[str, int]:
    """The newest version of a text in each of its languages, by language."""
    found = list_current_texts(session, [name])
    if not any(version.language == _FALLBACK for version in found):
        raise InputError("no such text in English", where="text", value=name, accepted="a name from the texts")
    known = {"brand", "code", *(key for key, value in values.items() if value)}
    for version in found:
        unknown = [one for one in version.placeholders if one not in known]
        if unknown:
            raise InputError(
                f"the text asks for what this update does not know: {', '.join(unknown)}",
                where="text",
                value=f"{name} ({version.language})",
                accepted=", ".join(sorted(known)),
            )
    return {version.language: version.id for version in found}
