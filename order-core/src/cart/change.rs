#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use super::model::{CART_TABLE, Cart, CartItem, CartLine, CartMove, CartStatus, expiry};
use crate::error::{Error, Shortage};
use crate::id::{LineId, OrderId, ProductId};
use crate::pricing::{MAX_LINES, check_quantity};
use crate::time::Timestamp;

/// A change that may happen: the cart is open and has a next version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    version: u64,
    now: Timestamp,
}

impl Cart {
    /// Puts units of a product into the cart. A product that is there already, of the same seller, adds up and takes the
    /// present price, name and stock.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a quantity or price out of range, [`Error::OutOfStock`] when all lines of the product would
    /// want more than there is, [`Error::Conflict`] `currency_mismatch`, `cart_full` or `cart_closed`. The cart is then
    /// unchanged.
    pub fn add(
        &mut self,
        line_id: LineId,
        item: CartItem,
        quantity: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let change = self.begin(now)?;
        item.check()?;
        check_quantity(quantity)?;
        let lines = self.lines_at(now);
        check_currency(lines, &item)?;
        let present = lines
            .iter()
            .enumerate()
            .find(|(_, line)| line.product_id == item.product_id && line.seller_id == item.seller_id);
        let Some((index, line)) = present else {
            if lines.len() >= MAX_LINES {
                return Err(cart_full());
            }
            if lines.iter().any(|line| line.id == line_id) {
                return Err(Error::Internal("a line id was used twice"));
            }
            check_stock(lines, &item.product_id, None, quantity, item.available)?;
            self.apply(change);
            self.see_stock(&item.product_id, item.available);
            self.currency = Some(item.unit_price.currency());
            self.lines.push(CartLine::new(line_id, item, quantity, now));
            return Ok(());
        };
        let quantity = line.quantity.saturating_add(quantity);
        check_quantity(quantity)?;
        check_stock(lines, &item.product_id, Some(line.id), quantity, item.available)?;
        self.apply(change);
        self.see_stock(&item.product_id, item.available);
        if let Some(line) = self.lines.get_mut(index) {
            *line = CartLine::new(line.id, item, quantity, line.added_at);
        }
        Ok(())
    }

    /// [Adds](Self::add) several products, in their order, as one change.
    ///
    /// # Errors
    /// The first one that can't be added, with its place among them. The cart is then unchanged.
    pub fn add_all(
        &mut self,
        items: impl IntoIterator<Item = (LineId, CartItem, u32)>,
        now: Timestamp,
    ) -> Result<(), (usize, Error)> {
        let mut changed = self.clone();
        for (index, (line_id, item, quantity)) in items.into_iter().enumerate() {
            changed.version = self.version;
            changed.add(line_id, item, quantity, now).map_err(|error| (index, error))?;
        }
        *self = changed;
        Ok(())
    }

    /// Sets the units of a line, of which there are `available` now.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a quantity out of range, [`Error::NotFound`] for an unknown line, [`Error::OutOfStock`] when
    /// all lines of the product would want more than there is, [`Error::Conflict`] `cart_closed`. The cart is then
    /// unchanged.
    pub fn set_quantity(
        &mut self,
        line_id: LineId,
        quantity: u32,
        available: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        let change = self.begin(now)?;
        check_quantity(quantity)?;
        let (index, line) = self.position(line_id, now)?;
        let product_id = line.product_id.clone();
        check_stock(self.lines_at(now), &product_id, Some(line_id), quantity, available)?;
        self.apply(change);
        self.see_stock(&product_id, available);
        if let Some(line) = self.lines.get_mut(index) {
            line.quantity = quantity;
        }
        Ok(())
    }

    /// Takes a line out.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown line, [`Error::Conflict`] `cart_closed`. The cart is then unchanged.
    pub fn remove(&mut self, line_id: LineId, now: Timestamp) -> Result<(), Error> {
        let change = self.begin(now)?;
        let (index, _) = self.position(line_id, now)?;
        self.apply(change);
        self.lines.remove(index);
        if self.lines.is_empty() {
            self.currency = None;
        }
        Ok(())
    }

    /// Takes all lines out.
    ///
    /// # Errors
    /// [`Error::Conflict`] `cart_closed`. The cart is then unchanged.
    pub fn clear(&mut self, now: Timestamp) -> Result<(), Error> {
        let change = self.begin(now)?;
        self.apply(change);
        self.empty();
        Ok(())
    }

    /// Closes the cart, because it became an order. Its lines stay for the record.
    ///
    /// # Errors
    /// [`Error::Conflict`] `cart_empty` when no line counts, `cart_closed` when it is no longer open: a cart becomes at
    /// most one order. The cart is then unchanged.
    pub fn mark_ordered(&mut self, order_id: OrderId, now: Timestamp) -> Result<(), Error> {
        let change = self.begin(now)?;
        let status = self.status_after(CartMove::Order)?;
        if self.lines_at(now).is_empty() {
            return Err(Error::conflict("cart_empty", "the cart is empty"));
        }
        self.apply(change);
        self.status = status;
        self.order_id = Some(order_id);
        Ok(())
    }

    /// Checks that the cart may be changed.
    pub(super) fn begin(&self, now: Timestamp) -> Result<Change, Error> {
        match self.status {
            CartStatus::Open => {}
            CartStatus::Ordered | CartStatus::Merged => return Err(cart_closed(self.status)),
        }
        let version = self.version.checked_add(1).ok_or(Error::Internal("a version is out of range"))?;
        Ok(Change { version, now })
    }

    /// Makes the change: from here on nothing can fail.
    pub(super) fn apply(&mut self, change: Change) {
        if self.is_expired(change.now) {
            self.empty();
        }
        self.version = change.version;
        self.updated_at = change.now;
        self.expires_at = expiry(change.now);
    }

    pub(super) fn empty(&mut self) {
        self.lines.clear();
        self.currency = None;
    }

    pub(super) fn status_after(&self, event: CartMove) -> Result<CartStatus, Error> {
        CART_TABLE.next(self.status, event).ok_or_else(|| cart_closed(self.status))
    }

    fn position(&self, line_id: LineId, now: Timestamp) -> Result<(usize, &CartLine), Error> {
        self.lines_at(now)
            .iter()
            .enumerate()
            .find(|(_, line)| line.id == line_id)
            .ok_or(Error::NotFound { what: "cart item" })
    }

    /// Keeps, on every line of a product, how many units there are.
    fn see_stock(&mut self, product_id: &ProductId, available: u32) {
        for line in self.lines.iter_mut().filter(|line| line.product_id == *product_id) {
            line.available = available;
        }
    }
}

pub(super) fn cart_full() -> Error {
    Error::conflict("cart_full", format!("a cart has at most {MAX_LINES} items"))
}

pub(super) fn cart_closed(status: CartStatus) -> Error {
    Error::conflict("cart_closed", format!("the cart is {status}"))
}

fn check_currency(lines: &[CartLine], item: &CartItem) -> Result<(), Error> {
    match lines.first().map(|line| line.unit_price.currency()) {
        Some(currency) if currency != item.unit_price.currency() => {
            Err(Error::conflict("currency_mismatch", format!("the cart is in {currency}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Checks that all lines of a product together want no more than there is: several sellers may offer the same stock.
fn check_stock(
    lines: &[CartLine],
    product_id: &ProductId,
    changed: Option<LineId>,
    quantity: u32,
    available: u32,
) -> Result<(), Error> {
    let requested = lines
        .iter()
        .filter(|line| line.product_id == *product_id && Some(line.id) != changed)
        .fold(quantity, |sum, line| sum.saturating_add(line.quantity));
    if requested <= available {
        return Ok(());
    }
    Err(Error::OutOfStock(vec![Shortage::new(product_id.clone(), requested, available)]))
}
