"""Stripe's own SDK on our stand-in. Usage: stripe_flows.py JSON, as the program fake-providers prints it."""

import json
import sys
import urllib.parse
import urllib.request

import stripe

place = json.loads(sys.argv[1])["stripe"]
client = stripe.StripeClient(place["secret_key"], base_addresses={"api": place["url"]}, max_network_retries=0)
intents, refunds = client.v1.payment_intents, client.v1.refunds
checks = 0


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"FAILED: {what}")


def refused(call, error, code, what):
    try:
        call()
    except error as found:
        check(found.code == code, f"{what}: {found.code!r} is not {code!r}")
        return found
    sys.exit(f"FAILED: {what}: it was not refused")


def intent(key, method="pm_card_visa", options=None, **params):
    params = {"amount": 1000, "currency": "eur", "payment_method": method, "payment_method_types": ["card"], **params}
    return intents.create(params, {"idempotency_key": key, **(options or {})})


# A charge in one call, and in two.
done = intent("a", confirm=True, metadata={"order_id": "o-1"})
check((done.status, done.amount_received, done.metadata["order_id"]) == ("succeeded", 1000, "o-1"), "a charge")
check(intent("a", confirm=True, metadata={"order_id": "o-1"}).id == done.id, "the same key gives the same intent")
refused(lambda: intent("a", confirm=True, amount=2000), stripe.IdempotencyError, None, "the same key, other words")
opened = intent("b")
check(opened.status == "requires_confirmation", "an intent that is not confirmed")
check(intents.confirm(opened.id, {}).status == "succeeded", "the second call")
refused(lambda: intents.confirm(opened.id, {}), stripe.InvalidRequestError, "payment_intent_unexpected_state", "twice")

# What is set aside: captured once, in part; or given up.
held = intent("c", confirm=True, capture_method="manual")
check((held.status, held.amount_capturable) == ("requires_capture", 1000), "money set aside")
more = lambda: intents.capture(held.id, {"amount_to_capture": 1001})
refused(more, stripe.InvalidRequestError, "amount_too_large", "more than is set aside")
part = intents.capture(held.id, {"amount_to_capture": 600})
check((part.status, part.amount_received, part.amount_capturable) == ("succeeded", 600, 0), "a part is taken")
gone = intents.cancel(intent("d", confirm=True, capture_method="manual").id, {"cancellation_reason": "abandoned"})
check(gone.status == "canceled", "given up")

# Refusals, and the customer's bank.
error = refused(lambda: intent("e", "pm_card_chargeDeclinedInsufficientFunds", confirm=True), stripe.CardError,
                "card_declined", "a refused card")
check(error.error.decline_code == "insufficient_funds", "why it was refused")
check(error.error.payment_intent.status == "requires_payment_method", "the intent can be paid otherwise")
asked = intent("f", "pm_card_authenticationRequired", confirm=True, return_url="https://shop.example/paid")
check(asked.status == "requires_action", "the customer is asked")
page = asked.next_action.redirect_to_url.url
check(b"Approve" in urllib.request.urlopen(page).read(), "the customer's page")


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


answer = urllib.parse.urlencode({"outcome": "approve"}).encode()
try:
    urllib.request.build_opener(Stay).open(page, answer)
except urllib.error.HTTPError as back:
    check(back.headers["location"].startswith("https://shop.example/paid?payment_intent=pi_"), "back to the shop")
check(intents.retrieve(asked.id).status == "succeeded", "the customer has agreed")

# Money goes back, in parts, and never more than was taken.
first = refunds.create({"payment_intent": done.id, "amount": 300, "reason": "requested_by_customer"})
check((first.status, first.amount) == ("succeeded", 300), "a refund")
try:
    refunds.create({"payment_intent": done.id, "amount": 701})
    sys.exit("FAILED: more went back than was taken")
except stripe.InvalidRequestError:
    checks += 1
refunds.create({"payment_intent": done.id})
all_back = lambda: refunds.create({"payment_intent": done.id})
refused(all_back, stripe.InvalidRequestError, "charge_already_refunded", "all went back")
listed = [refund.amount for refund in refunds.list({"payment_intent": done.id, "limit": 1}).auto_paging_iter()]
check(listed == [700, 300], "the list of refunds, page by page")
mine = [found.id for found in intents.list({"created": {"gte": done.created}, "limit": 2}).auto_paging_iter()]
check(mine[-1] == done.id and len(mine) == 6, "the list of intents, page by page")

# Amounts and parameters that Stripe refuses.
refused(lambda: intent("g", amount=5124, currency="kwd"), stripe.InvalidRequestError, "parameter_invalid_integer", "KWD")
refused(lambda: intent("h", colour="red"), stripe.InvalidRequestError, "parameter_unknown", "an unknown parameter")
wrong = stripe.StripeClient("sk_test_wrong", base_addresses={"api": place["url"]})
try:
    wrong.v1.payment_intents.retrieve(done.id)
    sys.exit("FAILED: a wrong key was believed")
except stripe.AuthenticationError:
    checks += 1

# The SDK believes our events, and no others.
secret = "whsec_of_the_sdk_check"
events = json.load(urllib.request.urlopen(f"{place['url']}/fake/webhooks?secret={secret}"))
check(len(events) >= 12, "every change has its event")
for event in events:
    read = stripe.Webhook.construct_event(event["body"], event["signature"], secret)
    check(read.id.startswith("evt_") and read.data.object.id, "an event")
for body, signature, key in [
    (events[0]["body"] + " ", events[0]["signature"], secret),
    (events[0]["body"], events[0]["signature"], "whsec_other"),
]:
    try:
        stripe.Webhook.construct_event(body, signature, key)
        sys.exit("FAILED: a wrong signature was believed")
    except stripe.SignatureVerificationError:
        checks += 1

print(f"stripe {stripe.VERSION}: {checks} checks passed")
