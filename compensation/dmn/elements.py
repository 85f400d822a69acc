"""XML to elements that know their line and column; document types, and so entities, are refused, sizes bounded."""

from __future__ import annotations

import xml.parsers.expat
from collections.abc import Iterator
from dataclasses import dataclass, field

from compensation.dmn.model import ModelError
from compensation.feel import Origin

_MAX_BYTES = 5_000_000
_MAX_ELEMENTS = 300_000
_MAX_DEPTH = 60


@dataclass(slots=True)
class Element:
    """An element: namespace, local name, attributes without namespace, text directly inside, children, its place."""

    namespace: str
    name: str
    attributes: dict[str, str]
    line: int
    column: int
    text: str = ""
    parts: list[str] = field(default_factory=list)
    text_at: tuple[int, int] | None = None
    is_raw: bool = False
    children: list[Element] = field(default_factory=list)

    @property
    def place(self) -> str:
        """`line 3, column 5`."""
        return f"line {self.line}, column {self.column}"

    @property
    def origin(self) -> Origin:
        """Where its text begins; several lines, or escapes such as &lt;, make the columns behind them inexact."""
        line, column = self.text_at or (self.line, self.column)
        return Origin(line, column, exact=self.is_raw)

    def get(self, attribute: str) -> str:
        """An attribute, empty when there is none."""
        return self.attributes.get(attribute, "")

    def all(self, *names: str) -> Iterator[Element]:
        """The children of these names in this element's own namespace."""
        return (child for child in self.children if child.name in names and child.namespace == self.namespace)

    def first(self, *names: str) -> Element | None:
        """The first child of these names."""
        return next(self.all(*names), None)

    def said(self, name: str) -> str:
        """The text of the first child of that name, stripped."""
        child = self.first(name)
        return child.text.strip() if child else ""


def read_elements(text: str | bytes) -> Element:
    """The root of an XML document; raises ModelError when it is none, holds a document type, or is too large."""
    data = text.encode() if isinstance(text, str) else text
    if len(data) > _MAX_BYTES:
        raise ModelError([f"the model is too large: at most {_MAX_BYTES} bytes"])
    builder = _Builder(is_text=isinstance(text, str))
    try:
        builder.parser.Parse(data, True)
    except xml.parsers.expat.ExpatError as error:
        problem = xml.parsers.expat.ErrorString(error.code)
        raise ModelError([f"line {error.lineno}, column {error.offset + 1}: not XML: {problem}"]) from None
    except (ValueError, LookupError) as error:  # an encoding that there is not
        raise ModelError([f"not XML: {error}"]) from None
    return builder.root()


class _Builder:
    def __init__(self, *, is_text: bool) -> None:
        encoding = "utf-8" if is_text else None
        self.parser = xml.parsers.expat.ParserCreate(encoding, namespace_separator="\n")
        self.parser.StartDoctypeDeclHandler = self.refuse_doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.stack: list[Element] = []
        self.top: Element | None = None
        self.count = 0

    def root(self) -> Element:
        if self.top is None:
            raise ModelError(["not XML: there is no element"])
        return self.top

    def place(self) -> tuple[int, int]:
        return self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1

    def refuse(self, what: str) -> ModelError:
        line, column = self.place()
        return ModelError([f"line {line}, column {column}: {what}"])

    def refuse_doctype(self, *_: object) -> None:
        raise self.refuse("a document type, which could declare entities, is not accepted; remove <!DOCTYPE ...>")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > _MAX_ELEMENTS or len(self.stack) >= _MAX_DEPTH:
            raise self.refuse(f"more than {_MAX_ELEMENTS} elements, or more than {_MAX_DEPTH} within one another")
        namespace, _, name = tag.rpartition("\n")
        plain = {key: value for key, value in attributes.items() if "\n" not in key}
        element = Element(namespace, name, plain, *self.place())
        if self.stack:
            self.stack[-1].children.append(element)
        else:
            self.top = element
        self.stack.append(element)

    def end(self, _: str) -> None:
        element = self.stack.pop()
        element.text = "".join(element.parts)
        line, column = self.place()
        begun = element.text_at or (line, column)
        element.is_raw = begun == (line, column - len(element.text))

    def characters(self, data: str) -> None:
        element = self.stack[-1]
        element.text_at = element.text_at or self.place()
        element.parts.append(data)
