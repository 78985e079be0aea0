//! How each event changes an order: the one place where its state is written.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fulfilment::{FULFILMENT_TABLE, Shipment};
use crate::id::{OperationId, PaymentId, SellerId};
use crate::inventory::{RESERVATION_TABLE, ReservationMove};
use crate::machine::Names as _;
use crate::order::{
    CancelledUnits, EventRecord, ORDER_TABLE, Order, OrderEvent, OrderMove, OrderStatus, OrderTimestamps,
};
use crate::payment::Payment;
use crate::time::Timestamp;

/// A defect: an event that does not fit the state it is applied to.
const MISFIT: Error = Error::Internal("an event does not fit the order it is applied to");

impl Order {
    /// The order that a history tells of. This is also how an order is read as of a time: from a part of its history.
    ///
    /// # Errors
    /// [`Error::Internal`] when the history is empty, has a gap, or does not follow the tables.
    pub fn fold<'a>(history: impl IntoIterator<Item = &'a EventRecord>) -> Result<Self> {
        let mut history = history.into_iter();
        let Some(EventRecord { sequence: 1, event: OrderEvent::Placed { order }, .. }) = history.next()
        else {
            return Err(Error::Internal("a history must begin with the placement"));
        };
        Self::clone(order).after(history)
    }

    /// The order after what happened since: the records behind its [`version`](Self::version). This is how a store reads an order
    /// that it does not write out anew with every change.
    ///
    /// # Errors
    /// [`Error::Internal`] when the records have a gap or do not follow the tables.
    pub fn after<'a>(mut self, history: impl IntoIterator<Item = &'a EventRecord>) -> Result<Self> {
        for record in history {
            if record.sequence != self.version.saturating_add(1) {
                return Err(Error::Internal("a history has a gap"));
            }
            self.apply(&record.event, record.at)?;
        }
        Ok(self)
    }

    /// Changes the order by one event.
    ///
    /// # Errors
    /// [`Error::IllegalTransition`] when the table has no such move, [`Error::Internal`] when the event speaks of something that
    /// the order does not have.
    pub(crate) fn apply(&mut self, event: &OrderEvent, at: Timestamp) -> Result<()> {
        match event {
            OrderEvent::Placed { order } => *self = Arc::unwrap_or_clone(order.clone()),
            OrderEvent::Moved { by, reason } => self.moved(*by, reason.as_deref(), at)?,
            OrderEvent::PaymentAdded { payment } => self.payments.push(payment.clone()),
            OrderEvent::OperationStarted { payment_id, operation, .. } => {
                let payment = self.payment_mut(*payment_id)?;
                payment.operations.push(operation.clone());
                payment.updated_at = at;
            }
            OrderEvent::OperationResent { operation_id, claimed_until } => {
                self.payment_of(*operation_id)?.resent(*operation_id, *claimed_until)?;
            }
            OrderEvent::OperationAnswered { operation_id, answer, look_at, finding, claimed } => {
                let payment = self.payment_of(*operation_id)?;
                payment.answered(*operation_id, answer, *look_at, (finding.as_deref(), *claimed), at)?;
            }
            OrderEvent::PaymentReported { payment_id, report } => {
                let payment = self.payment_mut(*payment_id)?;
                payment.reported = Some(Box::new(payment.joined(report)));
                payment.updated_at = at;
            }
            OrderEvent::OperationObserved { payment_id, operation } => {
                self.payment_mut(*payment_id)?.observed(operation, at)?;
            }
            OrderEvent::OperationReversed { operation_id } => {
                self.payment_of(*operation_id)?.reversed(*operation_id, at)?;
            }
            OrderEvent::FindingOpened { finding } => self.finding_opened(finding),
            OrderEvent::FindingResolved { finding_id, by, note } => {
                self.finding_resolved(*finding_id, by, note.as_deref(), at)?;
            }
            OrderEvent::PaymentRecorded { payment_id, amount, operation_id } => {
                self.payment_mut(*payment_id)?.recorded(*operation_id, *amount, at)?;
            }
            OrderEvent::HoldConfirmed => self.hold_moved(ReservationMove::Confirm)?,
            OrderEvent::HoldReleased => self.hold_moved(ReservationMove::Release)?,
            OrderEvent::HoldExpired => self.hold_moved(ReservationMove::Expire)?,
            OrderEvent::HoldRenewed { hold } => self.hold = Some(hold.clone()),
            OrderEvent::CancellationRequested { cancellation } => {
                self.cancellation = Some(cancellation.clone());
            }
            OrderEvent::CancellationDropped => self.cancellation = None,
            OrderEvent::LinesCancelled { lines, .. } => self.lines_cancelled(lines)?,
            OrderEvent::RefundGranted { amount, .. } => self.granted = self.granted.plus(*amount)?,
            OrderEvent::GroupMoved { seller_id, by, notes } => {
                let group = self.group_mut(seller_id)?;
                group.status = FULFILMENT_TABLE.next(group.status, *by).ok_or_else(|| {
                    Error::conflict(
                        "illegal_fulfilment",
                        format!("a part that is {} can't {}", group.status, by.name()),
                    )
                })?;
                if notes.is_some() {
                    group.notes.clone_from(notes);
                }
                group.updated_at = at;
            }
            OrderEvent::ParcelShipped { seller_id, shipment } => self.parcel_shipped(seller_id, shipment)?,
        }
        if !matches!(event, OrderEvent::Placed { .. }) {
            self.version = self.version.saturating_add(1);
            self.updated_at = at;
        }
        Ok(())
    }

    fn moved(&mut self, by: OrderMove, reason: Option<&str>, at: Timestamp) -> Result<()> {
        let Some(status) = ORDER_TABLE.next(self.status, by) else {
            return Err(self.illegal(by));
        };
        self.status = status;
        self.timestamps.note(status, at);
        if status == OrderStatus::Cancelled {
            self.cancel_reason = reason.map(str::to_owned);
            self.cancellation = None;
        }
        Ok(())
    }

    /// The error for a move that the table does not have.
    pub(crate) fn illegal(&self, by: OrderMove) -> Error {
        let to = ORDER_TABLE.edges().iter().find(|edge| edge.event == by).map_or(self.status, |edge| edge.to);
        let allowed = ORDER_TABLE.moves(self.status).map(|edge| edge.to).collect();
        Error::IllegalTransition { order_id: self.id, from: self.status, to, allowed }
    }

    fn hold_moved(&mut self, by: ReservationMove) -> Result<()> {
        let hold = self.hold.as_mut().ok_or(MISFIT)?;
        hold.status = RESERVATION_TABLE.next(hold.status, by).ok_or(MISFIT)?;
        Ok(())
    }

    fn lines_cancelled(&mut self, cancelled: &[CancelledUnits]) -> Result<()> {
        for units in cancelled {
            let line = self.lines.iter_mut().find(|line| line.id == units.line_id).ok_or(MISFIT)?;
            if units.quantity > line.open() {
                return Err(MISFIT);
            }
            line.cancelled = line.cancelled.saturating_add(units.quantity);
            line.cancelled_amount = line.cancelled_amount.plus(units.amount)?;
            if let Some(hold) = &mut self.hold {
                let mut left = units.quantity;
                for held in hold.lines.iter_mut().filter(|held| held.line_id == Some(units.line_id)) {
                    let taken = left.min(held.quantity);
                    held.quantity = held.quantity.saturating_sub(taken);
                    left = left.saturating_sub(taken);
                }
                hold.lines.retain(|held| held.quantity > 0);
            }
        }
        Ok(())
    }

    fn parcel_shipped(&mut self, seller_id: &SellerId, shipment: &Shipment) -> Result<()> {
        for item in &shipment.items {
            let line = self.lines.iter_mut().find(|line| line.id == item.line_id).ok_or(MISFIT)?;
            if item.quantity > line.open() || line.seller_id != *seller_id {
                return Err(MISFIT);
            }
            line.shipped = line.shipped.saturating_add(item.quantity);
        }
        self.group_mut(seller_id)?.shipments.push(shipment.clone());
        Ok(())
    }

    fn payment_mut(&mut self, id: PaymentId) -> Result<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.id == id).ok_or(MISFIT)
    }

    fn payment_of(&mut self, id: OperationId) -> Result<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.operation(id).is_some()).ok_or(MISFIT)
    }

    fn group_mut(&mut self, seller: &SellerId) -> Result<&mut crate::fulfilment::SellerGroup> {
        self.sellers
            .iter_mut()
            .find(|group| group.seller_id == *seller)
            .ok_or(Error::NotFound { what: "seller in this order" })
    }
}

impl OrderTimestamps {
    fn note(&mut self, status: OrderStatus, at: Timestamp) {
        let place = match status {
            OrderStatus::Pending => &mut self.placed,
            OrderStatus::Confirmed => &mut self.confirmed,
            OrderStatus::Paid => &mut self.paid,
            OrderStatus::Processing => &mut self.processing,
            OrderStatus::Shipped => &mut self.shipped,
            OrderStatus::Delivered => &mut self.delivered,
            OrderStatus::Cancelled => &mut self.cancelled,
            OrderStatus::Refunded => &mut self.refunded,
        };
        *place = Some(at);
    }
}
