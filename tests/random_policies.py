"""Random policies as marketing could write them: tables over facts and measures, rewards, layers, caps, terms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

CELLS = {
    "segment": ['"consumer"', '"business"', 'not("consumer")'],
    "brand": ['"O2"', '"giffgaff", "Tesco Mobile"', 'not("O2")'],
    "payment type": ['"prepaid"', '"postpaid"'],
    "hours lost": ["< 4", "[4..24)", ">= 24", "(1..26]", "not(< 10)"],
    "longest loss": ['> duration("PT4H")', '<= duration("PT4H")', '[duration("PT1H")..duration("PT26H")]'],
    "total data loss": ['> duration("PT2H")', 'duration("PT26H")'],
    "service fee": ["< 20", ">= 20", "10", "[10..30]"],
    "lines on account": ["1", "> 1", ">= 3"],
    "days out": ["0", ">= 1", "> 1"],
    "long outages": ["0", "1", "> 1"],
    "evening loss": ['duration("PT0H")', '>= duration("PT2H")'],
    "outage count": ["1", "> 1"],
    "stars": ["null", "> 2", "not(1)"],
}
"""Tests that the cells of a column may hold; every fact that rules here may read."""

MEASURES = """\
attributes:
  stars: {type: number, meaning: How loyal the customer is.}
measures:
  - name: days out
    meaning: Days with more than two hours lost.
    count: days
    over: PT2H
  - name: blocks
    meaning: Started six hours of each outage.
    count: blocks
    length: PT6H
    per: outage
  - name: long outages
    meaning: Outages of four hours or more.
    count: outages
    at least: PT4H
  - name: evening loss
    meaning: What was lost evening loss.
    count: total time
    window: 18:00-23:00
"""
PARAMETERS = """\
parameters:
  rate: {unit: share, source: the board, values: {2012-01-01: 0.10, 2012-07-01: 0.25}}
"""
SHARES = ["0", "0.1", "1 / 3", "rate", "0.05 * days out", "null"]
FLATS = [
    "0",
    "1.25",
    "7.50",
    "round half up(service fee / 3, 2)",
    "round down(service fee * blocks / 30, 2)",
    "round half up(stars / 3, 2)",
]
AMOUNTS = [
    "round half up(found.share * service fee, 2)",
    "round up(found.share * discounted fee * blocks, 2)",
    "found.flat",
    "if found.flat = null then 0 else found.flat",
    "round half down(hours lost / 7, 2)",
    "round half up(service fee * days out / days of outage month, 2)",
    "4.00",
]
CAPS = ["5.00", "service fee", "round down(stars, 2)"]
CONDITIONS = ["found.share > 0", "days out >= 1", 'segment = "consumer"', "long outages > 0", 'level = "high"']
OTHER_KINDS = [
    "kind: data_grant, quantity: 'if level = \"high\" then 2 else 1', unit: GB, valid days: 30, cost: 0.40",
    "kind: free_days, days: days out, cost: 'round half up(service fee / 30, 2)'",
    "kind: voucher, amount: found.flat, valid days: 30",
    "kind: top_up_bonus, percent: 10, valid from: 2012-09-01, valid to: 2012-10-01",
    "kind: bill_credit, how: to claim, amount: 2.00",
    "kind: apology",
]
LAYERS = ("law", "promise", "sorry")


@dataclass(frozen=True)
class RandomReward:
    """One reward: its name, what follows `name` in its file, its layer, whether it is once per account."""

    name: str
    body: str
    layer: str | None
    per_account: bool
    when: str | None

    def written(self, *, plain: bool) -> str:
        """Its line in the file; `plain` without layer."""
        layer = f", layer: {self.layer}" if self.layer is not None and not plain else ""
        when = f", when: '{self.when}'" if self.when is not None else ""
        per = ", per: account" if self.per_account and not plain else ""
        return f"  - {{name: {self.name}, {self.body}{layer}{per}{when}}}\n"


@dataclass(frozen=True)
class RandomCap:
    """One cap as the file says it."""

    amount: str
    per: str
    over: str


@dataclass(frozen=True)
class RandomPolicy:
    """Its logic, and its terms: `combines` of the layers after the first (none: no layers)."""

    logic: str
    rewards: tuple[RandomReward, ...]
    combines: tuple[str, ...]
    caps: tuple[RandomCap, ...]
    others: str
    holdout: bool
    text: bool

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of its layers, in order."""
        return LAYERS[: len(self.combines) + 1] if self.combines else ()

    @property
    def concerns_accounts(self) -> bool:
        """Whether the lines of one account have to do with each other."""
        return any(reward.per_account for reward in self.rewards) or any(cap.per == "account" for cap in self.caps)

    def body(self, *, plain: bool = False) -> str:
        """The file after its head; `plain` with the rules alone, each reward per line and without any terms."""
        rewards = "rewards:\n" + "".join(reward.written(plain=plain) for reward in self.rewards)
        text = "text: '\"given_only\"'\n" if self.text else ""
        return self.logic + (f"other credits: {self.others}\n" if plain else self._terms()) + rewards + text

    def _terms(self) -> str:
        said = f"other credits: {self.others}\n"
        if self.layers:
            how = ["", *(f", combines: {combines}" for combines in self.combines)]
            named = zip(self.layers, how, strict=True)
            said += "layers:\n" + "".join(f"  - {{name: {name}, basis: goodwill{more}}}\n" for name, more in named)
        if self.caps:
            caps = "".join(f"  - {{amount: '{cap.amount}', per: {cap.per}, over: {cap.over}}}\n" for cap in self.caps)
            said += f"caps:\n{caps}"
        return said + ("holdout: {share: 0.3, salt: spring}\n" if self.holdout else "")


def random_policy(random: Random) -> RandomPolicy:
    """A policy that can be saved."""
    combines = tuple(random.choice(["sum", "greatest", "replaces", "offset"]) for _ in range(random.randint(0, 2)))
    layers = LAYERS[: len(combines) + 1] if combines else (None,)
    may_share = all(how == "sum" for how in combines)
    count = random.randint(1, 4)
    rewards = tuple(
        RandomReward(
            name=f"r{number}",
            body=_reward(random, first=number == 0),
            layer=random.choice(layers),
            per_account=may_share and random.random() < 0.25,
            when=random.choice(CONDITIONS) if random.random() < 0.4 else None,
        )
        for number in range(count)
    )
    caps = tuple(
        RandomCap(random.choice(CAPS), random.choice(["line", "line", "account"]), random.choice(["incident", "month"]))
        for _ in range(random.choice([0, 0, 1, 2]))
    )
    return RandomPolicy(
        logic=MEASURES + PARAMETERS + _decisions(random),
        rewards=rewards,
        combines=combines,
        caps=caps,
        others=random.choice(["offset", "offset", "nothing", "keep"]),
        holdout=random.random() < 0.15,
        text=random.random() < 0.5,
    )


def revised(random: Random, policy: RandomPolicy) -> RandomPolicy:
    """A later version with the same rewards, terms and names, by other rules."""
    return replace(policy, logic=MEASURES + PARAMETERS + _decisions(random))


def _reward(random: Random, *, first: bool) -> str:
    if first or random.random() < 0.6:
        kind = random.choice(["bill_credit", "balance_credit"])
        return f"kind: {kind}, amount: '{random.choice(AMOUNTS)}'"
    return random.choice(OTHER_KINDS)


def _decisions(random: Random) -> str:
    level = _table(random, 'level : string in "high", "low"', random.choice("FUAP"), ['"high"', '"low"'])
    hit = random.choice(["F", "F", "U", "A", "P"])
    values = " in 1, 0.25, 0.1, 0 else 0" if hit == "P" else ""
    shares = ["0", "0.1", "0.25", "1"] if hit == "P" else SHARES
    flats = FLATS
    found = _table(random, f"share : number{values} | flat : money", hit, shares, flats)
    total = _table(random, "points : number", "C+", ["1", "0.5", "blocks"])
    return f"decisions:\n{_decision('level', level)}{_decision('found', found)}{_decision('points', total)}"


def _decision(name: str, table: tuple[str, str]) -> str:
    hit, text = table
    indented = "".join(f"      {line}\n" for line in text.splitlines())
    return f"  - name: {name}\n    meaning: {name}\n    hit policy: {hit}\n    table: |\n{indented}"


def _table(random: Random, head: str, hit: str, *outputs: list[str]) -> tuple[str, str]:
    columns = random.sample(sorted(CELLS), random.randint(1, 3))
    lines = [f"{' | '.join(columns)} || {head}"]
    for _ in range(random.randint(1, 5)):
        cells = [random.choice(CELLS[column]) if random.random() < 0.65 else "-" for column in columns]
        given = [random.choice(values) for values in outputs]
        lines.append(f"{' | '.join(cells)} || {' | '.join(given)}")
    return hit, "\n".join(lines)
