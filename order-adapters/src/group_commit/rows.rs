//! A write-set as rows.

use order_core::StoreError;
use order_core::cart::CartStatus;
use order_core::id::ProviderReference;
use order_core::inventory::{StockChange, StockEntry, StockKey};
use order_core::machine::Names as _;
use order_core::money::Money;
use order_core::order::EventRecord;
use order_core::payment::{OperationKind, Payment};
use order_core::store::{
    CartPut, IdempotencyPut, OrderFilter, OrderPut, ReservationPut, Unchanged, WriteSet,
};
use uuid::Uuid;

use super::{Form, integer};
use crate::history::{self, Chapter, is_written_out};

/// A write-set as the rows it writes and the guards it has. Made by its caller, so that a worker has little to do with it.
#[derive(Debug)]
pub(crate) struct Rows<F: Form> {
    pub(crate) id: Uuid,
    pub(crate) at: i64,
    pub(crate) request: Option<RequestRow>,
    /// Id and version.
    pub(crate) read_carts: Vec<(Uuid, i64)>,
    /// Id and version.
    pub(crate) read_orders: Vec<(Uuid, i64)>,
    /// What was read, in the order in which it is checked.
    pub(crate) read: Vec<Unchanged>,
    /// Id and version.
    pub(crate) removed_carts: Vec<(Uuid, i64)>,
    pub(crate) carts: Vec<CartRow<F>>,
    pub(crate) orders: Vec<OrderRow<F>>,
    pub(crate) payments: Vec<PaymentRow>,
    pub(crate) chapters: Vec<ChapterRow<F>>,
    pub(crate) holds: Vec<HoldRow<F>>,
    pub(crate) stock: Vec<(StockKey, StockChange)>,
    /// In their order.
    pub(crate) entries: Vec<EntryRow<F>>,
    /// Whether no payment has given back more than it took.
    pub(crate) is_refundable: bool,
}

#[derive(Debug)]
pub(crate) struct RequestRow {
    pub(crate) is_new: bool,
    pub(crate) scope: String,
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) subject: Uuid,
    pub(crate) answered: Option<i64>,
    pub(crate) created: i64,
}

#[derive(Debug)]
pub(crate) struct CartRow<F: Form> {
    pub(crate) expected: i64,
    pub(crate) id: Uuid,
    pub(crate) owner: String,
    pub(crate) is_open: bool,
    pub(crate) status: &'static str,
    pub(crate) version: i64,
    pub(crate) expires: i64,
    pub(crate) body: F::Body,
}

#[derive(Debug)]
pub(crate) struct OrderRow<F: Form> {
    pub(crate) expected: i64,
    pub(crate) id: Uuid,
    pub(crate) number: String,
    pub(crate) customer: String,
    pub(crate) cart: Option<Uuid>,
    pub(crate) status: &'static str,
    pub(crate) version: i64,
    pub(crate) currency: String,
    pub(crate) total: i64,
    pub(crate) created: i64,
    pub(crate) due: Option<i64>,
    /// Each once.
    pub(crate) sellers: F::Names,
    pub(crate) search: String,
    /// None, when it is not written out.
    pub(crate) body: Option<F::Body>,
}

#[derive(Debug)]
pub(crate) struct PaymentRow {
    pub(crate) id: Uuid,
    pub(crate) order: Uuid,
    pub(crate) provider: String,
    pub(crate) reference: Option<String>,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    pub(crate) refunding: i64,
}

/// Events of an order that follow each other.
#[derive(Debug)]
pub(crate) struct ChapterRow<F: Form> {
    pub(crate) order: Uuid,
    /// The number of the first one.
    pub(crate) first: i64,
    /// The number of the last one.
    pub(crate) last: i64,
    pub(crate) at: i64,
    /// The first one's.
    pub(crate) name: &'static str,
    pub(crate) body: F::Body,
}

#[derive(Debug)]
pub(crate) struct HoldRow<F: Form> {
    pub(crate) is_new: bool,
    pub(crate) id: Uuid,
    pub(crate) order: Option<Uuid>,
    pub(crate) status: &'static str,
    pub(crate) expires: i64,
    pub(crate) products: F::Names,
    pub(crate) body: F::Body,
}

/// An entry of a stock level's journal.
#[derive(Debug)]
pub(crate) struct EntryRow<F: Form> {
    pub(crate) key: StockKey,
    pub(crate) at: i64,
    pub(crate) name: &'static str,
    pub(crate) body: F::Body,
}

impl<F: Form> Rows<F> {
    /// The rows of a write-set.
    pub(crate) fn of(set: &WriteSet) -> Result<Self, StoreError> {
        let mut read_carts = Vec::new();
        let mut read_orders = Vec::new();
        for read in &set.unchanged {
            match *read {
                Unchanged::Cart(id, version) => read_carts.push((id.uuid(), integer(version)?)),
                Unchanged::Order(id, version) => read_orders.push((id.uuid(), integer(version)?)),
            }
        }
        let removed = set.removed_carts.iter().map(|(id, version)| Ok((id.uuid(), integer(*version)?)));
        let orders = set.orders.iter().map(|put| OrderRow::of(put, &set.events)).collect::<Result<_, _>>()?;
        let payments: Vec<(Uuid, &Payment)> = set
            .orders
            .iter()
            .flat_map(|put| put.order.payments.iter().map(|payment| (put.order.id.uuid(), payment)))
            .collect();
        let is_refundable =
            payments.iter().all(|(_, payment)| payment.refundable().is_ok_and(|left| !left.is_negative()));
        Ok(Self {
            id: set.id.uuid(),
            at: set.at.timestamp_millis(),
            request: set.idempotency.as_ref().map(RequestRow::of).transpose()?,
            read_carts,
            read_orders,
            read: set.unchanged.clone(),
            removed_carts: removed.collect::<Result<_, StoreError>>()?,
            carts: set.carts.iter().map(CartRow::of).collect::<Result<_, _>>()?,
            orders,
            payments: payments.into_iter().map(|(order, payment)| PaymentRow::of(order, payment)).collect(),
            chapters: history::chapters(&set.events).map(ChapterRow::of).collect::<Result<_, _>>()?,
            holds: set.reservations.iter().map(HoldRow::of).collect::<Result<_, _>>()?,
            stock: set.stock.iter().map(|(key, change)| (key.clone(), *change)).collect(),
            entries: EntryRow::all(set)?,
            is_refundable,
        })
    }
}

impl RequestRow {
    fn of(put: &IdempotencyPut) -> Result<Self, StoreError> {
        let record = &put.record;
        Ok(Self {
            is_new: put.is_new,
            scope: record.scope.clone(),
            key: record.key.as_str().to_owned(),
            fingerprint: record.fingerprint.clone(),
            subject: record.subject,
            answered: record.answered_version.map(integer).transpose()?,
            created: record.created_at.timestamp_millis(),
        })
    }
}

impl<F: Form> CartRow<F> {
    fn of(put: &CartPut) -> Result<Self, StoreError> {
        let cart = &put.cart;
        Ok(Self {
            expected: integer(put.expected)?,
            id: cart.id.uuid(),
            owner: cart.owner.key(),
            is_open: cart.status == CartStatus::Open,
            status: cart.status.name(),
            version: integer(cart.version)?,
            expires: cart.expires_at.timestamp_millis(),
            body: F::body(cart)?,
        })
    }
}

impl<F: Form> OrderRow<F> {
    fn of(put: &OrderPut, events: &[EventRecord]) -> Result<Self, StoreError> {
        let order = &put.order;
        let is_written_out = order.version > F::MOST_FOLDED || is_written_out(put, events);
        let mut sellers: Vec<&str> = order.sellers.iter().map(|group| group.seller_id.as_str()).collect();
        sellers.sort_unstable();
        sellers.dedup();
        Ok(Self {
            expected: integer(put.expected)?,
            id: order.id.uuid(),
            number: order.number.as_str().to_owned(),
            customer: order.customer_id.as_str().to_owned(),
            cart: order.cart_id.map(order_core::id::CartId::uuid),
            status: order.status.name(),
            version: integer(order.version)?,
            currency: order.currency.code().to_owned(),
            total: order.totals.total.minor(),
            created: order.created_at.timestamp_millis(),
            due: order.due_at().map(|at| at.timestamp_millis()),
            sellers: F::names(&sellers),
            search: F::searched(OrderFilter::search_text(order)),
            body: is_written_out.then(|| F::body(&**order)).transpose()?,
        })
    }
}

impl PaymentRow {
    fn of(order: Uuid, payment: &Payment) -> Self {
        let refunding = payment.refundable().and_then(|_| payment.pending(OperationKind::Refund));
        Self {
            id: payment.id.uuid(),
            order,
            provider: payment.provider.as_str().to_owned(),
            reference: payment.reference.as_ref().map(ProviderReference::as_str).map(str::to_owned),
            captured: payment.captured.minor(),
            refunded: payment.refunded.minor(),
            // A payment that can't be added up is refused.
            refunding: refunding.map_or(i64::MAX, Money::minor),
        }
    }
}

impl<F: Form> ChapterRow<F> {
    fn of(chapter: Chapter<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            order: chapter.first.order_id.uuid(),
            first: integer(chapter.first.sequence)?,
            last: integer(chapter.last.sequence)?,
            at: chapter.first.at.timestamp_millis(),
            name: chapter.first.event.name(),
            body: F::body(&chapter)?,
        })
    }
}

impl<F: Form> EntryRow<F> {
    fn all(set: &WriteSet) -> Result<Vec<Self>, StoreError> {
        let row = |(key, entry): &(StockKey, StockEntry)| {
            let at = set.at.timestamp_millis();
            Ok(Self { key: key.clone(), at, name: entry.event.name(), body: F::body(entry)? })
        };
        set.stock_entries().iter().map(row).collect()
    }
}

impl<F: Form> HoldRow<F> {
    fn of(put: &ReservationPut) -> Result<Self, StoreError> {
        let reservation = &put.reservation;
        let products: Vec<&str> = reservation.lines.iter().map(|line| line.key.product_id.as_str()).collect();
        Ok(Self {
            is_new: put.is_new,
            id: reservation.id.uuid(),
            order: reservation.order_id.map(order_core::id::OrderId::uuid),
            status: reservation.status.name(),
            expires: reservation.expires_at.timestamp_millis(),
            products: F::names(&products),
            body: F::body(reservation)?,
        })
    }
}
