//! The collections, and the documents in them.
//!
//! Ids are texts whose order is the order in which they were made; amounts are whole minor units of the order's currency;
//! instants are dates. `body` is the whole value, and may be left out of an order whose history tells it; the other fields are what
//! guards and questions need of it.

use ::mongodb::bson::raw::cstr;
use ::mongodb::bson::{DateTime, RawArrayBuf, RawDocumentBuf, rawdoc};
use order_core::inventory::StockKey;
use uuid::Uuid;

use super::values::{Documents, Rows};
use crate::group_commit::{CartRow, HoldRow, OrderRow, PaymentRow, RequestRow};

/// The orders, each with its payments, with [the beginning of its history](super::chapters) and with what of it is not delivered yet.
pub(super) const ORDERS: &str = "orders";
/// What happened to orders with a longer history, by chapters. Nothing in it ever changes.
pub(super) const EVENTS: &str = "events";
pub(super) const CARTS: &str = "carts";
pub(super) const STOCK: &str = "stock";
/// The journals of the levels. Nothing in them ever changes.
pub(super) const STOCK_RECORDS: &str = "stock_records";
/// The levels of which records wait to be delivered.
pub(super) const STOCK_OUTBOX: &str = "stock_outbox";
/// What payment providers tell of their own accord.
pub(super) const INBOX: &str = "inbox";
pub(super) const RESERVATIONS: &str = "reservations";
pub(super) const IDEMPOTENCY: &str = "idempotency";
/// The write-sets that were applied, those of one transaction together.
pub(super) const WRITE_SETS: &str = "write_sets";

/// The id of a stock level.
pub(super) fn stock_id(key: &StockKey) -> RawDocumentBuf {
    rawdoc! { "product_id": key.product_id.as_str(), "location": key.location.as_str() }
}

/// The id of a record. Those of one level lie side by side, in their sequence.
pub(super) fn record_id(key: &StockKey, sequence: i64) -> RawDocumentBuf {
    let (product, location) = (key.product_id.as_str(), key.location.as_str());
    rawdoc! { "product_id": product, "location": location, "sequence": sequence }
}

/// The id of a request.
pub(super) fn request_id(scope: &str, key: &str) -> RawDocumentBuf {
    rawdoc! { "scope": scope, "key": key }
}

/// The id of a chapter, by its last event. Those of one order lie side by side, in their sequence.
pub(super) fn chapter_id(order: Uuid, sequence: i64) -> RawDocumentBuf {
    rawdoc! { "order_id": order.to_string(), "sequence": sequence }
}

/// The write-sets of one transaction. It has the id of the first one, and the time of the last one.
pub(super) fn write_sets(sets: &[&Rows], now: DateTime) -> Option<RawDocumentBuf> {
    let first = sets.iter().map(|set| set.id).min()?;
    let last = sets.iter().map(|set| set.at).max()?;
    let mut ids = RawArrayBuf::new();
    for set in sets {
        ids.push(set.id.to_string());
    }
    Some(rawdoc! {
        "_id": first.to_string(), "sets": ids, "at": DateTime::from_millis(last), "stored_at": now,
    })
}

pub(super) fn request(row: &RequestRow, now: DateTime) -> RawDocumentBuf {
    let mut document = rawdoc! {
        "_id": request_id(&row.scope, &row.key), "fingerprint": row.fingerprint.as_str(),
        "subject": row.subject.to_string(), "created_at": DateTime::from_millis(row.created), "stored_at": now,
    };
    if let Some(answered) = row.answered {
        document.append(cstr!("answered_version"), answered);
    }
    document
}

pub(super) fn cart(row: &CartRow<Documents>) -> RawDocumentBuf {
    rawdoc! {
        "_id": row.id.to_string(), "owner": row.owner.as_str(), "status": row.status, "version": row.version,
        "expires_at": DateTime::from_millis(row.expires), "body": row.body.clone(),
    }
}

pub(super) fn order(row: &OrderRow<Documents>, payments: &[&PaymentRow]) -> RawDocumentBuf {
    let mut document = rawdoc! {
        "_id": row.id.to_string(), "number": row.number.as_str(), "customer_id": row.customer.as_str(),
        "status": row.status, "version": row.version, "currency": row.currency.as_str(),
        "total_minor": row.total, "created_at": DateTime::from_millis(row.created),
    };
    if let Some(cart) = row.cart {
        document.append(cstr!("cart_id"), cart.to_string());
    }
    if let Some(due) = row.due {
        document.append(cstr!("due_at"), DateTime::from_millis(due));
    }
    let mut list = RawArrayBuf::new();
    for payment in payments {
        list.push(self::payment(payment));
    }
    document.append(cstr!("payments"), list);
    document.append(cstr!("sellers"), row.sellers.clone());
    document.append(cstr!("search"), row.search.as_str());
    if let Some(body) = &row.body {
        document.append(cstr!("body"), body.clone());
    }
    document
}

fn payment(row: &PaymentRow) -> RawDocumentBuf {
    let mut payment = rawdoc! {
        "id": row.id.to_string(), "provider": row.provider.as_str(), "captured_minor": row.captured,
        "refunded_minor": row.refunded, "refunding_minor": row.refunding,
    };
    if let Some(reference) = &row.reference {
        payment.append(cstr!("reference"), reference.as_str());
    }
    payment
}

/// An order with the beginning of its history: the number of its last event, chapters, and what waits of it.
pub(super) fn with_history(
    mut order: RawDocumentBuf,
    last: i64,
    chapters: RawArrayBuf,
    outbox: RawDocumentBuf,
) -> RawDocumentBuf {
    order.append(cstr!("last_sequence"), last);
    order.append(cstr!("outbox"), outbox);
    if !chapters.is_empty() {
        order.append(cstr!("history"), chapters);
    }
    order
}

/// An order of which nothing is told.
pub(super) fn without_history(mut order: RawDocumentBuf) -> RawDocumentBuf {
    order.append(cstr!("last_sequence"), 0_i64);
    order
}

/// The outbox of an order: what waits is everything from `head` on. It is `busy` while it is claimed or waits to be tried
/// again, until `busy_until`.
pub(super) fn waiting(head: i64, at: DateTime) -> RawDocumentBuf {
    rawdoc! { "state": "free", "head": head, "at": at, "attempts": 0_i64 }
}

pub(super) fn reservation(row: &HoldRow<Documents>) -> RawDocumentBuf {
    let mut document = rawdoc! {
        "_id": row.id.to_string(), "status": row.status, "expires_at": DateTime::from_millis(row.expires),
        "products": row.products.clone(), "body": row.body.clone(),
    };
    if let Some(order) = row.order {
        document.append(cstr!("order_id"), order.to_string());
    }
    document
}
