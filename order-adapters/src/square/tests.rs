//! The mapping alone: what is sent for an instruction, and what Square's words mean.

use order_core::gateway::Instruction;
use order_core::payment::{Answer, DisputeStatus};
use serde_json::{Value, json};

use super::dispute;
use super::object::{Dispute, Payment, Refund};
use super::reading::{self, Reading};
use super::request;

const KEY: &str = "019b0000-0000-7000-8000-000000000001";
const OTHER: &str = "019b0000-0000-7000-8000-000000000002";

fn instruction(kind: &str) -> Instruction {
    let wire = json!({
        "key": KEY,
        "kind": kind,
        "amount": { "amount": "12.30", "currency": "EUR" },
        "first_key": KEY,
        "reference": null,
        "method": "card",
        "token": "cnon:secret",
        "payment_id": OTHER,
        "order_id": OTHER,
        "order_number": "A 1&2",
        "customer_id": "c-1",
    });
    serde_json::from_value(wire).unwrap()
}

fn euros(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

fn payment(status: &str, more: &Value) -> Payment {
    let mut wire = json!({
        "id": "p_1", "status": status, "amount_money": euros(1_230), "total_money": euros(1_230),
        "approved_money": euros(1_230), "a_field_of_tomorrow": [1, 2],
    });
    for (name, value) in more.as_object().unwrap() {
        wire[name] = value.clone();
    }
    serde_json::from_value(wire).unwrap()
}

fn word(reading: Reading) -> String {
    match reading {
        Reading::Ready => "ready".to_owned(),
        Reading::Taken => "taken".to_owned(),
        Reading::Answer(Answer::Succeeded { amount, .. }) => format!("succeeded {amount}"),
        Reading::Answer(Answer::FinalCapture { amount, .. }) => format!("the last, {amount}"),
        Reading::Answer(Answer::Declined(decline)) => format!("declined: {}", decline.code),
        Reading::Answer(Answer::Unknown) => "unknown".to_owned(),
        Reading::Answer(answer) => unreachable!("{answer:?}"),
    }
}

#[test]
fn every_status_of_a_payment_has_its_meaning() {
    let part = json!({ "total_money": euros(1_000), "amount_money": euros(1_000) });
    let failed = json!({ "card_details": { "errors": [{ "category": "PAYMENT_METHOD_ERROR", "code": "CVV_FAILURE" }] } });
    let none = json!({});
    for (kind, status, more, meaning) in [
        ("charge", "COMPLETED", &none, "succeeded 12.30 EUR"),
        ("charge", "COMPLETED", &part, "succeeded 10.00 EUR"),
        ("charge", "APPROVED", &none, "unknown"),
        ("charge", "PENDING", &none, "unknown"),
        ("charge", "CANCELED", &none, "declined: canceled"),
        ("charge", "FAILED", &failed, "declined: cvv_failure"),
        ("charge", "FAILED", &none, "declined: failed"),
        ("charge", "A_STATUS_OF_TOMORROW", &none, "unknown"),
        ("authorise", "APPROVED", &none, "succeeded 12.30 EUR"),
        ("authorise", "APPROVED", &part, "succeeded 12.30 EUR"),
        ("authorise", "COMPLETED", &part, "succeeded 12.30 EUR"),
        ("authorise", "CANCELED", &none, "declined: canceled"),
        ("capture", "APPROVED", &none, "ready"),
        ("capture", "COMPLETED", &part, "taken"),
        ("capture", "CANCELED", &none, "declined: already_voided"),
        ("capture", "FAILED", &none, "declined: not_authorised"),
        ("capture", "PENDING", &none, "unknown"),
        ("void", "APPROVED", &none, "ready"),
        ("void", "CANCELED", &none, "succeeded 12.30 EUR"),
        ("void", "CANCELED", &part, "succeeded 12.30 EUR"),
        ("void", "COMPLETED", &none, "declined: already_captured"),
        ("void", "COMPLETED", &part, "succeeded 2.30 EUR"),
        ("void", "FAILED", &none, "declined: not_authorised"),
        ("void", "PENDING", &none, "unknown"),
    ] {
        let found = word(reading::payment(&payment(status, more), &instruction(kind)));
        assert_eq!(found, meaning, "{kind} {status} {more}");
    }
}

#[test]
fn a_capture_of_a_part_is_the_last() {
    let part = json!({ "total_money": euros(1_000) });
    for (more, meaning) in [(json!({}), "succeeded 12.30 EUR"), (part, "the last, 10.00 EUR")] {
        assert_eq!(word(Reading::Answer(reading::taken(&payment("COMPLETED", &more)))), meaning);
    }
}

#[test]
fn an_amount_is_square_s_and_no_copy_of_ours() {
    for (total, meaning) in [
        (json!({ "amount": 999, "currency": "EUR" }), "succeeded 9.99 EUR"),
        (json!({ "amount": 1_230, "currency": "USD" }), "succeeded 12.30 USD"),
        (json!({ "amount": 1_230, "currency": "JPY" }), "succeeded 1230 JPY"),
        (json!({ "amount": 1_230, "currency": "KWD" }), "unknown"),
        (json!({ "amount": 1_230, "currency": "XUS" }), "unknown"),
    ] {
        let told = payment("COMPLETED", &json!({ "total_money": total }));
        assert_eq!(word(reading::payment(&told, &instruction("charge"))), meaning, "{total}");
    }
}

#[test]
fn every_status_of_a_refund_has_its_meaning() {
    for (status, meaning) in [
        (Some("COMPLETED"), "succeeded 3.00 EUR"),
        (Some("PENDING"), "unknown"),
        (Some("REJECTED"), "declined: refund_rejected"),
        (Some("FAILED"), "declined: refund_failed"),
        (Some("TOMORROW"), "unknown"),
        (None, "unknown"),
    ] {
        let wire = json!({ "id": "r_1", "amount_money": euros(300), "status": status });
        let refund: Refund = serde_json::from_value(wire).unwrap();
        assert_eq!(word(Reading::Answer(reading::refund(&refund))), meaning, "{status:?}");
    }
}

#[test]
fn what_is_sent_says_whose_it_is_and_under_which_key() {
    let body = |call: &crate::provider::Call| -> Value {
        let (content_type, body) = call.body.clone().unwrap();
        assert_eq!(content_type, "application/json");
        serde_json::from_str(&body).unwrap()
    };
    for (kind, autocomplete) in [("charge", true), ("authorise", false)] {
        let create = request::create(&instruction(kind), 1_230, "cnon:secret", "L1");
        assert_eq!(create.target, "/v2/payments");
        let expected = json!({
            "source_id": "cnon:secret", "idempotency_key": KEY, "amount_money": euros(1_230), "location_id": "L1",
            "autocomplete": autocomplete, "reference_id": OTHER, "note": format!("Order A 1&2 ({OTHER})"),
        });
        assert_eq!(body(&create), expected);
        assert!(!format!("{create:?}").contains("secret"), "a token is shown");
    }
    let refund = request::refund(&instruction("refund"), "p_1", 500);
    let expected = json!({
        "idempotency_key": KEY, "payment_id": "p_1", "amount_money": euros(500), "reason": format!("Refund {KEY}"),
    });
    assert_eq!(body(&refund), expected);
    assert_eq!(request::operation_of(&format!("Refund {KEY}")), Some(instruction("refund").key));
    assert_eq!(request::operation_of("Refund by hand"), None);
    let update = request::update(&instruction("capture"), "p_1", 500, Some("v1"));
    let expected =
        json!({ "idempotency_key": KEY, "payment": { "amount_money": euros(500), "version_token": "v1" } });
    assert_eq!((update.target.as_str(), body(&update)), ("/v2/payments/p_1", expected));
    assert_eq!(body(&request::complete("p_1", Some("v2"))), json!({ "version_token": "v2" }));
    assert_eq!(body(&request::complete("p_1", None)), json!({}));
    assert_eq!(request::read_payment("../refunds?x=1").target, "/v2/payments/refundsx1");
    assert!(KEY.len() <= 45, "Square takes at most 45 characters");
}

#[test]
fn every_state_of_a_dispute_has_its_meaning() {
    for (state, meaning) in [
        (Some("INQUIRY_EVIDENCE_REQUIRED"), DisputeStatus::Open),
        (Some("INQUIRY_PROCESSING"), DisputeStatus::Open),
        (Some("INQUIRY_CLOSED"), DisputeStatus::Won),
        (Some("EVIDENCE_REQUIRED"), DisputeStatus::Open),
        (Some("PROCESSING"), DisputeStatus::Open),
        (Some("WON"), DisputeStatus::Won),
        (Some("LOST"), DisputeStatus::Lost),
        (Some("ACCEPTED"), DisputeStatus::Lost),
        (Some("A_STATE_OF_TOMORROW"), DisputeStatus::Open),
        (None, DisputeStatus::Open),
    ] {
        let wire = json!({
            "id": "d_1", "dispute_id": "d_1", "state": state, "reason": "NO_KNOWLEDGE", "amount_money": euros(300),
            "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-02-01T00:00:00.000Z",
        });
        let found: Dispute = serde_json::from_value(wire).unwrap();
        let told = dispute::reported(&found).unwrap();
        assert_eq!((told.status, told.amount.minor()), (meaning, 300), "{state:?}");
        assert_eq!((told.reference.as_str(), told.reason.as_deref()), ("d_1", Some("NO_KNOWLEDGE")));
        assert_eq!(told.opened_at, Some("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(told.changed_at, Some("2026-02-01T00:00:00Z".parse().unwrap()));
    }
}
