"""Trees back to text: as FEEL, or with values in the place of names, to show a calculation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from compensation.feel.nodes import (
    ITEM,
    PARTIAL,
    Between,
    Binary,
    Call,
    Compares,
    ContextOf,
    Equals,
    Filter,
    For,
    FunctionOf,
    Holds,
    If,
    In,
    InstanceOf,
    Interval,
    Invoke,
    ListOf,
    Literal,
    Name,
    Negative,
    Node,
    Not,
    Path,
    Quantified,
    Test,
    UnaryTests,
    Within,
)
from compensation.feel.values import write_string, write_value

_COMPOUND = (Binary, If, Between, In, Negative, For, Quantified, FunctionOf, InstanceOf)


def write_expression(node: Node, name: Callable[[str], str] = str) -> str:
    """FEEL text of an expression; `name` says what to write for a name (by default the name)."""
    match node:
        case Invoke() | FunctionOf() | InstanceOf():
            return _write_model_form(node, name)
        case Literal(value):
            return write_value(value)
        case Name(text):
            return name(text)
        case Negative(operand):
            return f"-{_inner(operand, name)}"
        case Not(operand):
            return f"not({write_expression(operand, name)})"
        case Binary(operator, left, right):
            return f"{_inner(left, name, operator)} {operator} {_inner(right, name)}"
        case If(condition, yes, no):
            parts = (write_expression(part, name) for part in (condition, yes, no))
            return "if {} then {} else {}".format(*parts)
        case Between(value, low, high):
            return f"{_inner(value, name)} between {_inner(low, name)} and {_inner(high, name)}"
        case In(value, tests):
            return f"{_inner(value, name)} in ({write_tests(tests, name)})"
        case Call(function, arguments, named):
            return f"{function}({_named(arguments, named, name)})"
        case ListOf(items):
            return f"[{_listed(items, name)}]"
        case Path(source, entry):
            return f"{_inner(source, name)}.{entry}"
        case ContextOf(entries):
            return (
                "{" + ", ".join(f"{write_string(key)}: {write_expression(value, name)}" for key, value in entries) + "}"
            )
        case For(iterators, result):
            inner = _unless([*iterators, (PARTIAL, result)], name)
            return f"for {_iterators(iterators, name)} return {write_expression(result, inner)}"
        case Quantified(iterators, condition, is_every):
            word = "every" if is_every else "some"
            said = write_expression(condition, _unless(iterators, name))
            return f"{word} {_iterators(iterators, name)} satisfies {said}"
        case Filter(source, condition):
            return f"{_inner(source, name)}[{write_expression(condition, _unless([(ITEM, source)], name))}]"
        case Interval(low, high, low_closed, high_closed):
            # A bracket behind the end of an interval closes it: a filter there stands in brackets of its own.
            last = write_expression(high, name)
            ends = f"{write_expression(low, name)}..{f'({last})' if '[' in last else last}"
            return f"{'[' if low_closed else '('}{ends}{']' if high_closed else ')'}"


def _write_model_form(node: Invoke | FunctionOf | InstanceOf, name: Callable[[str], str]) -> str:
    match node:
        case Invoke(function, arguments, named):
            called = write_expression(function, name)
            bare = isinstance(function, Name | Call | Invoke | Path | Filter)
            return f"{called if bare else f'({called})'}({_named(arguments, named, name)})"
        case FunctionOf(parameters, body):
            takes = ", ".join(f"{one.name}: {one.written}" if one.written else one.name for one in parameters)
            inner = _unless([(one.name, body) for one in parameters], name)
            return f"function({takes}) {write_expression(body, inner)}"
        case InstanceOf(value, written):
            return f"{_inner(value, name)} instance of {written}"


def write_tests(tests: UnaryTests, name: Callable[[str], str] = str) -> str:
    """FEEL text of a cell."""
    if tests.is_any:
        return "-"
    text = ", ".join(_test(test, name) for test in tests.tests)
    return f"not({text})" if tests.negated else text


def _test(test: Test, name: Callable[[str], str]) -> str:
    match test:
        case Equals(operand):
            return _inner(operand, name)
        case Compares(operator, operand):
            return f"{operator} {_inner(operand, name)}"
        case Within(interval):
            return write_expression(interval, name)
        case Holds(condition):
            return write_expression(condition, name)


def _iterators(iterators: Sequence[tuple[str, Node]], name: Callable[[str], str]) -> str:
    said = []
    for place, (one, domain) in enumerate(iterators):
        inner = _unless(iterators[:place], name)
        if isinstance(domain, Interval) and domain.low_closed and domain.high_closed:
            said.append(f"{one} in {_inner(domain.low, inner)}..{_inner(domain.high, inner)}")
        else:
            said.append(f"{one} in {_inner(domain, inner)}")
    return ", ".join(said)


def _unless(iterators: Sequence[tuple[str, Node]], name: Callable[[str], str]) -> Callable[[str], str]:
    """As `name`, but what is named within the text itself stays as it is."""
    own = {one for one, _ in iterators}
    return lambda text: text if text in own else name(text)


def _listed(nodes: tuple[Node, ...], name: Callable[[str], str]) -> str:
    return ", ".join(write_expression(node, name) for node in nodes)


def _named(nodes: tuple[Node, ...], named: tuple[str, ...], name: Callable[[str], str]) -> str:
    """Arguments, each behind what it is called where they are."""
    if not named:
        return _listed(nodes, name)
    return ", ".join(f"{key}: {write_expression(node, name)}" for key, node in zip(named, nodes, strict=True))


def _inner(node: Node, name: Callable[[str], str], chained: str = "") -> str:
    """An operand, in brackets unless it needs none; chains of one operator (a + b + c) need none on the left."""
    text = write_expression(node, name)
    if isinstance(node, Binary) and node.operator == chained and chained in ("+", "*", "and", "or"):
        return text
    is_negative = isinstance(node, Literal) and text.startswith("-")
    return f"({text})" if isinstance(node, _COMPOUND) or is_negative else text
