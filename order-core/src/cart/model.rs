#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use chrono::DurationRound as _;
use serde::{Deserialize, Serialize};

use super::{CART_LIFETIME, MAX_IMAGE, MAX_NAME};
use crate::error::{Error, Invalid};
use crate::id::{CartId, CustomerId, GuestToken, LineId, OrderId, ProductId, SellerId};
use crate::money::{Currency, Money};
use crate::pricing::{Totals, check_price};
use crate::status_table;
use crate::text::{is_line, refuse_control};
use crate::time::{Duration, Timestamp};

status_table! {
    /// What becomes of a cart.
    pub const CART_TABLE: "cart" = {
        /// The status of a cart.
        pub enum CartStatus {
            /// It can be changed.
            Open = "open",
            /// It became an order.
            Ordered = "ordered",
            /// Its lines went into the cart of the customer who logged in.
            Merged = "merged",
        }
        /// What closes a cart.
        pub enum CartMove {
            /// It becomes an order.
            Order = "order",
            /// Its guest logs in.
            Merge = "merge",
        }
        Open: Order => Ordered, Merge => Merged;
        Ordered: ;
        Merged: ;
    }
}

/// Whose cart it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "stores match on it; a third kind of owner would concern them all"
)]
pub enum CartOwner {
    /// A customer's.
    Customer(CustomerId),
    /// That of somebody who has not logged in.
    Guest(GuestToken),
}

impl CartOwner {
    /// A text that no other owner has, for a unique key: `customer:c-1`, `guest:s3cret`.
    pub fn key(&self) -> String {
        match self {
            Self::Customer(id) => format!("customer:{id}"),
            Self::Guest(token) => format!("guest:{token}"),
        }
    }
}

/// What the catalogue and the stock say about a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub struct CartItem {
    /// The product.
    pub product_id: ProductId,
    /// Who sells it.
    pub seller_id: SellerId,
    /// Its name.
    pub name: String,
    /// The address of its image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The price of one unit.
    pub unit_price: Money,
    /// How many units there are, for all sellers' lines of the product together.
    pub available: u32,
}

impl CartItem {
    /// A product without an image.
    pub fn new(
        product_id: ProductId,
        seller_id: SellerId,
        name: impl Into<String>,
        unit_price: Money,
        available: u32,
    ) -> Self {
        Self { product_id, seller_id, name: name.into(), image: None, unit_price, available }
    }

    /// With the address of its image.
    #[must_use]
    pub fn with_image(self, image: impl Into<String>) -> Self {
        Self { image: Some(image.into()), ..self }
    }

    /// Checks price and texts.
    ///
    /// # Errors
    /// Everything that is wrong: `/unit_price`, `/name`, `/image`.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut invalid = Invalid::default();
        if let Err(problem) = check_price(self.unit_price) {
            invalid.nest("", problem);
        }
        if self.name.chars().nth(MAX_NAME).is_some() {
            invalid.push("/name", "too_long", format!("must be at most {MAX_NAME} characters"));
        } else if !is_line(&self.name) {
            refuse_control(&mut invalid, "/name");
        }
        if self.image.as_ref().is_some_and(|image| image.chars().nth(MAX_IMAGE).is_some()) {
            invalid.push("/image", "too_long", format!("must be at most {MAX_IMAGE} characters"));
        } else if self.image.as_deref().is_some_and(|image| !is_line(image)) {
            refuse_control(&mut invalid, "/image");
        }
        invalid.into_result()
    }
}

/// One product of one seller in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub struct CartLine {
    /// The line. The order made from the cart keeps it.
    pub id: LineId,
    /// The product.
    pub product_id: ProductId,
    /// Who sells it.
    pub seller_id: SellerId,
    /// Its name when the line was last touched.
    pub name: String,
    /// The address of its image when the line was last touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The price of one unit when the line was last touched. Checkout asks for the present one.
    pub unit_price: Money,
    /// How many units.
    pub quantity: u32,
    /// How many units there were when the line was last touched.
    pub available: u32,
    /// When the product first came into the cart.
    pub added_at: Timestamp,
}

impl CartLine {
    /// A line.
    pub fn new(id: LineId, item: CartItem, quantity: u32, added_at: Timestamp) -> Self {
        let CartItem { product_id, seller_id, name, image, unit_price, available } = item;
        Self { id, product_id, seller_id, name, image, unit_price, quantity, available, added_at }
    }

    /// What the line's goods cost.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`](crate::money::MoneyError::OutOfRange).
    pub fn total(&self) -> Result<Money, crate::money::MoneyError> {
        self.unit_price.times(self.quantity)
    }
}

/// A cart. See the [module](crate::cart).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub struct Cart {
    /// The cart.
    pub id: CartId,
    /// Whose it is.
    pub owner: CartOwner,
    /// Whether it can be changed.
    pub status: CartStatus,
    /// The currency of every line: the first line's. `None` while there is no line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The lines, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<CartLine>,
    /// How many changes there were. 0 is a cart that was never changed, and so never stored.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// From when on it counts as empty.
    pub expires_at: Timestamp,
    /// The order it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
}

impl Cart {
    /// An empty cart.
    pub fn new(id: CartId, owner: CartOwner, now: Timestamp) -> Self {
        Self {
            id,
            owner,
            status: CartStatus::Open,
            currency: None,
            lines: Vec::new(),
            version: 0,
            created_at: now,
            updated_at: now,
            expires_at: expiry(now),
            order_id: None,
        }
    }

    /// Whether the cart was left alone for so long that it counts as empty. A closed cart stays what it was.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.status == CartStatus::Open && self.expires_at <= now
    }

    /// The lines that count: none when the cart [is expired](Self::is_expired).
    pub fn lines_at(&self, now: Timestamp) -> &[CartLine] {
        if self.is_expired(now) { &[] } else { &self.lines }
    }

    /// What all lines cost at the prices that were seen, before discount, tax and shipping. `None` while there is no line,
    /// and so no currency.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the line (`/items/3/quantity`) when a sum leaves its range.
    pub fn totals(&self) -> Result<Option<Totals>, Error> {
        let Some(currency) = self.currency else { return Ok(None) };
        let mut subtotal = Money::zero(currency);
        for (index, line) in self.lines.iter().enumerate() {
            subtotal = line.total().and_then(|total| subtotal.plus(total)).map_err(|_| {
                let pointer = format!("/items/{index}/quantity");
                Invalid::field(pointer, "out_of_range", "makes an amount that is out of range")
            })?;
        }
        Ok(Some(Totals::of_goods(subtotal)))
    }
}

/// When a cart that was changed at `now` expires: at the first full hour after its lifetime.
pub(super) fn expiry(now: Timestamp) -> Timestamp {
    let earliest = now.checked_add_signed(CART_LIFETIME).unwrap_or(now);
    // What lies beyond the year 2262 can't be rounded, and stays as it is.
    earliest.duration_round_up(Duration::hours(1)).unwrap_or(earliest)
}
