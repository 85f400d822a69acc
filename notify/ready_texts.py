"""Ready wording for the rewards of the O2 scheme of 2012, in English, Spanish and German, all within GSM-7."""

from __future__ import annotations

from collections.abc import Mapping

# Each says who writes, what failed when, what was given and where it shows, that nothing need be done, and the code.
# Spanish avoids á, í, ó and ú, which GSM-7 lacks and which would double the parts.
READY_TEXTS: Mapping[tuple[str, str], str] = {
    ("credit_and_voucher", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. We have credited {credit}; you will see it "
        "on {pays_on}. You also have a {voucher} voucher, valid until {voucher_until}. You need do nothing. "
        "Code {code}."
    ),
    ("bonus_and_voucher", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. Your first top-up from {bonus_from} to "
        "{bonus_until} gets {bonus} extra, added when you top up. You also have a {voucher} voucher, valid until "
        "{voucher_until}. Nothing to sign up for. Code {code}."
    ),
    ("voucher_only", "en"): (
        "{brand}: our network failed many customers on {outage_date} and we are sorry. As a thank you for your "
        "patience you have a {voucher} voucher, valid until {voucher_until}. You need do nothing now. Code {code}."
    ),
    ("credit_only", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. We have credited {credit}; you will see it "
        "on {pays_on}. You need do nothing. Code {code}."
    ),
    ("bonus_only", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. Your first top-up from {bonus_from} to "
        "{bonus_until} gets {bonus} extra, added when you top up. Nothing to sign up for. Code {code}."
    ),
    ("credit_and_voucher", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. Le hemos abonado {credit}, que aparece en: "
        "{pays_on}. También tiene un vale de {voucher} hasta el {voucher_until}. No tiene que hacer nada. Ref. "
        "{code}."
    ),
    ("bonus_and_voucher", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. Su primera recarga del {bonus_from} al "
        "{bonus_until} suma un {bonus} extra al recargar. También tiene un vale de {voucher} hasta el "
        "{voucher_until}. Sin registrarse. Ref. {code}."
    ),
    ("voucher_only", "es"): (
        "{brand}: el {outage_date} nuestra red tuvo un fallo que afectaba a muchos clientes y lo sentimos. Por su "
        "paciencia tiene un vale de {voucher} hasta el {voucher_until}. Ahora no tiene que hacer nada. Ref. "
        "{code}."
    ),
    ("credit_only", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. Le hemos abonado {credit}, que aparece en: "
        "{pays_on}. No tiene que hacer nada. Ref. {code}."
    ),
    ("bonus_only", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. Su primera recarga del {bonus_from} al "
        "{bonus_until} suma un {bonus} extra al recargar. Sin registrarse. Ref. {code}."
    ),
    ("credit_and_voucher", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Wir haben Ihnen {credit} "
        "gutgeschrieben; zu sehen: {pays_on}. Dazu haben Sie einen Gutschein über {voucher}, gültig bis "
        "{voucher_until}. Sie müssen nichts tun. Code {code}."
    ),
    ("bonus_and_voucher", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Ihre erste Aufladung von "
        "{bonus_from} bis {bonus_until} bringt {bonus} extra, sofort beim Aufladen. Dazu ein Gutschein über "
        "{voucher} bis {voucher_until}. Keine Anmeldung nötig. Code {code}."
    ),
    ("voucher_only", "de"): (
        "{brand}: Am {outage_date} ist unser Netz für viele ausgefallen, das tut uns leid. Für Ihre Geduld haben Sie "
        "einen Gutschein über {voucher}, gültig bis {voucher_until}. Sie müssen jetzt nichts tun. Code {code}."
    ),
    ("credit_only", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Wir haben Ihnen {credit} "
        "gutgeschrieben; zu sehen: {pays_on}. Sie müssen nichts tun. Code {code}."
    ),
    ("bonus_only", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Ihre erste Aufladung von "
        "{bonus_from} bis {bonus_until} bringt {bonus} extra, sofort beim Aufladen. Keine Anmeldung nötig. Code "
        "{code}."
    ),
}
