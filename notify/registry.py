"""Which carriers this installation has, and by which rules it texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from foundation.db import Database
from foundation.errors import InputError
from foundation.settings import Settings, listed
from notify.accounts.adjustment_file import KINDS as ADJUSTMENT_KINDS
from notify.accounts.adjustment_file import AdjustmentFileSide
from notify.accounts.book import POSTED_KINDS, AccountBook
from notify.carriers import Carrier, CarrierError
from notify.channels.spool import Spool
from notify.incoming import Incoming
from notify.models import Purpose
from notify.quiet_hours import parse_window
from notify.routing import EMAIL, NUMBER, Routing, read_posting_routes, read_text_routes
from notify.screening import Conduct


def make_spool(settings: Settings) -> Spool:
    """The spool in the data directory; raises InputError when its file cannot be opened."""
    path = settings.data / "spool.db"
    try:
        return Spool(path)
    except CarrierError as error:
        raise InputError(error.reason, where="setting OUTAGE_DATA", accepted="a directory of our own") from error


def _make_spool(settings: Settings, database: Database) -> Carrier:  # noqa: ARG001
    return make_spool(settings)


def _make_twilio(settings: Settings, database: Database) -> Carrier:  # noqa: ARG001
    # Imported when it is wanted: the SDK takes a second to load.
    from notify.channels.twilio import Twilio, read_twilio_settings

    return Twilio(read_twilio_settings(settings))


def _make_smpp(settings: Settings, database: Database) -> Carrier:
    try:
        from notify.channels.smpp import Smpp, read_smpp_settings
    except ModuleNotFoundError as error:
        accepted = "this package installed with its extra [smpp]"
        raise InputError("smpp needs smpplib", where="setting OUTAGE_CHANNELS", accepted=accepted) from error
    return Smpp(read_smpp_settings(settings), Incoming(database))


def _make_email(settings: Settings, database: Database) -> Carrier:  # noqa: ARG001
    from notify.channels.email import Email, read_email_settings

    return Email(read_email_settings(settings))


def _make_book(settings: Settings, database: Database) -> Carrier:  # noqa: ARG001
    return AccountBook(database)


def _make_tmf654(settings: Settings, database: Database) -> Carrier:  # noqa: ARG001
    from notify.accounts.tmf654 import Tmf654, read_tmf654_settings

    return Tmf654(read_tmf654_settings(settings))


def _make_adjustment_file(settings: Settings, database: Database) -> Carrier:  # noqa: ARG001
    return AdjustmentFileSide(database)


_Maker = Callable[[Settings, Database], Carrier]
CHANNELS: Mapping[str, _Maker] = {
    "spool": _make_spool,
    "twilio": _make_twilio,
    "smpp": _make_smpp,
    "email": _make_email,
}
ACCOUNT_SYSTEMS: Mapping[str, _Maker] = {
    "book": _make_book,
    "tmf654": _make_tmf654,
    "adjustment_file": _make_adjustment_file,
}


def _book_kinds() -> frozenset[str]:
    return frozenset(POSTED_KINDS)


def _tmf654_kinds() -> frozenset[str]:
    from notify.accounts.tmf654 import USAGE

    return frozenset(USAGE)


def _file_kinds() -> frozenset[str]:
    return ADJUSTMENT_KINDS


# Which kinds of rewards each account system can carry; what each channel writes to.
_KINDS: Mapping[str, Callable[[], frozenset[str]]] = {
    "book": _book_kinds,
    "tmf654": _tmf654_kinds,
    "adjustment_file": _file_kinds,
}
_WRITES_TO: Mapping[str, str] = {"spool": NUMBER, "twilio": NUMBER, "smpp": NUMBER, "email": EMAIL}


# What is there without any setting.
EMBEDDED = Routing(systems={"book": _book_kinds()}, channels={"spool": NUMBER})


def make_routing(settings: Settings) -> Routing:
    """Which installed channel carries which text and which account system which credit; raises InputError."""
    systems = _chosen(settings, "OUTAGE_ACCOUNT_SYSTEMS", ACCOUNT_SYSTEMS)
    channels = _chosen(settings, "OUTAGE_CHANNELS", CHANNELS)
    routing = Routing(
        systems={name: _KINDS[name]() for name in systems},
        channels={name: _WRITES_TO[name] for name in channels},
        posting_routes=read_posting_routes(settings.adapters["OUTAGE_POSTING_ROUTES"], systems),
        text_routes=read_text_routes(settings.adapters["OUTAGE_TEXT_ROUTES"], channels),
    )
    # A misspelt word would be a route that never fits, which nobody notices.
    for route in routing.posting_routes:
        carried = frozenset[str]().union(*(routing.systems[way] for way in route.ways))
        _check_words("OUTAGE_POSTING_ROUTES", "kind", route.wanted, carried)
    for route in routing.text_routes:
        _check_words("OUTAGE_TEXT_ROUTES", "purpose", route.wanted, frozenset(map(str, Purpose)))
    return routing


def _check_words(setting: str, name: str, wanted: Mapping[str, frozenset[str]], known: frozenset[str]) -> None:
    if strange := sorted(wanted.get(name, frozenset()) - known):
        accepted = f"what its ways carry: {', '.join(sorted(known))}"
        raise InputError(f"not a {name} of that route", where=f"setting {setting}", value=strange[0], accepted=accepted)


def make_conduct(settings: Settings) -> Conduct:
    """The operator's quiet hours and the most texts a day, from the settings."""
    quiet = None if settings.quiet_hours is None else parse_window(settings.quiet_hours)
    return Conduct(quiet, settings.zone, settings.texts_per_day or None)


def make_carriers(settings: Settings, database: Database) -> dict[str, Carrier]:
    """The carriers that are set up, by name; raises InputError for one that is not known or lacks a setting."""
    chosen = {
        **_chosen(settings, "OUTAGE_CHANNELS", CHANNELS),
        **_chosen(settings, "OUTAGE_ACCOUNT_SYSTEMS", ACCOUNT_SYSTEMS),
    }
    return {name: make(settings, database) for name, make in chosen.items()}


def _chosen(settings: Settings, setting: str, known: Mapping[str, _Maker]) -> dict[str, _Maker]:
    names = listed(settings.adapters, setting)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        accepted = "one or more of: " + ", ".join(known)
        raise InputError("not known", where=f"setting {setting}", value=", ".join(unknown), accepted=accepted)
    return {name: known[name] for name in names}
