//! The transaction search.

use chrono::DateTime;
use serde_json::{Value, json};

use super::books::Books;
use super::order::{Order, time};
use super::problem::Problem;
use crate::wire::WireRequest;

/// The longest time that is searched at once: 31 days.
const LONGEST_SECONDS: i64 = 31 * 24 * 3600;

struct Transaction {
    at: i64,
    id: String,
    code: &'static str,
    status: &'static str,
    amount: Value,
    invoice_id: Option<String>,
    /// What it belongs to.
    reference: Option<String>,
}

/// A page of the transactions that the search tells of.
pub(super) fn answer(
    books: &Books,
    request: &WireRequest,
    now: i64,
    delay_seconds: i64,
) -> Result<Value, Problem> {
    let wrong = |field: &'static str| Problem::invalid("INVALID_PARAMETER_VALUE", field);
    let instant = |name: &'static str| {
        let text = request.query(name).ok_or_else(|| Problem::invalid("MISSING_REQUIRED_PARAMETER", name))?;
        DateTime::parse_from_rfc3339(text).map(|at| at.timestamp()).map_err(|_| wrong(name))
    };
    let (since, until) = (instant("start_date")?, instant("end_date")?);
    if until < since || until - since > LONGEST_SECONDS {
        return Err(wrong("end_date"));
    }
    let number = |name: &'static str, default: usize| match request.query(name) {
        Some(text) => text.parse().ok().filter(|number| *number > 0).ok_or_else(|| wrong(name)),
        None => Ok(default),
    };
    let (page, size) = (number("page", 1)?, number("page_size", 100)?);
    if size > 500 {
        return Err(wrong("page_size"));
    }
    let moves_money_only = request.query("balance_affecting_records_only") != Some("N");
    let mut found: Vec<(i64, Value)> = Vec::new();
    for order in books.orders.values() {
        for transaction in transactions(order) {
            let is_told = transaction.at + delay_seconds <= now
                && (since..=until).contains(&transaction.at)
                && !(moves_money_only && transaction.code.starts_with("T13"));
            if is_told {
                found.push((transaction.at, transaction.json(order)));
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    let pages = found.len().div_ceil(size);
    let skipped = page.saturating_sub(1).saturating_mul(size);
    let details: Vec<Value> =
        found.iter().map(|(_, transaction)| transaction.clone()).skip(skipped).take(size).collect();
    Ok(json!({
        "transaction_details": details,
        "account_number": "FAKEACCOUNT01",
        "start_date": offset_without_colon(since),
        "end_date": offset_without_colon(until),
        "last_refreshed_datetime": offset_without_colon(now - delay_seconds),
        "page": page,
        "total_items": found.len(),
        "total_pages": pages,
        "links": [],
    }))
}

fn transactions(order: &Order) -> Vec<Transaction> {
    let mut found = Vec::new();
    if let Some(held) = order.authorization.as_ref().filter(|held| held.status != "DENIED") {
        found.push(Transaction {
            at: held.created,
            id: held.id.clone(),
            code: "T1300",
            status: "P",
            amount: held.amount.json(),
            invoice_id: order.invoice_id.clone(),
            reference: None,
        });
    }
    for capture in order.captures.iter().filter(|capture| capture.status != "DECLINED") {
        found.push(Transaction {
            at: capture.created,
            id: capture.id.clone(),
            code: "T0006",
            status: if capture.status == "PENDING" { "P" } else { "S" },
            amount: capture.amount.json(),
            invoice_id: capture.invoice_id.clone(),
            reference: order.authorization.as_ref().map(|held| held.id.clone()),
        });
    }
    for refund in &order.refunds {
        found.push(Transaction {
            at: refund.created,
            id: refund.id.clone(),
            code: "T1107",
            status: if refund.status == "PENDING" { "P" } else { "S" },
            amount: refund.amount.negative(),
            invoice_id: refund.invoice_id.clone(),
            reference: Some(refund.capture.clone()),
        });
    }
    found
}

impl Transaction {
    fn json(&self, order: &Order) -> Value {
        let mut info = json!({
            "transaction_id": self.id,
            "transaction_event_code": self.code,
            "transaction_initiation_date": offset_without_colon(self.at),
            "transaction_updated_date": offset_without_colon(self.at),
            "transaction_amount": self.amount,
            "transaction_status": self.status,
        });
        let mut add = |name: &str, value: Option<&String>| {
            if let (Some(fields), Some(value)) = (info.as_object_mut(), value) {
                fields.insert(name.to_owned(), value.as_str().into());
            }
        };
        add("invoice_id", self.invoice_id.as_ref());
        add("custom_field", order.custom_id.as_ref());
        add("paypal_reference_id", self.reference.as_ref());
        add("paypal_reference_id_type", self.reference.as_ref().map(|_| "TXN".to_owned()).as_ref());
        json!({ "transaction_info": info })
    }
}

/// The search writes times without the colon that RFC 3339 asks for.
fn offset_without_colon(at: i64) -> String {
    time(at).replace('Z', "+0000")
}
