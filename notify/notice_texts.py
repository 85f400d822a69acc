"""Ready wording for what is told while service is out and around it, in English, Spanish and German, within GSM-7.

Each says who writes, what is lost, and when there will be news; none asks for anything or has a link. What the law
wants a first notice to say besides (where, how many) depends on the audience and stands on the public page.
"""

from __future__ import annotations

from collections.abc import Mapping

# Spanish avoids á, í, ó and ú, which GSM-7 lacks and which would double the parts.
NOTICE_TEXTS: Mapping[tuple[str, str], str] = {
    ("notice_first", "en"): (
        "{brand}: a fault has interrupted {services} for some customers, you may be one of them. We are working on it. "
        "Next news by {next_update}. For emergencies try another network or a landline. Ref. {incident}, code {code}."
    ),
    ("notice_first", "es"): (
        "{brand}: un fallo ha cortado {services} a una parte de nuestros clientes, quiere decir que puede afectarle. "
        "Trabajamos en ello. Nuevo aviso antes de: {next_update}. En una emergencia use otra red o un fijo. Ref. "
        "{incident}, {code}."
    ),
    ("notice_first", "de"): (
        "{brand}: Eine Störung unterbricht {services} bei einem Teil unserer Kunden, vielleicht auch bei Ihnen. Wir "
        "arbeiten daran. Nächste Nachricht bis {next_update}. Im Notfall: anderes Netz oder Festnetz. Ref. {incident}, "
        "Code {code}."
    ),
    ("notice_update", "en"): (
        "{brand}: {services} still fail for some customers. We are working on it. Next news by {next_update}. You need "
        "do nothing. Ref. {incident}, code {code}."
    ),
    ("notice_update", "es"): (
        "{brand}: {services} sigue sin funcionar para una parte de nuestros clientes. Trabajamos en ello. Nuevo aviso "
        "antes de: {next_update}. No tiene que hacer nada. Ref. {incident}, {code}."
    ),
    ("notice_update", "de"): (
        "{brand}: {services} bei einem Teil unserer Kunden weiter gestört. Wir arbeiten daran. Nächste Nachricht bis "
        "{next_update}. Sie müssen nichts tun. Ref. {incident}, Code {code}."
    ),
    ("notice_estimate", "en"): (
        "{brand}: {services} still fail for some customers. We expect service back by {estimate}. Next news by "
        "{next_update}. Ref. {incident}, code {code}."
    ),
    ("notice_estimate", "es"): (
        "{brand}: {services} sigue sin funcionar para una parte de nuestros clientes. Esperamos volver antes de: "
        "{estimate}. Nuevo aviso antes de: {next_update}. Ref. {incident}, {code}."
    ),
    ("notice_estimate", "de"): (
        "{brand}: {services} bei einem Teil unserer Kunden weiter gestört. Wir rechnen bis {estimate} mit dem Ende. "
        "Nächste Nachricht bis {next_update}. Ref. {incident}, Code {code}."
    ),
    ("notice_restored", "en"): (
        "{brand}: {services} work again after the fault of {outage_date}. If yours do not, switch your phone off and "
        "on. We are sorry. What you are owed we work out by ourselves. Ref. {incident}, code {code}."
    ),
    ("notice_restored", "es"): (
        "{brand}: {services} vuelve a funcionar tras el fallo del {outage_date}. Si no le funciona, apague y encienda "
        "su aparato. Lo sentimos. Lo que le corresponda lo calculamos sin que lo pida. Ref. {incident}, {code}."
    ),
    ("notice_restored", "de"): (
        "{brand}: {services} nach der Störung vom {outage_date} wieder verfügbar. Falls bei Ihnen nicht: Gerät aus- "
        "und einschalten. Es tut uns leid. Was Ihnen zusteht, berechnen wir von selbst. Ref. {incident}, Code {code}."
    ),
    ("notice_planned", "en"): (
        "{brand}: planned work on our network will interrupt {services} where you are, from {outage_date}. We expect "
        "service back by {estimate}. Ref. {incident}, code {code}."
    ),
    ("notice_planned", "es"): (
        "{brand}: por trabajos en nuestra red se corta {services} en su zona desde el {outage_date}. Esperamos volver "
        "antes de: {estimate}. Ref. {incident}, {code}."
    ),
    ("notice_planned", "de"): (
        "{brand}: Arbeiten an unserem Netz unterbrechen {services} in Ihrer Gegend ab {outage_date}. Voraussichtliches "
        "Ende: {estimate}. Ref. {incident}, Code {code}."
    ),
    ("reminder_offer", "en"): (
        "{brand}: for the fault of {outage_date} you may still have {offer}, until {offer_until}. Tell us in our app "
        "or by phone. Code {code}."
    ),
    ("reminder_offer", "es"): (
        "{brand}: por el fallo del {outage_date} puede tener hasta el {offer_until}: {offer}. Solicite en nuestra app "
        "o llame. Ref. {code}."
    ),
    ("reminder_offer", "de"): (
        "{brand}: Wegen der Störung vom {outage_date} haben Sie noch bis {offer_until} Anspruch auf {offer}. Sagen Sie "
        "es uns in der App oder am Telefon. Code {code}."
    ),
    ("reminder_voucher", "en"): (
        "{brand}: your {voucher} voucher for the fault of {outage_date} is valid until {voucher_until}. You need do "
        "nothing if you do not want it. Code {code}."
    ),
    ("reminder_voucher", "es"): (
        "{brand}: su vale de {voucher} por el fallo del {outage_date} vale hasta el {voucher_until}. Si no lo quiere, "
        "no tiene que hacer nada. Ref. {code}."
    ),
    ("reminder_voucher", "de"): (
        "{brand}: Ihr Gutschein über {voucher} wegen der Störung vom {outage_date} gilt bis {voucher_until}. Wenn Sie "
        "ihn nicht möchten, müssen Sie nichts tun. Code {code}."
    ),
}
