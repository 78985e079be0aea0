//! The one statement that applies write-sets.

use std::collections::HashSet;

use order_core::inventory::Threshold;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, Postgres, SqlStr};
use uuid::Uuid;

use super::values::{Rows, Texts, names};
use crate::group_commit::{CartRow, ChapterRow, EntryRow, HoldRow, OrderRow, PaymentRow, RequestRow, Sums};

pub(super) type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

/// How many parameters [`apply`] has.
const PARAMETERS: usize = 99;

/// The text of a call of one of our functions with so many parameters.
pub(super) fn call(columns: &str, function: &str, parameters: usize) -> String {
    let places: Vec<String> = (1..=parameters).map(|place| format!("${place}")).collect();
    format!("SELECT {columns} {{schema}}.{function}({})", places.join(", "))
}

/// The text of the statement that applies write-sets.
pub(super) fn apply_sql() -> String {
    call("", "apply_write_sets", PARAMETERS)
}

/// The statement that applies write-sets, no two of which touch the same row. `sums` are those of their stock changes.
pub(super) fn apply<'q>(sql: SqlStr, sets: &[&'q Rows], sums: &Sums<'q>) -> Query<'q> {
    // The others are remembered by the chapters they bring.
    let untold = sets.iter().filter(|set| set.chapters.is_empty());
    let mut ids: Vec<(Uuid, i64)> = untold.map(|set| (set.id, set.at)).collect();
    ids.sort_unstable();
    let mut arguments = PgArguments::default();
    arguments.reserve(PARAMETERS, sets.iter().map(|set| size(set)).sum());
    let query = sqlx::query_with(sql, arguments)
        .bind(list(ids.iter().map(|(id, _)| *id)))
        .bind(list(ids.iter().map(|(_, at)| *at)));
    let query = bind_requests(bind_counts(query, sets), sets);
    let query = bind_carts(query, sets);
    let query = bind_sellers(bind_orders(query, sets), sets);
    let query = bind_payments(query, sets);
    let query = bind_chapters(query, sets);
    let query = bind_holds(query, sets);
    let changed = sets.iter().map(|set| set.at).max().unwrap_or_default();
    bind_entries(bind_stock(query, sums).bind(changed), sets)
}

/// About how many bytes the arguments of a write-set are.
fn size(set: &Rows) -> usize {
    /// Those of a row without its value.
    const ROW: usize = 256;
    let orders = set.orders.iter().filter_map(|row| row.body.as_ref());
    let others = set.carts.iter().map(|row| &row.body).chain(set.holds.iter().map(|row| &row.body));
    let bodies = orders.chain(others).chain(set.chapters.iter().map(|row| &row.body));
    bodies.map(|body| body.len().saturating_add(ROW)).fold(ROW, usize::saturating_add)
}

/// A list, which is NULL when it is empty: the server does less with that.
pub(super) fn list<T>(values: impl IntoIterator<Item = T>) -> Option<Vec<T>> {
    let values: Vec<T> = values.into_iter().collect();
    Some(values).filter(|values| !values.is_empty())
}

/// One column of rows.
fn column<'q, R, T>(rows: &[&'q R], value: impl Fn(&'q R) -> T) -> Option<Vec<T>> {
    list(rows.iter().map(|row| value(row)))
}

/// The rows of a kind, in the order of their keys.
fn sorted<'q, R, K: Ord>(rows: impl Iterator<Item = &'q R>, key: impl Fn(&'q R) -> K) -> Vec<&'q R> {
    let mut rows: Vec<&R> = rows.collect();
    rows.sort_by_key(|row| key(row));
    rows
}

/// The orders that are not there yet.
fn new_orders(sets: &[&Rows]) -> HashSet<Uuid> {
    let orders = sets.iter().flat_map(|set| &set.orders);
    orders.filter(|order| order.expected == 0).map(|order| order.id).collect()
}

/// How many rows there are of each kind: NULL for none.
fn bind_counts<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let new = new_orders(sets);
    let count = |of: &dyn Fn(&Rows) -> usize| {
        let rows: usize = sets.iter().map(|set| of(set)).sum();
        i64::try_from(rows).ok().filter(|rows| *rows > 0)
    };
    query
        .bind(count(&|set| set.request.iter().filter(|request| !request.is_new).count()))
        .bind(count(&|set| set.request.iter().filter(|request| request.is_new).count()))
        .bind(count(&|set| set.carts.iter().filter(|cart| cart.expected > 0).count()))
        .bind(count(&|set| set.carts.iter().filter(|cart| cart.expected == 0).count()))
        .bind(count(&|set| set.orders.iter().filter(|order| order.expected > 0).count()))
        .bind(count(&|set| set.orders.iter().filter(|order| order.expected == 0).count()))
        .bind(count(&|set| set.payments.iter().filter(|payment| !new.contains(&payment.order)).count()))
        .bind(count(&|set| set.payments.iter().filter(|payment| new.contains(&payment.order)).count()))
        .bind(count(&|set| set.holds.iter().filter(|hold| !hold.is_new).count()))
        .bind(count(&|set| set.holds.iter().filter(|hold| hold.is_new).count()))
}

fn bind_requests<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let rows: Vec<&RequestRow> =
        sorted(sets.iter().filter_map(|set| set.request.as_ref()), |row| (&row.scope, &row.key));
    query
        .bind(column(&rows, |row| row.is_new))
        .bind(column(&rows, |row| row.scope.as_str()))
        .bind(column(&rows, |row| row.key.as_str()))
        .bind(column(&rows, |row| row.fingerprint.as_str()))
        .bind(column(&rows, |row| row.subject))
        .bind(column(&rows, |row| row.answered))
        .bind(column(&rows, |row| row.created))
}

/// Ids and versions as two columns.
fn bind_versions(query: Query<'_>, mut versions: Vec<(Uuid, i64)>) -> Query<'_> {
    versions.sort_unstable();
    let (ids, versions): (Vec<Uuid>, Vec<i64>) = versions.into_iter().unzip();
    query.bind(list(ids)).bind(list(versions))
}

fn bind_carts<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let rows: Vec<&CartRow<Texts>> =
        sorted(sets.iter().flat_map(|set| &set.carts), |row| (row.is_open, row.id));
    let read: Vec<_> = sets.iter().flat_map(|set| set.read_carts.iter().copied()).collect();
    let removed: Vec<_> = sets.iter().flat_map(|set| set.removed_carts.iter().copied()).collect();
    let changed = || rows.iter().filter(|row| row.expected > 0);
    // They are changed one after the other: by that alone they are locked in the order of their ids, if that is the order.
    let is_in_order = removed.is_empty() && changed().is_sorted_by_key(|row| row.id);
    let mut locked = Vec::new();
    if !read.is_empty() || !is_in_order {
        locked.extend(changed().map(|row| row.id));
        locked.extend(read.iter().chain(&removed).map(|(id, _)| *id));
        locked.sort_unstable();
    }
    let query = bind_versions(query.bind(list(locked)), read);
    bind_versions(query, removed)
        .bind(column(&rows, |row| row.expected))
        .bind(column(&rows, |row| row.id))
        .bind(column(&rows, |row| row.owner.as_str()))
        .bind(column(&rows, |row| row.status))
        .bind(column(&rows, |row| row.version))
        .bind(column(&rows, |row| row.expires))
        .bind(column(&rows, |row| row.body.as_str()))
}

fn bind_orders<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let rows: Vec<&OrderRow<Texts>> = sorted(sets.iter().flat_map(|set| &set.orders), |row| row.id);
    let read: Vec<_> = sets.iter().flat_map(|set| set.read_orders.iter().copied()).collect();
    let mut locked = Vec::new();
    if !read.is_empty() {
        locked.extend(rows.iter().filter(|row| row.expected > 0).map(|row| row.id));
        locked.extend(read.iter().map(|(id, _)| *id));
        locked.sort_unstable();
    }
    bind_versions(query.bind(list(locked)), read)
        .bind(column(&rows, |row| row.expected))
        .bind(column(&rows, |row| row.id))
        .bind(column(&rows, |row| row.number.as_str()))
        .bind(column(&rows, |row| row.customer.as_str()))
        .bind(column(&rows, |row| row.cart))
        .bind(column(&rows, |row| row.status))
        .bind(column(&rows, |row| row.version))
        .bind(column(&rows, |row| row.currency.as_str()))
        .bind(column(&rows, |row| row.total))
        .bind(column(&rows, |row| row.created))
        .bind(column(&rows, |row| row.due))
        .bind(column(&rows, |row| row.sellers.as_str()))
        .bind(column(&rows, |row| row.search.as_str()))
        .bind(column(&rows, |row| row.body.as_deref()))
}

/// The sellers of new orders.
fn bind_sellers<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let new = sets.iter().flat_map(|set| &set.orders).filter(|order| order.expected == 0);
    let mut rows: Vec<(&str, Uuid)> =
        new.flat_map(|order| names(&order.sellers).map(|seller| (seller, order.id))).collect();
    rows.sort_unstable();
    let (sellers, orders): (Vec<&str>, Vec<Uuid>) = rows.into_iter().unzip();
    query.bind(list(sellers)).bind(list(orders))
}

fn bind_payments<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let new = new_orders(sets);
    let rows: Vec<&PaymentRow> = sorted(sets.iter().flat_map(|set| &set.payments), |row| row.id);
    query
        .bind(column(&rows, |row| new.contains(&row.order)))
        .bind(column(&rows, |row| row.id))
        .bind(column(&rows, |row| row.order))
        .bind(column(&rows, |row| row.provider.as_str()))
        .bind(column(&rows, |row| row.reference.as_deref()))
        .bind(column(&rows, |row| row.captured))
        .bind(column(&rows, |row| row.refunded))
        .bind(column(&rows, |row| row.refunding))
}

fn bind_chapters<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let brought = sets.iter().flat_map(|set| set.chapters.iter().map(|chapter| (set.id, chapter)));
    let mut brought: Vec<(Uuid, &ChapterRow<Texts>)> = brought.collect();
    brought.sort_by_key(|(_, chapter)| (chapter.order, chapter.first));
    let rows: Vec<&ChapterRow<Texts>> = brought.iter().map(|(_, chapter)| *chapter).collect();
    let query = query
        .bind(column(&rows, |row| row.order))
        .bind(column(&rows, |row| row.last))
        .bind(column(&rows, |row| row.last.saturating_sub(row.first).saturating_add(1)))
        .bind(column(&rows, |row| row.at))
        .bind(column(&rows, |row| row.name))
        .bind(column(&rows, |row| row.body.as_str()))
        .bind(list(brought.iter().map(|(set, _)| *set)));
    let histories: Vec<_> = rows.chunk_by(|chapter, next| chapter.order == next.order).collect();
    let last = histories.iter().filter_map(|chapters| chapters.last());
    let query = query
        .bind(first(&histories, |chapter| chapter.order))
        .bind(first(&histories, |chapter| chapter.first))
        .bind(list(last.map(|chapter| chapter.last)))
        .bind(first(&histories, |chapter| chapter.at));
    let new = new_orders(sets);
    let follows = |chapter: &ChapterRow<Texts>, next: &ChapterRow<Texts>| {
        chapter.order == next.order && chapter.last.checked_add(1) == Some(next.first)
    };
    let runs: Vec<_> = rows.chunk_by(|chapter, next| follows(chapter, next)).collect();
    let known = runs.iter().filter_map(|run| run.first());
    let known = known.filter(|chapter| chapter.first != 1 || !new.contains(&chapter.order));
    let (orders, sequences): (Vec<Uuid>, Vec<i64>) =
        known.map(|chapter| (chapter.order, chapter.first.saturating_sub(1))).unzip();
    query.bind(list(orders)).bind(list(sequences))
}

/// Something of the first chapter of each history.
fn first<'q, T>(
    histories: &[&[&'q ChapterRow<Texts>]],
    value: impl Fn(&'q ChapterRow<Texts>) -> T,
) -> Option<Vec<T>> {
    list(histories.iter().filter_map(|chapters| chapters.first()).map(|chapter| value(chapter)))
}

fn bind_holds<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let rows: Vec<&HoldRow<Texts>> = sorted(sets.iter().flat_map(|set| &set.holds), |row| row.id);
    query
        .bind(column(&rows, |row| row.is_new))
        .bind(column(&rows, |row| row.id))
        .bind(column(&rows, |row| row.order))
        .bind(column(&rows, |row| row.status))
        .bind(column(&rows, |row| row.expires))
        .bind(column(&rows, |row| row.products.as_str()))
        .bind(column(&rows, |row| row.body.as_str()))
}

fn bind_stock<'q>(query: Query<'q>, sums: &Sums<'q>) -> Query<'q> {
    let new = || sums.iter().filter(|(_, sum)| sum.may_be_new).map(|(key, _)| *key);
    query
        .bind(list(new().map(|key| key.product_id.as_str())))
        .bind(list(new().map(|key| key.location.as_str())))
        .bind(list(sums.keys().map(|key| key.product_id.as_str())))
        .bind(list(sums.keys().map(|key| key.location.as_str())))
        .bind(list(sums.values().map(|sum| sum.on_hand)))
        .bind(list(sums.values().map(|sum| sum.reserved)))
        .bind(list(sums.values().map(|sum| sum.sold)))
        .bind(list(sums.values().map(|sum| sum.if_on_hand)))
        .bind(list(sums.values().map(|sum| sum.least_available)))
        .bind(list(sums.values().map(|sum| sum.least_reserved)))
        .bind(list(sums.values().map(|sum| sum.least_sold)))
        .bind(list(sums.values().map(|sum| sum.most_sold)))
        .bind(list(sums.values().map(|sum| sum.most_on_hand)))
        .bind(list(sums.values().map(|sum| sum.threshold != Threshold::Kept)))
        .bind(list(sums.values().map(|sum| threshold(sum.threshold))))
}

fn threshold(threshold: Threshold) -> Option<i64> {
    match threshold {
        Threshold::Kept | Threshold::Removed => None,
        Threshold::At(units) => Some(units),
    }
}

fn bind_entries<'q>(query: Query<'q>, sets: &[&'q Rows]) -> Query<'q> {
    let rows: Vec<&EntryRow<Texts>> = sets.iter().flat_map(|set| &set.entries).collect();
    query
        .bind(column(&rows, |row| row.key.product_id.as_str()))
        .bind(column(&rows, |row| row.key.location.as_str()))
        .bind(column(&rows, |row| row.at))
        .bind(column(&rows, |row| row.name))
        .bind(column(&rows, |row| row.body.as_str()))
}
