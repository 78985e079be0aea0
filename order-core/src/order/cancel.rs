use crate::error::{Error, Invalid, Result};
use crate::fulfilment::ShippedItem;
use crate::order::settle::{cancelled_units, settle};
use crate::order::{
    CancelCause, Cancellation, Context, Draft, ORDER_TABLE, Order, OrderEvent, OrderMove, OrderPolicy,
    OrderStatus,
};

/// Units of a line, as a command names them.
pub type Units = ShippedItem;

/// Cancels an order, or some units of it.
///
/// The whole order is cancelled once no money is under way: stock that is held is released, stock that was sold is put back,
/// what is set aside is given up and what was taken goes back. Cancelling what is being cancelled already changes nothing.
///
/// # Errors
/// [`Error::IllegalTransition`] when the table or the policy does not allow it; a conflict when something was shipped;
/// [`Error::Invalid`] for units that the order does not have.
pub fn cancel(
    draft: &mut Draft,
    reason: Option<String>,
    units: &[Units],
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let order = draft.order();
    let allowed = ORDER_TABLE.next(order.status, OrderMove::Cancel).is_some();
    if !allowed || !policy.cancellable.contains(&order.status) {
        return Err(order.illegal(OrderMove::Cancel));
    }
    if order.cancellation.as_ref().is_some_and(|cancellation| cancellation.cause == CancelCause::Requested) {
        return Ok(());
    }
    check_units(order, units)?;
    let left = order.lines.iter().any(|line| line.open() > wanted(units, line.id));
    if units.is_empty() || (!left && !order.is_partly_shipped()) {
        if order.is_partly_shipped() {
            return Err(Error::conflict(
                "partly_shipped",
                "a part was shipped; cancel the units that are left",
            ));
        }
        let cancellation = Cancellation::new(CancelCause::Requested, reason, context.now);
        draft.record(OrderEvent::CancellationRequested { cancellation }, context)?;
    } else {
        let lines = order
            .lines
            .iter()
            .filter(|line| wanted(units, line.id) > 0)
            .map(|line| cancelled_units(line, wanted(units, line.id)))
            .collect::<Result<_>>()?;
        draft.record(OrderEvent::LinesCancelled { lines, reason }, context)?;
    }
    settle(draft, policy, context)
}

/// Takes a hold whose time is over from an order that is not paid. The order is cancelled with it, as soon as no money is under
/// way.
///
/// # Errors
/// [`Error::Money`] when an amount leaves its bounds.
pub fn expire(draft: &mut Draft, policy: &OrderPolicy, context: &Context<'_>) -> Result<()> {
    let order = draft.order();
    if !order.is_hold_over(context.now) {
        return Ok(());
    }
    let is_cancelling = order.cancellation.is_some();
    draft.record(OrderEvent::HoldExpired, context)?;
    if !is_cancelling {
        let cancellation =
            Cancellation::new(CancelCause::Expired, Some("not paid in time".to_owned()), context.now);
        draft.record(OrderEvent::CancellationRequested { cancellation }, context)?;
    }
    settle(draft, policy, context)
}

impl Order {
    /// Whether its hold is active although its time is over.
    pub fn is_hold_over(&self, now: crate::time::Timestamp) -> bool {
        self.status == OrderStatus::Pending
            && self.hold.as_ref().is_some_and(|hold| {
                hold.status == crate::inventory::ReservationStatus::Active && hold.expires_at <= now
            })
    }
}

fn wanted(units: &[Units], line: crate::id::LineId) -> u32 {
    units
        .iter()
        .filter(|units| units.line_id == line)
        .fold(0, |sum, units| sum.saturating_add(units.quantity))
}

/// Refuses units that the order does not have open.
pub(crate) fn check_units(order: &Order, units: &[Units]) -> Result<()> {
    let mut invalid = Invalid::default();
    for (index, item) in units.iter().enumerate() {
        match order.line(item.line_id) {
            None => {
                invalid.push(format!("/items/{index}/item_id"), "unknown_item", "the order has no such item");
            }
            Some(line) if item.quantity == 0 || wanted(units, item.line_id) > line.open() => invalid.push(
                format!("/items/{index}/quantity"),
                "out_of_range",
                format!(
                    "must be between 1 and {}, the units that are neither cancelled nor shipped",
                    line.open()
                ),
            ),
            Some(_) => {}
        }
    }
    Ok(invalid.into_result()?)
}
