"""Decision models put together from their parts, each checked to be the same when it is written and read again."""

from __future__ import annotations

from html import escape

from compensation.dmn import Model, evaluate_decision, inputs_from_json, read_model, to_json, write_model

HEAD = '<definitions xmlns="https://www.omg.org/spec/DMN/20230324/MODEL/" name="m" namespace="urn:m">'


def literal(text: str) -> str:
    return f"<literalExpression><text>{escape(text)}</text></literalExpression>"


def needs(*names: str) -> str:
    kinds = {"in": ("information", "Input"), "de": ("information", "Decision"), "fn": ("knowledge", "Knowledge")}
    found = ""
    for name in names:
        kind, target = kinds[name[:2]]
        found += f'<{kind}Requirement><required{target} href="#{name}"/></{kind}Requirement>'
    return found


def given(name: str, type_ref: str = "") -> str:
    typed = f' typeRef="{type_ref}"' if type_ref else ""
    return f'<inputData id="in {name}" name="{name}"><variable name="{name}"{typed}/></inputData>'


def decision(name: str, logic: str, *required: str, type_ref: str = "") -> str:
    typed = f' typeRef="{type_ref}"' if type_ref else ""
    inside = f'<variable name="{name}"{typed}/>{needs(*required)}{logic}'
    return f'<decision id="de {name}" name="{name}">{inside}</decision>'


def function(name: str, parameters: dict[str, str], logic: str, *required: str, type_ref: str = "") -> str:
    takes = "".join(f'<formalParameter name="{one}" typeRef="{kind}"/>' for one, kind in parameters.items())
    typed = f' typeRef="{type_ref}"' if type_ref else ""
    return (
        f'<businessKnowledgeModel id="fn {name}" name="{name}"><variable name="{name}"{typed}/>'
        f"<encapsulatedLogic>{takes}{logic}</encapsulatedLogic>{needs(*required)}</businessKnowledgeModel>"
    )


def boxed_function(parameters: dict[str, str], logic: str) -> str:
    takes = "".join(f'<formalParameter name="{one}" typeRef="{kind}"/>' for one, kind in parameters.items())
    return f"<functionDefinition>{takes}{logic}</functionDefinition>"


def context(entries: dict[str, str], result: str = "") -> str:
    inside = "".join(f'<contextEntry><variable name="{name}"/>{one}</contextEntry>' for name, one in entries.items())
    return f"<context>{inside}{f'<contextEntry>{result}</contextEntry>' if result else ''}</context>"


def table(subject: str, rules: dict[str, str], policy: str = "UNIQUE") -> str:
    rows = "".join(
        f"<rule><inputEntry><text>{escape(test)}</text></inputEntry>"
        f"<outputEntry><text>{escape(result)}</text></outputEntry></rule>"
        for test, result in rules.items()
    )
    return (
        f'<decisionTable hitPolicy="{policy}"><input><inputExpression><text>{subject}</text></inputExpression></input>'
        f"<output/>{rows}</decisionTable>"
    )


def read(*parts: str) -> Model:
    """The model of these parts, which is the same when it is written and read again."""
    found = read_model(f"{HEAD}{''.join(parts)}</definitions>")
    assert read_model(write_model(found)) == found
    return found


def answer(model: Model, name: str, inputs: str = "{}") -> str:
    return to_json(evaluate_decision(model, name, inputs_from_json(model, inputs)))


def value(text: str, type_ref: str = "", notes: list[str] | None = None) -> str:
    model = read(decision("D", literal(text), type_ref=type_ref))
    return to_json(evaluate_decision(model, "D", {}, notes))


def service(name: str, output: str, **inputs: str) -> str:
    parts = "".join(f'<{kind} href="#{href}"/>' for kind, href in inputs.items())
    return f'<decisionService id="fn {name}" name="{name}"><outputDecision href="#{output}"/>{parts}</decisionService>'
