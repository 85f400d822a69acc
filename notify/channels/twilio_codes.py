"""What Twilio's error codes mean for a delivery, in our own words.

Source: Twilio, "Error and Warning Dictionary" (the codes; the words are ours). A code that is not here fails its own
row when the request was answered with 4xx, and says its number.
"""

from __future__ import annotations

from collections.abc import Mapping

# The whole account or sender is refused: every further row would be, too.
REFUSED_ALL: Mapping[int, str] = {
    20003: "the credentials are wrong",
    20005: "the account is not active",
    20008: "the test credentials may not do this",
    20403: "the account may not do this",
    20404: "the account or service is not there",
    20426: "the request must be made over TLS",
    21212: "the sender number is not valid",
    21601: "the sender number cannot send texts",
    21603: "no sender is set",
    21606: "the sender number is not ours or cannot text there",
    21607: "a trial account may send from its own number only",
    21609: "the callback address is not valid",
    21616: "the sender number is ours more than once",
    21701: "the messaging service is not there",
    21703: "the messaging service has no sender",
    30002: "the account is suspended",
}
# Nothing was taken; the sender is to slow down.
THROTTLED: Mapping[int, str] = {
    14107: "too many texts at once",
    20429: "too many requests at once",
    21611: "the sender's queue is full",
}
OPTED_OUT: Mapping[int, str] = {21610: "the recipient opted out"}
# This row will never arrive; others may.
FAILED: Mapping[int, str] = {
    21211: "the number is not valid",
    21214: "the number cannot be reached",
    21217: "the number is not valid",
    21408: "texts to this country are not allowed to the account",
    21602: "the text is empty",
    21604: "no number was given",
    21608: "a trial account may text numbers it has verified only",
    21612: "the number cannot be texted from this sender",
    21614: "the number is no mobile number",
    21617: "the text is too long",
    21618: "the text is filtered by all carriers",
    21619: "the text is empty",
    21624: "the validity period is not accepted",
    30001: "the sender's queue ran over",
    30003: "the handset cannot be reached: off or out of range",
    30004: "the recipient or his carrier blocks it",
    30005: "the number is not known or no longer in use",
    30006: "the number is a landline or its carrier takes no texts",
    30007: "the carrier filtered the text",
    30008: "the carrier gave no reason",
    30009: "a part of the text was lost",
    30010: "the price is over the set maximum",
    30017: "the carrier's network was congested",
    30018: "the destination carrier demands a registration of the sender",
    30022: "the carrier's limit per second was passed",
    30023: "the carrier's limit per day was reached",
    30024: "the sender is not yet set up with the carrier",
    30032: "the toll-free sender is not verified",
    30034: "the sender is not registered with the carriers",
    30035: "the text waited for its sender's registration",
    30410: "the carrier did not answer in time",
    30450: "the text was held back by a fraud guard",
    63017: "the account's limit per second was passed",
    63018: "the channel's limit was passed",
    63031: "sender and recipient are the same",
}
WORDS: Mapping[int, str] = {**REFUSED_ALL, **THROTTLED, **OPTED_OUT, **FAILED}


def said(code: int | None) -> str:
    """A code in words, the same for every recipient: failures are counted by it."""
    if code is None:
        return "Twilio: no code was given"
    return f"Twilio {code}: {WORDS[code]}" if code in WORDS else f"Twilio {code}"
