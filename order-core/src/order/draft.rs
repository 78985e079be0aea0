use std::sync::Arc;

use crate::error::{Error, Result};
use crate::id::{IdSource, OperationId, PaymentId, WriteSetId};
use crate::inventory::{Reservation, ReservationLine, ReservationStatus, StockChange};
use crate::money::Money;
use crate::order::{Actor, EventRecord, Hold, Order, OrderEvent};
use crate::payment::{Operation, OperationKind, Payment};
use crate::store::{OrderPut, ReservationPut, WriteSet};
use crate::time::Timestamp;

/// What a decision may know of the world: the time, new ids, who asks, and what ties it to their request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Context<'a> {
    /// The present.
    pub now: Timestamp,
    /// Where new ids come from.
    pub ids: &'a dyn IdSource,
    /// Who asks.
    pub actor: Actor,
    /// What ties it to a request.
    pub correlation: Option<String>,
}

impl<'a> Context<'a> {
    /// A context.
    pub fn new(now: Timestamp, ids: &'a dyn IdSource, actor: Actor, correlation: Option<String>) -> Self {
        Self { now, ids, actor, correlation }
    }
}

/// An order that is being changed: decisions record events in it, and it becomes a [`WriteSet`].
///
/// Each event is applied as it is recorded, and brings its effect on stock with it. So the state, the history and the stock
/// always tell the same.
#[derive(Debug, Clone)]
pub struct Draft {
    expected: u64,
    order: Order,
    events: Vec<OrderEvent>,
    set: WriteSet,
}

impl Draft {
    /// A new order.
    ///
    /// # Errors
    /// When the order can't be written.
    pub fn place(order: Order, context: &Context<'_>) -> Result<Self> {
        let placed = OrderEvent::Placed { order: Arc::new(order.clone()) };
        let mut draft = Self::with(0, order, context);
        draft.note(placed, None, context)?;
        Ok(draft)
    }

    /// An order as it was loaded.
    pub fn change(order: Order, context: &Context<'_>) -> Self {
        Self::with(order.version, order, context)
    }

    fn with(expected: u64, order: Order, context: &Context<'_>) -> Self {
        let set = WriteSet::new(WriteSetId::new(context.ids, context.now), context.now);
        Self { expected, order, events: Vec::new(), set }
    }

    /// The order as it is now, with everything recorded so far.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// What was recorded so far.
    pub fn events(&self) -> &[OrderEvent] {
        &self.events
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Records that something happens, and applies it.
    ///
    /// # Errors
    /// As the order's tables and invariants demand: [`Error::IllegalTransition`](crate::Error::IllegalTransition) and others.
    pub fn record(&mut self, event: OrderEvent, context: &Context<'_>) -> Result<()> {
        let is_partial = matches!(event, OrderEvent::LinesCancelled { .. });
        let before = if is_partial { self.order.hold.clone() } else { None };
        self.order.apply(&event, context.now)?;
        self.note(event, before.as_ref(), context)
    }

    /// Writes down what happened to the order, and moves the stock.
    fn note(&mut self, event: OrderEvent, before: Option<&Hold>, context: &Context<'_>) -> Result<()> {
        self.move_stock(&event, before, context.now)?;
        self.set.events.push(EventRecord::new(
            self.order.id,
            self.order.version,
            context.now,
            context.actor.clone(),
            context.correlation.clone(),
            event.clone(),
        ));
        self.events.push(event);
        Ok(())
    }

    /// Records that a provider is about to be called. The operation is claimed by whoever commits it.
    ///
    /// # Errors
    /// A conflict when the payment has too many operations.
    pub fn start_operation(
        &mut self,
        payment_id: PaymentId,
        kind: OperationKind,
        amount: Money,
        reason: Option<&str>,
        context: &Context<'_>,
    ) -> Result<()> {
        let operations = self.order.payment(payment_id).map_or(0, |payment| payment.operations.len());
        if operations >= Payment::MAX_OPERATIONS {
            return Err(Error::conflict("too_many_operations", "the payment has too many operations"));
        }
        let operation = Operation::new(OperationId::new(context.ids, context.now), kind, amount, context.now);
        let reason = reason.map(str::to_owned);
        self.record(OrderEvent::OperationStarted { payment_id, operation, reason }, context)
    }

    /// What an event does to stock and to the reservation. Of cancelled lines, only what has left the hold moves.
    fn move_stock(&mut self, event: &OrderEvent, before: Option<&Hold>, now: Timestamp) -> Result<()> {
        let Some(hold) = &self.order.hold else { return Ok(()) };
        let Some(change) = stock_effect(event, hold.status) else { return Ok(()) };
        for held in before.map_or(&hold.lines, |before| &before.lines) {
            let is_same = |line: &&ReservationLine| line.line_id == held.line_id && line.key == held.key;
            let kept = before.and_then(|_| hold.lines.iter().find(is_same)).map_or(0, |line| line.quantity);
            self.set.change_stock(held.key.clone(), change(held.quantity.saturating_sub(kept)));
        }
        let is_new = matches!(event, OrderEvent::Placed { .. } | OrderEvent::HoldRenewed { .. });
        let has_ended_before = before.is_some() && hold.status != ReservationStatus::Active;
        if has_ended_before { Ok(()) } else { self.put_reservation(is_new, now) }
    }

    /// Writes the order's hold as a reservation: once in a write-set, as it is at its end.
    fn put_reservation(&mut self, is_new: bool, now: Timestamp) -> Result<()> {
        let order = &self.order;
        let Some(hold) = &order.hold else { return Ok(()) };
        let created_at = if is_new { now } else { order.created_at };
        let mut reservation =
            Reservation::new(hold.reservation_id, hold.lines.clone(), hold.expires_at, created_at);
        reservation.order_id = Some(order.id);
        reservation.customer_id = Some(order.customer_id.clone());
        reservation.status = hold.status;
        reservation.updated_at = now;
        reservation.value = Some(order.lines.iter().try_fold(Money::zero(order.currency), |sum, line| {
            sum.plus(line.unit_price.times(line.kept())?)
        })?);
        match self.set.reservations.iter_mut().find(|put| put.reservation.id == reservation.id) {
            Some(put) => put.reservation = reservation,
            None => self.set.reservations.push(ReservationPut { is_new, reservation }),
        }
        Ok(())
    }

    /// The write-set that commits everything recorded.
    pub fn into_write_set(self) -> (WriteSet, Order) {
        let mut set = self.set;
        set.orders.push(OrderPut { expected: self.expected, order: Arc::new(self.order.clone()) });
        (set, self.order)
    }
}

/// What an event does to each held unit. Events that are not listed with an effect have none.
fn stock_effect(event: &OrderEvent, hold: ReservationStatus) -> Option<fn(u32) -> StockChange> {
    match event {
        OrderEvent::Placed { .. } => Some(StockChange::reserve),
        OrderEvent::HoldConfirmed => Some(StockChange::confirm),
        OrderEvent::HoldReleased | OrderEvent::HoldExpired => Some(StockChange::release),
        OrderEvent::HoldRenewed { .. } => Some(StockChange::sell),
        OrderEvent::LinesCancelled { .. } => match hold {
            ReservationStatus::Active => Some(StockChange::release),
            ReservationStatus::Confirmed => Some(StockChange::restock),
            ReservationStatus::Expired | ReservationStatus::Cancelled => None,
        },
        OrderEvent::Moved { .. }
        | OrderEvent::PaymentAdded { .. }
        | OrderEvent::OperationStarted { .. }
        | OrderEvent::OperationResent { .. }
        | OrderEvent::OperationAnswered { .. }
        | OrderEvent::PaymentReported { .. }
        | OrderEvent::OperationObserved { .. }
        | OrderEvent::OperationReversed { .. }
        | OrderEvent::FindingOpened { .. }
        | OrderEvent::FindingResolved { .. }
        | OrderEvent::PaymentRecorded { .. }
        | OrderEvent::CancellationRequested { .. }
        | OrderEvent::CancellationDropped
        | OrderEvent::RefundGranted { .. }
        | OrderEvent::GroupMoved { .. }
        | OrderEvent::ParcelShipped { .. } => None,
    }
}
