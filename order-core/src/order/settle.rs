//! What follows from what happened: after every decision the order is brought to where its facts put it.
//!
//! This is the one place that knows, for example, that a paid order's stock is sold, that a cancelled order's money goes back,
//! and that the order is shipped when its last parcel is.

use crate::error::Result;
use crate::fulfilment::{FulfilmentMove, FulfilmentStatus, aggregate};
use crate::id::{PaymentId, ReservationId};
use crate::inventory::ReservationStatus;
use crate::money::Money;
use crate::order::{
    CancelCause, Cancellation, CancelledUnits, Context, Draft, Hold, LatePayment, MoneyGone, Order,
    OrderEvent, OrderLine, OrderMove, OrderPolicy, OrderStatus, finding, observe,
};
use crate::payment::{Operation, OperationKind, OperationStatus, Payment};
use crate::pricing::share_of_units;
use crate::time::Timestamp;

/// Records everything that follows from what the draft holds. Doing it twice changes nothing.
///
/// # Errors
/// [`Error::Money`](crate::Error::Money) when an amount leaves its bounds.
pub fn settle(draft: &mut Draft, policy: &OrderPolicy, context: &Context<'_>) -> Result<()> {
    observe::reconcile(draft, context)?;
    accept(draft, policy, context)?;
    call_off(draft, policy, context)?;
    finish_cancellation(draft, context)?;
    give_back(draft, context)?;
    follow_refunds(draft, context)?;
    give_up(draft, context)?;
    follow_lines(draft, context)?;
    follow_sellers(draft, context)?;
    finding::follow(draft, context)
}

/// An accepted order whose money is gone, and for which none is to come, is called off where the policy says so. Otherwise it
/// stays, with a [finding](crate::order::FindingKind::MoneyGone).
fn call_off(draft: &mut Draft, policy: &OrderPolicy, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    let is_open = matches!(order.status, OrderStatus::Confirmed | OrderStatus::Processing);
    let cancels = policy.money_gone == MoneyGone::Cancel && is_open && !order.is_partly_shipped();
    if !cancels || order.cancellation.is_some() || !order.unsecured()?.is_positive() {
        return Ok(());
    }
    let reason = Some("its money is gone".to_owned());
    let cancellation = Cancellation::new(CancelCause::MoneyGone, reason, context.now);
    draft.record(OrderEvent::CancellationRequested { cancellation }, context)
}

/// Money that is here, or set aside, makes the order paid, or confirmed; and its stock sold.
fn accept(draft: &mut Draft, policy: &OrderPolicy, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    if !matches!(order.status, OrderStatus::Pending | OrderStatus::Confirmed) {
        return Ok(());
    }
    let paid = order.is_settled()? && (order.captured()?.is_positive() || order.payable()?.is_zero());
    let secured =
        paid || order.authorised()?.plus(order.refundable()?)?.minus(order.payable()?)?.minor() >= 0;
    let expired = order.hold.as_ref().is_some_and(|hold| hold.status == ReservationStatus::Expired);
    if let Some(cancellation) = &order.cancellation {
        let late = cancellation.cause == CancelCause::Expired && secured && expired;
        if !late || policy.late_payment == LatePayment::Refund {
            return Ok(());
        }
        draft.record(OrderEvent::CancellationDropped, context)?;
    } else if secured && expired && policy.late_payment == LatePayment::Refund {
        let cancellation = Cancellation::new(CancelCause::SoldOut, Some("sold out".to_owned()), context.now);
        return draft.record(OrderEvent::CancellationRequested { cancellation }, context);
    }
    let by = match (paid, secured, draft.order().status) {
        (true, _, _) => Some(OrderMove::Pay),
        (false, true, OrderStatus::Pending) => Some(OrderMove::Confirm),
        (false, _, _) => None,
    };
    if let Some(by) = by {
        draft.record(OrderEvent::Moved { by, reason: None }, context)?;
    }
    if draft.order().status != OrderStatus::Pending {
        sell_hold(draft, context)?;
    }
    Ok(())
}

/// The units of an accepted order are sold: those that are held, or, when the hold has expired, such as can still be taken.
fn sell_hold(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    let Some(hold) = &draft.order().hold else { return Ok(()) };
    match hold.status {
        ReservationStatus::Active => draft.record(OrderEvent::HoldConfirmed, context),
        ReservationStatus::Expired => {
            let id = ReservationId::new(context.ids, context.now);
            let mut renewed = Hold::new(id, hold.lines.clone(), hold.expires_at);
            renewed.status = ReservationStatus::Confirmed;
            draft.record(OrderEvent::HoldRenewed { hold: renewed }, context)
        }
        ReservationStatus::Confirmed | ReservationStatus::Cancelled => Ok(()),
    }
}

/// A cancellation takes place as soon as no money is under way.
fn finish_cancellation(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    let Some(cancellation) = order.cancellation.clone() else { return Ok(()) };
    if order.has_live_money() || order.is_partly_shipped() {
        return Ok(());
    }
    match order.hold.as_ref().map(|hold| hold.status) {
        Some(ReservationStatus::Active) => draft.record(OrderEvent::HoldReleased, context)?,
        Some(ReservationStatus::Confirmed) => cancel_open_units(draft, cancellation.reason.clone(), context)?,
        Some(ReservationStatus::Expired | ReservationStatus::Cancelled) | None => {}
    }
    for seller_id in open_groups(draft.order()) {
        let event = OrderEvent::GroupMoved { seller_id, by: FulfilmentMove::Cancel, notes: None };
        draft.record(event, context)?;
    }
    draft.record(OrderEvent::Moved { by: OrderMove::Cancel, reason: cancellation.reason }, context)
}

fn open_groups(order: &Order) -> Vec<crate::id::SellerId> {
    let open = |status| matches!(status, FulfilmentStatus::Pending | FulfilmentStatus::Processing);
    order.sellers.iter().filter(|group| open(group.status)).map(|group| group.seller_id.clone()).collect()
}

fn cancel_open_units(draft: &mut Draft, reason: Option<String>, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    let mut lines = Vec::new();
    for line in order.lines.iter().filter(|line| line.open() > 0) {
        lines.push(cancelled_units(line, line.open())?);
    }
    if lines.is_empty() {
        return Ok(());
    }
    draft.record(OrderEvent::LinesCancelled { lines, reason }, context)
}

/// Units of a line that are cancelled, with their part of the line's share.
pub(crate) fn cancelled_units(line: &OrderLine, quantity: u32) -> Result<CancelledUnits> {
    let amount = share_of_units(line.totals.total, line.quantity, line.cancelled, quantity)?;
    Ok(CancelledUnits::new(line.id, quantity, amount))
}

/// Whether a payment has something to give up: money set aside, or a step the customer still may take.
pub(crate) fn can_void(payment: &Payment) -> bool {
    let waits = |operation: &Operation| operation.status == OperationStatus::AwaitingCustomer;
    let under_way = payment.operations.iter().any(|operation| {
        operation.is_live() && matches!(operation.kind, OperationKind::Void | OperationKind::Capture)
    });
    !payment.is_voided()
        && !under_way
        && (payment.capturable().is_ok_and(Money::is_positive)
            || payment.first_operation().is_some_and(waits))
}

/// When a refused operation of a kind may be tried again, with a new key; `None` when none was refused.
pub(crate) fn again_at(payment: &Payment, kind: OperationKind) -> Option<Timestamp> {
    let mut refused =
        payment.operations.iter().filter(|operation| operation.kind == kind && is_refused(operation));
    let last = refused.clone().filter_map(|operation| operation.settled_at).max()?;
    let tries = u32::try_from(refused.by_ref().count()).unwrap_or(u32::MAX);
    Some(last + Operation::ask_after(tries.saturating_add(1)))
}

/// Whether an operation of ours came to nothing in the end.
fn is_refused(operation: &Operation) -> bool {
    let failed = matches!(operation.status, OperationStatus::Declined | OperationStatus::Reversed);
    failed && operation.origin.is_engine()
}

/// An order that wants no more money gives up what is set aside for it, and what its customer could still pay.
fn give_up(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    if !order.is_called_off() {
        return Ok(());
    }
    let now = context.now;
    let open: Vec<(PaymentId, Money)> = order
        .payments
        .iter()
        .filter(|payment| {
            can_void(payment) && again_at(payment, OperationKind::Void).is_none_or(|at| at <= now)
        })
        .map(|payment| Ok((payment.id, payment.capturable()?)))
        .collect::<Result<_>>()?;
    for (payment_id, amount) in open {
        draft.start_operation(payment_id, OperationKind::Void, amount, None, context)?;
    }
    Ok(())
}

/// Money beyond what is owed goes back.
fn give_back(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    if draft.order().cancellation.is_some() {
        return Ok(());
    }
    let excess = draft.order().excess()?;
    start_refunds(draft, excess, None, context)
}

/// Starts refunds of an amount, over one payment or over all that have something to give back. The refundable amount of each is
/// lowered in the same commit, before the provider is called.
pub(crate) fn start_refunds(
    draft: &mut Draft,
    amount: Money,
    only: Option<PaymentId>,
    context: &Context<'_>,
) -> Result<()> {
    let now = context.now;
    let mut left = amount;
    let mut parts: Vec<(PaymentId, Money)> = Vec::new();
    for payment in draft.order().payments.iter().filter(|payment| only.is_none_or(|id| id == payment.id)) {
        let part = payment.returnable()?.min(left)?;
        if part.is_positive() && again_at(payment, OperationKind::Refund).is_none_or(|at| at <= now) {
            parts.push((payment.id, part));
            left = left.minus(part)?;
        }
    }
    for (payment_id, part) in parts {
        if draft.order().payment(payment_id).is_some_and(|payment| payment.method.is_offline()) {
            give_cash_back(draft, payment_id, part, context)?;
        } else {
            draft.start_operation(payment_id, OperationKind::Refund, part, None, context)?;
        }
    }
    Ok(())
}

/// Money that was taken outside of every provider goes back outside: the staff hands it over, and the books say so.
fn give_cash_back(
    draft: &mut Draft,
    payment_id: PaymentId,
    amount: Money,
    context: &Context<'_>,
) -> Result<()> {
    draft.start_operation(payment_id, OperationKind::Refund, amount, None, context)?;
    let order = draft.order();
    let last =
        order.payment(payment_id).and_then(|payment| payment.operations.last()).map(|operation| operation.id);
    let Some(operation_id) = last else { return Ok(()) };
    let answer = crate::payment::Answer::Succeeded { amount, reference: None };
    draft.record(
        OrderEvent::OperationAnswered { operation_id, answer, look_at: None, finding: None, claimed: None },
        context,
    )
}

/// An order whose money has all gone back is refunded; what was not shipped of it goes back on the shelf.
fn follow_refunds(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    let captured = order.captured()?;
    let whole =
        captured.is_positive() && order.refunded()?.minor() >= captured.minor() && order.payable()?.is_zero();
    let is_cancelling = order.cancellation.is_some();
    if !whole || is_cancelling || crate::order::ORDER_TABLE.next(order.status, OrderMove::Refund).is_none() {
        return Ok(());
    }
    cancel_open_units(draft, Some("refunded".to_owned()), context)?;
    draft.record(OrderEvent::Moved { by: OrderMove::Refund, reason: None }, context)
}

/// A seller's part is cancelled with its last unit, and shipped with its last open one.
fn follow_lines(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    let mut moves = Vec::new();
    for seller_id in open_groups(order) {
        let lines = || order.lines.iter().filter(|line| line.seller_id == seller_id);
        let by = if lines().all(|line| line.kept() == 0) {
            Some(FulfilmentMove::Cancel)
        } else if lines().all(|line| line.open() == 0) {
            Some(FulfilmentMove::Ship)
        } else {
            None
        };
        moves.extend(by.map(|by| (seller_id, by)));
    }
    for (seller_id, by) in moves {
        draft.record(OrderEvent::GroupMoved { seller_id, by, notes: None }, context)?;
    }
    Ok(())
}

/// The order's status follows its sellers'.
fn follow_sellers(draft: &mut Draft, context: &Context<'_>) -> Result<()> {
    loop {
        let order = draft.order();
        let Some(reached) = aggregate(order.sellers.iter().map(|group| group.status)) else { return Ok(()) };
        let by = match order.status {
            OrderStatus::Confirmed | OrderStatus::Paid if reached >= FulfilmentStatus::Processing => {
                OrderMove::Process
            }
            OrderStatus::Processing if reached >= FulfilmentStatus::Shipped => OrderMove::Ship,
            OrderStatus::Shipped if reached >= FulfilmentStatus::Delivered => OrderMove::Deliver,
            OrderStatus::Pending
            | OrderStatus::Confirmed
            | OrderStatus::Paid
            | OrderStatus::Processing
            | OrderStatus::Shipped
            | OrderStatus::Delivered
            | OrderStatus::Cancelled
            | OrderStatus::Refunded => return Ok(()),
        };
        draft.record(OrderEvent::Moved { by, reason: None }, context)?;
    }
}
