"""Pure: the text of a policy that somebody begins: its head, one table, one reward and one worked case to change."""

from __future__ import annotations

import datetime
import string

from compensation.document.model import Basis
from compensation.document.parts import scalar
from foundation.money import check_currency, exponent

_TEXT = string.Template("""\
policy: $name
title: $title
basis: $basis
currency: $currency
zone: $zone
in force: {from: $since, to: null}
population: affected

sources:
  - what: what is promised
    where: to be named before it is submitted

parameters:
  credit amount:
    unit: $currency
    source: to be named before it is submitted
    values: {$since: $amount}

decisions:
  - name: owed
    meaning: Who gets something.
    hit policy: U
    table: |
      total loss             || owed : boolean || note
      ------------------------------------------------
      >= duration("PT4H")    || true           || four hours or more
      < duration("PT4H")     || false          || less than four hours

rewards:
  - name: credit
    kind: bill_credit
    when: owed
    amount: credit amount

text: null

limits: {amount per line: null, total: null}

tests:
  - name: Five hours without service
    tag: C
    given: {total loss: PT5H}
    expect: {rewards: {credit: $amount}}
  - name: Three hours without service
    tag: C
    given: {total loss: PT3H}
    expect: {rewards: {}}
""")
SLUG = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"


def starter_text(*, name: str, title: str, basis: Basis, currency: str, zone: str, since: datetime.date) -> str:
    """A whole small policy that can be saved as it is; raises InputError for an unknown currency.

    It gives the same amount to every line that was without service for four hours or more.
    """
    decimals = exponent(check_currency(currency))
    amount = "5." + "0" * decimals if decimals else "5"
    return _TEXT.substitute(
        name=scalar(name),
        title=scalar(" ".join(title.split())),
        basis=basis,
        currency=currency,
        zone=scalar(zone),
        since=since,
        amount=amount,
    )
