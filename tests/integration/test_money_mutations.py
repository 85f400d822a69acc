"""Controls: rooms that are broken on purpose, as a slip of the pen would, must fail the tests that are there.

Each mutation is put to existing tests, which are called as they stand; one that passes would be a hole in the suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from compensation import assessment, keys, release_rows
from compensation.cases import standings
from compensation.cases.situation import Situation
from compensation.decision import counting, settling
from compensation.decision.settling import Settler
from compensation.facts import Origin
from compensation.terms import Combines
from foundation.db import Database
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore
from notify import receipts, sending
from notify.models import DELIVERIES, DeliveryKind, DeliveryState
from notify.screening import Screened, screen
from notify.suppression import find_suppressed
from notify.texts import save_text
from notify.transitions import end_unsent
from tests.delivery_tools import Wire
from tests.integration import test_receipts, test_revisions, test_rewards, test_suppression
from tests.unit import test_measures, test_settling

Settling = settling._Settling
Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Ground:
    """What a test may stand on."""

    database: Database
    store: SnapshotStore

    def wires(self) -> dict[str, Wire]:
        """Carriers that say yes, and the text that they carry."""
        with self.database.transaction() as session:
            save_text(session, "plain", "en", "Hello from {brand}", author="mary")
        return {"spool": Wire("spool"), "book": Wire("book")}


# --- measures


def over_is_at_least(patch: Patch) -> None:
    def is_long(self: Any, seconds: int, over: Any, at_least: Any) -> bool:
        is_over = over is None or seconds >= self.seconds(over)
        return is_over and (at_least is None or seconds >= self.seconds(at_least))

    patch.setattr(counting._Counting, "is_long", is_long)


def at_least_is_over(patch: Patch) -> None:
    def is_long(self: Any, seconds: int, over: Any, at_least: Any) -> bool:
        is_over = over is None or seconds > self.seconds(over)
        return is_over and (at_least is None or seconds > self.seconds(at_least))

    patch.setattr(counting._Counting, "is_long", is_long)


def rest_of_an_hour_is_at_least(patch: Patch) -> None:
    sound = counting._Counting.hours

    def hours(self: Any, seconds: int) -> Fraction:
        if self.measure.rounded_over is None:
            return sound(self, seconds)
        whole, left = divmod(seconds, 3600)
        return Fraction(whole + (left >= self.seconds(self.measure.rounded_over)))

    patch.setattr(counting._Counting, "hours", hours)


# --- settling


def cap_is_not_applied(patch: Patch) -> None:
    patch.setattr(Settling, "capped", lambda self, lines, room, said: lines)


def month_cap_forgets_other_incidents(patch: Patch) -> None:
    sound = Settling.room
    patch.setattr(Settling, "room", lambda self, per, over, used=0: sound(self, per, over))


def account_cap_forgets_other_lines(patch: Patch) -> None:
    sound = Settling.account_room

    def account_room(self: Any, share: Any, taken: int) -> int | None:
        return sound(self, None if share is None else replace(share, before_minor=0), taken)

    patch.setattr(Settling, "account_room", account_room)


def combines_as(found: Combines, used: Combines) -> Callable[[Patch], None]:
    sound = Settling.combined

    def mutate(patch: Patch) -> None:
        patch.setattr(Settling, "combined", lambda self, how, *rest: sound(self, used if how is found else how, *rest))

    mutate.__name__ = f"{found}_{used}s"
    return mutate


def greatest_prefers_the_later_of_equals(patch: Patch) -> None:
    sound = Settling.combined

    def combined(self: Any, how: Combines, name: str, before: Any, mine: Any) -> Any:
        equal = how is Combines.GREATEST and settling._spent(before) == settling._spent(mine)
        return ([], mine) if equal else sound(self, how, name, before, mine)

    patch.setattr(Settling, "combined", combined)


def others_are_forgotten(patch: Patch) -> None:
    patch.setattr(Settling, "less_others", lambda self, own, other, shared: (own, 0))


def account_pays_every_line(patch: Patch) -> None:
    patch.setattr(Settling, "account", lambda self, shared, share, other: (shared, 0, 0))


def top_up_pays_the_whole_again(patch: Patch) -> None:
    patch.setattr(Settling, "less_given", lambda self, lines, given: lines)


def held_out_is_paid(patch: Patch) -> None:
    sound = Settler.settle

    def settle(self: Any, lines: Any, caps: Any, standing: Any) -> Any:
        return sound(self, lines, caps, replace(standing, held_out=False))

    patch.setattr(Settler, "settle", settle)


def nobody_is_held_out(patch: Patch) -> None:
    patch.setattr(standings, "held_out_sql", lambda holdout, policy: "(line_id < 0)")


# --- what was before


def history_is_ignored(patch: Patch) -> None:
    sound = Situation.facts_of

    def facts_of(self: Any, group: Any) -> Any:
        before = {fact.name: 0 for fact in self.facts if fact.origin is Origin.HISTORY}
        return sound(self, group) | before

    patch.setattr(Situation, "facts_of", facts_of)


def earlier_outages_are_not_seen(patch: Patch) -> None:
    patch.setattr(assessment, "find_losses", lambda *_: None)


def every_revision_has_the_same_keys(patch: Patch) -> None:
    patch.setattr(keys, "_suffix", lambda revision: "")


def account_reward_has_the_key_of_its_line(patch: Patch) -> None:
    def of_line(self: Any, given: Any) -> Any:
        ends = keys.line_ends(self.incident_ref, self.document.name, given.name, self.revision)
        return release_rows.KeyParts(*ends, "line")

    patch.setattr(release_rows.Release, "key", of_line)


# --- delivery


def opt_out_stops_the_credit(patch: Patch) -> None:
    def screen_all(session: Any, rows: Any, conduct: Any, *, worker: str) -> Screened:
        groups = [row.group_key for row in rows if row.kind == DeliveryKind.POSTING]
        asked = select(DELIVERIES.c.group_key, DELIVERIES.c.address).where(
            DELIVERIES.c.group_key.in_(groups), DELIVERIES.c.kind == DeliveryKind.MESSAGE
        )
        told = {row.group_key: row.address for row in session.execute(asked)}
        suppressed = find_suppressed(session, list(told.values()))
        refused = {row.id: "opted out" for row in rows if told.get(row.group_key) in suppressed}
        end_unsent(session, refused, DeliveryState.SUPPRESSED, worker=worker)
        return screen(session, [row for row in rows if row.id not in refused], conduct, worker=worker)

    patch.setattr(sending, "screen", screen_all)


def opt_out_stops_nothing(patch: Patch) -> None:
    patch.setattr(sending, "screen", lambda session, rows, conduct, *, worker: Screened(rows))


def receipt_moves_a_final_state(patch: Patch) -> None:
    patch.setattr(receipts, "_moves", lambda row, attempt, state: True)


# --- which tests find them


def _layers(combines: str, law: str, promise: str, expected: dict[str, int]) -> Callable[[Ground], None]:
    return lambda ground: test_settling.test_layers_combine_as_they_say(combines, law, promise, expected)


def _pure(test: Callable[[], None]) -> Callable[[Ground], None]:
    return lambda ground: test()


def _with_store(test: Callable[[Database, SnapshotStore], None]) -> Callable[[Ground], None]:
    return lambda ground: test(ground.database, ground.store)


def _opt_out(ground: Ground) -> None:
    test_suppression.test_an_opt_out_stops_the_text_and_never_the_credit(ground.database, ground.wires())


def _final_state(ground: Ground) -> None:
    test_receipts.test_a_final_state_never_moves_and_what_contradicts_it_is_kept(ground.database)


CONTROLS: list[tuple[Callable[[Patch], None], Callable[[Ground], None]]] = [
    (over_is_at_least, _pure(test_measures.test_days_count_by_how_much_of_each_calendar_day_is_lost)),
    (over_is_at_least, _pure(test_measures.test_total_and_longest_time_tell_accumulated_from_consecutive)),
    (at_least_is_over, _pure(test_measures.test_days_count_by_how_much_of_each_calendar_day_is_lost)),
    (at_least_is_over, _pure(test_measures.test_total_and_longest_time_tell_accumulated_from_consecutive)),
    (rest_of_an_hour_is_at_least, _pure(test_measures.test_hours_round_up_down_or_over_a_rest)),
    (cap_is_not_applied, _pure(test_settling.test_a_cap_clips_cash_in_order_and_says_so)),
    (cap_is_not_applied, _with_store(test_rewards.test_a_cap_per_account_clips_lines_in_order_of_their_value)),
    (
        month_cap_forgets_other_incidents,
        _with_store(test_rewards.test_a_cap_per_month_counts_the_policys_other_incidents),
    ),
    (
        account_cap_forgets_other_lines,
        _with_store(test_rewards.test_a_cap_per_account_clips_lines_in_order_of_their_value),
    ),
    (combines_as(Combines.GREATEST, Combines.SUM), _layers("greatest", "2.00", "3.00", {"more": 300})),
    (combines_as(Combines.REPLACES, Combines.GREATEST), _layers("replaces", "4.00", "3.00", {"more": 300})),
    (combines_as(Combines.OFFSET, Combines.SUM), _layers("offset", "2.00", "3.00", {"floor": 200, "more": 100})),
    (greatest_prefers_the_later_of_equals, _layers("greatest", "3.00", "3.00", {"floor": 300})),
    (others_are_forgotten, _with_store(test_rewards.test_a_second_policy_takes_off_what_the_first_gave)),
    (
        account_pays_every_line,
        _with_store(test_rewards.test_an_account_of_one_or_five_lines_gets_one_credit_and_one_text),
    ),
    (
        account_reward_has_the_key_of_its_line,
        _with_store(test_rewards.test_an_account_of_one_or_five_lines_gets_one_credit_and_one_text),
    ),
    (top_up_pays_the_whole_again, _with_store(test_revisions.test_releasing_again_and_assessing_again_add_nothing)),
    (
        top_up_pays_the_whole_again,
        _with_store(test_revisions.test_a_new_run_gives_new_lines_the_whole_and_the_others_what_is_more),
    ),
    (every_revision_has_the_same_keys, _with_store(test_revisions.test_what_was_given_too_much_stays_and_is_listed)),
    (held_out_is_paid, _with_store(test_rewards.test_held_out_lines_get_nothing_and_are_shown_as_such)),
    (nobody_is_held_out, _with_store(test_rewards.test_held_out_lines_get_nothing_and_are_shown_as_such)),
    (history_is_ignored, _with_store(test_rewards.test_rules_read_outages_and_credits_of_the_last_days)),
    (earlier_outages_are_not_seen, _with_store(test_rewards.test_rules_read_outages_and_credits_of_the_last_days)),
    (opt_out_stops_the_credit, _opt_out),
    (opt_out_stops_nothing, _opt_out),
    (receipt_moves_a_final_state, _final_state),
]


CAUGHT = (AssertionError, pytest.fail.Exception, InputError, KeyError, IntegrityError)


@pytest.mark.parametrize(
    ("mutate", "test"), CONTROLS, ids=[f"{mutate.__name__}-{number}" for number, (mutate, _) in enumerate(CONTROLS)]
)
def test_a_broken_room_fails_a_test_that_is_there(
    mutate: Callable[[Patch], None],
    test: Callable[[Ground], None],
    sqlite_database: Database,
    store: SnapshotStore,
    monkeypatch: Patch,
) -> None:
    mutate(monkeypatch)
    with pytest.raises(CAUGHT):
        test(Ground(sqlite_database, store))
