use async_trait::async_trait;
use order_core::StoreError;
use order_core::cart::CartStatus;
use order_core::id::ProviderReference;
use order_core::inventory::{MAX_UNITS, StockChange, StockKey, StockLevel};
use order_core::machine::Names as _;
use order_core::money::Money;
use order_core::order::{EventRecord, Order};
use order_core::payment::{OperationKind, Payment};
use order_core::store::{
    CartPut, Commit, CommitOutcome, IdempotencyPut, OrderFilter, OrderPut, ReservationPut, Unchanged,
    WriteSet,
};

use super::SqliteStore;
use super::guards::Guards;
use super::script::{Expected, Script};
use super::values::{blob, hex, integer, internal, json};

#[async_trait]
impl Commit for SqliteStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        let (script, stock_at) = write(set)?;
        self.writer.commit(script, Guards::of(set, stock_at)).await
    }
}

/// The statements of a write-set, and the index of the first one about stock: when that one stops the script, every other
/// guard has let it pass.
///
/// A refused payment is a constraint's doing; the others change no row, or find none.
fn write(set: &WriteSet) -> Result<(Script, usize), StoreError> {
    let mut script = Script::default();
    script.statement(
        "INSERT INTO write_sets (id, at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        Expected::Changes(1),
    );
    script.bind(blob(set.id.uuid()))?;
    script.bind(set.at.timestamp_millis())?;
    if let Some(put) = &set.idempotency {
        put_idempotency(&mut script, put)?;
    }
    for read in &set.unchanged {
        check_unchanged(&mut script, *read)?;
    }
    put_carts(&mut script, set)?;
    for put in &set.orders {
        put_order(&mut script, put)?;
        put_payments(&mut script, &put.order)?;
    }
    put_events(&mut script, &set.events)?;
    for put in &set.reservations {
        put_reservation(&mut script, put)?;
    }
    let stock_at = script.len();
    change_stock(&mut script, set)?;
    Ok((script, stock_at))
}

fn put_idempotency(script: &mut Script, put: &IdempotencyPut) -> Result<(), StoreError> {
    script.statement(
        if put.is_new {
            "INSERT INTO idempotency (fingerprint, subject, answered_version, created_at, scope, key)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE idempotency SET fingerprint = ?, subject = ?, answered_version = ?, created_at = ?
             WHERE scope = ? AND key = ? AND answered_version IS NULL"
        },
        Expected::Changes(1),
    );
    let record = &put.record;
    script.bind(record.fingerprint.clone())?;
    script.bind(blob(record.subject))?;
    script.bind(record.answered_version.map(integer).transpose()?)?;
    script.bind(record.created_at.timestamp_millis())?;
    script.bind(record.scope.clone())?;
    script.bind(record.key.as_str().to_owned())
}

fn check_unchanged(script: &mut Script, read: Unchanged) -> Result<(), StoreError> {
    let (id, version) = match read {
        Unchanged::Cart(id, version) => (id.uuid(), version),
        Unchanged::Order(id, version) => (id.uuid(), version),
    };
    script.statement(
        match read {
            Unchanged::Cart(..) => "SELECT 1 WHERE coalesce((SELECT version FROM carts WHERE id = ?), 0) = ?",
            Unchanged::Order(..) => {
                "SELECT 1 WHERE coalesce((SELECT version FROM orders WHERE id = ?), 0) = ?"
            }
        },
        Expected::Found,
    );
    script.bind(blob(id))?;
    script.bind(integer(version)?)
}

/// Carts that free their owner come first, so that another one may take them in the same commit.
fn put_carts(script: &mut Script, set: &WriteSet) -> Result<(), StoreError> {
    for (id, version) in &set.removed_carts {
        script.statement("DELETE FROM carts WHERE id = ? AND version = ?", Expected::Changes(1));
        script.bind(blob(id.uuid()))?;
        script.bind(integer(*version)?)?;
    }
    let closes = |put: &&CartPut| put.cart.status != CartStatus::Open;
    for put in set.carts.iter().filter(closes).chain(set.carts.iter().filter(|put| !closes(put))) {
        put_cart(script, put)?;
    }
    Ok(())
}

fn put_cart(script: &mut Script, put: &CartPut) -> Result<(), StoreError> {
    let is_new = put.expected == 0;
    script.statement(
        if is_new {
            "INSERT INTO carts (owner_key, status, version, expires_at, body, id) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING"
        } else {
            "UPDATE carts SET owner_key = ?, status = ?, version = ?, expires_at = ?, body = ?
             WHERE id = ? AND version = ?"
        },
        Expected::Changes(1),
    );
    let cart = &put.cart;
    script.bind(cart.owner.key())?;
    script.bind(cart.status.name())?;
    script.bind(integer(cart.version)?)?;
    script.bind(cart.expires_at.timestamp_millis())?;
    script.bind(json(cart)?)?;
    script.bind(blob(cart.id.uuid()))?;
    if is_new { Ok(()) } else { script.bind(integer(put.expected)?) }
}

fn put_order(script: &mut Script, put: &OrderPut) -> Result<(), StoreError> {
    let is_new = put.expected == 0;
    script.statement(
        if is_new {
            "INSERT INTO orders (number, customer_id, cart_id, status, version, currency, total_minor, created_at,
                 due_at, sellers, search, body, id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE orders SET number = ?, customer_id = ?, cart_id = ?, status = ?, version = ?, currency = ?,
                 total_minor = ?, created_at = ?, due_at = ?, sellers = ?, search = ?, body = ?
             WHERE id = ? AND version = ?"
        },
        Expected::Changes(1),
    );
    let order = &put.order;
    let sellers: Vec<&str> = order.sellers.iter().map(|group| group.seller_id.as_str()).collect();
    script.bind(order.number.as_str().to_owned())?;
    script.bind(order.customer_id.as_str().to_owned())?;
    script.bind(order.cart_id.map(|id| blob(id.uuid())))?;
    script.bind(order.status.name())?;
    script.bind(integer(order.version)?)?;
    script.bind(order.currency.code())?;
    script.bind(order.totals.total.minor())?;
    script.bind(order.created_at.timestamp_millis())?;
    script.bind(order.due_at().map(|at| at.timestamp_millis()))?;
    script.bind(json(&sellers)?)?;
    script.bind(OrderFilter::search_text(order))?;
    script.bind(json(&**order)?)?;
    script.bind(blob(order.id.uuid()))?;
    if is_new { Ok(()) } else { script.bind(integer(put.expected)?) }
}

/// Id, provider, reference, captured, refunded, refunding: a payment as a row.
type PaymentRow<'a> = (String, &'a str, Option<&'a str>, i64, i64, i64);

fn put_payments(script: &mut Script, order: &Order) -> Result<(), StoreError> {
    if order.payments.is_empty() {
        return Ok(());
    }
    let rows: Vec<PaymentRow<'_>> = order.payments.iter().map(payment_row).collect();
    script.statement(
        "INSERT INTO payments (id, order_id, provider, provider_reference, captured_minor, refunded_minor,
             refunding_minor)
         SELECT unhex(value ->> 0), ?, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
         FROM json_each(?) WHERE true
         ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, provider = excluded.provider,
             provider_reference = excluded.provider_reference, captured_minor = excluded.captured_minor,
             refunded_minor = excluded.refunded_minor, refunding_minor = excluded.refunding_minor",
        Expected::Anything,
    );
    script.bind(blob(order.id.uuid()))?;
    script.bind(json(&rows)?)
}

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

/// They wait in the outbox by a trigger of the schema.
fn put_events(script: &mut Script, events: &[EventRecord]) -> Result<(), StoreError> {
    for record in events {
        script.statement(
            "INSERT INTO events (order_id, sequence, at, name, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            Expected::Changes(1),
        );
        script.bind(blob(record.order_id.uuid()))?;
        script.bind(integer(record.sequence)?)?;
        script.bind(record.at.timestamp_millis())?;
        script.bind(record.event.name())?;
        script.bind(json(record)?)?;
    }
    Ok(())
}

fn put_reservation(script: &mut Script, put: &ReservationPut) -> Result<(), StoreError> {
    script.statement(
        if put.is_new {
            "INSERT INTO reservations (order_id, status, expires_at, products, body, id) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING"
        } else {
            "UPDATE reservations SET order_id = ?, status = ?, expires_at = ?, products = ?, body = ?
             WHERE id = ? AND status = 'active'"
        },
        Expected::Changes(1),
    );
    let reservation = &put.reservation;
    let products: Vec<&str> = reservation.lines.iter().map(|line| line.key.product_id.as_str()).collect();
    script.bind(reservation.order_id.map(|id| blob(id.uuid())))?;
    script.bind(reservation.status.name())?;
    script.bind(reservation.expires_at.timestamp_millis())?;
    script.bind(json(&products)?)?;
    script.bind(json(reservation)?)?;
    script.bind(blob(reservation.id.uuid()))
}

/// All levels in one statement, in the order of their keys; before it, empty shelves for what may be put on new ones.
fn change_stock(script: &mut Script, set: &WriteSet) -> Result<(), StoreError> {
    if set.stock.is_empty() {
        return Ok(());
    }
    let from_nothing =
        |(key, change): &(&StockKey, &StockChange)| StockLevel::empty((*key).clone()).after(change).is_some();
    let new: Vec<_> = set
        .stock
        .iter()
        .filter(from_nothing)
        .map(|(key, _)| (key.product_id.as_str(), key.location.as_str()))
        .collect();
    if !new.is_empty() {
        script.statement(
            "INSERT INTO stock (product_id, location, on_hand, reserved, sold)
             SELECT value ->> 0, value ->> 1, 0, 0, 0 FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
            Expected::Anything,
        );
        script.bind(json(&new)?)?;
    }
    let changes: Vec<_> = set
        .stock
        .iter()
        .map(|(key, change)| {
            let StockChange { on_hand, reserved, sold, if_on_hand, .. } = *change;
            (key.product_id.as_str(), key.location.as_str(), on_hand, reserved, sold, if_on_hand)
        })
        .collect();
    let rows = u64::try_from(changes.len()).map_err(|source| internal("count stock changes", source))?;
    script.statement(CHANGE_STOCK, Expected::Changes(rows));
    script.bind(json(&changes)?)?;
    script.bind(MAX_UNITS)
}

/// Sums that leave the range of an integer become real numbers, which no guard lets pass.
pub(super) const CHANGE_STOCK: &str = "
    UPDATE stock SET on_hand = stock.on_hand + c.on_hand, reserved = stock.reserved + c.reserved,
        sold = stock.sold + c.sold
    FROM (
        SELECT value ->> 0 AS product_id, value ->> 1 AS location, value ->> 2 AS on_hand, value ->> 3 AS reserved,
            value ->> 4 AS sold, value ->> 5 AS if_on_hand
        FROM json_each(?)
    ) AS c
    WHERE stock.product_id = c.product_id AND stock.location = c.location
        AND stock.reserved + c.reserved BETWEEN 0 AND stock.on_hand + c.on_hand
        AND stock.on_hand + c.on_hand <= ?
        AND stock.sold + c.sold >= 0 AND typeof(stock.sold + c.sold) = 'integer'
        AND (c.if_on_hand IS NULL OR stock.on_hand = c.if_on_hand)";
