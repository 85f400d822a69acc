"""The reference of the rule language, written from the catalogues that the parser, checker and engine go by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compensation.facts import CATALOGUE
from compensation.feel import KEYWORDS, FeelType
from compensation.feel.arithmetic import MAX_BITS
from compensation.feel.builtins import MAX_TEXT
from compensation.feel.combining import ARITHMETIC
from compensation.feel.effort import MAX_STEPS
from compensation.feel.functions import PROPERTIES, ROUNDINGS, SIGNATURES
from compensation.feel.lexer import SYMBOLS
from compensation.feel.parser import POWERS
from compensation.feel.patterns import MAX_SEARCHED, PATTERN_FORM
from compensation.feel.stream import MAX_OPERATIONS
from compensation.feel.values import MAX_DIGITS
from compensation.tables.table import HitPolicy

_LITERALS = (
    ("number", "`30`, `0.10`, `1.5e6`", f"exact, at most {MAX_DIGITS} characters"),
    ("string", '`"postpaid"`', r"escapes `\"` `\\` `\/` `\n` `\r` `\t` `\u0041` `\U01F4A9`"),
    ("boolean", "`true`, `false`", ""),
    ("null", "`null`", "not known, or nothing"),
    ("date", '`date("2012-07-11")`, `@"2012-07-11"`', ""),
    ("time", '`time("10:30:00")`, `@"10:30:00Z"`', "a zone as `Z`, `+02:00` or `@Europe/London`"),
    ("date and time", '`date and time("2012-07-11T10:30:00")`, `@"2012-07-11T10:30:00"`', "the same zones"),
    ("days and time duration", '`duration("PT24H")`, `@"P1DT12H"`', "whole microseconds"),
    ("years and months duration", '`duration("P1Y6M")`, `@"P18M"`', "whole months"),
    ("list", "`[1, 2, 3]`", ""),
    ("context", "`{fee: 30, half: fee / 2}`", "a later entry may read an earlier one"),
)
_CELLS = (
    ("`-`", "anything, null too"),
    ('`"A"`, `4`, `true`', "equal to it; a list stands for any of its items"),
    ("`null`", "not known"),
    ("`< 4`, `<= 4`, `> 4`, `>= 4`", "in order with it; never when the input is null"),
    (
        "`[4..24]`, `[4..24)`, `(4..24]`, `]4..24[`",
        "between two values; `[` and `]` include the end, the others do not",
    ),
    ('`"A", "B", > "X"`', "any of several"),
    ('`not("A", "B")`', "none of several; a null input passes unless one of them is `null`"),
    ('`starts with(?, "A")`', "any condition in which `?` stands for the input; only true passes"),
)
_FORMS = (
    ("`if a then b else c`", "`c` when `a` is false or null"),
    ("`a between b and c`", "both ends included"),
    ("`a in (1, [4..6], > 9)`, `a in [1, 2]`", "as the cells of a table"),
    ("`not(a)`", "null stays null"),
    ("`a and b`, `a or b`", "three-valued: `false and null` is false, `true and null` is null"),
    ("`a = b`, `a != b`", "always true or false; `null = null` is true, `true = 1` is not"),
    ("`outage date.year`", "a part of a date, time or duration, or an entry of a context"),
    ("`fees[item > 10]`, `steps[item.least <= 4]`", "the items for which it is true"),
    ("`fees[1]`, `fees[-1]`", "the item at a place, counted from 1, or from the end"),
    (
        "`for fee in fees return fee / 2`",
        "a result for each item; `for i in 1..3 return i` counts numbers or days, `partial` are the results before",
    ),
    ("`for a in x, b in y return a + b`", "every combination, the last the fastest"),
    ("`some fee in fees satisfies fee > 10`", "three-valued or over the items; `every` is three-valued and"),
    ("`fees instance of list<number>`", "whether it is of that type; null is of none"),
    ('`substring(string: "abc", start position: 2)`', "arguments by the names that the standard gives them"),
    ("`a + b // why`, `a /* why */ + b`", "what is behind `//` in a line, or between `/*` and `*/`, is not read"),
)


def reference() -> str:
    """The whole reference as Markdown; `docs/rule-language.md` holds it, and a test keeps it so."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The rule language"
    yield ""
    yield "Written by `outage dmn language` from the catalogues that the engine itself uses; do not edit."
    yield "It is DMN's FEEL: S-FEEL in the cells of tables, and the part of FEEL below in expressions. Numbers are"
    yield "exact fractions, so `1 / 3 * 3` is 1. Names may hold spaces; the longest name that is known wins."
    yield from _section("Values", ("type", "written", "note"), _LITERALS)
    yield from _section("Cells", ("cell", "the input is"), _CELLS)
    yield from _section("Expressions", ("form", "meaning"), _FORMS)
    yield ""
    yield f"At most {MAX_OPERATIONS} operations in one expression; split longer ones into decisions. One expression"
    yield f"goes through at most {MAX_STEPS} items; texts have at most {MAX_TEXT} characters, lists {MAX_STEPS} items"
    yield f"at any depth, numbers {MAX_BITS} bits. What is beyond is null with its reason. A bracket behind the end of"
    yield "an interval closes it: `]1..5[` excludes 5, so a filter there stands in brackets, `]1..(fees[1])[`."
    yield from _section("Operators, the loosest first", ("operators",), _operators())
    yield from _section("What goes with what", ("left", "operator", "right", "gives"), _arithmetic())
    yield ""
    yield "Anything with null gives null. A plain number beside money stands for major units."
    yield from _section("Functions", ("written", "meaning", "gives"), _functions())
    yield ""
    yield "Money must be whole minor units: rounded outermost by one of " + ", ".join(f"`{name}`" for name in ROUNDINGS)
    yield "(never twice), or a sum, difference, `min`, `max` or `if` of amounts that are."
    yield "There is no `today` or `now`: a rule says the same whenever it is asked."
    yield f"A pattern is a regular expression of {PATTERN_FORM}; flags `i` (case), `m` (lines), `s` (a dot takes"
    yield f"line ends). It searches texts of at most {MAX_SEARCHED} characters, fewer the more open repetitions it has."
    yield from _section("Parts after a dot", ("of", "parts"), _properties())
    yield from _section("Hit policies", ("letter", "meaning"), ((f"`{one}`", one.said) for one in HitPolicy))
    yield from _tables()
    yield from _section("Facts", ("name", "type", "unit", "values", "null", "meaning"), _facts())
    yield ""
    yield "Attributes that staff defined are read by their names as well."
    yield ""
    yield "## Words and signs of the language"
    yield ""
    yield (
        "A name cannot begin with "
        + ", ".join(f"`{word}`" for word in sorted(KEYWORDS))
        + ", and cannot be a function's."
    )
    yield "Signs: " + " ".join(f"`{_cell(symbol)}`" for symbol in SYMBOLS) + "."


def _section(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _operators() -> Iterator[tuple[str]]:
    for power in sorted(set(POWERS.values())):
        yield (" ".join(f"`{operator}`" for operator, one in sorted(POWERS.items()) if one == power),)
    yield ("arithmetic minus before an operand binds tighter than `**`: `-3 ** 2` is 9",)
    yield ("`**` is exact with a whole exponent, else to 34 digits: `(1 + rate) ** (days / 365)`",)


def _arithmetic() -> Iterator[tuple[str, ...]]:
    grouped: dict[tuple[FeelType, FeelType, FeelType], list[str]] = {}
    for (operator, left, right), gives in ARITHMETIC.items():
        grouped.setdefault((left, right, gives), []).append(f"`{operator}`")
    for (left, right, gives), operators in grouped.items():
        yield left, " ".join(operators), right, gives


def _functions() -> Iterator[tuple[str, ...]]:
    for name, signature in SIGNATURES.items():
        gives = "as its argument" if signature.gives is FeelType.UNKNOWN or name in ROUNDINGS else str(signature.gives)
        yield f"`{signature.written}`", signature.meaning, gives


def _properties() -> Iterator[tuple[str, ...]]:
    for kind, parts in PROPERTIES.items():
        yield kind, ", ".join(f"`{name}`" for name in parts)


def _tables() -> Iterator[str]:
    yield ""
    yield "## Tables as text"
    yield ""
    yield "```"
    yield 'hours lost | plan : "A", "B" || level : string in "high", "low" else "low" | credit : money || source'
    yield "-----------------------------------------------------------------------------------------------------"
    yield '[4..24)    | -               || "low"                                      | 5.00           || clause 3'
    yield '>= 24      | not("B")        || "high"                                     | 10.00          || clause 4'
    yield "```"
    yield ""
    yield "The first line is the header: inputs, `||`, outputs with their type. An input may name its allowed values"
    yield "after a colon; an output its values after `in` (for P and O the most important first) and its default after"
    yield "`else`, which counts when no rule matches. A note may follow each rule. Without match and default the result"
    yield "is *no rule*, not 0."


def _facts() -> Iterator[tuple[str, ...]]:
    for fact in CATALOGUE.values():
        values = ", ".join(str(value) for value in fact.allowed or ())
        yield f"`{fact.name}`", fact.type, fact.unit, values, "may be" if fact.nullable else "", fact.meaning
