"""Models beyond decision tables: functions, services, boxed expressions within one another, and declared types."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from compensation.dmn import evaluate_decision, missing_inputs, read_model, to_json, write_model
from compensation.dmn.exchange import model_to_policy
from compensation.document.reading import PolicyError, load_policy
from foundation.errors import InputError
from tests.dmn_models import (
    HEAD,
    answer,
    boxed_function,
    context,
    decision,
    function,
    given,
    literal,
    read,
    service,
    table,
)


@pytest.mark.parametrize(
    ("text", "type_ref", "expected"),
    [
        ("[1]", "number", "1"),
        ("1", "tNumbers", "[1]"),
        ('"a"', "number", "null"),
        ('[1, "a"]', "tNumbers", "null"),
        ("null", "tNumbers", "null"),
        ('date("2024-02-29")', "date and time", '"2024-02-29T00:00:00Z"'),
        ('{name: "x", age: 1, more: true}', "tPerson", '{"name": "x", "age": 1, "more": true}'),
        ('{name: "x"}', "tPerson", "null"),
        ('{name: "x", age: "old"}', "tPerson", "null"),
    ],
)
def test_a_result_is_of_its_declared_type_or_null(text, type_ref, expected):
    types = (
        '<itemDefinition name="tNumbers" isCollection="true"><typeRef>number</typeRef></itemDefinition>'
        '<itemDefinition name="tPerson"><itemComponent name="name"><typeRef>string</typeRef></itemComponent>'
        '<itemComponent name="age"><typeRef>number</typeRef></itemComponent></itemDefinition>'
    )
    model = read(types, decision("D", literal(text), type_ref=type_ref))
    notes: list[str] = []
    assert to_json(evaluate_decision(model, "D", {}, notes)) == expected
    assert (expected == "null" and text != "null") is any("D is" in note for note in notes)


def test_a_table_with_several_outputs_keeps_them_whatever_its_variable_is_called():
    two = (
        '<decisionTable><output name="level" typeRef="string"/><output name="rate" typeRef="number"/>'
        '<rule><outputEntry><text>"a"</text></outputEntry><outputEntry><text>1</text></outputEntry></rule>'
        "</decisionTable>"
    )
    assert answer(read(decision("D", two, type_ref="string")), "D") == '{"level": "a", "rate": 1}'


def test_a_library_of_functions_is_shared_between_decisions():
    library = context(
        {
            "sum of": literal("function(a, b) a + b"),
            "half": boxed_function({"a": "number"}, literal("a / 2")),
        }
    )
    model = read(
        given("x", "number"),
        decision("library", library),
        decision("D", literal("library.half(library.sum of(b: 2, a: x))"), "in x", "de library"),
    )
    assert answer(model, "D", '{"x": 4}') == "3"


def test_functions_of_the_model_are_passed_called_by_name_and_return_functions():
    model = read(
        function("Times ten", {"a": "number"}, literal("a * 10")),
        function("Both", {"f": "", "g": ""}, literal("f(1) + g(2)")),
        function("Adder", {"a": "number"}, boxed_function({"b": "number"}, literal("a + b"))),
        function("Sum of it", {"first part": "number", "n": ""}, literal("first part + n"), type_ref="number"),
        decision("Passed", literal("Both(Times ten, Times ten)"), "fn Both", "fn Times ten"),
        decision("Curried", literal("Adder(1)(2)"), "fn Adder"),
        decision("Named", literal("Sum of it(n: 1, first part: 2)"), "fn Sum of it"),
        decision("Wrong", literal('Sum of it("a", 1)'), "fn Sum of it"),
        decision("Forever", literal("Both(Both, Both)"), "fn Both"),
    )
    assert [answer(model, name) for name in ("Passed", "Curried", "Named", "Wrong", "Forever")] == [
        *("30", "3", "3"),
        *("null", "null"),
    ]


def test_functions_that_call_one_another_without_end_are_null():
    model = read(function("Again", {"f": ""}, literal("f(f)")), decision("D", literal("Again(Again)"), "fn Again"))
    notes: list[str] = []
    assert evaluate_decision(model, "D", {}, notes) is None
    assert any("too deep or too often" in note for note in notes)


def test_an_invocation_calls_a_function_value_by_the_names_of_its_parameters():
    bindings = "".join(
        f'<binding><parameter name="{name}"/>{literal(text)}</binding>' for name, text in (("b", "1"), ("a", "5"))
    )
    logic = context({"less": literal("function(a, b) a - b")}, f"<invocation>{literal('less')}{bindings}</invocation>")
    assert answer(read(decision("D", logic)), "D") == "4"


def test_tables_stand_within_contexts_functions_and_invocations():
    grade = table("points", {">= 90": '"A"', "[50..90)": '"B"', "< 50": '"C"'})
    inner = context({"points": literal("score * 10"), "the grade": grade}, literal('the grade + "!"'))
    taken = table("n", {"> 1": "n * 2", "<= 1": "n"})
    bound = f'<invocation>{literal("Double")}<binding><parameter name="n"/>{table("score", {"-": "7"})}</binding>'
    model = read(
        given("score", "number"),
        function("Double", {"n": "number"}, context({"r": taken}, literal("r"))),
        decision("Grade", inner, "in score"),
        decision("Bound", f"{bound}</invocation>", "in score", "fn Double"),
        decision("1st of all", context({"x": table("score", {"-": "1"})}, literal("x")), "in score"),
        decision(
            "List", f"<list>{table('score', {'>= 9': '1', '-': '2'}, 'FIRST')}{literal('score')}</list>", "in score"
        ),
    )
    found = [answer(model, name, '{"score": 9}') for name in ("Grade", "Bound", "List", "1st of all")]
    assert found == ['"A!"', "14", "[1, 9]", "1"]


def test_a_boxed_filter_chooses_by_item_and_by_the_names_of_its_entries():
    types = (
        '<itemDefinition name="tLines" isCollection="true">'
        '<itemComponent name="fee"><typeRef>number</typeRef></itemComponent>'
        '<itemComponent name="plan name"><typeRef>string</typeRef></itemComponent></itemDefinition>'
    )

    def chosen(condition: str) -> str:
        return f"<filter><in>{literal('lines')}</in><match>{literal(condition)}</match></filter>"

    model = read(
        types,
        given("lines", "tLines"),
        given("least", "number"),
        decision("By item", chosen("item.fee > least"), "in lines", "in least"),
        decision("By name", chosen('fee > least and plan name = "B"'), "in lines", "in least"),
    )
    lines = '{"fee": 1, "plan name": "B"}, {"fee": 3, "plan name": "A"}, {"fee": 4, "plan name": "B"}'
    inputs = f'{{"lines": [{lines}], "least": 2}}'
    assert answer(model, "By item", inputs).count("fee") == 2
    assert answer(model, "By name", inputs) == '[{"fee": 4, "plan name": "B"}]'


def test_a_service_is_called_with_inputs_before_decisions_and_decides_the_rest():
    model = read(
        given("a", "string"),
        decision("b", literal('"never asked"'), type_ref="string"),
        decision("c", literal('a + b + "!"'), "in a", "de b"),
        service("Ask", "de c", inputData="in a", inputDecision="de b"),
        decision("Placed", literal('Ask("1", "2")'), "fn Ask"),
        decision("Named", literal('Ask(b: "2", a: "1")'), "fn Ask"),
        decision("Passed", literal('(function(f) f("x", "y"))(Ask)'), "fn Ask"),
        decision("Wrong", literal('Ask("1")'), "fn Ask"),
    )
    found = [answer(model, name) for name in ("Placed", "Named", "Passed", "Wrong")]
    assert found == ['"12!"', '"12!"', '"xy!"', "null"]
    assert answer(model, "c", '{"a": "1"}') == '"1never asked!"'
    assert answer(model, "Ask", '{"a": "1", "b": "2"}') == '"12!"'
    with pytest.raises(InputError, match="no such input"):
        answer(model, "c", '{"b": "1"}')


def test_a_service_of_several_decisions_answers_with_a_context():
    both = service("S", "de b", outputDecision="de c")
    model = read(decision("b", literal("1")), decision("c", literal("2")), both, decision("D", literal("S()"), "fn S"))
    assert answer(model, "D") == '{"b": 1, "c": 2}'


def test_names_with_digits_behind_dots_and_names_that_begin_with_keywords_are_read():
    model = read(
        given("rate 2.1", "number"),
        given("in list values", ""),
        decision("step 1.2", literal("rate 2.1 * 2"), "in rate 2.1"),
        decision("D", literal("step 1.2 + count(in list values)"), "de step 1.2", "in in list values"),
        decision("E", literal("every i in in list values satisfies i > 0"), "in in list values"),
    )
    inputs = '{"rate 2.1": 1.5, "in list values": [1, 2]}'
    assert [answer(model, name, inputs) for name in ("step 1.2", "D", "E")] == ["3", "5", "true"]


def test_types_of_functions_and_constraints_of_whole_lists_are_kept_and_held():
    types = (
        '<itemDefinition name="tFew" isCollection="true"><typeRef>number</typeRef>'
        "<allowedValues><text>[0..9]</text></allowedValues><typeConstraint><text>count(?) &lt; 3</text>"
        '</typeConstraint></itemDefinition><itemDefinition name="tScale"><functionItem outputTypeRef="number">'
        '<parameters name="n" typeRef="number"/></functionItem></itemDefinition>'
    )
    model = read(
        types,
        given("few", "tFew"),
        function("Scale", {"n": "number"}, literal("[n * 2]"), type_ref="tScale"),
        decision("D", literal("for n in few return Scale(n)"), "in few", "fn Scale"),
    )
    assert "DMN/20230324/" in write_model(model)
    assert answer(model, "D", '{"few": [1, 2]}') == "[2, 4]"
    assert answer(model, "D", '{"few": 3}') == "[6]"
    for inputs in ('{"few": [1, 2, 3]}', '{"few": [10]}'):
        with pytest.raises(InputError, match="not an allowed value"):
            answer(model, "D", inputs)


def test_inputs_of_structures_are_made_of_their_types_and_missing_entries_are_null():
    types = (
        '<itemDefinition name="tLoan"><itemComponent name="since"><typeRef>date</typeRef></itemComponent>'
        '<itemComponent name="kind"><typeRef>string</typeRef><allowedValues><text>"A", "B"</text></allowedValues>'
        '</itemComponent><itemComponent name="terms" isCollection="true"><typeRef>days and time duration</typeRef>'
        "</itemComponent></itemDefinition>"
    )
    logic = literal("[Loan.since.year, Loan.kind, Loan.terms[1].hours]")
    model = read(types, given("Loan", "tLoan"), decision("D", logic, "in Loan"))
    whole = '{"Loan": {"since": "2024-02-29", "kind": "A", "terms": ["PT36H"]}}'
    assert answer(model, "D", whole) == '[2024, "A", 12]'
    assert answer(model, "D", '{"Loan": {"since": "2024-02-29"}}') == "[2024, null, null]"
    for inputs, where in [
        ('{"Loan": {"kind": "C"}}', "Loan.kind"),
        ('{"Loan": {"since": "soon"}}', "Loan.since"),
        ('{"Loan": {"until": "2024-02-29"}}', "Loan"),
        ('{"Loan": 5}', "Loan"),
    ]:
        with pytest.raises(InputError) as caught:
            answer(model, "D", inputs)
        assert caught.value.where == where


def test_inputs_that_are_missing_are_told_through_all_decisions_behind_one():
    model = read(
        given("a", "number"),
        given("b", "string"),
        given("c"),
        decision("D", literal("a"), "in a"),
        decision("E", literal("D + b"), "de D", "in b"),
    )
    assert [one.name for one in missing_inputs(model, "E", {"b": Fraction(1)})] == ["a"]
    assert [one.name for one in missing_inputs(model, "E", {})] == ["a", "b"]


def test_one_decision_is_read_without_what_it_does_not_require():
    text = (
        f"{HEAD}{given('a', 'number')}{decision('D', literal('a + 1'), 'in a')}"
        f"{decision('Broken', literal('a +'), 'in a')}{decision('E', literal('D * 2'), 'de D')}</definitions>"
    )
    with pytest.raises(InputError, match="expected an expression"):
        read_model(text)
    assert answer(read_model(text, "E"), "E", '{"a": 2}') == "6"
    with pytest.raises(InputError, match="expected an expression"):
        read_model(text, "Broken")


def test_a_decision_is_asked_by_its_own_name_when_its_variable_bears_another():
    model = read(decision("kept as", literal("1")).replace('name="kept as"><', 'name="Asked as"><', 1))
    assert [answer(model, "Asked as"), answer(model, "kept as")] == ["1", "1"]


def test_a_decision_without_logic_is_null_and_says_so():
    model = read(decision("Open", ""), decision("D", literal("Open = null"), "de Open"))
    assert answer(model, "D") == "true"
    assert any('"Open" has no logic' in warning for warning in model.warnings)


def test_a_parameter_that_is_given_something_else_is_null_and_a_list_of_lists_of_one_is_that_one():
    model = read(
        function("Is it", {"n": "number"}, literal("n = null")),
        function("Wrapped", {"n": ""}, literal("[n]"), type_ref="number"),
        decision("A", literal('Is it("a")'), "fn Is it"),
        decision("B", literal("Wrapped([10])"), "fn Wrapped"),
        decision("C", literal('Wrapped(["a"])'), "fn Wrapped"),
    )
    assert [answer(model, name) for name in "ABC"] == ["true", "10", "null"]


def test_what_only_a_model_may_say_is_refused_when_it_becomes_a_policy():
    head = {"basis": "goodwill", "currency": "GBP", "zone": "Europe/London", "from": "2026-01-01"}
    for text, what in [
        ("(function(a) a)(1)", "a policy"),
        ("sort([1], function(a, b) a < b)[1]", "cannot take 2 arguments"),
        ("product(1, 2)", '"product" is not a function'),
        ("count([[1..2]])", "an interval can only be tested against"),
    ]:
        policy = model_to_policy(read(decision("owed", literal(text))), head)
        with pytest.raises(PolicyError) as caught:
            load_policy(policy)
        assert what in str(caught.value), str(caught.value)


RICH = (
    given("lines", "tLines")
    + function("Twice", {"n": "number"}, context({"r": table("n", {"> 1": "n * 2", "-": "n"}, "FIRST")}, literal("r")))
    + decision("Chosen", f"<filter><in>{literal('lines')}</in><match>{literal('fee > 1')}</match></filter>", "in lines")
    + decision("D", literal("for x in Chosen return Twice(n: x.fee)"), "de Chosen", "fn Twice", type_ref="tFew")
    + service("Ask", "de D", inputData="in lines")
    + decision("E", literal("sort(Ask([{fee: 2}]), function(a, b) a > b)[1] in [1..5)"), "fn Ask")
)
TYPES = (
    '<itemDefinition name="tLines" isCollection="true"><itemComponent name="fee"><typeRef>number</typeRef>'
    '</itemComponent></itemDefinition><itemDefinition name="tFew" isCollection="true"><typeRef>number</typeRef>'
    "<typeConstraint><text>count(?) &lt; 9</text></typeConstraint></itemDefinition>"
)
PIECES = [
    "",
    "(",
    ")",
    "[1..",
    "function(a) ",
    "a: ",
    "instance of ",
    "</text>",
    "<text>",
    "#de D",
    "tFew",
    "/",
    '"',
    "9" * 70,
]


@settings(max_examples=150, deadline=None)
@given_any(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 30), st.sampled_from(PIECES)), max_size=3))
def test_a_spoilt_model_is_refused_or_answers_and_does_nothing_else(edits):
    text = f"{HEAD}{TYPES}{RICH}</definitions>"
    for start, length, piece in edits:
        text = text[: start % len(text)] + piece + text[start % len(text) + length :]
    with contextlib.suppress(InputError):
        model = read_model(text)
        for one in model.decisions:
            answer(model, one.name, '{"lines": [{"fee": 3}, {"fee": 1}]}')
