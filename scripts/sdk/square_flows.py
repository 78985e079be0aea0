"""Square's own SDK on our stand-in. Usage: square_flows.py JSON, as the program fake-providers prints it."""

import json
import sys
import urllib.parse
import urllib.request
from importlib.metadata import version

from square import Square
from square.core.api_error import ApiError
from square.utils.webhooks_helper import verify_signature

place = json.loads(sys.argv[1])["square"]
client = Square(token=place["access_token"], base_url=place["url"])
payments, refunds = client.payments, client.refunds
once = {"max_retries": 0}
checks = 0


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"FAILED: {what}")


def refused(call, code, what):
    try:
        call()
    except ApiError as found:
        check(found.errors[0].code == code, f"{what}: {found.errors[0].code!r} is not {code!r}")
        return found
    sys.exit(f"FAILED: {what}: it was not refused")


def pay(key, source="cnon:card-nonce-ok", amount=1000, currency="EUR", **params):
    money = {"amount": amount, "currency": currency}
    params = {"location_id": place["location_id"], **params}
    return payments.create(source_id=source, idempotency_key=key, amount_money=money, request_options=once, **params).payment


def back(key, payment, amount):
    money = {"amount": amount, "currency": "EUR"}
    return refunds.refund_payment(
        idempotency_key=key, payment_id=payment, amount_money=money, reason="of the check", request_options=once).refund


# A charge, and its key.
done = pay("a", reference_id="r-1", note="n-1")
check((done.status, done.total_money.amount, done.reference_id) == ("COMPLETED", 1000, "r-1"), "a charge")
check(pay("a", reference_id="r-1", note="n-1").id == done.id, "the same key gives the same payment")
refused(lambda: pay("a", amount=2000), "IDEMPOTENCY_KEY_REUSED", "the same key, other words")
refused(lambda: pay("k" * 46), "VALUE_TOO_LONG", "a long key")

# What is set aside: lowered and completed once, or given up.
held = pay("b", autocomplete=False)
check((held.status, "EDIT_AMOUNT_DOWN" in held.capabilities) == ("APPROVED", True), "money set aside")
lower = {"amount_money": {"amount": 600, "currency": "EUR"}, "version_token": held.version_token}
part = payments.update(held.id, idempotency_key="c", payment=lower, request_options=once).payment
check((part.amount_money.amount, part.approved_money.amount) == (600, 1000), "the amount is lowered")
stale = lambda: payments.complete(held.id, version_token=held.version_token, request_options=once)
refused(stale, "VERSION_MISMATCH", "an old version")
taken = payments.complete(held.id, version_token=part.version_token, request_options=once).payment
check((taken.status, taken.total_money.amount) == ("COMPLETED", 600), "a part is taken")
twice = lambda: payments.complete(held.id, request_options=once)
refused(twice, "DELAYED_TRANSACTION_CAPTURED", "it is completed once")
check(payments.cancel(pay("d", autocomplete=False).id).payment.status == "CANCELED", "given up")
lost = pay("e", autocomplete=False)
check(payments.cancel_by_idempotency_key(idempotency_key="e").errors is None, "given up by its key")
check(payments.get(lost.id).payment.status == "CANCELED", "it is given up")
payments.cancel_by_idempotency_key(idempotency_key="of nothing")
whole = pay("f", amount=5000, currency="JPY", autocomplete=False)
check(whole.capabilities is None, "yen can't be lowered")

# Refusals.
error = refused(lambda: pay("g", "cnon:card-nonce-declined"), "GENERIC_DECLINE", "a refused card")
check((error.status_code, error.errors[0].category) == (402, "PAYMENT_METHOD_ERROR"), "how it was refused")
check(error.body["payment"]["status"] == "FAILED", "a payment that failed is told")
refused(lambda: pay("h", "cnon:card-nonce-rejected-cvv"), "CVV_FAILURE", "a wrong CVV")
refused(lambda: pay("i", amount=5120, currency="KWD"), "UNSUPPORTED_CURRENCY", "a currency that nobody is paid in")
refused(lambda: payments.get("of-nobody", request_options=once), "NOT_FOUND", "no such payment")

# Money goes back, in parts, and never more than was taken.
first = back("j", done.id, 300)
check((first.status, refunds.get(first.id).refund.status) == ("PENDING", "COMPLETED"), "a refund, and its end")
refused(lambda: back("k", done.id, 701), "REFUND_AMOUNT_INVALID", "more than is left")
back("l", done.id, 700)
check(payments.get(done.id).payment.refund_ids[0] == first.id, "a payment names its refunds")
check(payments.get(done.id).payment.refunded_money.amount == 1000, "all went back")
check([refund.amount_money.amount for refund in refunds.list(limit=1)] == [700, 300], "the list of refunds, page by page")
mine = [found.id for found in payments.list(begin_time=done.created_at, sort_order="ASC", limit=2)]
check((mine[0], len(mine)) == (done.id, 7), "the list of payments, page by page")
# Disputes, which somebody opens by hand.
disputed = pay("m")
check([found for found in client.disputes.list(location_id=place["location_id"])] == [], "nothing is disputed")
by_hand = lambda action: json.load(urllib.request.urlopen(f"{place['url']}/fake/disputes/{action}", data=b""))["id"]
opened = by_hand(f"open?payment={disputed.id}&amount=400")
dispute = client.disputes.get(opened).dispute
check((dispute.state, dispute.amount_money.amount) == ("EVIDENCE_REQUIRED", 400), "a dispute")
check((dispute.id, dispute.disputed_payment.payment_id) == (opened, disputed.id), "what it is about")
refused(lambda: back("n", disputed.id, 600), "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE", "what is disputed does not go back")
by_hand(f"close?dispute={opened}&won=true")
check(client.disputes.get(opened).dispute.state == "WON", "its end")
check([found.id for found in client.disputes.list(location_id=place["location_id"])] == [opened], "the list of disputes")
check([found.id for found in client.disputes.list(location_id="of-nobody")] == [], "a list of another location")
check([found.id for found in client.disputes.list(states="LOST")] == [], "a list of another state")
back("o", disputed.id, 600)
refused(lambda: client.disputes.get("of-nobody", request_options=once), "NOT_FOUND", "no such dispute")
wrong = Square(token="wrong", base_url=place["url"])
refused(lambda: wrong.payments.get(done.id, request_options=once), "UNAUTHORIZED", "a wrong token")

# The SDK believes our events, and no others.
key, url = "of_the_sdk_check", "https://shop.example/webhooks/square"
query = urllib.parse.urlencode({"key": key, "url": url})
events = json.load(urllib.request.urlopen(f"{place['url']}/fake/webhooks?{query}"))
check(len(events) >= 12, "every change has its event")
believes = lambda event, **other: verify_signature(**{
    "request_body": event["body"], "signature_header": event["signature"], "signature_key": key, "notification_url": url,
    **other})
for event in events:
    check(believes(event), "an event")
    check(json.loads(event["body"])["event_id"], "an event has an id")
event = events[0]
check(not believes(event, request_body=event["body"] + " "), "another body")
check(not believes(event, signature_key="another"), "another key")
check(not believes(event, notification_url=url + "/"), "another URL")

print(f"squareup {version('squareup')}: {checks} checks passed")
