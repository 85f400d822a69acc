"""Ready wording for rewards of every kind and for their correction, in English, Spanish and German, within GSM-7."""

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
    ("correction", "en"): (
        "{brand}: we have looked again at the fault of {outage_date}. On top of what you had, you now get {given}. You "
        "need do nothing. Code {code}."
    ),
    ("correction", "es"): (
        "{brand}: hemos revisado el fallo del {outage_date}. Sobre lo que ya tiene le damos {given}. No tiene que "
        "hacer nada. Ref. {code}."
    ),
    ("correction", "de"): (
        "{brand}: Wir haben die Störung vom {outage_date} noch einmal geprüft. Zusätzlich erhalten Sie {given}. Sie "
        "müssen nichts tun. Code {code}."
    ),
    ("given_only", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. You get {given}. You need do nothing. Code "
        "{code}."
    ),
    ("given_only", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. Tiene {given}. No tiene que hacer nada. Ref. "
        "{code}."
    ),
    ("given_only", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Sie erhalten {given}. Sie müssen "
        "nichts tun. Code {code}."
    ),
    ("offer_open", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. You may have {offer}. Tell us in our app or "
        "by phone which you want. Code {code}."
    ),
    ("offer_open", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. Puede tener {offer}. Solicite en nuestra app o "
        "por teléfono lo que prefiera. Ref. {code}."
    ),
    ("offer_open", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Sie haben Anspruch auf {offer}. Sagen "
        "Sie uns in der App oder am Telefon, was Sie wünschen. Code {code}."
    ),
    ("validity_only", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. You get {given} on top of what you have. "
        "You need do nothing. Code {code}."
    ),
    ("validity_only", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. A lo que ya tiene se suma: {given}. No tiene que "
        "hacer nada. Ref. {code}."
    ),
    ("validity_only", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Zu Ihrem Guthaben kommt: {given}. Sie "
        "müssen nichts tun. Code {code}."
    ),
    ("free_days_only", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. You have {given} in return; they are "
        "taken off your fee. You need do nothing. Code {code}."
    ),
    ("free_days_only", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. A cambio tiene {given}, que se descuenta de su "
        "cuota. No tiene que hacer nada. Ref. {code}."
    ),
    ("free_days_only", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Dafür erhalten Sie {given}, was vom "
        "Grundpreis abgeht. Sie müssen nichts tun. Code {code}."
    ),
    ("data_only", "en"): (
        "{brand}: we are sorry that your service failed on {outage_date}. You have {given} on us, beyond your plan. "
        "Nothing to activate. Code {code}."
    ),
    ("data_only", "es"): (
        "{brand}: sentimos que su servicio fallara el {outage_date}. Le regalamos {given}, aparte de su tarifa. No hay "
        "que activar nada. Ref. {code}."
    ),
    ("data_only", "de"): (
        "{brand}: Am {outage_date} ist Ihr Dienst ausgefallen, das tut uns leid. Wir schenken Ihnen {given}, "
        "zusätzlich zu Ihrem Tarif. Nichts zu aktivieren. Code {code}."
    ),
}
