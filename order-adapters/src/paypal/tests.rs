//! The mapping alone: what is sent for an instruction, and what PayPal's words mean.

use order_core::gateway::Instruction;
use order_core::money::Currency;
use order_core::payment::{Answer, PaymentAction, RefundStatus, Release};
use serde_json::{Value, json};

use super::object::{Order, Problem};
use super::reading::{self, Next, Reading};
use super::refund::{self, Plan};
use super::request::{self, Pages};
use super::{books, search};

const KEY: &str = "019b0000-0000-7000-8000-000000000001";
const OTHER: &str = "019b0000-0000-7000-8000-000000000002";

fn instruction(kind: &str, token: Option<&str>) -> Instruction {
    let wire = json!({
        "key": KEY,
        "kind": kind,
        "amount": { "amount": "12.30", "currency": "EUR" },
        "first_key": KEY,
        "reference": null,
        "method": "card",
        "token": token,
        "payment_id": OTHER,
        "order_id": OTHER,
        "order_number": "A 1&2",
        "customer_id": "c-1",
    });
    serde_json::from_value(wire).unwrap()
}

fn euros(value: &str) -> Value {
    json!({ "currency_code": "EUR", "value": value })
}

fn order(status: &str, payments: &Value) -> Order {
    let wire = json!({
        "id": "5O1", "status": status, "intent": "CAPTURE", "a_field_of_tomorrow": [1, 2],
        "purchase_units": [{
            "custom_id": format!("{OTHER}.{OTHER}.{KEY}"), "description": "Order A 1&2", "amount": euros("12.30"),
            "payments": payments,
        }],
        "links": [
            { "href": "https://paypal/self", "rel": "self", "method": "GET" },
            { "href": "https://paypal/approve", "rel": "payer-action", "method": "GET" },
        ],
    });
    serde_json::from_value(wire).unwrap()
}

fn captured(status: &str, value: &str) -> Value {
    json!({ "captures": [{ "id": "2GG", "status": status, "amount": euros(value), "invoice_id": KEY }] })
}

fn authorised(status: &str, captures: &[(&str, &str, &str)]) -> Value {
    let captures: Vec<Value> = captures
        .iter()
        .map(|(invoice, status, value)| {
            json!({ "id": "2GG", "status": status, "amount": euros(value), "invoice_id": invoice })
        })
        .collect();
    let held = json!({ "id": "0AW", "status": status, "amount": euros("12.30") });
    json!({ "authorizations": [held], "captures": captures })
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Succeeded { amount, reference } => {
            format!("succeeded {amount} {}", reference.as_ref().unwrap().as_str())
        }
        Answer::Declined(decline) => format!("declined: {}", decline.code),
        Answer::ActionRequired { action: PaymentAction::Redirect { url }, .. } => url.clone(),
        Answer::Unknown => "unknown".to_owned(),
        Answer::FinalCapture { .. }
        | Answer::ActionRequired { .. }
        | Answer::Approved
        | Answer::Absent
        | _ => format!("{answer:?}"),
    }
}

fn first(order: &Order, kind: &str, token: Option<&str>) -> String {
    match reading::first(order, &instruction(kind, token)) {
        Reading::Ready => "ready".to_owned(),
        Reading::Approved => "approved".to_owned(),
        Reading::Answer(answer) => said(&answer),
    }
}

fn next(next: &Next) -> String {
    match next {
        Next::Answer(answer) => said(answer),
        Next::Ready { authorization, left } => format!("ready {authorization} {left}"),
        Next::Waiting => "waiting".to_owned(),
    }
}

#[test]
fn an_order_s_status_is_not_its_money() {
    let none = json!({});
    for (status, payments, kind, token, meaning) in [
        ("CREATED", &none, "charge", Some("v"), "ready"),
        ("CREATED", &none, "charge", None, "https://paypal/approve"),
        ("SAVED", &none, "authorise", Some("v"), "ready"),
        ("PAYER_ACTION_REQUIRED", &none, "charge", Some("v"), "https://paypal/approve"),
        ("APPROVED", &none, "charge", None, "approved"),
        ("APPROVED", &none, "charge", Some("v"), "approved"),
        ("VOIDED", &none, "charge", None, "declined: voided"),
        ("COMPLETED", &none, "charge", None, "unknown"),
        ("A_STATUS_OF_TOMORROW", &none, "charge", None, "unknown"),
        ("COMPLETED", &captured("COMPLETED", "12.30"), "charge", None, "succeeded 12.30 EUR 5O1"),
        ("COMPLETED", &captured("COMPLETED", "9.99"), "charge", None, "succeeded 9.99 EUR 5O1"),
        ("COMPLETED", &captured("PARTIALLY_REFUNDED", "12.30"), "charge", None, "succeeded 12.30 EUR 5O1"),
        ("COMPLETED", &captured("REFUNDED", "12.30"), "charge", None, "succeeded 12.30 EUR 5O1"),
        ("COMPLETED", &captured("PENDING", "12.30"), "charge", None, "unknown"),
        ("COMPLETED", &captured("DECLINED", "12.30"), "charge", None, "declined: capture_declined"),
        ("COMPLETED", &captured("FAILED", "12.30"), "charge", None, "declined: capture_failed"),
        ("COMPLETED", &captured("COMPLETED", "many"), "charge", None, "unknown"),
        ("COMPLETED", &authorised("CREATED", &[]), "authorise", None, "succeeded 12.30 EUR 5O1"),
        ("COMPLETED", &authorised("CAPTURED", &[]), "authorise", None, "succeeded 12.30 EUR 5O1"),
        ("COMPLETED", &authorised("PENDING", &[]), "authorise", None, "unknown"),
        ("COMPLETED", &authorised("DENIED", &[]), "authorise", None, "declined: denied"),
        ("COMPLETED", &authorised("VOIDED", &[]), "authorise", None, "declined: voided"),
        ("COMPLETED", &authorised("CREATED", &[]), "charge", None, "unknown"),
    ] {
        assert_eq!(first(&order(status, payments), kind, token), meaning, "{status} {kind} {payments}");
    }
}

#[test]
fn a_mark_is_a_refusal_until_money_has_moved() {
    let marked = |status: &str, payments: &Value| {
        let mut order = order(status, payments);
        order.purchase_units[0].description = Some("closed: INSTRUMENT_DECLINED".to_owned());
        order
    };
    assert_eq!(first(&marked("CREATED", &json!({})), "charge", Some("v")), "declined: INSTRUMENT_DECLINED");
    assert_eq!(first(&marked("APPROVED", &json!({})), "charge", None), "declined: INSTRUMENT_DECLINED");
    let late = captured("COMPLETED", "12.30");
    assert_eq!(first(&marked("COMPLETED", &late), "charge", None), "succeeded 12.30 EUR 5O1");
    assert_eq!(next(&reading::void(&marked("APPROVED", &json!({})))), "succeeded 12.30 EUR 5O1");
}

#[test]
fn captures_are_told_by_their_invoice_and_bounded() {
    let capture = instruction("capture", None);
    for (payments, meaning) in [
        (authorised("CREATED", &[]), "ready 0AW 12.30 EUR"),
        (authorised("PARTIALLY_CAPTURED", &[(OTHER, "COMPLETED", "2.30")]), "declined: amount_too_large"),
        (authorised("PARTIALLY_CAPTURED", &[(OTHER, "DECLINED", "2.30")]), "ready 0AW 12.30 EUR"),
        (authorised("PARTIALLY_CAPTURED", &[(KEY, "COMPLETED", "2.30")]), "succeeded 2.30 EUR 2GG"),
        (authorised("CAPTURED", &[(KEY, "PENDING", "12.30")]), "unknown"),
        (authorised("CAPTURED", &[(KEY, "DECLINED", "12.30")]), "declined: capture_declined"),
        (authorised("CAPTURED", &[(OTHER, "COMPLETED", "12.30")]), "declined: already_captured"),
        (authorised("VOIDED", &[]), "declined: already_voided"),
        (authorised("DENIED", &[]), "declined: not_authorised"),
        (authorised("PENDING", &[]), "unknown"),
        (json!({}), "declined: not_authorised"),
        (
            json!({ "captures": [{ "id": "1", "status": "COMPLETED", "amount": euros("1.00") }] }),
            "declined: already_captured",
        ),
    ] {
        let order = order("COMPLETED", &payments);
        assert_eq!(next(&reading::later_capture(&order, &capture)), meaning, "{payments}");
    }
}

#[test]
fn what_is_left_is_given_up() {
    for (status, payments, meaning) in [
        ("COMPLETED", authorised("CREATED", &[]), "ready 0AW 12.30 EUR"),
        (
            "COMPLETED",
            authorised("PARTIALLY_CAPTURED", &[(OTHER, "COMPLETED", "2.30")]),
            "ready 0AW 10.00 EUR",
        ),
        ("COMPLETED", authorised("VOIDED", &[(OTHER, "COMPLETED", "2.30")]), "succeeded 10.00 EUR 0AW"),
        ("COMPLETED", authorised("CAPTURED", &[(OTHER, "COMPLETED", "2.30")]), "succeeded 10.00 EUR 0AW"),
        ("COMPLETED", authorised("CAPTURED", &[(OTHER, "COMPLETED", "12.30")]), "declined: already_captured"),
        ("COMPLETED", authorised("DENIED", &[]), "declined: not_authorised"),
        ("COMPLETED", captured("COMPLETED", "12.30"), "declined: already_captured"),
        ("COMPLETED", captured("PENDING", "12.30"), "unknown"),
        ("PAYER_ACTION_REQUIRED", json!({}), "waiting"),
        ("APPROVED", json!({}), "waiting"),
        ("VOIDED", json!({}), "succeeded 12.30 EUR 5O1"),
    ] {
        assert_eq!(next(&reading::void(&order(status, &payments))), meaning, "{status} {payments}");
    }
}

/// Two captures of 8.00 and 4.30, and what went back of them.
fn two_captures(refunds: &Value) -> Order {
    let capture = |id: &str, value: &str| json!({ "id": id, "status": "COMPLETED", "amount": euros(value) });
    order(
        "COMPLETED",
        &json!({ "captures": [capture("2GG", "8.00"), capture("3GG", "4.30")], "refunds": refunds }),
    )
}

fn back(capture: &str, status: &str, value: &str, operation: &str) -> Value {
    json!({
        "id": format!("1J{capture}"), "status": status, "amount": euros(value),
        "custom_id": format!("{OTHER}.{OTHER}.{operation}"),
        "links": [{ "href": format!("https://paypal/v2/payments/captures/{capture}"), "rel": "up", "method": "GET" }],
    })
}

#[test]
fn a_refund_is_made_of_as_many_captures_as_it_takes() {
    let refund = instruction("refund", None);
    for (refunds, meaning) in [
        (json!([]), "2GG 8.00 EUR, 3GG 4.30 EUR"),
        (json!([back("2GG", "COMPLETED", "8.00", KEY)]), "3GG 4.30 EUR"),
        (json!([back("2GG", "FAILED", "3.00", OTHER)]), "2GG 8.00 EUR, 3GG 4.30 EUR"),
        (json!([back("2GG", "COMPLETED", "3.00", OTHER)]), "declined: amount_too_large"),
        (json!([back("2GG", "PENDING", "3.00", OTHER)]), "declined: amount_too_large"),
        (
            json!([back("2GG", "COMPLETED", "8.00", KEY), back("3GG", "COMPLETED", "4.30", KEY)]),
            "succeeded 12.30 EUR 1J2GG",
        ),
        (json!([back("2GG", "PENDING", "8.00", KEY), back("3GG", "COMPLETED", "4.30", KEY)]), "unknown"),
        (json!([back("2GG", "FAILED", "8.00", KEY)]), "declined: refund_failed"),
        (json!([back("2GG", "CANCELLED", "8.00", KEY)]), "declined: refund_cancelled"),
    ] {
        let found = match refund::plan(&two_captures(&refunds), &refund) {
            Plan::Answer(answer) => said(&answer),
            Plan::Parts(parts) => {
                let parts = parts.iter().map(|part| format!("{} {}", part.capture, part.amount));
                parts.collect::<Vec<_>>().join(", ")
            }
        };
        assert_eq!(found, meaning, "{refunds}");
    }
    let nothing = refund::plan(&order("APPROVED", &json!({})), &refund);
    assert!(matches!(nothing, Plan::Answer(Answer::Declined(decline)) if decline.code == "not_captured"));
}

#[test]
fn books_are_read_off_the_order() {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let report = |order: &Order| books::report(order, Currency::EUR, now).unwrap();
    let refunds = json!([back("2GG", "COMPLETED", "8.00", KEY), back("3GG", "PENDING", "4.30", KEY)]);
    let charged = report(&two_captures(&refunds));
    assert_eq!(
        (charged.captured.minor(), charged.authorised.minor(), charged.released),
        (1_230, 1_230, None)
    );
    assert_eq!(charged.payment_id.unwrap().to_string(), OTHER);
    let [refund] = charged.refunds.as_slice() else { unreachable!("the parts of one refund are one") };
    assert_eq!((refund.amount.minor(), refund.status), (1_230, RefundStatus::Pending));
    assert_eq!(refund.operation_id.unwrap().to_string(), KEY);
    for (status, end, captured, released) in [
        ("CREATED", "2026-12-01T00:00:00Z", 0, None),
        ("CREATED", "2026-11-21T12:00:00Z", 0, Some(Release::Expired)),
        ("PARTIALLY_CAPTURED", "2026-11-01T00:00:00Z", 230, Some(Release::Expired)),
        ("VOIDED", "2026-12-01T00:00:00Z", 230, Some(Release::Voided)),
        ("CAPTURED", "2026-11-01T00:00:00Z", 230, Some(Release::Voided)),
        ("CAPTURED", "2026-11-01T00:00:00Z", 1_230, None),
    ] {
        let part = format!("{}.{:02}", captured / 100, captured % 100);
        let captures = [(OTHER, "COMPLETED", part.as_str())];
        let captures = if captured == 0 { &captures[..0] } else { &captures };
        let mut payments = authorised(status, captures);
        payments["authorizations"][0]["expiration_time"] = end.into();
        payments["authorizations"][0]["update_time"] = "2026-11-20T00:00:00Z".into();
        let mut order = order("COMPLETED", &payments);
        order.intent = Some("AUTHORIZE".to_owned());
        let report = report(&order);
        let found = (report.authorised.minor(), report.captured.minor(), report.released);
        assert_eq!(found, (1_230, captured, released), "{status} {end}");
    }
    let waiting = report(&order("PAYER_ACTION_REQUIRED", &json!({})));
    assert_eq!(waiting.first.as_ref().map(said).as_deref(), Some("https://paypal/approve"));
    assert_eq!(report(&order("APPROVED", &json!({}))).first, Some(Answer::Approved));
    let declined = report(&order("COMPLETED", &captured("DECLINED", "12.30")));
    assert_eq!(declined.first.as_ref().map(said).as_deref(), Some("declined: capture_declined"));
    assert!(declined.captured.is_zero());
}

#[test]
fn what_is_sent_says_whose_it_is_and_under_which_key() {
    let pages = Pages { approved: Some("https://shop/yes".to_owned()), cancelled: None };
    let body = |call: &crate::provider::Call| -> Value {
        let (content_type, body) = call.body.clone().unwrap();
        assert_eq!(content_type, "application/json");
        serde_json::from_str(&body).unwrap()
    };
    let create = request::create(&instruction("authorise", Some("v")), "12.30", &pages, "k");
    assert_eq!(create.target, "/v2/checkout/orders");
    let headers = [("paypal-request-id", "k".to_owned()), ("prefer", "return=representation".to_owned())];
    assert_eq!(create.headers, headers);
    let unit = json!({
        "custom_id": format!("{OTHER}.{OTHER}.{KEY}"), "invoice_id": KEY, "description": "Order A 1&2",
        "amount": euros("12.30"),
    });
    assert_eq!(body(&create), json!({ "intent": "AUTHORIZE", "purchase_units": [unit] }));
    let without = body(&request::create(&instruction("charge", None), "12.30", &pages, "k"));
    let context = &without["payment_source"]["paypal"]["experience_context"];
    assert_eq!((&without["intent"], &context["return_url"]), (&json!("CAPTURE"), &json!("https://shop/yes")));
    let charge = instruction("charge", Some("vault-1"));
    let pay = request::complete(&charge, "5O1", false, &Pages::default(), "k");
    assert_eq!(pay.target, "/v2/checkout/orders/5O1/capture");
    assert_eq!(body(&pay), json!({ "payment_source": { "card": { "vault_id": "vault-1" } } }));
    assert_eq!(body(&request::complete(&charge, "5O1", true, &pages, "k")), json!({}));
    let capture = request::capture(&charge, "0AW", "5.00", true, "k");
    let expected = json!({ "amount": euros("5.00"), "invoice_id": KEY, "final_capture": true });
    assert_eq!(body(&capture), expected);
    assert_eq!(request::void("../x?y", "k").target, "/v2/payments/authorizations/xy/void");
    assert!(!format!("{pay:?}").contains("vault-1"), "a token is shown");
}

#[test]
fn names_and_keys_fit_paypal_s_limits() {
    let instruction = instruction("charge", None);
    let custom_id = request::custom_id(&instruction, instruction.key);
    assert!(custom_id.len() <= 127, "{custom_id}");
    let (order, payment, operation) = request::ours(&custom_id).unwrap();
    assert_eq!((order, payment, operation), (instruction.order_id, instruction.payment_id, instruction.key));
    for other in ["", "a.b.c", KEY, &format!("{custom_id}.x")] {
        assert_eq!(request::ours(other), None, "{other}");
    }
    let steps = ["create:0:0", "create:8:2", "capture", "capture:approved", "authorize:approved", "void"];
    let longest = format!("refund:{}", "2GG279541U471931P");
    let keys: std::collections::HashSet<String> = steps
        .iter()
        .copied()
        .chain([longest.as_str()])
        .map(|step| request::key(instruction.key, step))
        .collect();
    assert_eq!(keys.len(), steps.len() + 1);
    assert!(keys.iter().all(|key| key.len() <= 108), "PayPal takes at most 108 characters");
}

#[test]
fn refusals_are_told_by_their_issue() {
    let problem = |wire: Value| -> Problem { serde_json::from_value(wire).unwrap() };
    let declined =
        problem(json!({ "name": "UNPROCESSABLE_ENTITY", "details": [{ "issue": "INSTRUMENT_DECLINED" }] }));
    assert_eq!(reading::decline(&declined).code, "INSTRUMENT_DECLINED");
    assert_eq!(reading::decline(&declined).message, "instrument declined");
    assert_eq!(
        reading::decline(&problem(json!({ "name": "INVALID_REQUEST", "message": "No." }))).message,
        "No."
    );
    assert_eq!(reading::decline(&problem(json!({}))).code, "refused");
    assert!(!declined.is_busy());
    for wire in [
        json!({ "name": "RESOURCE_CONFLICT" }),
        json!({ "name": "UNPROCESSABLE_ENTITY", "details": [{ "issue": "ORDER_COMPLETION_IN_PROGRESS" }] }),
        json!({ "name": "RESOURCE_CONFLICT", "details": [{ "issue": "PREVIOUS_REQUEST_IN_PROGRESS" }] }),
    ] {
        assert!(problem(wire.clone()).is_busy(), "{wire}");
    }
}

#[test]
fn times_are_read_with_and_without_a_colon() {
    let expected = "2014-07-11T04:03:52Z".parse().unwrap();
    for text in ["2014-07-11T04:03:52+0000", "2014-07-11T04:03:52Z", "2014-07-11T06:03:52+02:00"] {
        assert_eq!(search::time(text), Some(expected), "{text}");
    }
    assert!(search::time("2014-07-11T04:03:52.123Z").is_some());
    assert_eq!(search::time("yesterday"), None);
}
