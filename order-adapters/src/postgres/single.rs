//! The statements that apply a single write-set: what a lone caller waits for.

use order_core::inventory::Threshold;
use sqlx::SqlStr;

use super::statement::{Query, call, list};
use super::values::{Rows, Texts};
use crate::group_commit::{CartRow, ChapterRow, HoldRow, OrderRow, PaymentRow, RequestRow, Sums};

/// How many parameters [`apply_one`] has.
const PARAMETERS: usize = 54;

/// How many parameters [`put_cart`] has.
const CART_PARAMETERS: usize = 9;

/// The text of the statement that applies a single write-set.
pub(super) fn apply_one_sql() -> String {
    call("", "apply_write_set", PARAMETERS)
}

/// The text of the statement that applies a write-set which only puts a cart.
pub(super) fn put_cart_sql() -> String {
    call("", "put_cart", CART_PARAMETERS)
}

/// Whether a write-set is one that [`apply_one`] applies: at most one row of each kind, but for stock.
pub(super) fn is_simple(set: &Rows, sums: &Sums<'_>) -> bool {
    set.carts.len() <= 1
        && set.orders.len() <= 1
        && set.payments.len() <= 1
        && set.holds.len() <= 1
        && set.read.is_empty()
        && set.removed_carts.is_empty()
        && set.chapters.len() <= 1
        && set.chapters.iter().all(|chapter| set.orders.iter().any(|order| order.id == chapter.order))
        && set.entries.is_empty()
        && sums.values().all(|sum| !sum.may_be_new && sum.threshold == Threshold::Kept)
}

/// The only thing a write-set writes, if that is a cart.
pub(super) fn only_cart(set: &Rows) -> Option<&CartRow<Texts>> {
    let [cart] = &*set.carts else { return None };
    let is_alone = set.request.is_none()
        && set.read.is_empty()
        && set.removed_carts.is_empty()
        && set.orders.is_empty()
        && set.chapters.is_empty()
        && set.holds.is_empty()
        && set.stock.is_empty();
    is_alone.then_some(cart)
}

/// The statement that applies a write-set which only puts a cart.
pub(super) fn put_cart<'q>(sql: SqlStr, set: &'q Rows, cart: &'q CartRow<Texts>) -> Query<'q> {
    bind_cart(sqlx::query(sql).bind(set.id).bind(set.at), Some(cart))
}

/// The statement that applies a simple write-set.
pub(super) fn apply_one(sql: SqlStr, set: &Rows) -> Query<'_> {
    let query = sqlx::query(sql).bind(set.id).bind(set.at);
    let query = bind_request(query, set.request.as_ref());
    let query = bind_cart(query, set.carts.first());
    let query = bind_order(query, set.orders.first());
    let query = bind_payment(query, set.payments.first());
    let query = bind_chapter(query, set.chapters.first());
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
        .bind(row.and_then(|row| row.body.as_deref()))
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

/// A chapter is of the order's history.
fn bind_chapter<'q>(query: Query<'q>, row: Option<&'q ChapterRow<Texts>>) -> Query<'q> {
    query
        .bind(row.map(|row| row.first))
        .bind(row.map(|row| row.last))
        .bind(row.map(|row| row.at))
        .bind(row.map(|row| row.name))
        .bind(row.map(|row| row.body.as_str()))
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
        .bind(list(set.stock.iter().map(|(key, _)| key.product_id.as_str())))
        .bind(list(set.stock.iter().map(|(key, _)| key.location.as_str())))
        .bind(list(set.stock.iter().map(|(_, change)| change.on_hand)))
        .bind(list(set.stock.iter().map(|(_, change)| change.reserved)))
        .bind(list(set.stock.iter().map(|(_, change)| change.sold)))
        .bind(list(set.stock.iter().map(|(_, change)| change.if_on_hand)))
}
