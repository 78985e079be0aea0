//! What is sent to Stripe: pure functions of an instruction.

use order_core::gateway::{BooksWindow, Instruction};
use order_core::id::OperationId;
use order_core::payment::{OperationKind, PaymentMethod, ProviderToken};
use order_core::time::Timestamp;

use crate::provider::{Call, Form, segment};

/// The version of Stripe's API that the requests and the objects here are of.
pub(super) const API_VERSION: &str = "2026-10-28.endive";

/// Our names in the metadata of Stripe's objects.
pub(super) const ORDER: &str = "order_id";
pub(super) const PAYMENT: &str = "payment_id";
pub(super) const OPERATION: &str = "operation_id";
/// Which capture took the money of an intent. An intent is captured once.
pub(super) const CAPTURED_BY: &str = "captured_by";

/// How many objects one page of a list has: the most that Stripe gives.
const PAGE: &str = "100";
const MOST: u32 = 100;

/// The idempotency key of one step of an operation. `again` counts the keys that were used up by an answer that is no answer (a
/// stored 500), for steps that can be made anew without harm.
pub(super) fn key(operation: OperationId, step: &str, again: u8) -> String {
    match again {
        0 => format!("{operation}:{step}"),
        _ => format!("{operation}:{step}:{again}"),
    }
}

/// Makes the intent of a charge or an authorisation. It is not confirmed, so that no money moves.
pub(super) fn create(instruction: &Instruction, units: i64, key: &str) -> Call {
    let capture = if instruction.kind == OperationKind::Authorise { "manual" } else { "automatic" };
    let mut form = Form::default()
        .field("amount", units.to_string())
        .field("currency", instruction.amount.currency().code().to_ascii_lowercase())
        .field("capture_method", capture)
        .field("confirm", "false")
        .field("description", format!("Order {}", instruction.order_number));
    form = match instruction.method {
        PaymentMethod::Card => form.field("payment_method_types[0]", "card"),
        // What else a customer may pay with is the account's configuration.
        PaymentMethod::Cod | PaymentMethod::Upi | PaymentMethod::NetBanking | PaymentMethod::Wallet | _ => {
            form.field("automatic_payment_methods[enabled]", "true")
        }
    };
    form = form.optional("payment_method", instruction.token.as_ref().map(ProviderToken::reveal));
    post("/v1/payment_intents", ours(form, instruction), key)
}

/// Confirms an intent: money moves, or the customer is asked.
pub(super) fn confirm(instruction: &Instruction, intent: &str, return_url: Option<&str>, key: &str) -> Call {
    let form = Form::default()
        .optional("payment_method", instruction.token.as_ref().map(ProviderToken::reveal))
        .optional("return_url", return_url);
    post(format!("/v1/payment_intents/{}/confirm", segment(intent)), form, key)
}

/// Takes what is set aside. What is left of it is released by Stripe.
pub(super) fn capture(instruction: &Instruction, intent: &str, units: i64, key: &str) -> Call {
    let form = Form::default()
        .field("amount_to_capture", units.to_string())
        .field(format!("metadata[{CAPTURED_BY}]"), instruction.key.to_string());
    post(format!("/v1/payment_intents/{}/capture", segment(intent)), form, key)
}

/// Gives an intent up.
pub(super) fn cancel(intent: &str, reason: &str, key: &str) -> Call {
    let form = Form::default().field("cancellation_reason", reason);
    post(format!("/v1/payment_intents/{}/cancel", segment(intent)), form, key)
}

/// Gives money back.
pub(super) fn refund(instruction: &Instruction, intent: &str, units: i64, key: &str) -> Call {
    let form = Form::default()
        .field("payment_intent", intent)
        .field("amount", units.to_string())
        .field("reason", "requested_by_customer");
    post("/v1/refunds", ours(form, instruction), key)
}

/// Reads an intent.
pub(super) fn read_intent(intent: &str) -> Call {
    versioned(Call::get(format!("/v1/payment_intents/{}", segment(intent))))
}

/// Reads a refund.
pub(super) fn read_refund(refund: &str) -> Call {
    versioned(Call::get(format!("/v1/refunds/{}", segment(refund))))
}

/// One page of the intents that were made since a time, newest first.
pub(super) fn list_intents(since: Timestamp, after: Option<&str>) -> Call {
    let query = Form::default()
        .field("limit", PAGE)
        .field("created[gte]", since.timestamp().to_string())
        .optional("starting_after", after);
    versioned(Call::get("/v1/payment_intents").query(query))
}

/// One page of the intents that were made in a window of time, newest first. Stripe's clock knows whole seconds: the window is
/// widened to them.
pub(super) fn list_window(window: &BooksWindow, after: Option<&str>) -> Call {
    let until = window.until.timestamp().saturating_add(i64::from(window.until.timestamp_subsec_nanos() > 0));
    let query = Form::default()
        .field("limit", window.limit.clamp(1, MOST).to_string())
        .field("created[gte]", window.since.timestamp().to_string())
        .field("created[lt]", until.to_string())
        .optional("starting_after", after);
    versioned(Call::get("/v1/payment_intents").query(query))
}

/// Reads a charge.
pub(super) fn read_charge(charge: &str) -> Call {
    versioned(Call::get(format!("/v1/charges/{}", segment(charge))))
}

/// One page of the disputes of an intent, newest first.
pub(super) fn list_disputes(intent: &str, after: Option<&str>) -> Call {
    let query = Form::default()
        .field("limit", PAGE)
        .field("payment_intent", intent)
        .optional("starting_after", after);
    versioned(Call::get("/v1/disputes").query(query))
}

/// One page of the refunds of an intent, newest first.
pub(super) fn list_refunds(intent: &str, after: Option<&str>) -> Call {
    let query = Form::default()
        .field("limit", PAGE)
        .field("payment_intent", intent)
        .optional("starting_after", after);
    versioned(Call::get("/v1/refunds").query(query))
}

fn ours(form: Form, instruction: &Instruction) -> Form {
    form.field(format!("metadata[{ORDER}]"), instruction.order_id.to_string())
        .field(format!("metadata[{PAYMENT}]"), instruction.payment_id.to_string())
        .field(format!("metadata[{OPERATION}]"), instruction.key.to_string())
        .field("metadata[order_number]", instruction.order_number.as_str())
}

fn post(path: impl Into<String>, form: Form, key: &str) -> Call {
    versioned(Call::post_form(path, form)).header("idempotency-key", key)
}

fn versioned(call: Call) -> Call {
    call.header("stripe-version", API_VERSION)
}
