"""How instants, durations, money and numbers are written on pages."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from flask import Flask
from markupsafe import Markup

from foundation import clock
from foundation.money import Money

_KEPT_INSTANT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def write_instant(instant: datetime | None) -> Markup:
    """An instant in UTC with the zone named, as a <time> element; a script adds the reader's own zone as a hint."""
    if instant is None:
        return Markup("<span class='text-body-secondary'>–</span>")
    form = Markup('<time datetime="{}" class="instant">{}</time>')
    return form.format(instant.strftime("%Y-%m-%dT%H:%M:%SZ"), plain_instant(instant))


def plain_instant(instant: datetime) -> str:
    """An instant as text: 11 Jul 2012 12:30 UTC (seconds only when there are any)."""
    seconds = f":{instant.second:02d}" if instant.second else ""
    return f"{instant.day} {instant.strftime('%b %Y %H:%M')}{seconds} UTC"


def write_sentence(text: str) -> str:
    """A kept sentence with the instants in it (2012-07-11T12:30:00Z) as pages write them."""
    return _KEPT_INSTANT.sub(_plain_if_any, text)


def _plain_if_any(found: re.Match[str]) -> str:
    try:
        return plain_instant(datetime.fromisoformat(found[0]))
    except ValueError:  # somebody's note may hold what only looks like one
        return found[0]


def write_duration(duration: timedelta | int | None) -> str:
    """A duration in its two greatest units: 45 s, 12 min, 20 h 05 min, 3 d 4 h."""
    if duration is None:
        return "–"
    seconds = int(duration.total_seconds()) if isinstance(duration, timedelta) else int(duration)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if seconds < 60:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 2:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{days} d {hours % 24} h"


def write_number(number: int | None) -> str:
    """A whole number with commas between thousands, as in amounts of money and in charts; none is a dash."""
    return "–" if number is None else f"{number:,}"


def write_share(part: float) -> str:
    """A part of a whole as a percentage: 12.3 %; what is not nothing is never shown as 0."""
    if 0 < part < 0.001:
        return "under 0.1 %"
    return f"{100 * part:.1f}".rstrip("0").rstrip(".") + " %"


def write_money(amount_minor: int | None, currency: str) -> str:
    """An amount of minor units as English readers write it."""
    return "–" if amount_minor is None else Money(amount_minor, currency).text()


def write_words(name: str) -> str:
    """A stored word for people: third_party is third party."""
    return name.replace("_", " ")


def set_up_formats(app: Flask) -> None:
    """Offer the formats to templates: instant, sentence, duration, number, share, words as filters; money to call."""
    app.jinja_env.filters.update(
        instant=write_instant,
        plain_instant=plain_instant,
        duration=write_duration,
        number=write_number,
        words=write_words,
        share=write_share,
        sentence=write_sentence,
        unix=clock.from_unix,
    )
    app.jinja_env.globals.update(write_money=write_money, now=clock.now)
