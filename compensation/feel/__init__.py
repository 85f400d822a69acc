"""S-FEEL and the part of FEEL that policies need: read, check, evaluate exactly, write."""

from compensation.feel.arithmetic import ordered
from compensation.feel.builtins import equal
from compensation.feel.check import (
    check_allowed,
    check_expression,
    check_tests,
    check_values,
)
from compensation.feel.errors import FeelError, Origin, Position, listing, suggestion
from compensation.feel.evaluate import Functions, Values, add_up, aggregated, evaluate, passes
from compensation.feel.exactness import is_exact_money
from compensation.feel.lexer import KEYWORDS
from compensation.feel.nodes import Literal, Name, Node, UnaryTests, names
from compensation.feel.parser import parse_expression, parse_tests
from compensation.feel.scope import ModelOnlyError, NameType, Scope, fits
from compensation.feel.stream import ModelWords
from compensation.feel.values import NAMED_TYPES, FeelType, Value
from compensation.feel.write import write_expression, write_tests

__all__ = [
    "KEYWORDS",
    "NAMED_TYPES",
    "FeelError",
    "FeelType",
    "Functions",
    "Literal",
    "ModelOnlyError",
    "ModelWords",
    "Name",
    "NameType",
    "Node",
    "Origin",
    "Position",
    "Scope",
    "UnaryTests",
    "Value",
    "Values",
    "add_up",
    "aggregated",
    "check_allowed",
    "check_expression",
    "check_tests",
    "check_values",
    "equal",
    "evaluate",
    "fits",
    "is_exact_money",
    "listing",
    "names",
    "ordered",
    "parse_expression",
    "parse_tests",
    "passes",
    "suggestion",
    "write_expression",
    "write_tests",
]
