"""Models that import others, names with signs in them, entries of declared types, and parts that cannot be read."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from compensation.cli.dmn import dmn
from compensation.dmn import ModelError, evaluate_decision, inputs_from_json, read_model, to_json, write_model
from compensation.dmn.exchange import model_to_policy
from foundation.errors import InputError
from tests.dmn_models import answer, context, decision, given, literal, read

DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"
IMPORT = '<import namespace="{0}" name="{1}" importType="https://www.omg.org/spec/DMN/20191111/MODEL/"/>'


def document(name: str, *parts: str) -> str:
    return f'<definitions xmlns="{DMN}" name="{name}" namespace="urn:{name}">{"".join(parts)}</definitions>'


PEOPLE = document(
    "people",
    '<itemDefinition name="tAge"><typeRef>number</typeRef></itemDefinition>'
    '<itemDefinition name="tPerson"><itemComponent name="name"><typeRef>string</typeRef></itemComponent>'
    '<itemComponent name="age"><typeRef>tAge</typeRef></itemComponent></itemDefinition>',
    '<inputData id="i" name="Person name"><variable name="Person name" typeRef="string"/></inputData>',
    '<decision id="d" name="Greeting"><variable name="Greeting" typeRef="string"/>'
    '<informationRequirement><requiredInput href="#i"/></informationRequirement>'
    '<knowledgeRequirement><requiredKnowledge href="#b"/></knowledgeRequirement>'
    "<literalExpression><text>Say Hello({name: Person name, age: 7})</text></literalExpression></decision>",
    '<businessKnowledgeModel id="b" name="Say Hello"><variable name="Say Hello"/><encapsulatedLogic>'
    '<formalParameter name="Person" typeRef="tPerson"/>'
    '<literalExpression><text>"Hello " + Person.name + (if Person instance of tPerson then "!" else "?")</text>'
    "</literalExpression></encapsulatedLogic></businessKnowledgeModel>",
)
OFFICE = document(
    "office",
    IMPORT.format("urn:people", "staff"),
    '<inputData id="a" name="A Person"><variable name="A Person" typeRef="staff:tPerson"/></inputData>',
    '<decision id="x" name="Said"><variable name="Said"/>'
    '<informationRequirement><requiredInput href="#a"/></informationRequirement>'
    '<knowledgeRequirement><requiredKnowledge href="urn:people#b"/></knowledgeRequirement>'
    "<literalExpression><text>staff.Say Hello(A Person)</text></literalExpression></decision>",
    '<decision id="y" name="Boxed"><variable name="Boxed"/>'
    '<informationRequirement><requiredInput href="#a"/></informationRequirement>'
    '<knowledgeRequirement><requiredKnowledge href="urn:people#b"/></knowledgeRequirement>'
    "<invocation><literalExpression><text>staff.Say Hello</text></literalExpression>"
    '<binding><parameter name="Person"/><literalExpression><text>A Person</text></literalExpression></binding>'
    "</invocation></decision>",
    '<decision id="z" name="Welcome"><variable name="Welcome"/>'
    '<informationRequirement><requiredDecision href="urn:people#d"/></informationRequirement>'
    '<literalExpression><text>staff.Greeting + " Come in."</text></literalExpression></decision>',
)
BRANCHES = [
    document(
        name,
        IMPORT.format("urn:people", "people"),
        f'<decision id="g" name="Welcome"><variable name="Welcome"/>'
        '<informationRequirement><requiredDecision href="urn:people#d"/></informationRequirement>'
        f'<literalExpression><text>people.Greeting + " {name}"</text></literalExpression></decision>',
    )
    for name in ("north", "south")
]
CITY = document(
    "city",
    IMPORT.format("urn:north", "The North"),
    IMPORT.format("urn:south", "south"),
    '<decision id="c" name="Both"><variable name="Both"/>'
    '<informationRequirement><requiredDecision href="urn:north#g"/></informationRequirement>'
    '<informationRequirement><requiredDecision href="urn:south#g"/></informationRequirement>'
    "<literalExpression><text>[The North.Welcome, south.Welcome]</text></literalExpression></decision>",
)


def ask(text: str, name: str, inputs: str, *others: str) -> str:
    model = read_model(text, others=others)
    return to_json(evaluate_decision(model, name, inputs_from_json(model, inputs)))


@pytest.mark.parametrize("name", ["Said", "Boxed"])
def test_a_function_and_a_type_of_an_imported_model_are_used_by_its_prefix(name: str) -> None:
    assert ask(OFFICE, name, '{"A Person": {"name": "Ann", "age": 3}}', PEOPLE) == '"Hello Ann!"'


@pytest.mark.parametrize("inputs", ['{"staff": {"Person name": "Bob"}}', '{"staff.Person name": "Bob"}'])
def test_an_imported_decision_has_inputs_of_its_own(inputs: str) -> None:
    assert ask(OFFICE, "Welcome", inputs, PEOPLE) == '"Hello Bob! Come in."'


def test_a_model_that_is_imported_twice_by_others_has_its_inputs_twice() -> None:
    inputs = '{"The North": {"people": {"Person name": "Ann"}}, "south": {"people": {"Person name": "Bob"}}}'
    assert ask(CITY, "Both", inputs, PEOPLE, *BRANCHES) == '["Hello Ann! north", "Hello Bob! south"]'


def test_an_input_that_an_imported_model_does_not_have_is_named() -> None:
    with pytest.raises(InputError, match="no such input"):
        ask(OFFICE, "Welcome", '{"staff": {"Person nam": "Bob"}}', PEOPLE)


def test_a_model_that_is_not_there_is_named_and_stops_only_what_needs_it() -> None:
    text = OFFICE.replace("</definitions>", f"{decision('Own', literal('1'))}</definitions>")
    with pytest.raises(ModelError, match="the model urn:people is not there"):
        read_model(text)
    model = read_model(text, as_far_as_possible=True)
    assert any("urn:people is not there" in warning for warning in model.warnings)
    assert to_json(evaluate_decision(model, "Own", {})) == "1"
    with pytest.raises(ModelError, match="is nothing in this model, nor in one that it imports"):
        evaluate_decision(model, "Welcome", {})


def test_models_that_import_each_other_are_refused() -> None:
    one = document("one", IMPORT.format("urn:two", "two"))
    with pytest.raises(ModelError, match="imports itself"):
        read_model(one, others=[document("two", IMPORT.format("urn:one", "one"))])


def test_imported_decisions_are_neither_written_nor_made_a_policy() -> None:
    model = read_model(CITY, others=[PEOPLE, *BRANCHES])
    with pytest.raises(InputError, match="decisions of other models are not written"):
        write_model(model)
    bare = PEOPLE.replace(PEOPLE[PEOPLE.index("<businessKnowledgeModel") : PEOPLE.index("</definitions>")], "")
    bare = bare.replace('<knowledgeRequirement><requiredKnowledge href="#b"/></knowledgeRequirement>', "")
    bare = bare.replace("Say Hello({name: Person name, age: 7})", "Person name")
    with pytest.raises(InputError, match="takes no decisions from other models"):
        model_to_policy(read_model(BRANCHES[0], others=[bare]), {})


def test_the_command_finds_imported_models_beside_the_model(tmp_path) -> None:
    for name, text in {"office": OFFICE, "people": PEOPLE, "broken": "<definitions"}.items():
        (tmp_path / f"{name}.dmn").write_text(text)
    asked = [
        "run",
        str(tmp_path / "office.dmn"),
        "--decision",
        "Welcome",
        "--input",
        '{"staff": {"Person name": "Eve"}}',
    ]
    found = CliRunner().invoke(dmn, asked)
    assert (found.exit_code, found.stdout) == (0, '"Hello Eve! Come in."\n')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a+b: 1}", '{"a+b": 1}'),
        ("{a+b: 1, c: a+b + 1}.c", "2"),
        ("{bob's fee: 2, c: bob's fee * 2}.c", "4"),
        ("{a/b: 1, c-d: 2, e*f: 3, x: a/b + c-d + e*f}.x", "6"),
        ("{step 2: 5}.step 2", "5"),
        ("{time and place: 5}.time and place", "5"),
        ("{a: 4, b: 3, c: a-b}.c", "1"),
        ("[{a+b: 1}, {a+b: 2}][a+b > 1].a+b", "[2]"),
        ("for a-b in [1, 2] return a-b * 2", "[2, 4]"),
        ("every x+y in [1, 2] satisfies x+y > 0", "true"),
        ("{f: function(a+b: number, c) a+b * c, r: f(3, 2)}.r", "6"),
        ('{"a, b+c: 1": 2, d: 3, e: d-1}.e', "2"),
        ('string length("\\U01F600\\uD83D\\uDE00")', "2"),
        ('substring("a\\U01F600bc", 2, 1)', '"\U0001f600"'),
    ],
)
def test_names_with_signs_that_a_text_gives(text: str, expected: str) -> None:
    assert answer(read(decision("D", literal(text))), "D") == expected


@pytest.mark.parametrize(
    ("text", "type_ref", "expected"),
    [
        ("1 + 1", "number", "2"),
        ('"a"', "number", "null"),
        ("[3]", "number", "3"),
        ("x", "string", "null"),
        ("x", "number", "4"),
        ("{a: 1}", "tPair", "null"),
        ("{a: 1, b: 2}", "tPair", '{"a": 1, "b": 2}'),
    ],
)
def test_an_entry_is_of_its_declared_type_or_null(text: str, type_ref: str, expected: str) -> None:
    pair = "".join(f'<itemComponent name="{name}"><typeRef>number</typeRef></itemComponent>' for name in "ab")
    entries = context({"e": literal(text)}).replace('name="e"', f'name="e" typeRef="{type_ref}"')
    model = read(f'<itemDefinition name="tPair">{pair}</itemDefinition>', given("x"), decision("D", entries, "in x"))
    assert answer(model, "D", '{"x": 4}') == f'{{"e": {expected}}}'


def test_an_unknown_function_stops_only_what_uses_it() -> None:
    def one(name: str, text: str, *needs: str) -> str:
        required = "".join(
            f'<informationRequirement><requiredDecision href="#{need}"/></informationRequirement>' for need in needs
        )
        body = f"<literalExpression><text>{text}</text></literalExpression>"
        return f'<decision id="{name}" name="{name}"><variable name="{name}"/>{required}{body}</decision>'

    java = (
        '<businessKnowledgeModel id="j" name="J"><variable name="J"/><encapsulatedLogic kind="Java">'
        "<literalExpression><text>1</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>"
    )
    parts = (
        one("Fine", "1"),
        one("Odd", "no such thing(1)"),
        one("Behind", "Odd + 1", "Odd"),
        one("Also", "Fine", "Fine"),
    )
    text = document("mixed", '<itemDefinition name="t"><typeRef>nmber</typeRef></itemDefinition>', *parts, java)
    with pytest.raises(ModelError, match="is not a function"):
        read_model(text)
    model = read_model(text, as_far_as_possible=True)
    assert [to_json(evaluate_decision(model, name, {})) for name in ("Fine", "Also")] == ["1", "1"]
    for name in ("Odd", "Behind"):
        with pytest.raises(ModelError, match='"no such thing" is not a function'):
            evaluate_decision(model, name, {})


def test_models_that_import_ever_more_models_end() -> None:
    chain = [
        document(f"m{depth}", *(IMPORT.format(f"urn:m{depth + 1}", f"way {way}") for way in range(4)))
        for depth in range(9)
    ]
    with pytest.raises(ModelError, match="more than 50 models are imported"):
        read_model(chain[0], others=[*chain[1:], document("m9")])


def test_a_model_is_imported_by_the_command_as_its_help_says_it(tmp_path) -> None:
    path = tmp_path / "model.dmn"
    path.write_text(
        document("m", '<decision id="d" name="Two"><literalExpression><text>2</text></literalExpression></decision>')
    )
    asked = ["import", str(path), "--basis", "goodwill", "--currency", "GBP", "--zone", "Europe/London"]
    found = CliRunner().invoke(dmn, [*asked, "--from", "2026-01-01"])
    assert (found.exit_code, "basis: goodwill" in found.output) == (0, True), found.output
