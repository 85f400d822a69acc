"""What the arithmetic operators give for two types; what is not listed means nothing."""

from __future__ import annotations

from compensation.feel.values import FeelType

_N, _M, _S, _D, _T = FeelType.NUMBER, FeelType.MONEY, FeelType.STRING, FeelType.DATE, FeelType.DURATION
_DT, _TIME, _MONTHS = FeelType.DATE_TIME, FeelType.TIME, FeelType.MONTHS

# A plain number beside money stands for major units, so the two add; money times money has no unit and is refused.
ARITHMETIC: dict[tuple[str, FeelType, FeelType], FeelType] = {
    **{(op, _N, _N): _N for op in ("+", "-", "*", "/", "**")},
    **{(op, left, right): _M for op in ("+", "-") for left, right in ((_M, _M), (_M, _N), (_N, _M))},
    ("*", _M, _N): _M,
    ("*", _N, _M): _M,
    ("/", _M, _N): _M,
    ("/", _M, _M): _N,
    ("+", _S, _S): _S,
    ("+", _T, _T): _T,
    ("-", _T, _T): _T,
    ("+", _D, _T): _D,
    ("+", _T, _D): _D,
    ("-", _D, _T): _D,
    ("-", _D, _D): _T,
    ("*", _T, _N): _T,
    ("*", _N, _T): _T,
    ("/", _T, _N): _T,
    ("/", _T, _T): _N,
    **{(op, _MONTHS, _MONTHS): _MONTHS for op in ("+", "-")},
    ("*", _MONTHS, _N): _MONTHS,
    ("*", _N, _MONTHS): _MONTHS,
    ("/", _MONTHS, _N): _MONTHS,
    ("/", _MONTHS, _MONTHS): _N,
    **{(op, day, _MONTHS): day for day in (_D, _DT) for op in ("+", "-")},
    **{("+", _MONTHS, day): day for day in (_D, _DT)},
    **{(op, time, _T): time for time in (_DT, _TIME) for op in ("+", "-")},
    **{("+", _T, time): time for time in (_DT, _TIME)},
    **{("-", time, time): _T for time in (_DT, _TIME)},
}
