#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::error::Invalid;
use crate::id::{CouponCode, LineId, ProductId, SellerId};
use crate::money::{Currency, Money};

/// The most lines of a cart or an order. What is priced, stored and sent as one piece must stay small.
pub const MAX_LINES: usize = 100;
/// The most units of one line. More is a typing error, or a contract.
pub const MAX_QUANTITY: u32 = 9_999;
/// The most digits of a unit price, decimals included: 99 999 999.99 EUR. With the other limits no sum can overflow.
pub const MAX_PRICE_DIGITS: u32 = 10;
/// The most coupons of one basket.
pub const MAX_COUPONS: usize = 10;

/// One product of a basket, at the price that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub struct BasketLine {
    /// The line.
    pub line_id: LineId,
    /// The product.
    pub product_id: ProductId,
    /// Who sells it.
    pub seller_id: SellerId,
    /// The price of one unit.
    pub unit_price: Money,
    /// How many units.
    pub quantity: u32,
}

impl BasketLine {
    /// A line.
    pub fn new(
        line_id: LineId,
        product_id: ProductId,
        seller_id: SellerId,
        unit_price: Money,
        quantity: u32,
    ) -> Self {
        Self { line_id, product_id, seller_id, unit_price, quantity }
    }
}

/// What is to be priced, and what the rules may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Basket<'a> {
    /// The currency of every price.
    pub currency: Currency,
    /// The products.
    pub lines: &'a [BasketLine],
    /// Where they go, when that is known.
    pub address: Option<&'a Address>,
    /// The coupons the customer gave.
    pub coupons: &'a [CouponCode],
}

impl<'a> Basket<'a> {
    /// Lines without address and coupons.
    pub const fn new(currency: Currency, lines: &'a [BasketLine]) -> Self {
        Self { currency, lines, address: None, coupons: &[] }
    }

    /// With the address the goods go to.
    #[must_use]
    pub const fn with_address(self, address: &'a Address) -> Self {
        Self { address: Some(address), ..self }
    }

    /// With the coupons the customer gave.
    #[must_use]
    pub const fn with_coupons(self, coupons: &'a [CouponCode]) -> Self {
        Self { coupons, ..self }
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// Everything that is wrong: no line or too many (`/items`), a price (`/items/3/unit_price`), a quantity
    /// (`/items/3/quantity`), too many coupons (`/coupons`).
    pub fn check(&self) -> Result<(), Invalid> {
        let mut invalid = Invalid::default();
        if self.lines.is_empty() {
            invalid.push("/items", "required", "must have at least one item");
        }
        if self.lines.len() > MAX_LINES {
            invalid.push("/items", "too_many", format!("must have at most {MAX_LINES} items"));
            return Err(invalid);
        }
        if self.coupons.len() > MAX_COUPONS {
            invalid.push("/coupons", "too_many", format!("must have at most {MAX_COUPONS} coupons"));
        }
        for (index, line) in self.lines.iter().enumerate() {
            if line.unit_price.currency() != self.currency {
                let detail = format!("must be in {}", self.currency);
                invalid.push(format!("/items/{index}/unit_price"), "currency_mismatch", detail);
            } else if let Err(problem) = check_price(line.unit_price) {
                invalid.nest(&format!("/items/{index}"), problem);
            }
            if let Err(problem) = check_quantity(line.quantity) {
                invalid.nest(&format!("/items/{index}"), problem);
            }
        }
        invalid.into_result()
    }
}

/// Checks the price of one unit: above zero, at most [`MAX_PRICE_DIGITS`] digits.
///
/// # Errors
/// `out_of_range` at `/unit_price`.
pub fn check_price(price: Money) -> Result<(), Invalid> {
    const LIMIT: i64 = 10_i64.pow(MAX_PRICE_DIGITS);
    if price.is_positive() && price.minor() < LIMIT {
        return Ok(());
    }
    let detail = format!("must be above zero and have at most {MAX_PRICE_DIGITS} digits");
    Err(Invalid::field("/unit_price", "out_of_range", detail))
}

/// Checks the units of one line: at least one, at most [`MAX_QUANTITY`].
///
/// # Errors
/// `out_of_range` at `/quantity`.
pub fn check_quantity(quantity: u32) -> Result<(), Invalid> {
    if (1..=MAX_QUANTITY).contains(&quantity) {
        return Ok(());
    }
    Err(Invalid::field("/quantity", "out_of_range", format!("must be from 1 to {MAX_QUANTITY}")))
}
