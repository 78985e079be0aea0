//! What is sent to PayPal: pure functions of an instruction.

use chrono::SecondsFormat;
use order_core::gateway::Instruction;
use order_core::id::{OperationId, OrderId, PaymentId};
use order_core::payment::{OperationKind, PaymentMethod};
use order_core::time::Timestamp;
use serde_json::{Value, json};

use super::object::{HateoasLink, Order};
use crate::provider::{Call, Form, segment};

/// What stands before the reason in the description of an order that nobody shall pay any more.
pub(super) const CLOSED: &str = "closed: ";

/// The most characters of a description.
const MAX_DESCRIPTION: usize = 127;

/// Where PayPal sends the customer back to.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    pub(super) approved: Option<String>,
    pub(super) cancelled: Option<String>,
}

impl Pages {
    fn context(&self) -> Option<Value> {
        if self.approved.is_none() && self.cancelled.is_none() {
            return None;
        }
        let mut context = json!({});
        for (name, page) in [("return_url", &self.approved), ("cancel_url", &self.cancelled)] {
            if let (Some(fields), Some(page)) = (context.as_object_mut(), page) {
                fields.insert(name.to_owned(), page.as_str().into());
            }
        }
        Some(context)
    }
}

/// The request id of one step of an operation: PayPal carries it out once.
pub(super) fn key(operation: OperationId, step: &str) -> String {
    format!("{operation}:{step}")
}

/// Our name for an operation in PayPal's objects: order, payment and operation.
pub(super) fn custom_id(instruction: &Instruction, operation: OperationId) -> String {
    format!("{}.{}.{operation}", instruction.order_id, instruction.payment_id)
}

/// What our name for an operation says.
pub(super) fn ours(custom_id: &str) -> Option<(OrderId, PaymentId, OperationId)> {
    let mut parts = custom_id.split('.');
    let found = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(found)
}

/// Creates the order of a charge or an authorisation. No money moves by it.
pub(super) fn create(instruction: &Instruction, value: &str, pages: &Pages, key: &str) -> Call {
    let intent = if instruction.kind == OperationKind::Authorise { "AUTHORIZE" } else { "CAPTURE" };
    let description: String =
        format!("Order {}", instruction.order_number).chars().take(MAX_DESCRIPTION).collect();
    let mut order = json!({
        "intent": intent,
        "purchase_units": [{
            "custom_id": custom_id(instruction, instruction.key),
            "invoice_id": instruction.key.to_string(),
            "description": description,
            "amount": amount(instruction, value),
        }],
    });
    // A saved payment method is named when it is used: named here, PayPal would use it at once.
    let context = pages.context().filter(|_| instruction.token.is_none());
    if let (Some(fields), Some(mut context)) = (order.as_object_mut(), context) {
        if let Some(context) = context.as_object_mut() {
            context.insert("user_action".to_owned(), "PAY_NOW".into());
            context.insert("shipping_preference".to_owned(), "NO_SHIPPING".into());
        }
        fields.insert("payment_source".to_owned(), json!({ "paypal": { "experience_context": context } }));
    }
    post("/v2/checkout/orders", &order, key)
}

/// Captures or authorises an order: money moves, or the customer is asked. An order that the customer has approved says itself
/// what it is paid with.
pub(super) fn complete(
    instruction: &Instruction,
    order: &str,
    is_approved: bool,
    pages: &Pages,
    key: &str,
) -> Call {
    let step = step(instruction);
    let path = format!("/v2/checkout/orders/{}/{step}", segment(order));
    let source = instruction.token.as_ref().filter(|_| !is_approved).map(|token| {
        let mut source = json!({ "vault_id": token.reveal() });
        if let (Some(fields), Some(context)) = (source.as_object_mut(), pages.context()) {
            fields.insert("experience_context".to_owned(), context);
        }
        match instruction.method {
            PaymentMethod::Card => json!({ "payment_source": { "card": source } }),
            PaymentMethod::Cod
            | PaymentMethod::Upi
            | PaymentMethod::NetBanking
            | PaymentMethod::Wallet
            | _ => {
                json!({ "payment_source": { "paypal": source } })
            }
        }
    });
    post(path, &source.unwrap_or_else(|| json!({})), key)
}

/// The step that moves an order's money.
pub(super) fn step(instruction: &Instruction) -> &'static str {
    if instruction.kind == OperationKind::Authorise { "authorize" } else { "capture" }
}

/// Makes an order that was not paid unpayable, and writes on it why: with another intent, what we have sent to pay it and is late is
/// refused. PayPal lets nobody cancel one.
pub(super) fn close(order: &Order, reason: &str) -> Call {
    let value: String = format!("{CLOSED}{reason}").chars().take(MAX_DESCRIPTION).collect();
    let other = if order.intent.as_deref() == Some("AUTHORIZE") { "CAPTURE" } else { "AUTHORIZE" };
    let path = "/purchase_units/@reference_id=='default'/description";
    let changes = json!([
        { "op": "replace", "path": "/intent", "value": other },
        { "op": "replace", "path": path, "value": value },
    ]);
    Call::patch_json(format!("/v2/checkout/orders/{}", segment(&order.id)), &changes)
}

/// Takes what is set aside, or a part of it. With the rest of it the authorisation is over.
pub(super) fn capture(
    instruction: &Instruction,
    authorization: &str,
    value: &str,
    is_rest: bool,
    key: &str,
) -> Call {
    let body = json!({
        "amount": amount(instruction, value),
        "invoice_id": instruction.key.to_string(),
        "final_capture": is_rest,
    });
    post(format!("/v2/payments/authorizations/{}/capture", segment(authorization)), &body, key)
}

/// Gives up what was not captured. It has no body.
pub(super) fn void(authorization: &str, key: &str) -> Call {
    let mut call =
        post(format!("/v2/payments/authorizations/{}/void", segment(authorization)), &Value::Null, key);
    call.body = None;
    call.header("content-type", "application/json")
}

/// Gives money of one capture back.
pub(super) fn refund(instruction: &Instruction, capture: &str, value: &str, key: &str) -> Call {
    let body = json!({
        "amount": amount(instruction, value),
        "custom_id": custom_id(instruction, instruction.key),
    });
    post(format!("/v2/payments/captures/{}/refund", segment(capture)), &body, key)
}

/// Reads an order.
pub(super) fn read_order(id: &str) -> Call {
    Call::get(format!("/v2/checkout/orders/{}", segment(id)))
}

/// Reads a capture.
pub(super) fn read_capture(id: &str) -> Call {
    Call::get(format!("/v2/payments/captures/{}", segment(id)))
}

/// Reads an authorisation.
pub(super) fn read_authorization(id: &str) -> Call {
    Call::get(format!("/v2/payments/authorizations/{}", segment(id)))
}

/// A page of the transactions of a time, those among them that move no money: authorisations. At most 31 days.
pub(super) fn search(since: Timestamp, until: Timestamp, page: u32, page_size: u32) -> Call {
    let time = |at: Timestamp| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let query = Form::default()
        .field("start_date", time(since))
        .field("end_date", time(until))
        .field("fields", "transaction_info")
        .field("balance_affecting_records_only", "N")
        .field("page_size", page_size.to_string())
        .field("page", page.to_string());
    Call::get("/v1/reporting/transactions").query(query)
}

/// Where disputes are.
const DISPUTES: &str = "/v1/customer/disputes";

/// How many disputes a page has: the most that PayPal gives.
const DISPUTE_PAGE: &str = "50";

/// The disputes of a capture.
pub(super) fn disputes_of(capture: &str) -> Call {
    list_disputes("disputed_transaction_id", segment(capture))
}

/// The disputes that have changed since a time. At most 180 days.
pub(super) fn disputes_since(since: Timestamp) -> Call {
    list_disputes("update_time_after", since.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn list_disputes(filter: &str, value: String) -> Call {
    let query = Form::default().field(filter, value).field("page_size", DISPUTE_PAGE);
    Call::get(DISPUTES).query(query)
}

/// The next page of a list of disputes, by the link that PayPal has given: of the link only the query is taken, so that nothing else
/// is called, and nowhere else.
pub(super) fn next_disputes(link: &HateoasLink) -> Option<Call> {
    let (_, query) = link.href.split_once('?')?;
    let fields = form_urlencoded::parse(query.as_bytes());
    let query = fields.fold(Form::default(), |query, (name, value)| query.field(name, value));
    Some(Call::get(DISPUTES).query(query))
}

/// Reads a dispute, with its transactions and its outcome.
pub(super) fn read_dispute(id: &str) -> Call {
    Call::get(format!("{DISPUTES}/{}", segment(id)))
}

fn amount(instruction: &Instruction, value: &str) -> Value {
    json!({ "currency_code": instruction.amount.currency().code(), "value": value })
}

/// A call that PayPal carries out once for a request id, and answers with the whole object.
fn post(path: impl Into<String>, body: &Value, key: &str) -> Call {
    Call::post_json(path, body).header("paypal-request-id", key).header("prefer", "return=representation")
}
