"""The first chapters: the operator, and how it lived through 11 and 12 July 2012."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from compensation import policies
from compensation.decision.worked_cases import run_tests
from compensation.demo import world
from compensation.demo.stage import Stage, shown
from foundation import migrate
from foundation.db import Database
from foundation.errors import RefusedError
from notify.texts import install_ready_texts
from outage.base.subscriber_import import import_subscribers
from outage.feeds.alertmanager import read_webhook
from outage.imports.importing import ImportResult
from outage.incidents.alarms import record_alarms
from outage.incidents.incidents import add_outages, close_incident, get_incident, restore_elements
from outage.incidents.outages import OutageStart
from outage.lifecycle import IncidentStatus
from outage.models import Incident
from outage.network.importing import import_network
from outage.presence.presence import import_sightings
from outage.samples.files import HLR, SampleFiles
from outage.samples.public_data import write_public
from outage.samples.synthetic import write_synthetic

POLICY = "o2_uk_2012_07.yaml"


def set_up(stage: Stage) -> str:
    stage.title("Set up: database, staff, texts, policy")
    database = Database(stage.app.settings.database_url)
    before, after = migrate.upgrade(database)
    database.dispose()
    world.claim_directory(stage.app, stage.wanted)
    stage.say(f"database at migration {after}" + (", nothing changed" if before == after else ""))
    with stage.app.database.transaction() as session:
        password = world.add_staff(session, stage.app.settings.data)
        texts = install_ready_texts(session, "maria")
    stage.say(f"{len(world.STAFF)} staff users, one per role; {texts} new customer texts in three languages")
    adopt_policy(stage)
    return password


def adopt_policy(stage: Stage) -> None:
    text = (files("compensation") / "schemes" / POLICY).read_text(encoding="utf-8")
    with stage.app.database.transaction() as session:
        version = policies.save_policy(session, text, actor="maria", source=POLICY).version
        version = policies.submit_policy(session, version.id, actor="maria") if _is_draft(version) else version
        version = policies.approve_policy(session, version.id, actor="omar")
        document = policies.load_document(session, version)
    results = run_tests(document)
    passed = sum(result.passed for result in results)
    stage.say(f"policy {policies.label(version)} is {version.state}: {passed} of {len(results)} worked cases pass")


def load_operator(stage: Stage) -> None:
    stage.title("The operator: network, customers, who was seen where")
    sample = write_sample(stage)
    stage.say(f"note: {sample.assigned}")
    rejects = stage.app.settings.data / "rejects"
    importers: list[tuple[str, Callable[[Any, Any], Any]]] = [
        (
            "network",
            lambda session, tell: import_network(
                session, sample.elements, sample.dependencies, actor="nina", reject_dir=rejects, progress=tell
            ),
        ),
        (
            "subscribers",
            lambda session, tell: import_subscribers(
                session, sample.subscribers, actor="nina", reject_dir=rejects, progress=tell
            ),
        ),
        (
            "sightings",
            lambda session, tell: import_sightings(
                session, stage.app.store, sample.sightings, actor="nina", reject_dir=rejects, progress=tell
            ),
        ),
    ]
    for name, load in importers:
        with stage.watched(name) as tell, stage.app.database.transaction() as session:
            results = load(session, tell)
        for result in results if isinstance(results, (list, tuple)) else [results]:
            stage.say(_summary(result))


def write_sample(stage: Stage) -> SampleFiles:
    directory = stage.app.settings.data / "sample"
    if stage.wanted.cells:
        return write_public(
            Path(stage.wanted.cells),
            Path(stage.wanted.customers),
            directory,
            seed=stage.wanted.seed,
            started_at=world.STARTED_AT,
        )
    return write_synthetic(
        directory, subscribers=stage.wanted.subscribers, seed=stage.wanted.seed, started_at=world.STARTED_AT
    )


def live_through_outage(stage: Stage) -> str:
    stage.title("11 July 2012: the register fails; 12 July: it comes back in stages")
    ref = alarm(stage, HLR, "HLRDown", "HLR-1 answers no subscriber", world.STARTED_AT, None)
    storm(stage, ref)
    with stage.at(world.CALLS_BACK_AT) as session:
        incident = get_incident(session, ref)
        if incident.status is IncidentStatus.OPENED:
            ended = restore_elements(
                session, incident, [HLR], at=world.CALLS_BACK_AT, services=("voice", "sms"), actor="nina"
            )
            stage.say(f"{shown(world.CALLS_BACK_AT)}  calls and texts restored by hand ({ended} ended)")
    alarm(stage, HLR, "HLRDown", "HLR-1 answers no subscriber", world.STARTED_AT, world.DATA_BACK_AT)
    with stage.at(world.MEASURED_AT) as session:
        incident = get_incident(session, ref)
        if incident.status is IncidentStatus.RESTORED:
            close_incident(session, incident, actor="nina")
        stage.say(f"{incident.ref} is {incident.status}: {incident.title}")
    return ref


def storm(stage: Stage, ref: str) -> None:
    """Phones that try again and again take two sites of one town down as well; staff add and restore them."""
    with stage.at(world.STORM_AT) as session:
        incident = get_incident(session, ref)
        sites = world.storm_sites(session) if incident.status is IncidentStatus.OPENED else []
        if sites:
            starts = [OutageStart(site, started_at=world.STORM_AT) for site in sites]
            add_outages(session, incident, starts, actor="nina")
            stage.say(f"{shown(world.STORM_AT)}  signalling storm: {', '.join(sites)} added by hand")
    with stage.at(world.STORM_OVER_AT) as session:
        if sites:
            restore_elements(session, get_incident(session, ref), sites, at=world.STORM_OVER_AT, actor="nina")
            stage.say(f"{shown(world.STORM_OVER_AT)}  {', '.join(sites)} restored")


def alarm(stage: Stage, element: str, name: str, summary: str, raised_at: datetime, cleared_at: datetime | None) -> str:
    body = world.alarm_body(element, name, summary, raised_at, cleared_at)
    with stage.at(cleared_at or raised_at) as session:
        (recorded,) = record_alarms(session, read_webhook(body), actor="alertmanager")
    incident: Incident | None = recorded.incident
    if incident is None:
        raise RefusedError("the alarm opened no incident", where=element, value=recorded.reason)
    stage.say(f"{shown(cleared_at or raised_at)}  {name} on {element}: {recorded.reason} ({incident.ref})")
    return incident.ref


def _is_draft(version: Any) -> bool:
    return str(version.state) == "drafted"


def _summary(result: ImportResult) -> str:
    more = "".join(f", {name} {count:,}" for name, count in result.details.items() if count)
    said = f"{Path(result.file).name}: {result.read:,} rows, {result.added:,} added, {result.changed:,} changed{more}"
    said += f", {result.rejected:,} rejected (see {result.reject_file})" if result.rejected else ""
    return said if result.changes else f"{said}: nothing changed"
