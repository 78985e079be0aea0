#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use super::MAX_QUANTITY;
use super::change::cart_full;
use super::model::{Cart, CartLine, CartMove, CartOwner, CartStatus};
use crate::error::Error;
use crate::pricing::MAX_LINES;
use crate::time::Timestamp;

/// Brings the lines of a guest's cart into the cart of the customer who logged in. Gives back the guest's cart, closed and
/// empty, and the customer's; both are to be stored in one commit.
///
/// * No line of either cart is lost. The same product of the same seller adds up, at most to
///   [`MAX_QUANTITY`] and to the stock that was seen, but never to fewer units than one of the carts had.
/// * Price, name and stock are taken from the cart that was changed last.
/// * A guest's cart that was merged before changes nothing, so the call may be repeated.
/// * An expired cart counts as empty. A guest's cart without lines leaves the customer's as it is.
///
/// # Errors
/// [`Error::Conflict`] `cart_closed` when one of them is closed, `not_a_guest_cart` or `not_a_customer_cart` when they are
/// given in another order, `currency_mismatch` when they have different currencies, `cart_full` when they have too many
/// products together. Neither is then to be changed.
pub fn merge(mut guest: Cart, mut customer: Cart, now: Timestamp) -> Result<(Cart, Cart), Error> {
    if matches!(guest.owner, CartOwner::Customer(_)) {
        return Err(Error::conflict("not_a_guest_cart", "the cart to merge is not a guest's"));
    }
    if matches!(customer.owner, CartOwner::Guest(_)) {
        return Err(Error::conflict("not_a_customer_cart", "the cart to merge into is not a customer's"));
    }
    if guest.status == CartStatus::Merged {
        return Ok((guest, customer));
    }
    let closing = guest.begin(now)?;
    let status = guest.status_after(CartMove::Merge)?;
    let change = customer.begin(now)?;

    let guest_is_newer = guest.updated_at >= customer.updated_at;
    guest.apply(closing);
    let (lines, currency) = (std::mem::take(&mut guest.lines), guest.currency.take());
    guest.status = status;
    if lines.is_empty() {
        return Ok((guest, customer));
    }
    customer.apply(change);
    if customer.currency.is_some() && customer.currency != currency {
        return Err(Error::conflict("currency_mismatch", "the carts are in different currencies"));
    }
    customer.currency = currency;
    for line in lines {
        if let Some(own) = customer.lines.iter_mut().find(|own| same_product(own, &line)) {
            absorb(own, line, guest_is_newer);
            continue;
        }
        if customer.lines.len() >= MAX_LINES {
            return Err(cart_full());
        }
        if customer.lines.iter().any(|own| own.id == line.id) {
            return Err(Error::Internal("a line id was used twice"));
        }
        customer.lines.push(line);
    }
    Ok((guest, customer))
}

fn same_product(left: &CartLine, right: &CartLine) -> bool {
    left.product_id == right.product_id && left.seller_id == right.seller_id
}

/// Adds the units of a guest's line to the customer's, which stays the line it was.
fn absorb(own: &mut CartLine, line: CartLine, take_over: bool) {
    let larger = own.quantity.max(line.quantity);
    let sum = own.quantity.saturating_add(line.quantity).min(MAX_QUANTITY);
    if take_over {
        own.name = line.name;
        own.image = line.image;
        own.unit_price = line.unit_price;
        own.available = line.available;
    }
    own.quantity = sum.min(own.available.max(larger));
}
