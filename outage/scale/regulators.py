"""Reporting thresholds of regulators as dated data, each with its source; docs/regulators.md says what was read how."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from outage.scale.conditions import (
    AtMost,
    Both,
    Duration,
    ElementsOut,
    LinesHit,
    LinesOut,
    Unknowable,
    UserTime,
    WholeArea,
)
from outage.scale.thresholds import Duty, Rule, Since, Standing

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

_FCC_DUTIES = (
    Duty("notification", Since.AWARE, 120 * _MINUTE),
    Duty("initial report", Since.AWARE, 3 * _DAY),
    Duty("final report", Since.AWARE, 30 * _DAY),
)
_FCC_SOURCE = "47 CFR 4.9(e), 4.11; fcc.gov NORS page; hermanwhiteaker.com outage-reporting-requirements-reminder"
_FCC_FROM = date(2005, 1, 3)

_CRTC_DUTIES = (
    Duty("notification of CRTC, ISED and emergency management", Since.AWARE, 2 * _HOUR),
    Duty("post-outage report", Since.RESTORED, 30 * _DAY),
)
_CRTC_SOURCE = "Telecom Decision CRTC 2025-225 (4 September 2025), in force 4 November 2025"
_CRTC_FROM = date(2025, 11, 4)

_OFCOM_2022 = "Ofcom, statement of policy under s105Y Communications Act 2003 (2022), as summed up by cms.law, May 2026"
_OFCOM_2026 = "Ofcom, consultation on the s105Y statement, 12 May 2026; osborneclarke.com and cms.law, May 2026"
_OFCOM_FROM = date(2022, 12, 12)
_OFCOM_DUTIES = (Duty("report", Since.AWARE, None),)

_ACMA_SOURCE = "Telecommunications (Customer Communications for Outages) Industry Standard 2024, F2024L01447"
_ACMA_DUTIES = (
    Duty("first notice to end users, public, carriers, ACMA, TIO and the emergency call persons", Since.AWARE, None),
    Duty("next update to end users", Since.AWARE, None, every=((_DAY, 6 * _HOUR), (None, _DAY))),
)

RULES: tuple[Rule, ...] = (
    Rule(
        "FCC",
        "user-minutes",
        "an outage of at least 30 minutes that potentially affects at least 900,000 user-minutes of telephony",
        Both((Duration(30 * _MINUTE, service="voice"), UserTime(900_000 * _MINUTE, "voice"))),
        _FCC_DUTIES,
        _FCC_SOURCE,
        _FCC_FROM,
    ),
    Rule(
        "FCC",
        "mobile switching centre",
        "an outage of a mobile switching centre of at least 30 minutes",
        ElementsOut("msc", 1, 30 * _MINUTE),
        _FCC_DUTIES,
        _FCC_SOURCE,
        _FCC_FROM,
    ),
    Rule(
        "FCC",
        "911",
        "an outage of at least 30 minutes that potentially affects a 911 special facility",
        Both((Duration(30 * _MINUTE), Unknowable("whether a 911 special facility was affected"))),
        _FCC_DUTIES,
        _FCC_SOURCE,
        _FCC_FROM,
    ),
    Rule(
        "CRTC",
        "primary services",
        "an outage of over 30 minutes with at least 600,000 user-minutes",
        Both((Duration(30 * _MINUTE, over=True), UserTime(600_000 * _MINUTE))),
        _CRTC_DUTIES,
        _CRTC_SOURCE,
        _CRTC_FROM,
    ),
    Rule(
        "CRTC",
        "9-1-1, alerting, isolated communities",
        "an outage of 9-1-1 or public alerting, or of a community with one provider only",
        Unknowable("whether 9-1-1, public alerting or a community with one provider only was affected"),
        _CRTC_DUTIES,
        _CRTC_SOURCE,
        _CRTC_FROM,
    ),
    Rule(
        "TRAI",
        "district",
        "service lost to all consumers of a district for over 4 hours without a break",
        WholeArea(4 * _HOUR),
        (
            Duty("report of the outage", Since.STARTED, 24 * _HOUR),
            Duty("root cause and corrective action", Since.RESTORED, 72 * _HOUR),
        ),
        "TRAI direction of 28 March 2023; pib.gov.in PRID 1911426",
        date(2023, 3, 28),
    ),
    Rule(
        "EECC",
        "user-hours",
        "an incident of over 1,000,000 user-hours is reported by the national authority in its yearly summary",
        UserTime(1_000_000 * _HOUR + 1, unit="user-hours"),
        (Duty("report to the national authority, by its own thresholds and form", Since.AWARE, None),),
        "Directive (EU) 2018/1972 art 40(2); ENISA technical guideline on incident reporting, absolute threshold",
        date(2020, 12, 21),
    ),
    Rule(
        "Ofcom",
        "100,000 customers",
        "at least 100,000 customers affected, for any duration",
        LinesHit(100_000),
        _OFCOM_DUTIES,
        _OFCOM_2022,
        _OFCOM_FROM,
    ),
    Rule(
        "Ofcom",
        "critical (2022)",
        "at least 3,000,000 user-hours lost",
        UserTime(3_000_000 * _HOUR, unit="user-hours"),
        _OFCOM_DUTIES,
        _OFCOM_2022,
        _OFCOM_FROM,
    ),
    Rule(
        "Ofcom",
        "10,000 customers for 8 hours (2026 proposal)",
        "at least 10,000 customers without service for 8 hours",
        LinesOut(10_000, 8 * _HOUR),
        _OFCOM_DUTIES,
        _OFCOM_2026,
        date(2026, 5, 12),
        standing=Standing.PROPOSED,
    ),
    Rule(
        "Ofcom",
        "25 % of customers for 8 hours (2026 proposal)",
        "at least 25 % of customers without service for 8 hours",
        LinesOut(0, 8 * _HOUR, share=Fraction(1, 4)),
        _OFCOM_DUTIES,
        _OFCOM_2026,
        date(2026, 5, 12),
        standing=Standing.PROPOSED,
    ),
    Rule(
        "Ofcom",
        "25 urban sites (2026 proposal)",
        "at least 25 cell sites in urban and semi-urban areas",
        AtMost(ElementsOut("site", 25), "which sites stand in urban areas"),
        _OFCOM_DUTIES,
        _OFCOM_2026,
        date(2026, 5, 12),
        standing=Standing.PROPOSED,
    ),
    Rule(
        "Ofcom",
        "one rural site (2026 proposal)",
        "one cell site in a rural area",
        AtMost(ElementsOut("site", 1), "which sites stand in rural areas"),
        _OFCOM_DUTIES,
        _OFCOM_2026,
        date(2026, 5, 12),
        standing=Standing.PROPOSED,
    ),
    Rule(
        "Ofcom",
        "critical (2026 proposal)",
        "at least 1,500,000 user-hours lost",
        UserTime(1_500_000 * _HOUR, unit="user-hours"),
        _OFCOM_DUTIES,
        _OFCOM_2026,
        date(2026, 5, 12),
        standing=Standing.PROPOSED,
    ),
    Rule(
        "ACMA",
        "major outage",
        "unplanned, at least 100,000 services, for over 60 minutes",
        Both((LinesHit(100_000), Duration(60 * _MINUTE, over=True))),
        _ACMA_DUTIES,
        _ACMA_SOURCE,
        date(2024, 12, 31),
        unplanned_only=True,
    ),
    Rule(
        "ACMA",
        "major outage of a whole state",
        "unplanned, all services of a state or territory, for over 60 minutes",
        AtMost(WholeArea(60 * _MINUTE), "which areas make up a whole state or territory"),
        _ACMA_DUTIES,
        _ACMA_SOURCE,
        date(2024, 12, 31),
        unplanned_only=True,
    ),
    Rule(
        "ACMA",
        "significant local outage, regional",
        "unplanned, at least 1,000 services in regional Australia, for at least 6 hours",
        AtMost(Both((LinesHit(1_000), Duration(6 * _HOUR))), "which lines are in regional Australia"),
        _ACMA_DUTIES,
        f"{_ACMA_SOURCE}, as varied by F2025L00527",
        date(2025, 6, 30),
        unplanned_only=True,
    ),
    Rule(
        "ACMA",
        "significant local outage, remote",
        "unplanned, at least 250 services in remote Australia, for at least 3 hours",
        AtMost(Both((LinesHit(250), Duration(3 * _HOUR))), "which lines are in remote Australia"),
        _ACMA_DUTIES,
        f"{_ACMA_SOURCE}, as varied by F2025L00527",
        date(2025, 6, 30),
        unplanned_only=True,
    ),
)
"""In the order in which they are shown; a changed threshold is a new row, and the old one gets its last day."""
