"""Lists of an assessment's cases: a page, a sum, a distribution, all asked of the database; traces stay there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, case, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, defer
from sqlalchemy.sql.functions import GenericFunction

from compensation.cases.group_sql import amounts_sql
from compensation.histogram import MOST_BINS, Bin
from compensation.models import Assessment, Case
from foundation.errors import NotFoundError
from foundation.snapshots import SnapshotStore

ORDERS = ("number", "lines", "outcome", "rule", "one", "all")
FACT_ORDER = "fact:"
OUTCOMES = ("entitled", "nothing", "undetermined")
MOST_BARS = 25
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class CaseWish:
    """Which cases, in which order: one of `ORDERS` or `fact:NAME`, one outcome ("" for all), words they contain.

    `ratios` are the facts that are stored as exact numbers `p/q`.
    """

    by: str = "all"
    falling: bool = True
    outcome: str = ""
    words: str = ""
    ratios: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CaseSums:
    """How many cases, lines and minor units a wish finds."""

    cases: int
    lines: int
    cost_minor: int


class fact_value(GenericFunction[Any]):  # noqa: N801 - it stands in SQL like a function
    """A fact's stored value, so that numbers are ordered as numbers and texts as texts."""

    inherit_cache = True


class exact_number(GenericFunction[Any]):  # noqa: N801
    """The value of a text `p/q` or `p`, near enough to put such texts in order."""

    inherit_cache = True


@compiles(fact_value, "sqlite")
def _value_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    facts, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({facts}, '$.\"' || {name} || '\"')"


@compiles(fact_value, "postgresql")
def _value_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    facts, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({facts} -> CAST({name} AS text))"


@compiles(exact_number, "sqlite")
def _number_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    (text,) = (compiler.process(clause, **options) for clause in element.clauses)
    return (
        f"CAST({text} AS REAL) / CASE WHEN instr({text}, '/') > 0 "
        f"THEN CAST(substr({text}, instr({text}, '/') + 1) AS REAL) ELSE 1 END"
    )


@compiles(exact_number, "postgresql")
def _number_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    (text,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(split_part({text}, '/', 1)::numeric / coalesce(nullif(split_part({text}, '/', 2), ''), '1')::numeric)"


def list_case_page(
    session: Session, assessment_id: int, wish: CaseWish, *, limit: int, offset: int = 0
) -> Sequence[Case]:
    """The cases that a wish finds, without their traces."""
    statement = _ordered(assessment_id, wish).limit(limit).offset(offset)
    return session.scalars(statement.options(defer(Case.trace, raiseload=True))).all()


def iterate_cases(session: Session, assessment_id: int, wish: CaseWish) -> Iterator[Case]:
    """All cases that a wish finds, read as they are asked for, without their traces."""
    statement = _ordered(assessment_id, wish)
    options = {"yield_per": _AT_ONCE}
    found: Iterator[Case] = iter(
        session.scalars(statement.options(defer(Case.trace, raiseload=True)), execution_options=options)
    )
    for one in found:
        yield one
        session.expunge(one)


def sum_cases(session: Session, assessment_id: int, wish: CaseWish) -> CaseSums:
    """The sums of the cases that a wish finds."""
    sums = select(func.count(), func.sum(Case.lines), func.sum(Case.lines * Case.cost_minor))
    count, lines, cost = session.execute(sums.where(*_conditions(assessment_id, wish))).one()
    return CaseSums(int(count), int(lines or 0), int(cost or 0))


def get_case(session: Session, assessment_id: int, number: int) -> Case:
    """One case with its trace; raises NotFoundError."""
    statement = select(Case).where(Case.assessment_id == assessment_id, Case.number == number)
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise NotFoundError("no such case", value=number, accepted="a number from the assessment's list")
    return found


def lines_by_amount(session: Session, assessment_id: int) -> dict[int, int]:
    """How many lines get how many minor units."""
    statement = select(Case.cost_minor, func.sum(Case.lines)).where(Case.assessment_id == assessment_id)
    return {int(amount): int(lines) for amount, lines in session.execute(statement.group_by(Case.cost_minor))}


def distribute_kept(store: SnapshotStore, assessment: Assessment) -> tuple[Bin, ...]:
    """The histogram of an assessment whose cases are kept in a snapshot; raises NotFoundError when it is missing."""
    with store.connect() as workspace:
        rows = workspace.fetch_rows(amounts_sql(store.source(str(assessment.cases_snapshot)), MOST_BINS))
    return tuple(Bin(*map(int, row)) for row in rows)


def list_with_text(session: Session, assessment_id: int, text_name: str, *, limit: int) -> Sequence[Case]:
    """The cases that are sent a text, those with most lines first, without their traces."""
    statement = select(Case).where(Case.assessment_id == assessment_id, Case.text_name == text_name)
    statement = statement.order_by(Case.lines.desc(), Case.number).limit(limit)
    return session.scalars(statement.options(defer(Case.trace, raiseload=True))).all()


def split_facts(session: Session, assessment_id: int) -> tuple[list[str], dict[str, Any]]:
    """The names of the facts by which the cases differ, and the values of those that all cases share."""
    one = session.scalar(select(Case.facts).where(Case.assessment_id == assessment_id).order_by(Case.number).limit(1))
    names = list(one or {})
    if one is None or not names:
        return [], {}
    told = [
        part
        for value in (Case.facts[name].as_string() for name in names)
        for part in (func.min(value), func.max(value), func.count(value))
    ]
    count, *sums = session.execute(select(func.count(), *told).where(Case.assessment_id == assessment_id)).one()
    spread = zip(names, sums[::3], sums[1::3], sums[2::3], strict=True)
    differing = [name for name, least, most, known in spread if least != most or known not in (0, count)]
    return differing, {name: value for name, value in one.items() if name not in differing}


def _conditions(assessment_id: int, wish: CaseWish) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Case.assessment_id == assessment_id]
    if wish.outcome:
        conditions.append(Case.outcome == wish.outcome)
    conditions += [Case.searched.contains(word, autoescape=True) for word in wish.words.lower().split()]
    return conditions


def _ordered(assessment_id: int, wish: CaseWish) -> Select[Case]:
    statement = select(Case).where(*_conditions(assessment_id, wish))
    if wish.by.startswith(FACT_ORDER):
        name = wish.by.removeprefix(FACT_ORDER)
        known = Case.facts[name].as_string()
        statement = statement.order_by(case((known.is_(None), 1), else_=0))
        key: ColumnElement[Any] = (
            exact_number(known) if name in wish.ratios else fact_value(Case.facts, literal(name, Text))
        )
    else:
        key = _KEYS[wish.by]
    return statement.order_by(key.desc() if wish.falling else key.asc(), Case.number)


_KEYS: Mapping[str, ColumnElement[Any]] = {
    "number": Case.number.expression,
    "lines": Case.lines.expression,
    "outcome": Case.outcome.expression,
    "rule": Case.rules.expression,
    "one": Case.cost_minor.expression,
    "all": (Case.lines * Case.cost_minor).expression,
}
