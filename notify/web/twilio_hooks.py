"""What Twilio calls: the status of a text we sent, and what recipients answer."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, current_app, request
from flask.sansio.blueprints import BlueprintSetupState
from twilio.request_validator import RequestValidator, get_signature_algorithm
from werkzeug.exceptions import BadRequest, Forbidden, NotFound

from foundation.errors import InputError
from foundation.logging import get_logger
from foundation.settings import listed
from foundation.together import Together
from foundation.web import signed, transaction
from foundation.web.access import foundations
from notify.channels.twilio import STATES, STATUS_PATH
from notify.channels.twilio_codes import OPTED_OUT, said
from notify.models import DeliveryState
from notify.receipts import NewReceipt, record_receipts
from notify.suppression import check_address, record_inbound, suppress_opted_out

hooks = Blueprint("twilio_hooks", __name__)
_TOGETHER = "twilio_receipts"
_CHANNEL = "twilio"
_MOST_WORDS = 40
log = get_logger()


@hooks.record
def _set_up(state: BlueprintSetupState) -> None:
    """Calls come in crowds, one or more for each text: those that wait for a commit share the next one."""
    state.app.extensions[_TOGETHER] = Together(_record)


@hooks.post(STATUS_PATH)
@signed
def record_status() -> Response:
    """Keep a status callback; 204 once it is committed, so that what we did not keep is sent again."""
    _check_signature()
    status = request.form.get("MessageStatus") or request.form.get("SmsStatus") or ""
    sid = request.form.get("MessageSid") or request.form.get("SmsSid")
    if not sid or len(sid) > 64:
        raise BadRequest("MessageSid is missing")
    state = STATES.get(status)
    if state is not None:
        together: Together[NewReceipt] = current_app.extensions[_TOGETHER]
        together.do(_receipt(state, status, sid))
    if _error_code() in OPTED_OUT:
        # A Messaging Service takes a text to such a recipient and says only later that it did not go.
        _suppress(request.form.get("To", ""))
    # A word that Twilio adds one day is not ours to refuse: refusing would make it call again and again.
    return Response(status=204)


def _record(receipts: Sequence[NewReceipt]) -> None:
    with transaction() as session:
        record_receipts(session, receipts)


def _receipt(state: DeliveryState, status: str, sid: str) -> NewReceipt:
    number = _error_code()
    return NewReceipt(
        channel=_CHANNEL,
        state=state,
        provider_ref=sid,
        delivery_id=_whole(request.args.get("delivery")),
        attempt=_whole(request.args.get("attempt")),
        provider_status=f"{status} {number}" if number else status,
        reason=said(number) if number or state == DeliveryState.FAILED else None,
    )


def _error_code() -> int | None:
    code = request.form.get("ErrorCode", "")
    return int(code) if code.isdecimal() and len(code) < 9 else None


def _suppress(address: str) -> None:
    try:
        with transaction() as session:
            suppress_opted_out(session, [check_address(address)], channel=_CHANNEL)
    except InputError:
        log.warning("opted_out_without_number", channel=_CHANNEL)


@hooks.post("/hooks/twilio/inbound")
@signed
def record_answer() -> Response:
    """Keep what a recipient answered: STOP and its kin, START. Twilio itself replies to those."""
    _check_signature()
    address = request.form.get("From", "")
    # What Twilio understood, when its own opt-out words are configured; else the recipient's.
    body = request.form.get("OptOutType") or request.form.get("Body", "")
    if not address:
        raise BadRequest("From is missing")
    try:
        with transaction() as session:
            record_inbound(session, address=address, body=body[:_MOST_WORDS], channel=_CHANNEL)
    except InputError:
        # A short code or a service's own word as sender: nobody to text, so nobody to suppress.
        log.info("inbound_without_number", channel=_CHANNEL)
    return Response("<Response/>", mimetype="text/xml")


def _check_signature() -> None:
    settings = foundations().settings
    tokens = listed(settings.adapters, "OUTAGE_TWILIO_TOKEN")
    if not tokens or not settings.public_url:
        raise NotFound
    # The address as Twilio knows it: what a proxy in front made of it would not fit the signature.
    address = settings.public_url + request.full_path.rstrip("?")
    signature = request.headers.get("X-Twilio-Signature", "")
    algorithm = get_signature_algorithm(request.headers.get("X-Twilio-Webhooks-Signature-Settings"))
    if not any(RequestValidator(token).validate(address, request.form, signature, algorithm) for token in tokens):
        raise Forbidden("the signature does not fit")


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
