//! What is sent to Square: pure functions of an instruction.

use chrono::SecondsFormat;
use order_core::gateway::Instruction;
use order_core::id::OperationId;
use order_core::payment::OperationKind;
use order_core::time::Timestamp;
use serde_json::{Value, json};

use crate::provider::{Call, Form, segment};

/// The version of Square's API that the requests and the objects here are of.
pub(super) const API_VERSION: &str = "2026-09-16";

/// How many objects one page of a list has: the most that Square gives.
pub(super) const PAGE: u32 = 100;

/// A version that no payment has: with it an update has no effect, and Square's refusal tells whether it knows the key.
const NO_VERSION: &str = "none";

/// Charges a source, or sets money aside. Our payment is told by the reference.
pub(super) fn create(instruction: &Instruction, units: i64, source: &str, location: &str) -> Call {
    let body = json!({
        "source_id": source,
        "idempotency_key": key(instruction.key),
        "amount_money": amount(instruction, units),
        "autocomplete": instruction.kind == OperationKind::Charge,
        "location_id": location,
        "reference_id": instruction.payment_id.to_string(),
        "note": format!("Order {} ({})", instruction.order_number, instruction.order_id),
    });
    Call::post_json("/v2/payments", &body)
}

/// Lowers what will be captured of a payment, if it has still that version.
pub(super) fn update(instruction: &Instruction, payment: &str, units: i64, version: Option<&str>) -> Call {
    let body = json!({
        "idempotency_key": key(instruction.key),
        "payment": { "amount_money": amount(instruction, units), "version_token": version },
    });
    Call::put_json(path(payment), &body)
}

/// Asks whether Square knows a capture's key: an update that can't have an effect.
pub(super) fn probe(instruction: &Instruction, payment: &str, units: i64) -> Call {
    update(instruction, payment, units, Some(NO_VERSION))
}

/// Takes what is set aside, if the payment has still that version.
pub(super) fn complete(payment: &str, version: Option<&str>) -> Call {
    let body = version.map_or_else(|| json!({}), |version| json!({ "version_token": version }));
    Call::post_json(format!("{}/complete", path(payment)), &body)
}

/// Gives a payment up.
pub(super) fn cancel(payment: &str) -> Call {
    Call::post(format!("{}/cancel", path(payment)))
}

/// Gives up whatever was made under a key, if anything was.
pub(super) fn cancel_key(first: OperationId) -> Call {
    Call::post_json("/v2/payments/cancel", &json!({ "idempotency_key": key(first) }))
}

/// Gives money back. Our operation is told by the reason: a refund has no other field for it.
pub(super) fn refund(instruction: &Instruction, payment: &str, units: i64) -> Call {
    let body = json!({
        "idempotency_key": key(instruction.key),
        "payment_id": payment,
        "amount_money": amount(instruction, units),
        "reason": reason(instruction.key),
    });
    Call::post_json("/v2/refunds", &body)
}

/// Reads a payment.
pub(super) fn read_payment(payment: &str) -> Call {
    Call::get(path(payment))
}

/// Reads a refund.
pub(super) fn read_refund(refund: &str) -> Call {
    Call::get(format!("/v2/refunds/{}", segment(refund)))
}

/// Which payments are listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) since: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) limit: u32,
    pub(super) cursor: Option<&'a str>,
}

/// One page of the payments of a location that were made in a span of time, oldest first. Without a location Square would list
/// those of the main one.
pub(super) fn list_payments(location: &str, span: Span<'_>) -> Call {
    let until = span.until.map(time);
    let query = Form::default()
        .field("begin_time", time(span.since))
        .optional("end_time", until.as_deref())
        .field("sort_order", "ASC")
        .field("location_id", location)
        .field("limit", span.limit.clamp(1, PAGE).to_string())
        .optional("cursor", span.cursor);
    Call::get("/v2/payments").query(query)
}

/// One page of the disputes of a location, whatever their state. Square has no other filter.
pub(super) fn list_disputes(location: &str, cursor: Option<&str>) -> Call {
    let query = Form::default().field("location_id", location).optional("cursor", cursor);
    Call::get("/v2/disputes").query(query)
}

/// A refund's reason, and what of it is ours.
fn reason(key: OperationId) -> String {
    format!("{REASON}{key}")
}

/// Which of our operations a refund is, if it is one of ours.
pub(super) fn operation_of(reason: &str) -> Option<OperationId> {
    reason.strip_prefix(REASON).and_then(|id| id.parse().ok())
}

const REASON: &str = "Refund ";

/// The idempotency key of an operation: its id, which has 36 characters. Square takes 45.
fn key(operation: OperationId) -> String {
    operation.to_string()
}

fn amount(instruction: &Instruction, units: i64) -> Value {
    json!({ "amount": units, "currency": instruction.amount.currency().code() })
}

fn path(payment: &str) -> String {
    format!("/v2/payments/{}", segment(payment))
}

fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
