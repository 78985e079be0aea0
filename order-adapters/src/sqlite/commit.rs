use async_trait::async_trait;
use order_core::StoreError;
use order_core::cart::CartStatus;
use order_core::id::ProviderReference;
use order_core::inventory::{MAX_UNITS, StockChange, StockEntry, StockKey, StockLevel, Threshold};
use order_core::machine::Names as _;
use order_core::money::Money;
use order_core::order::{EventRecord, Order};
use order_core::payment::{OperationKind, Payment};
use order_core::store::{
    CartPut, Commit, CommitOutcome, IdempotencyPut, OrderFilter, OrderPut, ReservationPut, Unchanged,
    WriteSet,
};
use serde::Serialize;
use uuid::Uuid;

use super::SqliteStore;
use super::guards::Guards;
use super::statement::Row;
use super::values::{blob, hex, integer, json};
use crate::history::{Chapter, chapters, is_written_out};

#[async_trait]
impl Commit for SqliteStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        self.writer.commit(rows(set)?, || Guards::of(set)).await
    }
}

/// The rows of a write-set, in the order in which they are applied: one, unless it has several things of a kind.
fn rows(set: &WriteSet) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::with_capacity(1);
    rows.extend(row_before(set)?);
    // Carts that free their owner come first, so that another one may take them in the same commit.
    let closes = |put: &&CartPut| put.cart.status != CartStatus::Open;
    let mut carts =
        set.carts.iter().filter(closes).chain(set.carts.iter().filter(|put| !closes(put))).peekable();
    let mut orders = set.orders.iter().peekable();
    let mut reservations = set.reservations.iter().peekable();
    let mut head = Some(set);
    loop {
        let mut row = Row::default();
        bind_head(&mut row, head.take())?;
        bind_cart(&mut row, carts.next())?;
        bind_order(&mut row, orders.next(), &set.events)?;
        let reservation = reservations.next();
        let is_last = carts.peek().is_none() && orders.peek().is_none() && reservations.peek().is_none();
        // Stock is the last of all.
        let tail = Some(set).filter(|_| is_last);
        let chapters: Vec<Chapter<'_>> = tail.map(|set| chapters(&set.events).collect()).unwrap_or_default();
        bind_list(&mut row, Some(&chapters), chapter_row)?;
        bind_reservation(&mut row, reservation)?;
        bind_stock(&mut row, tail)?;
        rows.push(row);
        if is_last {
            return Ok(rows);
        }
    }
}

/// What must be there, and what goes, before anything is put.
fn row_before(set: &WriteSet) -> Result<Option<Row>, StoreError> {
    if set.unchanged.is_empty() && set.removed_carts.is_empty() {
        return Ok(None);
    }
    let (mut carts, mut orders) = (Vec::new(), Vec::new());
    for read in &set.unchanged {
        match *read {
            Unchanged::Cart(id, version) => carts.push((id.uuid(), version)),
            Unchanged::Order(id, version) => orders.push((id.uuid(), version)),
        }
    }
    let removed: Vec<_> = set.removed_carts.iter().map(|(id, version)| (id.uuid(), *version)).collect();
    let mut row = Row::default();
    row.bind_nothing(9);
    [carts, orders, removed].iter().try_for_each(|list| bind_list(&mut row, Some(list), version_row))?;
    Ok(Some(row))
}

/// Binds a list, or nothing when it is empty.
fn bind_list<'a, T, R: Serialize>(
    row: &mut Row,
    list: Option<&'a [T]>,
    of: impl Fn(&'a T) -> Result<R, StoreError>,
) -> Result<(), StoreError> {
    match list.filter(|list| !list.is_empty()) {
        Some(list) => row.bind(json(&list.iter().map(of).collect::<Result<Vec<_>, _>>()?)?),
        None => row.bind_nothing(1),
    }
    Ok(())
}

/// The set's id and the caller's key.
fn bind_head(row: &mut Row, set: Option<&WriteSet>) -> Result<(), StoreError> {
    let Some(set) = set else {
        row.bind_nothing(12);
        return Ok(());
    };
    row.bind(blob(set.id.uuid()));
    row.bind(set.at.timestamp_millis());
    match &set.idempotency {
        Some(put) => bind_request(row, put)?,
        None => row.bind_nothing(7),
    }
    row.bind_nothing(3);
    Ok(())
}

fn version_row((id, version): &(Uuid, u64)) -> Result<(String, i64), StoreError> {
    Ok((hex(*id), integer(*version)?))
}

fn bind_request(row: &mut Row, put: &IdempotencyPut) -> Result<(), StoreError> {
    let record = &put.record;
    row.bind(put.is_new);
    row.bind(record.scope.as_str());
    row.bind(record.key.as_str());
    row.bind(record.fingerprint.as_str());
    row.bind(blob(record.subject));
    row.bind(record.answered_version.map(integer).transpose()?);
    row.bind(record.created_at.timestamp_millis());
    Ok(())
}

fn bind_cart(row: &mut Row, put: Option<&CartPut>) -> Result<(), StoreError> {
    let Some(CartPut { expected, cart }) = put else {
        row.bind_nothing(7);
        return Ok(());
    };
    row.bind(integer(*expected)?);
    row.bind(blob(cart.id.uuid()));
    row.bind(cart.owner.key());
    row.bind(cart.status.name());
    row.bind(integer(cart.version)?);
    row.bind(cart.expires_at.timestamp_millis());
    row.bind(json(cart)?);
    Ok(())
}

fn bind_order(row: &mut Row, put: Option<&OrderPut>, events: &[EventRecord]) -> Result<(), StoreError> {
    let Some(put) = put else {
        row.bind_nothing(15);
        return Ok(());
    };
    let OrderPut { expected, order } = put;
    let sellers: Vec<&str> = order.sellers.iter().map(|group| group.seller_id.as_str()).collect();
    row.bind(integer(*expected)?);
    row.bind(blob(order.id.uuid()));
    row.bind(order.number.as_str());
    row.bind(order.customer_id.as_str());
    row.bind(order.cart_id.map(|id| blob(id.uuid())));
    row.bind(order.status.name());
    row.bind(integer(order.version)?);
    row.bind(order.currency.code());
    row.bind(order.totals.total.minor());
    row.bind(order.created_at.timestamp_millis());
    row.bind(order.due_at().map(|at| at.timestamp_millis()));
    row.bind(json(&sellers)?);
    row.bind(OrderFilter::search_text(order));
    row.bind(is_written_out(put, events).then(|| json::<Order>(order)).transpose()?);
    bind_list(row, Some(&order.payments), |payment| Ok(payment_row(payment)))
}

/// Id, provider, reference, captured, refunded, refunding: a payment as a row.
type PaymentRow<'a> = (String, &'a str, Option<&'a str>, i64, i64, i64);

fn payment_row(payment: &Payment) -> PaymentRow<'_> {
    let refunding = payment.refundable().and_then(|_| payment.pending(OperationKind::Refund));
    (
        hex(payment.id.uuid()),
        payment.provider.as_str(),
        payment.reference.as_ref().map(ProviderReference::as_str),
        payment.captured.minor(),
        payment.refunded.minor(),
        // A payment that can't be added up is refused.
        refunding.map_or(i64::MAX, Money::minor),
    )
}

/// A chapter as a row: order, last event, how many, when, the first one's name, body. The body is a text: to take a list apart is
/// cheaper the less is in it.
type ChapterRow<'a> = (String, i64, i64, i64, &'a str, String);

fn chapter_row<'a>(chapter: &Chapter<'a>) -> Result<ChapterRow<'a>, StoreError> {
    let Chapter { first, last, .. } = *chapter;
    let count = last.sequence.saturating_sub(first.sequence).saturating_add(1);
    let (order, sequence, count) = (hex(first.order_id.uuid()), integer(last.sequence)?, integer(count)?);
    Ok((order, sequence, count, first.at.timestamp_millis(), first.event.name(), json(chapter)?))
}

fn bind_reservation(row: &mut Row, put: Option<&ReservationPut>) -> Result<(), StoreError> {
    let Some(ReservationPut { is_new, reservation }) = put else {
        row.bind_nothing(7);
        return Ok(());
    };
    let products: Vec<&str> = reservation.lines.iter().map(|line| line.key.product_id.as_str()).collect();
    row.bind(*is_new);
    row.bind(blob(reservation.id.uuid()));
    row.bind(reservation.order_id.map(|id| blob(id.uuid())));
    row.bind(reservation.status.name());
    row.bind(reservation.expires_at.timestamp_millis());
    row.bind(json(&products)?);
    row.bind(json(reservation)?);
    Ok(())
}

/// A stock change as a row: product, location, on hand, reserved, sold, what must be on hand, whether it sets the threshold, to what.
type StockRow<'a> = (&'a str, &'a str, i64, i64, i64, Option<i64>, bool, Option<i64>);

fn bind_stock(row: &mut Row, set: Option<&WriteSet>) -> Result<(), StoreError> {
    let changes: Vec<(&StockKey, &StockChange)> = set.iter().flat_map(|set| &set.stock).collect();
    let from_nothing = |(key, change): &(&StockKey, &StockChange)| {
        StockLevel::empty(StockKey::clone(key)).after(change).is_some()
    };
    let shelves: Vec<_> = changes.iter().copied().filter(from_nothing).collect();
    bind_list(row, Some(&shelves), |(key, _)| Ok((key.product_id.as_str(), key.location.as_str())))?;
    let entries: Vec<EntryRow<'_>> = set.map(entry_rows).unwrap_or_default();
    bind_list(row, Some(&entries), Ok)?;
    bind_list(row, Some(&changes), |(key, change)| Ok(stock_row(key, change)))?;
    row.bind(set.map(|set| set.at.timestamp_millis()));
    row.bind(MAX_UNITS);
    Ok(())
}

fn stock_row<'a>(key: &'a StockKey, change: &StockChange) -> StockRow<'a> {
    let StockChange { on_hand, reserved, sold, if_on_hand, .. } = *change;
    let (sets_low_at, low_at) = threshold(change);
    (key.product_id.as_str(), key.location.as_str(), on_hand, reserved, sold, if_on_hand, sets_low_at, low_at)
}

/// Whether a change sets the threshold, and to what.
fn threshold(change: &StockChange) -> (bool, Option<i64>) {
    match change.threshold {
        Threshold::Kept => (false, None),
        Threshold::Removed => (true, None),
        Threshold::At(units) => (true, Some(units)),
    }
}

/// An entry of a journal as a row: product, location, its place among those of the level, what the level changes by (on hand, reserved,
/// sold, whether its threshold is set, to what), name, body.
type EntryRow<'a> = (&'a str, &'a str, usize, i64, i64, i64, bool, Option<i64>, &'a str, &'a StockEntry);

fn entry_rows(set: &WriteSet) -> Vec<EntryRow<'_>> {
    let entries = set.stock_entries();
    let rows = entries.iter().enumerate().map(|(index, (key, entry))| {
        let place = entries.iter().take(index).filter(|(other, _)| other == key).count().saturating_add(1);
        let change = set.stock.get(key).copied().unwrap_or_default();
        let StockChange { on_hand, reserved, sold, .. } = change;
        let (sets_low_at, low_at) = threshold(&change);
        let (product, location) = (key.product_id.as_str(), key.location.as_str());
        (product, location, place, on_hand, reserved, sold, sets_low_at, low_at, entry.event.name(), entry)
    });
    rows.collect()
}
