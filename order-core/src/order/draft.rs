use std::sync::Arc;

use crate::error::Result;
use crate::id::{IdSource, OrderId, ReservationId, WriteSetId};
use crate::inventory::{Reservation, ReservationStatus, StockChange};
use crate::money::Money;
use crate::order::{Actor, EventRecord, Hold, Order, OrderEvent};
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
    reservation: Option<ReservationPut>,
}

impl Draft {
    /// A new order.
    ///
    /// # Errors
    /// When the order can't be written.
    pub fn place(order: Order, context: &Context<'_>) -> Result<Self> {
        let mut draft = Self::with(0, order.clone(), context);
        draft.record(OrderEvent::Placed { order: Arc::new(order) }, context)?;
        Ok(draft)
    }

    /// An order as it was loaded.
    pub fn change(order: Order, context: &Context<'_>) -> Self {
        Self::with(order.version, order, context)
    }

    fn with(expected: u64, order: Order, context: &Context<'_>) -> Self {
        let set = WriteSet::new(WriteSetId::new(context.ids, context.now), context.now);
        Self { expected, order, events: Vec::new(), set, reservation: None }
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
        let before = self.order.hold.clone();
        self.order.apply(&event, context.now)?;
        self.move_stock(&event, before.as_ref(), context.now)?;
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

    /// What an event does to stock and to the reservation.
    fn move_stock(&mut self, event: &OrderEvent, before: Option<&Hold>, now: Timestamp) -> Result<()> {
        let Some(hold) = self.order.hold.clone() else { return Ok(()) };
        let Some(change) = stock_effect(event, hold.status) else { return Ok(()) };
        if matches!(event, OrderEvent::LinesCancelled { .. }) {
            // Only what has left the hold moves.
            let Some(before) = before else { return Ok(()) };
            for held in &before.lines {
                let kept = hold
                    .lines
                    .iter()
                    .find(|line| line.line_id == held.line_id && line.key == held.key)
                    .map_or(0, |line| line.quantity);
                self.set.change_stock(held.key.clone(), change(held.quantity.saturating_sub(kept)));
            }
            if hold.status != ReservationStatus::Active {
                return Ok(());
            }
        } else {
            for held in &hold.lines {
                self.set.change_stock(held.key.clone(), change(held.quantity));
            }
        }
        self.put_reservation(
            &hold,
            matches!(event, OrderEvent::Placed { .. } | OrderEvent::HoldRenewed { .. }),
            now,
        )
    }

    fn put_reservation(&mut self, hold: &Hold, is_new: bool, now: Timestamp) -> Result<()> {
        let order = &self.order;
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
        let is_new = is_new
            || self
                .reservation
                .as_ref()
                .is_some_and(|put| put.is_new && put.reservation.id == hold.reservation_id);
        self.reservation = Some(ReservationPut { is_new, reservation });
        Ok(())
    }

    /// The write-set that commits everything recorded.
    pub fn into_write_set(self) -> (WriteSet, Order) {
        let mut set = self.set;
        set.reservations.extend(self.reservation);
        set.orders.push(OrderPut { expected: self.expected, order: Arc::new(self.order.clone()) });
        (set, self.order)
    }

    /// The id of the order.
    pub fn order_id(&self) -> OrderId {
        self.order.id
    }

    /// The id of the reservation that is being written, if one is.
    pub fn reservation_id(&self) -> Option<ReservationId> {
        self.reservation.as_ref().map(|put| put.reservation.id)
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
        | OrderEvent::PaymentRecorded { .. }
        | OrderEvent::CancellationRequested { .. }
        | OrderEvent::CancellationDropped
        | OrderEvent::RefundGranted { .. }
        | OrderEvent::GroupMoved { .. }
        | OrderEvent::ParcelShipped { .. } => None,
    }
}
