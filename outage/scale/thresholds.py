"""Regulators' reporting thresholds: which one an incident has crossed, when exactly, and what is due by when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from foundation.errors import InputError
from outage.scale.conditions import Condition, Distance, Finding
from outage.scale.facts import IncidentScale


class Standing(StrEnum):
    """Whether a rule binds."""

    IN_FORCE = "in_force"
    PROPOSED = "proposed"


class Since(StrEnum):
    """What a deadline's clock starts at."""

    AWARE = "aware"
    STARTED = "started"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Duty:
    """What is to be told, and how soon: `seconds` after `since` (None: as soon as practicable, without a date).

    `every`: how often it is due again while service is not back, as pairs of an age in seconds up to which a period
    in seconds holds (None: from then on).
    """

    what: str
    since: Since
    seconds: int | None
    every: tuple[tuple[int | None, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One threshold of one regulator, with the days on which it is in force and where it is written."""

    regulator: str
    name: str
    says: str
    condition: Condition
    duties: tuple[Duty, ...]
    source: str
    in_force_from: date
    in_force_to: date | None = None
    standing: Standing = Standing.IN_FORCE
    unplanned_only: bool = False


class Crossing(StrEnum):
    """What is known of a threshold."""

    CROSSED = "crossed"
    NOT_CROSSED = "not_crossed"
    NOT_KNOWN = "not_known"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True)
class Deadline:
    """What is due when; `due_at` None: as soon as practicable, or not before service is back, as `note` says.

    `filed_at`: when the regulator was given it; then no seconds are left to count. `seconds_left` below 0: overdue.
    """

    what: str
    due_at: datetime | None
    seconds_left: int | None
    note: str = ""
    filed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ThresholdStatus:
    """One threshold held against an incident.

    `crossed_at`: the first second at which it was met. `expected_at`: when it will be if nothing more is restored,
    for one that is not crossed in an incident that is still open; None where time alone does not bring it.
    `distances`: how far each measure has come. `not_known`: what the records cannot say; the state is `not_known`
    only if that decides.
    """

    regulator: str
    rule: str
    says: str
    standing: Standing
    source: str
    state: Crossing
    crossed_at: datetime | None
    expected_at: datetime | None
    distances: tuple[Distance, ...]
    not_known: tuple[str, ...]
    deadlines: tuple[Deadline, ...]


def evaluate(
    scale: IncidentScale, rules: Iterable[Rule], filed: Mapping[tuple[str, str], datetime] | None = None
) -> list[ThresholdStatus]:
    """Hold an incident at an instant (`scale.at`) against the rules in force, or proposed, on the day it started.

    `filed`: per regulator and duty, when it was last given; a repeated duty is due again all the same.
    """
    day = scale.started_at.astimezone(UTC).date()
    return [_evaluate_one(scale, rule, filed or {}) for rule in rules if _applies(rule, day)]


def choose(rules: Sequence[Rule], regulator: str | None) -> tuple[Rule, ...]:
    """The rules of one regulator (None: of all); raises InputError for one that has none."""
    if regulator is None:
        return tuple(rules)
    chosen = tuple(rule for rule in rules if rule.regulator.casefold() == regulator.casefold())
    if not chosen:
        known = ", ".join(dict.fromkeys(rule.regulator for rule in rules))
        raise InputError("no thresholds of this regulator", where="regulator", value=regulator, accepted=known)
    return chosen


def find_duty(rules: Iterable[Rule], regulator: str, what: str) -> tuple[str, str]:
    """The regulator and duty as the rules spell them; raises InputError when it wants nothing of the kind."""
    chosen = choose(tuple(rules), regulator)
    duties = {duty.what.casefold(): duty.what for rule in chosen for duty in rule.duties}
    found = duties.get(what.strip().casefold())
    if found is None:
        raise InputError("no such duty", where="what", value=what, accepted="; ".join(duties.values()))
    return chosen[0].regulator, found


def _applies(rule: Rule, day: date) -> bool:
    if rule.standing is Standing.PROPOSED:
        return rule.in_force_to is None or day <= rule.in_force_to
    return rule.in_force_from <= day and (rule.in_force_to is None or day <= rule.in_force_to)


def _evaluate_one(scale: IncidentScale, rule: Rule, filed: Mapping[tuple[str, str], datetime]) -> ThresholdStatus:
    finding = rule.condition.judge(scale)
    state = _state(scale, rule, finding)
    when = None if finding.when is None else _instant(finding.when)
    crossed_at = when if state is Crossing.CROSSED else None
    may_come = state is Crossing.NOT_CROSSED and scale.is_open and not finding.not_known
    return ThresholdStatus(
        regulator=rule.regulator,
        rule=rule.name,
        says=rule.says,
        standing=rule.standing,
        source=rule.source,
        state=state,
        crossed_at=crossed_at,
        expected_at=when if may_come else None,
        distances=finding.distances,
        not_known=finding.not_known,
        deadlines=() if crossed_at is None else tuple(_marked(scale, rule, finding, crossed_at, filed)),
    )


def _state(scale: IncidentScale, rule: Rule, finding: Finding) -> Crossing:
    if rule.unplanned_only and scale.planned:
        return Crossing.EXEMPT
    if finding.when is not None and _instant(finding.when) <= scale.at:
        return Crossing.NOT_KNOWN if finding.not_known else Crossing.CROSSED
    return Crossing.NOT_KNOWN if finding.is_blind else Crossing.NOT_CROSSED


def _marked(
    scale: IncidentScale,
    rule: Rule,
    finding: Finding,
    crossed_at: datetime,
    filed: Mapping[tuple[str, str], datetime],
) -> Iterator[Deadline]:
    repeated = {duty.what for duty in rule.duties if duty.every}
    for deadline in _deadlines(scale, rule, finding, crossed_at):
        given = filed.get((rule.regulator, deadline.what))
        if given is None:
            yield deadline
        elif deadline.what in repeated:
            yield replace(deadline, filed_at=given)
        else:
            yield replace(deadline, filed_at=given, seconds_left=None)


def _deadlines(scale: IncidentScale, rule: Rule, finding: Finding, crossed_at: datetime) -> Iterator[Deadline]:
    # Nobody can report what is not yet reportable, nor what they do not know of.
    aware = max(scale.known_at, crossed_at)
    started = scale.started_at if finding.since is None else _instant(finding.since)
    origins = {Since.AWARE: aware, Since.STARTED: started, Since.RESTORED: scale.restored_at}
    for duty in rule.duties:
        origin = origins[duty.since]
        if duty.every:
            yield _repeated(scale, duty, aware)
        elif duty.seconds is None:
            yield Deadline(duty.what, None, None, "as soon as practicable")
        elif origin is None:
            yield Deadline(duty.what, None, None, f"{_spoken(duty.seconds)} after service is back")
        else:
            yield _due(scale, duty.what, origin + timedelta(seconds=duty.seconds))


def _repeated(scale: IncidentScale, duty: Duty, origin: datetime) -> Deadline:
    if scale.restored_at is not None and scale.restored_at <= scale.at:
        return Deadline(duty.what, None, None, "service is back: no more updates are due")
    age = int((scale.at - origin).total_seconds())
    done = 0
    for limit, period in duty.every:
        last = done if limit is None else done + (limit - done) // period * period
        following = done + (max(age - done, 0) // period + 1) * period
        if limit is None or following <= last:
            return _due(scale, duty.what, origin + timedelta(seconds=following))
        done = last
    return Deadline(duty.what, None, None, "no more updates are due")


def _due(scale: IncidentScale, what: str, due_at: datetime) -> Deadline:
    return Deadline(what, due_at, int((due_at - scale.at).total_seconds()))


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _spoken(seconds: int) -> str:
    days, hours = divmod(seconds // 3600, 24)
    return f"{days} days" if days and not hours else f"{seconds // 3600} hours"
