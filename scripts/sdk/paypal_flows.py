"""PayPal's own SDK on our stand-in. Usage: paypal_flows.py JSON, as the program fake-providers prints it.

The SDK can't check webhooks: their signatures are checked by OpenSSL, as PayPal's documents say.
"""

import base64
import datetime
import json
import sys
import urllib.parse
import urllib.request
import zlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.exceptions.error_exception import ErrorException
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.models.amount_with_breakdown import AmountWithBreakdown
from paypalserversdk.models.capture_request import CaptureRequest
from paypalserversdk.models.money import Money
from paypalserversdk.models.order_request import OrderRequest
from paypalserversdk.models.patch import Patch
from paypalserversdk.models.purchase_unit_request import PurchaseUnitRequest
from paypalserversdk.models.refund_request import RefundRequest
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

place = json.loads(sys.argv[1])["paypal"]
Configuration.environments[Environment.SANDBOX][Server.DEFAULT] = place["url"]
credentials = ClientCredentialsAuthCredentials(place["client_id"], place["client_secret"])
client = PaypalServersdkClient(client_credentials_auth_credentials=credentials, environment=Environment.SANDBOX)
orders, payments = client.orders, client.payments
checks = 0


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"FAILED: {what}")


def refused(call, issue, what):
    try:
        call()
    except ErrorException as found:
        issues = [detail.issue for detail in found.details]
        check(issues == [issue], f"{what}: {issues} is not {issue}")
        return
    sys.exit(f"FAILED: {what}: it was not refused")


def money(value, currency="USD"):
    return Money(currency_code=currency, value=value)


def order(key, intent="CAPTURE", value="19.99", currency="USD", whole=True):
    amount = AmountWithBreakdown(currency_code=currency, value=value)
    unit = PurchaseUnitRequest(amount=amount, custom_id=f"custom-{key}", invoice_id=f"invoice-{key}", description="Order 7")
    options = {"body": OrderRequest(intent=intent, purchase_units=[unit]), "paypal_request_id": key}
    return orders.create_order({**options, **({"prefer": "return=representation"} if whole else {})}).body


def agree(made):
    page = next(link.href for link in made.links if link.rel in ("approve", "payer-action"))
    check(b"Agree" in urllib.request.urlopen(page).read(), "the payer's page")
    urllib.request.urlopen(page, urllib.parse.urlencode({"outcome": "approve"}).encode()).read()


def step(call, made, key):
    return call({"id": made.id, "paypal_request_id": key, "prefer": "return=representation"}).body


# An order that the payer agrees to, and that is captured once.
made = order("a")
check((made.status, made.purchase_units[0].amount.value) == ("CREATED", "19.99"), "an order")
check(order("a").id == made.id, "the same request id gives the same order")
refused(lambda: step(orders.capture_order, made, "b0"), "ORDER_NOT_APPROVED", "before the payer agrees")
orders.patch_order({"id": made.id, "body": [
    Patch(op="replace", path="/purchase_units/@reference_id=='default'/description", value="Order 8")]})
check(orders.get_order({"id": made.id}).body.purchase_units[0].description == "Order 8", "a change")
agree(made)
check(orders.get_order({"id": made.id}).body.status == "APPROVED", "the payer has agreed")
done = step(orders.capture_order, made, "b")
capture = done.purchase_units[0].payments.captures[0]
check((done.status, capture.status, capture.amount.value) == ("COMPLETED", "COMPLETED", "19.99"), "a capture")
check(step(orders.capture_order, made, "b").id == done.id, "the same request id, the same capture")
refused(lambda: step(orders.capture_order, made, "c"), "ORDER_ALREADY_CAPTURED", "another request id")
found = payments.get_captured_payment({"capture_id": capture.id}).body
check(found.supplementary_data.related_ids.order_id == made.id, "whose capture it is")
check(not hasattr(order("a3", whole=False), "purchase_units"), "without a wish the answer is short")

# Money goes back, in parts, and never more than was taken.
def back(key, value=None):
    body = RefundRequest(amount=money(value), custom_id="back") if value else None
    options = {"capture_id": capture.id, "paypal_request_id": key, "prefer": "return=representation"}
    return payments.refund_captured_payment({**options, **({"body": body} if body else {})}).body


first = back("r1", "5.00")
check((first.status, first.amount.value, first.custom_id) == ("COMPLETED", "5.00", "back"), "a refund")
check(back("r1", "5.00").id == first.id, "the same request id, the same refund")
refused(lambda: back("r2", "15.00"), "REFUND_AMOUNT_EXCEEDED", "more than is left")
check(back("r3").amount.value == "14.99", "all that is left")
refused(lambda: back("r4"), "CAPTURE_FULLY_REFUNDED", "all went back")
check(payments.get_captured_payment({"capture_id": capture.id}).body.status == "REFUNDED", "the capture's status")
check(payments.get_refund({"refund_id": first.id}).body.status == "COMPLETED", "a refund that is read")

# What is set aside: captured in parts, or given up.
held = order("d", intent="AUTHORIZE")
agree(held)
authorization = step(orders.authorize_order, held, "e").purchase_units[0].payments.authorizations[0]
check(authorization.status == "CREATED", "money set aside")


def take(key, value, final=False, invoice=None):
    body = CaptureRequest(amount=money(value), final_capture=final, invoice_id=invoice or key)
    options = {"authorization_id": authorization.id, "paypal_request_id": key, "prefer": "return=representation"}
    return payments.capture_authorized_payment({**options, "body": body}).body


check(take("f", "10.00").status == "COMPLETED", "a part")
refused(lambda: take("g", "20.00"), "MAX_CAPTURE_AMOUNT_EXCEEDED", "more than was set aside")
refused(lambda: take("h", "1.00", invoice="f"), "DUPLICATE_INVOICE_ID", "an invoice that was paid")
read = lambda: payments.get_authorized_payment({"authorization_id": authorization.id}).body
check(read().status == "PARTIALLY_CAPTURED", "the authorisation's status")
payments.void_payment({"authorization_id": authorization.id, "paypal_request_id": "i"})
check(read().status == "VOIDED", "the rest is given up")
refused(lambda: take("j", "1.00"), "AUTHORIZATION_VOIDED", "after it was given up")

# Amounts that PayPal refuses, and credentials that it does not know.
refused(lambda: order("k", value="5.5", currency="JPY"), "DECIMAL_PRECISION", "decimals of yen")
refused(lambda: order("l", currency="KWD"), "INVALID_CURRENCY_CODE", "a currency that PayPal does not take")
check(order("m", value="500", currency="JPY").purchase_units[0].amount.value == "500", "yen")
try:
    wrong = ClientCredentialsAuthCredentials("somebody", "else")
    PaypalServersdkClient(client_credentials_auth_credentials=wrong, environment=Environment.SANDBOX) \
        .orders.get_order({"id": made.id})
    sys.exit("FAILED: wrong credentials were believed")
except Exception as error:
    check("Unauthorized" in type(error).__name__ + str(error) or "401" in str(error) or "auth" in str(error).lower(),
          f"wrong credentials: {error!r}")

# The transaction search, page by page.
now = datetime.datetime.now(datetime.timezone.utc)
time = lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")


def search(**options):
    day = datetime.timedelta(days=1)
    window = {"start_date": time(now - day), "end_date": time(now + day), "fields": "transaction_info"}
    return client.transaction_search.search_transactions({**window, **options}).body


page = search(balance_affecting_records_only="N", page_size=2, page=1)
check((page.total_items, page.total_pages, len(page.transaction_details)) == (5, 3, 2), "a page of the search")
every = search(balance_affecting_records_only="N").transaction_details
codes = sorted(entry.transaction_info.transaction_event_code for entry in every)
check(codes == ["T0006", "T0006", "T1107", "T1107", "T1300"], f"what is in the search: {codes}")
check({entry.transaction_info.custom_field for entry in every} == {"custom-a", "custom-d"}, "whose it is")
check(len(search().transaction_details) == 4, "authorisations only when they are asked for")

# The webhooks are signed as PayPal's documents say.
webhook = "WH-OF-THE-SDK-CHECK"
events = json.load(urllib.request.urlopen(f"{place['url']}/fake/webhooks?webhook_id={webhook}"))
check(len(events) == 8, f"every change has its event: {len(events)}")
for event in events:
    headers, body = event["headers"], event["body"]
    pem = urllib.request.urlopen(headers["paypal-cert-url"]).read()
    leaf, root = x509.load_pem_x509_certificates(pem)
    leaf.verify_directly_issued_by(root)
    sum_of_body = zlib.crc32(body.encode())
    signed = f"{headers['paypal-transmission-id']}|{headers['paypal-transmission-time']}|{webhook}|{sum_of_body}"
    signature = base64.b64decode(headers["paypal-transmission-sig"])
    leaf.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    check(json.loads(body)["id"].startswith("WH-"), "an event")

print(f"paypal-server-sdk: {checks} checks passed")
