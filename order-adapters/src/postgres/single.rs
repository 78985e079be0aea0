//! The statement that applies a single write-set: what a lone caller waits for.

use order_core::inventory::Threshold;
use sqlx::SqlStr;

use super::statement::{Query, call};
use super::values::{Rows, Texts};
use crate::group_commit::{CartRow, EventRow, HoldRow, OrderRow, PaymentRow, RequestRow, Sums};

/// How many parameters [`apply_one`] has.
const PARAMETERS: usize = 53;

/// The most stock levels it changes: each by a statement of its own, which is dearer for many.
const MAX_LEVELS: usize = 8;

/// The text of the statement that applies a single write-set.
pub(super) fn apply_one_sql() -> String {
    call("", "apply_write_set", PARAMETERS)
}

/// Whether a write-set is one that this statement applies: at most one row of each kind, events and stock excepted.
pub(super) fn is_simple(set: &Rows, sums: &Sums<'_>) -> bool {
    let order = set.orders.first().map(|order| order.id);
    let is_one_history = set.events.iter().all(|event| Some(event.order) == order)
        && set
            .events
            .iter()
            .zip(set.events.iter().skip(1))
            .all(|(event, next)| event.sequence.checked_add(1) == Some(next.sequence));
    set.carts.len() <= 1
        && set.orders.len() <= 1
        && set.payments.len() <= 1
        && set.holds.len() <= 1
        && set.read.is_empty()
        && set.removed_carts.is_empty()
        && is_one_history
        && sums.len() <= MAX_LEVELS
        && set.entries.is_empty()
        && sums.values().all(|sum| !sum.may_be_new && sum.threshold == Threshold::Kept)
}

/// The statement that applies a simple write-set.
pub(super) fn apply_one(sql: SqlStr, set: &Rows) -> Query<'_> {
    let query = sqlx::query(sql).bind(set.id).bind(set.at);
    let query = bind_request(query, set.request.as_ref());
    let query = bind_cart(query, set.carts.first());
    let query = bind_order(query, set.orders.first());
    let query = bind_payment(query, set.payments.first());
    let query = bind_events(query, &set.events);
    let query = bind_hold(query, set.holds.first());
    bind_stock(query, set)
}

fn bind_request<'q>(query: Query<'q>, row: Option<&'q RequestRow>) -> Query<'q> {
    query
        .bind(row.map(|row| row.is_new))
        .bind(row.map(|row| row.scope.as_str()))
        .bind(row.map(|row| row.key.as_str()))
        .bind(row.map(|row| row.fingerprint.as_str()))
        .bind(row.map(|row| row.subject))
        .bind(row.and_then(|row| row.answered))
        .bind(row.map(|row| row.created))
}

fn bind_cart<'q>(query: Query<'q>, row: Option<&'q CartRow<Texts>>) -> Query<'q> {
    query
        .bind(row.map(|row| row.expected))
        .bind(row.map(|row| row.id))
        .bind(row.map(|row| row.owner.as_str()))
        .bind(row.map(|row| row.status))
        .bind(row.map(|row| row.version))
        .bind(row.map(|row| row.expires))
        .bind(row.map(|row| row.body.as_str()))
}

fn bind_order<'q>(query: Query<'q>, row: Option<&'q OrderRow<Texts>>) -> Query<'q> {
    query
        .bind(row.map(|row| row.expected))
        .bind(row.map(|row| row.id))
        .bind(row.map(|row| row.number.as_str()))
        .bind(row.map(|row| row.customer.as_str()))
        .bind(row.and_then(|row| row.cart))
        .bind(row.map(|row| row.status))
        .bind(row.map(|row| row.version))
        .bind(row.map(|row| row.currency.as_str()))
        .bind(row.map(|row| row.total))
        .bind(row.map(|row| row.created))
        .bind(row.and_then(|row| row.due))
        .bind(row.map(|row| row.sellers.as_str()))
        .bind(row.map(|row| row.search.as_str()))
        .bind(row.map(|row| row.body.as_str()))
}

/// A payment is one of the order's.
fn bind_payment<'q>(query: Query<'q>, row: Option<&'q PaymentRow>) -> Query<'q> {
    query
        .bind(row.map(|row| row.id))
        .bind(row.map(|row| row.provider.as_str()))
        .bind(row.and_then(|row| row.reference.as_deref()))
        .bind(row.map(|row| row.captured))
        .bind(row.map(|row| row.refunded))
        .bind(row.map(|row| row.refunding))
}

/// Events are the order's, and follow each other.
fn bind_events<'q>(query: Query<'q>, rows: &'q [EventRow<Texts>]) -> Query<'q> {
    query
        .bind(rows.first().map(|row| row.sequence))
        .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.name).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.body.as_str()).collect::<Vec<_>>())
}

fn bind_hold<'q>(query: Query<'q>, row: Option<&'q HoldRow<Texts>>) -> Query<'q> {
    query
        .bind(row.map(|row| row.is_new))
        .bind(row.map(|row| row.id))
        .bind(row.and_then(|row| row.order))
        .bind(row.map(|row| row.status))
        .bind(row.map(|row| row.expires))
        .bind(row.map(|row| row.products.as_str()))
        .bind(row.map(|row| row.body.as_str()))
}

fn bind_stock<'q>(query: Query<'q>, set: &'q Rows) -> Query<'q> {
    query
        .bind(set.stock.iter().map(|(key, _)| key.product_id.as_str()).collect::<Vec<_>>())
        .bind(set.stock.iter().map(|(key, _)| key.location.as_str()).collect::<Vec<_>>())
        .bind(set.stock.iter().map(|(_, change)| change.on_hand).collect::<Vec<_>>())
        .bind(set.stock.iter().map(|(_, change)| change.reserved).collect::<Vec<_>>())
        .bind(set.stock.iter().map(|(_, change)| change.sold).collect::<Vec<_>>())
        .bind(set.stock.iter().map(|(_, change)| change.if_on_hand).collect::<Vec<_>>())
}
