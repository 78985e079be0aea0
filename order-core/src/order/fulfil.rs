//! Working on an order: taking it up, shipping, delivering. Each for one seller's part, or for all.

use crate::error::{Error, Invalid, Result};
use crate::fulfilment::{
    FULFILMENT_TABLE, FulfilmentMove, FulfilmentStatus, Shipment, ShippedItem, Tracking,
};
use crate::id::{SellerId, ShipmentId};
use crate::machine::Names as _;
use crate::order::cancel::check_units;
use crate::order::{
    Context, Draft, ORDER_TABLE, Order, OrderEvent, OrderMove, OrderPolicy, OrderStatus, settle,
};
use crate::text::check_line;

/// A seller begins to work on its part; without a seller, all do.
///
/// # Errors
/// [`Error::IllegalTransition`] when the order's status does not allow it, a conflict when the part's does not,
/// [`Error::NotFound`] when the order has no such seller.
pub fn process(
    draft: &mut Draft,
    seller: Option<&SellerId>,
    notes: Option<&str>,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let order = draft.order();
    let begun = seller.is_some() && order.status == OrderStatus::Processing;
    if !begun {
        check_move(order, OrderMove::Process)?;
    }
    check_not_cancelling(order)?;
    for seller_id in parts(order, seller, FulfilmentMove::Process)? {
        let event = OrderEvent::GroupMoved {
            seller_id,
            by: FulfilmentMove::Process,
            notes: notes.map(str::to_owned),
        };
        draft.record(event, context)?;
    }
    settle(draft, policy, context)
}

/// A seller ships units of its part; without a seller, all do; without units, all that are left.
///
/// # Errors
/// As [`process`]; [`Error::Invalid`] for units that the order does not have open.
pub fn ship(
    draft: &mut Draft,
    seller: Option<&SellerId>,
    units: &[ShippedItem],
    tracking: &Tracking,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let order = draft.order();
    if order.status != OrderStatus::Processing {
        return Err(order.illegal(OrderMove::Ship));
    }
    check_not_cancelling(order)?;
    check_tracking(tracking)?;
    check_units(order, units)?;
    if units.iter().any(|item| {
        order.line(item.line_id).is_some_and(|line| seller.is_some_and(|id| line.seller_id != *id))
    }) {
        return Err(Invalid::field("/items", "other_seller", "must all be items of the seller").into());
    }
    let mut parcels = Vec::new();
    for group in order.sellers.iter().filter(|group| seller.is_none_or(|id| group.seller_id == *id)) {
        let items: Vec<ShippedItem> = order
            .lines
            .iter()
            .filter(|line| line.seller_id == group.seller_id)
            .map(|line| ShippedItem {
                line_id: line.id,
                quantity: if units.is_empty() { line.open() } else { quantity_of(units, line.id) },
            })
            .filter(|item| item.quantity > 0)
            .collect();
        if !items.is_empty() {
            parcels.push((group.seller_id.clone(), group.status, items));
        }
    }
    if parcels.is_empty() {
        let found = seller.is_none_or(|id| order.seller(id).is_some());
        return Err(if found {
            Error::conflict("nothing_to_ship", "everything was shipped or cancelled")
        } else {
            Error::NotFound { what: "seller in this order" }
        });
    }
    for (seller_id, status, items) in parcels {
        if status == FulfilmentStatus::Pending {
            let event = OrderEvent::GroupMoved {
                seller_id: seller_id.clone(),
                by: FulfilmentMove::Process,
                notes: None,
            };
            draft.record(event, context)?;
        }
        let id = ShipmentId::new(context.ids, context.now);
        let shipment = Shipment::new(id, items, tracking.clone(), context.now);
        draft.record(OrderEvent::ParcelShipped { seller_id, shipment }, context)?;
    }
    settle(draft, policy, context)
}

/// A seller's part has arrived; without a seller, all have.
///
/// # Errors
/// As [`process`].
pub fn deliver(
    draft: &mut Draft,
    seller: Option<&SellerId>,
    policy: &OrderPolicy,
    context: &Context<'_>,
) -> Result<()> {
    let order = draft.order();
    let ahead = seller.is_some() && order.status == OrderStatus::Processing;
    if !ahead {
        check_move(order, OrderMove::Deliver)?;
    }
    for seller_id in parts(order, seller, FulfilmentMove::Deliver)? {
        let event = OrderEvent::GroupMoved { seller_id, by: FulfilmentMove::Deliver, notes: None };
        draft.record(event, context)?;
    }
    settle(draft, policy, context)
}

fn check_move(order: &Order, by: OrderMove) -> Result<()> {
    match ORDER_TABLE.next(order.status, by) {
        Some(_) => Ok(()),
        None => Err(order.illegal(by)),
    }
}

fn check_not_cancelling(order: &Order) -> Result<()> {
    if order.cancellation.is_some() {
        return Err(Error::conflict("being_cancelled", "the order is being cancelled"));
    }
    Ok(())
}

/// The longest carrier's name or tracking number, in bytes.
pub const MAX_TRACKING: usize = 128;

fn check_tracking(tracking: &Tracking) -> Result<()> {
    let mut invalid = Invalid::default();
    for (pointer, text) in [("/carrier", &tracking.carrier), ("/tracking_number", &tracking.tracking_number)]
    {
        let Some(text) = text else { continue };
        if text.is_empty() || text.len() > MAX_TRACKING {
            invalid.push(pointer, "out_of_range", format!("must be 1 to {MAX_TRACKING} bytes"));
        } else {
            check_line(&mut invalid, pointer, text, MAX_TRACKING);
        }
    }
    Ok(invalid.into_result()?)
}

fn quantity_of(units: &[ShippedItem], line: crate::id::LineId) -> u32 {
    units.iter().filter(|item| item.line_id == line).fold(0, |sum, item| sum.saturating_add(item.quantity))
}

/// The parts that make a move: the seller's, which must be able to; or all that are.
fn parts(order: &Order, seller: Option<&SellerId>, by: FulfilmentMove) -> Result<Vec<SellerId>> {
    let Some(id) = seller else {
        let able = order.sellers.iter().filter(|group| FULFILMENT_TABLE.next(group.status, by).is_some());
        return Ok(able.map(|group| group.seller_id.clone()).collect());
    };
    let group = order.seller(id).ok_or(Error::NotFound { what: "seller in this order" })?;
    if FULFILMENT_TABLE.next(group.status, by).is_none() {
        let message = format!("a part that is {} can't {}", group.status, by.name());
        return Err(Error::conflict("illegal_fulfilment", message));
    }
    Ok(vec![id.clone()])
}
