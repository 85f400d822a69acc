"""DMN XML: out-then-in is the identity, hostile documents are refused, and what is not supported is named."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.dmn import (
    Decision,
    DecisionService,
    InputData,
    ItemType,
    Knowledge,
    Model,
    ModelError,
    evaluate_decision,
    inputs_from_json,
    read_model,
    to_json,
    write_model,
)
from compensation.feel import FeelType, ModelWords, NameType, UnaryTests, parse_expression, parse_tests
from compensation.feel.values import write_string
from compensation.tables.table import HitPolicy, Output, Rule, Table
from foundation.errors import InputError, NotFoundError

HEAD = '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="m" namespace="n">'
AGE = '<inputData name="Age" id="a"><variable name="Age" typeRef="number"/></inputData>'
NEEDS_AGE = '<informationRequirement><requiredInput href="#a"/></informationRequirement>'

NEEDS_ITSELF = NEEDS_AGE.replace("requiredInput", "requiredDecision").replace("#a", "#d")

BEST = '<decisionTable hitPolicy="BEST"><output/></decisionTable>'
EMPTY = '<businessKnowledgeModel name="F"><encapsulatedLogic name="F"/></businessKnowledgeModel>'
JAVA = '<functionDefinition kind="Java"><literalExpression><text>1</text></literalExpression></functionDefinition>'
SCRIPT = '<literalExpression expressionLanguage="js"><text>1</text></literalExpression>'


def model(body: str) -> Model:
    return read_model(f"{HEAD}{body}</definitions>")


def decision(logic: str, requires: str = NEEDS_AGE) -> str:
    return f'{AGE}<decision name="D" id="d"><variable name="D"/>{requires}{logic}</decision>'


def literal(text: str) -> str:
    return f"<literalExpression><text>{text}</text></literalExpression>"


def value(text: str, **inputs: Any) -> Any:
    return evaluate_decision(model(decision(literal(text))), "D", inputs)


NAMES = ["Age", "Risk Category", "Full Name", "isAffordable", "loan"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12).map(lambda t: " ".join(t.split()))
NUMBERS = st.integers(0, 99).map(str)
STRINGS = TEXTS.map(write_string)
WORDS = ModelWords(types={"tLoan": NameType(FeelType.CONTEXT), "tStatus": NameType(FeelType.STRING)})
EXPRESSIONS = st.recursive(
    st.one_of(NUMBERS, STRINGS, st.sampled_from([*NAMES, "true", "null", '@"P1Y"', '@"2024-02-29T10:00:00Z"'])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**", "<", "=", "and"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
        inner.map(lambda text: f"[{text}, 1]"),
        inner.map(lambda text: f"{{a: {text}}}"),
        inner.map(lambda text: f"max({text}, loan.rate)"),
        inner.map(lambda text: f"if true then {text} else -({text})"),
        inner.map(lambda text: f"(function(a: tLoan, b) [a, {text}])(b: {text}, a: 1)"),
        inner.map(lambda text: f"for x in (({text})..({text})] return [x, partial]"),
        inner.map(lambda text: f"({text}) instance of context<a b: tStatus, c: list<number>>"),
        inner.map(lambda text: f"sort({text}, function(x, y) x.rate < y.rate)[item > 1].start included"),
        inner.map(lambda text: f"substring(start position: 1, string: {text}) + abs() + product(a: {text})"),
    ),
    max_leaves=4,
).map(lambda text: parse_expression(text, NAMES, members=("rate", "is ok"), model=WORDS))
CELLS = st.one_of(
    st.just("-"),
    st.tuples(NUMBERS, NUMBERS).map(lambda ends: f"[{ends[0]}..{ends[1]})"),
    st.lists(st.one_of(NUMBERS, STRINGS), min_size=1, max_size=3).map(", ".join),
    STRINGS.map(lambda text: f"not({text})"),
    st.just('starts with(?, "a")'),
).map(lambda text: parse_tests(text, NAMES))
VALUES = st.lists(STRINGS, min_size=1, max_size=3).map(lambda texts: parse_tests(", ".join(texts), ()))


@st.composite
def tables(draw: Any, name: str) -> Table:
    inputs = tuple(draw(st.lists(EXPRESSIONS, min_size=0, max_size=3)))
    several = draw(st.booleans())
    named = ["Status", "Rate/Level"] if several else [draw(st.sampled_from([name, "Status"]))]
    kinds = st.sampled_from([FeelType.STRING, FeelType.NUMBER, FeelType.UNKNOWN, FeelType.MONTHS])
    outputs = tuple(Output(one, draw(kinds), draw(st.none() | VALUES), draw(st.none() | EXPRESSIONS)) for one in named)
    rules = tuple(
        Rule(
            number,
            tuple(draw(CELLS) for _ in inputs),
            tuple(draw(EXPRESSIONS) for _ in outputs),
            draw(PLAIN) if draw(st.booleans()) else "",
        )
        for number in range(1, draw(st.integers(1, 4)))
    )
    allowed = tuple(draw(st.none() | VALUES) for _ in inputs)
    policy = draw(st.sampled_from(list(HitPolicy)))
    return Table(policy, inputs, outputs, rules, allowed if any(allowed) else ())


@st.composite
def models(draw: Any) -> Model:
    status = ItemType("tStatus", "string", draw(st.none() | VALUES))
    items = (
        status,
        ItemType("tLoan", components=(ItemType("rate", "number"), ItemType("is ok", "tStatus", is_list=True))),
        ItemType("tFew", "number", is_list=True, constraint=parse_tests("count(?) < 3", ())),
        ItemType("tScale", takes=(InputData("n", "number"), InputData("m")), gives=draw(st.sampled_from(["", "tFew"]))),
    )
    kinds = st.sampled_from(["", "number", "string", "date and time", "tStatus", "tLoan"])
    inputs = tuple(InputData(name, draw(kinds)) for name in NAMES)
    first = Decision("First", draw(tables("First")), "", tuple(NAMES), (), draw(PLAIN))
    body = parse_expression("p * q", ("p", "q"))
    function = Knowledge("Times", (InputData("p", "number"), InputData("q")), body, "number")
    called = parse_expression("Times(1, First)", ("First",), model=ModelWords({"Times": ("p", "q")}))
    second = Decision("Second", called, "number", ("First", "Age"), ("Times",))
    third = Decision("Third", draw(EXPRESSIONS), "", tuple(NAMES))
    asked = DecisionService("Ask", ("Second", "Third"), ("First",), ("Age", "First"), draw(kinds))
    policy = draw(st.sampled_from(["", "policy: p\n# <&>\r\ndecisions: []\n"]))
    return Model("m & <n>", "urn:n", items, inputs, (first, second, third), (function,), policy, (asked,))


@settings(max_examples=120, deadline=None)
@given(models())
def test_a_model_written_and_read_is_the_same_model(made):
    text = write_model(made)
    again = read_model(text)
    assert again == made
    assert write_model(again) == text


def test_models_of_the_kit_come_back_the_same(shared: Path) -> None:
    files = sorted(shared.glob("tck/*/*.dmn"))
    if not files:
        pytest.skip("the compatibility kit (../shared/tck) is not beside this checkout")
    for file in files:
        first = read_model(file.read_bytes())
        assert read_model(write_model(first)) == first


BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;">]>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="&lol1;" namespace="n"/>"""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BOMB, "line 2, column 16: a document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a document type"),
        ("<a" + "><a" * 100 + "/>", "within one another"),
        ("<a>" + " " * 5_000_001 + "</a>", "too large"),
        ("<a>", "not XML"),
        ("", "not XML"),
        ("<a/>", "is no DMN model"),
        (b'<?xml version="1.0" encoding="x"?><a/>', "not XML"),
        (f"{HEAD}<import namespace='n2'/></definitions>", "the model n2 is not there; accepted: its file beside"),
        (f"{HEAD}\n <decisionService name='S'/></definitions>", "line 2, column 2: the service has no"),
        (f"{HEAD}{decision('<expression/>')}</definitions>", "<expression> is not supported"),
        (f"{HEAD}{decision('<filter/>')}</definitions>", "<filter> has no <in>"),
        (f"{HEAD}{decision(JAVA)}</definitions>", "a function of kind Java is not supported"),
        (f"{HEAD}{decision('<conditional/>')}</definitions>", "<conditional> has no <if>"),
        (f"{HEAD}{decision('<for><in/></for>')}</definitions>", "<for> has no iteratorVariable"),
        (f"{HEAD}{EMPTY}</definitions>", '"F" has no logic'),
        (f"{HEAD}{decision(literal('1 +'))}</definitions>", "expected an expression"),
        (f"{HEAD}{decision(literal('Aeg + 1'))}</definitions>", 'did you mean "Age"?'),
        (f"{HEAD}{decision(literal('1'), NEEDS_AGE.replace('#a', '#b'))}</definitions>", '"#b" is nothing in this'),
        (f"{HEAD}{AGE}{AGE}</definitions>", 'the name "Age" stands twice'),
        (f"{HEAD}{AGE.replace('number', 'nmber')}</definitions>", 'did you mean "number"?'),
        (f"{HEAD}<itemDefinition name='t'><typeRef>t</typeRef></itemDefinition></definitions>", "made of itself"),
        (
            f"{HEAD}{decision(literal('1'), NEEDS_ITSELF)}</definitions>",
            '"D" requires itself',
        ),
        (f"{HEAD}{decision(BEST)}</definitions>", "BEST"),
        (
            f"{HEAD}{decision(SCRIPT)}</definitions>",
            "the language js is not supported",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_and_named(text, what):
    with pytest.raises(ModelError, match=None) as caught:
        read_model(text)
    assert what in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), st.binary(max_size=80), st.text(max_size=60).map(lambda t: HEAD + t)))
def test_any_document_is_read_or_refused_with_a_model_error(text):
    with contextlib.suppress(ModelError):
        read_model(text)


def test_an_error_in_a_cell_has_its_line_and_column():
    with pytest.raises(ModelError) as caught:
        read_model(
            f"{HEAD}\n{AGE}<decision name='D'>\n{NEEDS_AGE}<literalExpression>\n<text>Age + ?</text>"
            "</literalExpression></decision></definitions>"
        )
    assert caught.value.problems[0].startswith("line 4, column 13:")


@pytest.mark.parametrize(
    "version", ["http://www.omg.org/spec/DMN/20180521/MODEL/", "https://www.omg.org/spec/DMN/20230324/MODEL/"]
)
def test_older_and_newer_models_are_read(version):
    text = f"{HEAD}{decision(literal('Age + 1'))}</definitions>".replace(
        "https://www.omg.org/spec/DMN/20191111/MODEL/", version
    )
    assert evaluate_decision(read_model(text), "D", {"Age": Fraction(1)}) == 2


def test_what_means_nothing_is_null_with_a_warning_and_does_not_stop_a_model():
    read = model(decision(literal("Age + null")))
    assert evaluate_decision(read, "D", {"Age": Fraction(1)}) is None
    assert "number + null means nothing" in read.warnings[0]


def test_boxed_contexts_lists_relations_and_invocations_become_expressions():
    function = (
        '<businessKnowledgeModel name="Twice" id="t"><variable name="Twice"/><encapsulatedLogic>'
        f'<formalParameter name="n" typeRef="number"/>{literal("2 * n")}</encapsulatedLogic></businessKnowledgeModel>'
    )
    invocation = f'<invocation>{literal("Twice")}<binding><parameter name="n"/>{literal("Age")}</binding></invocation>'
    context = (
        f'<context><contextEntry><variable name="twice as old"/>{invocation}</contextEntry>'
        f'<contextEntry><variable name="all"/><list>{literal("Age")}{literal("twice as old")}</list></contextEntry>'
        '<contextEntry><variable name="rows"/><relation><column name="a"/>'
        f"<row>{literal('1')}</row></relation></contextEntry>"
        f"<contextEntry>{literal('sum(all) + sum(rows.a)')}</contextEntry></context>"
    )
    requires = NEEDS_AGE + '<knowledgeRequirement><requiredKnowledge href="#t"/></knowledgeRequirement>'
    read = model(function + decision(context, requires))
    assert evaluate_decision(read, "D", {"Age": Fraction(5)}) == 16
    assert read_model(write_model(read)) == read


@pytest.mark.parametrize(
    ("boxed", "expected"),
    [
        (
            f"<conditional><if>{literal('Age &gt; 17')}</if><then>{literal('1')}</then><else>{literal('2')}</else>"
            "</conditional>",
            2,
        ),
        (
            f"<for iteratorVariable='year of life'><in>{literal('[1, Age]')}</in>"
            f"<return>{literal('year of life * 2')}</return></for>",
            (2, 10),
        ),
        (
            f"<some iteratorVariable='x'><in>{literal('[1, Age]')}</in>"
            f"<satisfies>{literal('x &gt; 4')}</satisfies></some>",
            True,
        ),
        (
            f"<every iteratorVariable='x'><in>{literal('[1, Age]')}</in>"
            f"<satisfies>{literal('x &gt; 4')}</satisfies></every>",
            False,
        ),
    ],
)
def test_boxed_conditionals_and_iterations_become_expressions(boxed, expected):
    read = model(decision(boxed, NEEDS_AGE))
    assert evaluate_decision(read, "D", {"Age": Fraction(5)}) == expected
    assert read_model(write_model(read)) == read


def test_a_function_of_a_context_is_called_with_negative_powers():
    payment = (
        '<businessKnowledgeModel name="Instalment" id="t"><encapsulatedLogic>'
        f'<formalParameter name="sum of it"/><formalParameter name="n"/>{literal("sum of it / (1 - 2 ** -n)")}'
        '</encapsulatedLogic><variable name="Instalment"/></businessKnowledgeModel>'
    )
    requires = NEEDS_AGE + '<knowledgeRequirement><requiredKnowledge href="#t"/></knowledgeRequirement>'
    read = model(payment + decision(literal("Instalment(Age, 1) + Age"), requires))
    assert evaluate_decision(read, "D", {"Age": Fraction(5)}) == 15


def test_a_decision_reads_the_outputs_of_another():
    table = (
        '<decisionTable hitPolicy="RULE ORDER"><input><inputExpression><text>Age</text></inputExpression></input>'
        '<output name="level" typeRef="string"/><output name="n" typeRef="number"/>'
        '<rule><inputEntry><text>&gt; 1</text></inputEntry><outputEntry><text>"a"</text></outputEntry>'
        "<outputEntry><text>Age</text></outputEntry></rule>"
        '<rule><inputEntry><text/></inputEntry><outputEntry><text>"b"</text></outputEntry>'
        "<outputEntry><text>1</text></outputEntry></rule></decisionTable>"
    )
    requires = '<informationRequirement><requiredDecision href="#d"/></informationRequirement>'
    second = f'<decision name="E" id="e"><variable name="E"/>{requires}{literal("sum(D.n)")}</decision>'
    read = model(decision(table) + second)
    assert evaluate_decision(read, "E", {"Age": Fraction(5)}) == 6
    assert to_json(evaluate_decision(read, "D", {"Age": Fraction(1)})) == '[{"level": "b", "n": 1}]'


def test_inputs_are_checked_and_numbers_stay_exact():
    allowed = '<allowedValues><text>"A","B"</text></allowedValues>'
    item = f'<itemDefinition name="tPlan"><typeRef>string</typeRef>{allowed}</itemDefinition>'
    plan = '<inputData name="Plan" id="p"><variable name="Plan" typeRef="tPlan"/></inputData>'
    read = model(item + plan + decision(literal("0.1 + Age")))
    assert to_json(evaluate_decision(read, "D", inputs_from_json(read, '{"Age": 0.2}'))) == "0.3"
    for text, what in [
        ('{"Plan": "C"}', "not an allowed value"),
        ('{"Plan": 1}', "not a value of this input"),
        ('{"Plann": "A"}', 'did you mean "Plan"'),
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
        ('{"Age": NaN}', "not JSON"),
        ('{"Age": 1e999999}', "not JSON"),
    ]:
        with pytest.raises(InputError) as caught:
            evaluate_decision(read, "D", inputs_from_json(read, text))
        assert what in str(caught.value)
    with pytest.raises(InputError, match="not a value of this input"):
        evaluate_decision(read, "D", {"Plan": 1})
    with pytest.raises(NotFoundError, match='did you mean "D"'):
        evaluate_decision(read, "d", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/3", "0.3333333333333333333333333333333333"),
        ("2/3", "0.6666666666666666666666666666666667"),
        ("10 ** 20", "100000000000000000000"),
        ("10 ** 900 * 10 ** 900 * 10 ** 900 * 10 ** 900 * 10 ** 900 * 10 ** 900", "1E+5400"),
        ('[null, true, "ä"]', '[null, true, "ä"]'),
        ('{a: duration("P1Y2M"), b: @"PT90M"}', '{"a": "P1Y2M", "b": "PT1H30M"}'),
        ('date and time("2024-02-29T10:00:00Z")', '"2024-02-29T10:00:00Z"'),
        ('date("2024-02-29")', '"2024-02-29"'),
    ],
)
def test_results_are_written_as_json(text, expected):
    assert to_json(value(text.replace("<", "&lt;"))) == expected


def test_what_xml_cannot_hold_is_refused():
    with pytest.raises(InputError, match="cannot hold"):
        write_model(Model("a\x00", "n"))
    assert UnaryTests(()).is_any
