"""A policy's text edited by its parts: what changes is written, everything else stays byte for byte."""

from __future__ import annotations

import copy
import difflib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from compensation.document.edit import TextEditor, compose, plain
from compensation.document.outline import LISTS, read_outline, write_outline
from compensation.document.outline_diff import compare_outlines
from compensation.document.places import place_problems
from compensation.document.reading import PolicyError, load_policy
from compensation.policy_check import check_policy
from compensation.tables.cells import Written, join_rows, split_rows, tidy
from foundation.errors import InputError

SCHEMES = sorted(one.name for one in (files("compensation") / "schemes").iterdir() if one.name.endswith(".yaml"))


def scheme(name: str = "o2_uk_2012_07.yaml") -> str:
    return (files("compensation") / "schemes" / name).read_text(encoding="utf-8")


def outline_of(text: str) -> dict[str, Any]:
    outline = read_outline(text)
    assert outline is not None
    return outline


def without_places(outline: dict[str, Any]) -> dict[str, Any]:
    """What an outline says, whatever text it was read from."""
    said = copy.deepcopy(outline)
    said["lists"] = {name: entries for name, entries in said["lists"].items() if entries}
    for entries in said["lists"].values():
        for entry in entries:
            entry.pop("from")
    return said


def edited(text: str, change) -> tuple[str, list[str]]:
    """The text after a change of its outline, and the lines that differ."""
    outline = outline_of(text)
    change(outline)
    after = write_outline(text, outline)
    assert without_places(outline_of(after)) == without_places(outline)
    lines = difflib.unified_diff(text.splitlines(), after.splitlines(), lineterm="", n=0)
    return after, [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize("name", SCHEMES)
def test_an_outline_that_was_not_changed_gives_the_same_bytes(name):
    text = scheme(name)
    assert write_outline(text, outline_of(text)) == text


def test_one_cell_rewrites_its_table_alone():
    text = scheme()

    def change(outline):
        outline["lists"]["decisions"][1]["fields"]["table"]["rules"][5]["tests"][2] = '"prepaid"'

    after, lines = edited(text, change)
    start = text.index("      promise        | affected")
    end = text.index("rewards:")
    assert after.startswith(text[:start])
    assert after.endswith(text[end:])
    assert sum("prepaid" in line for line in lines if line.startswith("+")) == 3


def test_one_value_is_replaced_in_its_line():
    def change(outline):
        outline["lists"]["parameters"][0]["fields"]["values"]["pairs"][0][1] = "0.12"

    assert edited(scheme(), change)[1] == ["-    values: {2012-07-11: 0.10}", "+    values: {2012-07-11: 0.12}"]


def test_what_is_added_looks_like_what_stands_beside_it():
    def change(outline):
        fields = {"name": "new: one", "tag": "C", "given": {"map": {"brand": "O2"}}}
        fields["expect"] = {"map": {"text": None}, "rewards": {"voucher": {"amount": "10.00"}}}
        outline["lists"]["tests"].insert(0, {"from": None, "key": None, "fields": fields})

    assert edited(scheme(), change)[1] == [
        "+  - name: 'new: one'",
        "+    tag: C",
        "+    given: {brand: O2}",
        "+    expect: {rewards: {voucher: 10.00}, text: null}",
    ]


def test_entries_move_with_the_comments_above_them():
    text = (
        "rewards:\n  # for all\n  - name: a\n    kind: apology  # said\n\n  # for few\n  - name: b\n    kind: apology\n"
    )

    def change(outline):
        outline["lists"]["rewards"].reverse()

    after, _ = edited(text, change)
    assert after == (
        "rewards:\n  # for all\n  # for few\n  - name: b\n    kind: apology\n\n  - name: a\n    kind: apology  # said\n"
    )


def test_a_part_that_was_missing_comes_where_it_belongs():
    def change(outline):
        measure = {"name": "days lost", "count": "days", "of": "any", "over": "PT12H"}
        outline["lists"]["measures"] = [{"from": None, "key": None, "fields": measure}]

    after, lines = edited(scheme(), change)
    assert after.index("measures:") < after.index("decisions:")
    assert after.index("measures:") > after.index("business lines:")
    assert [line for line in lines if line.startswith("-")] == []


def test_the_last_entry_of_a_part_can_go_and_come_back():
    text = "policy: a\ntests:\n  - name: one\n    tag: C\n# end\n"
    after, _ = edited(text, lambda outline: outline["lists"].update(tests=[]))
    assert after == "policy: a\ntests: []\n# end\n"
    entry = {"from": None, "key": None, "fields": {"name": "two", "tag": "C"}}
    again, _ = edited(after, lambda outline: outline["lists"]["tests"].append(entry))
    root = compose(again)
    assert root is not None
    assert plain(root) == {"policy": "a", "tests": [{"name": "two", "tag": "C"}]}


# Shrinking a failure may take minutes; the first one found says enough.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
WORDS = st.text(alphabet=st.sampled_from("aA1 .:#-'\"{}[],|&*!%@`>?\\\t\näß🙂"), max_size=12)


SMALL = """# head
policy: a
sources: [{what: b, where: c}]
parameters:
  # the share
  share: {unit: x, source: y, values: {2020-01-01: 1}}
  other:
    unit: '"q"'
    source: |
      two
      lines

decisions:
  - name: d
    table: |
      a || b : string
      ---
      - || "x"

  # said
  - {name: e, expression: 1 + 1}
rewards:
- name: f
  kind: apology
- name: g
  kind: apology  # behind
tests: []
# tail
"""


@settings(max_examples=150, deadline=None, phases=PHASES)
@given(st.data())
def test_whatever_is_written_is_read_again_as_it_was(data):
    """The law of the editor: read(write(text, outline)) says what the outline said; nothing else was touched."""
    text = SMALL
    outline = outline_of(text)
    part = data.draw(st.sampled_from([name for name in LISTS if outline["lists"].get(name)]))
    entries = outline["lists"][part]
    at = data.draw(st.integers(0, len(entries) - 1))
    fields = entries[at]["fields"]
    step = data.draw(st.sampled_from(["set", "add field", "drop field", "remove", "move", "insert"]))
    if step == "set":
        name = data.draw(st.sampled_from([name for name, value in fields.items() if isinstance(value, str)]))
        fields[name] = data.draw(WORDS)
    elif step == "add field":
        fields[data.draw(WORDS)] = data.draw(WORDS | st.none())
    elif step == "drop field":
        fields.pop(data.draw(st.sampled_from(list(fields))))
    elif step == "remove":
        del entries[at]
    elif step == "move":
        entries.insert(data.draw(st.integers(0, len(entries) - 1)), entries.pop(at))
    else:
        new = {"from": None, "key": "fresh" if part == "parameters" else None, "fields": {"name": data.draw(WORDS)}}
        entries.insert(at, new)
    after = write_outline(text, outline)
    back = outline_of(after)
    assert without_places(back)["lists"].get(part) == without_places(outline)["lists"].get(part)
    for other in LISTS:
        if other != part:
            assert back["lists"].get(other) == outline_of(text)["lists"].get(other)
    assert all(line in after for line in text.splitlines() if line.startswith("#"))


@settings(max_examples=200, deadline=None, phases=PHASES)
@given(st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=4))
def test_cells_stay_cells_whatever_they_hold(rows):
    """A tidied cell is one cell again after the table was written."""
    written = [Written(["a", "b"], ["c : string"])] + [Written(row[:2], row[2:]) for row in rows]
    kept = [row for row in rows if any(tidy(cell) for cell in row)]
    back = split_rows(join_rows(written))
    if len(kept) == len(rows) and not any(set(tidy(row[0])) <= set("-") for row in rows):
        assert [[cell.text for cell in row.cells()] for row in back[1:]] == [
            [tidy(cell) for cell in row] for row in rows
        ]


def test_an_open_quote_or_a_bar_does_not_swallow_the_neighbours():
    outline = outline_of(scheme())
    rules = outline["lists"]["decisions"][0]["fields"]["table"]["rules"]
    rules[0]["tests"][0], rules[1]["tests"][0] = '"O2', "a | b"
    rules = outline_of(write_outline(scheme(), outline))["lists"]["decisions"][0]["fields"]["table"]["rules"]
    assert [rules[0]["tests"][0], rules[1]["tests"][0]] == ['"O2"', '"a | b"']
    assert rules[0]["tests"][1] == '"consumer"'


@pytest.mark.parametrize(
    ("wrong", "right", "path", "fix"),
    [
        ("brand          | seg", "brnd           | seg", ("decisions", 0, "table", "head", "tests", 0), "brand"),
        ('"business" | <', '"bussines" | <', ("decisions", 0, "table", "rules", 1, "tests", 1), '"business"'),
        ("kind: voucher", "kind: vouchr", ("rewards", 3, "kind"), "voucher"),
        ("{brand: O2, segment: consumer", "{brnd: O2, segment: consumer", ("tests", 0, "given", "brnd"), None),
        ("basis: goodwill", "basis: godwill", ("basis",), "goodwill"),
        ("when: owed.credit", "when: owed.credt", ("rewards", 0, "when"), "owed.credit"),
        ("{2012-07-11: 10}", "{2012-07-11: 10, 2012-07-12: x}", ("parameters", 1, "values", "2012-07-12"), None),
        ("limits: {amount per line: 60.00", "limits: {amount per line: 60.001", ("limits", "amount per line"), None),
    ],
)
def test_a_complaint_is_placed_in_its_cell_with_what_would_be_right(wrong, right, path, fix):
    text = scheme().replace(wrong, right, 1)
    with pytest.raises(PolicyError) as raised:
        load_policy(text)
    placed = place_problems(text, raised.value.problems)
    assert placed[0].path == path
    assert fix is None or placed[0].fix == fix


def test_what_is_no_yaml_has_no_outline_and_its_complaint_no_place():
    assert read_outline("policy: [") is None
    assert read_outline("- a list") is None
    report = check_policy("policy: [", None)
    assert [problem.path for problem in report.problems] == [()]
    with pytest.raises(InputError):
        write_outline("policy: [", {"head": {}, "lists": {}})


def test_the_names_that_cells_may_read_are_known_while_the_text_is_wrong():
    text = scheme().replace("kind: voucher", "kind: vouchr")
    offered = {name.name: name for name in check_policy(text, read_outline(text)).names}
    assert offered["service fee"].kind == "fact"
    assert (offered["business lines"].kind, offered["business lines"].unit) == ("parameter", "lines")
    assert (offered["owed.credit"].kind, offered["owed.credit"].type) == ("result", "boolean")
    assert offered["promise"].allowed == ('"O2"', '"Tesco Mobile"', '"giffgaff"')


def test_the_difference_of_two_texts_names_cells_columns_rules_and_fields():
    before = outline_of(scheme())
    after = copy.deepcopy(before)
    table = after["lists"]["decisions"][0]["fields"]["table"]
    table["rules"][1]["tests"][2] = "< 5"
    del table["rules"][3]
    table["inputs"].append({"expression": "plan", "values": ""})
    for rule in table["rules"]:
        rule["tests"].append("-")
    after["head"]["title"] = "New"
    after["lists"]["rewards"].append({"from": None, "key": None, "fields": {"name": "sorry", "kind": "apology"}})
    changes = {(change.part, change.name): change for change in compare_outlines(before, after)}
    assert set(changes) == {("head", ""), ("decisions", "promise"), ("rewards", "sorry")}
    assert [name for name, _ in changes["head", ""].fields] == ["title"]
    assert changes["rewards", "sorry"].kind == "added"
    diff = changes["decisions", "promise"].table
    assert diff is not None
    assert [row.kind for row in diff.rows] == ["changed", "changed", "changed", "removed"]
    assert [(head.before, head.after) for head in diff.heads if head.is_changed] == [(None, "plan")]
    limit = diff.rows[1].cells[2]
    assert (limit.before, limit.after) == ("< business lines", "< 5")


@pytest.mark.parametrize("name", SCHEMES)
def test_a_text_does_not_differ_from_itself(name):
    outline = outline_of(scheme(name))
    assert compare_outlines(outline, outline) == []


def test_an_editor_reads_the_end_of_every_kind_of_value():
    text = 'a: |\n  x\n\nb: {c: 1}  # flow\nd:\n  - 1\n  - "2"\n# tail\n'
    editor = TextEditor(text)
    assert editor.root is not None
    ends = [text[: editor.content_end(value)].splitlines()[-1] for _, value in editor.root.value]
    assert ends == ["  x", "b: {c: 1}", '  - "2"']
