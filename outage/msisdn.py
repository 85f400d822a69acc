"""The shape of a line's numbers: MSISDN by E.164 and the national numbering plans' lengths, IMSI by E.212."""

from __future__ import annotations

import functools
import re

import phonenumbers

from foundation.errors import InputError

E164_ACCEPTED = "an E.164 number with + and country code, such as +447700900123"
IMSI_ACCEPTED = "an IMSI of 14 or 15 digits, such as 234100000000001"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_IMSI = re.compile(r"[0-9]{14,15}")


def check_msisdn(text: str, *, where: str = "msisdn") -> str:
    """The number itself when it is E.164; raises InputError otherwise.

    Checked: the shape, that the country code exists, and that a number of this length is possible there
    (phonenumbers' metadata). Not checked: whether its range was ever assigned, for numbers kept for examples and
    tests are in no plan. The answer depends on the country code and the length alone, so a million numbers ask
    phonenumbers a dozen times.
    """
    if _E164.fullmatch(text) is None:
        raise InputError("not an E.164 number", where=where, value=text, accepted=E164_ACCEPTED)
    fault = _fault(text[1:4], len(text) - 1)
    if fault:
        raise InputError(fault, where=where, value=text, accepted=E164_ACCEPTED)
    return text


def check_imsi(text: str, *, where: str = "imsi") -> str:
    """The IMSI itself when it has 14 or 15 digits; raises InputError otherwise."""
    if _IMSI.fullmatch(text) is None:
        raise InputError("not an IMSI", where=where, value=text, accepted=IMSI_ACCEPTED)
    return text


@functools.cache
def _fault(leading: str, digits: int) -> str:
    """What is wrong with every number of these three first digits and this many in all; empty when nothing is."""
    codes = [leading[:size] for size in (1, 2, 3) if int(leading[:size]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE]
    if not codes:
        return "not an E.164 number: no such country code"
    # Only the length of the national number is asked about, so any number of that length stands for all.
    some_number = phonenumbers.PhoneNumber(
        country_code=int(codes[0]), national_number=int("9" * (digits - len(codes[0])))
    )
    possible = phonenumbers.is_possible_number_with_reason(some_number)
    if possible == phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    return f"not an E.164 number: {digits} digits are not possible under country code {codes[0]}"
