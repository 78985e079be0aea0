//! Pricing: what a basket costs, and why, to the last minor unit.
//!
//! [`Pricing::quote`] is a pure function from a [`Basket`] (products at verified prices, an address, coupons) to a
//! [`Quote`]. Three strategies of the host take part in it: a [`DiscountPolicy`], a [`ShippingPolicy`] and a [`TaxPolicy`].
//! They only say *what* is to be taken off or added; the calculation
//!
//! * rounds, once, by one named [`Rounding`](crate::money::Rounding) at one [`RoundingScope`];
//! * gives every line its part of everything that concerns the whole order, by largest remainder;
//! * leaves an [`Adjustment`] with its reason for every step;
//! * never takes off more than the goods cost.
//!
//! So the parts always add up: adjustments to the components of a line, lines to the [`Totals`] of the quote. An order
//! freezes its quote. What is cancelled or sent back later is a [share](Totals::share_of_units) of those frozen amounts;
//! nothing is computed again, and any sequence of such parts ends at exactly what was to be paid.
//!
//! ```
//! use order_core::id::{CouponCode, LineId, ProductId, SeededIds, SellerId};
//! use order_core::money::{BasisPoints, Currency, Money};
//! use order_core::pricing::{Basket, BasketLine, Coupons, FlatShipping, FlatTax, Pricing};
//! use order_core::time::{Clock, ManualClock};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let spring = CouponCode::new("SPRING")?;
//! let pricing = Pricing::default()
//!     .with_discount(Coupons::new().percent(spring.clone(), BasisPoints::new(1_000)))
//!     .with_shipping(FlatShipping::new(Money::parse("4.90", Currency::EUR)?))
//!     .with_tax(FlatTax::on_top(BasisPoints::new(1_900)));
//!
//! let line_id = LineId::new(&SeededIds::new(1), ManualClock::default().now());
//! let price = Money::parse("12.30", Currency::EUR)?;
//! let lines = [BasketLine::new(line_id, ProductId::new("TEA")?, SellerId::new("north")?, price, 2)];
//! let quote = pricing.quote(&Basket::new(Currency::EUR, &lines).with_coupons(&[spring]))?;
//!
//! assert_eq!(quote.totals.subtotal.to_string(), "24.60 EUR");
//! assert_eq!(quote.totals.discount.to_string(), "2.46 EUR");
//! assert_eq!(quote.totals.shipping.to_string(), "4.90 EUR");
//! assert_eq!(quote.totals.tax.to_string(), "5.14 EUR");
//! assert_eq!(quote.totals.total.to_string(), "32.18 EUR");
//! let reasons: Vec<_> = quote.lines[0].adjustments.iter().map(|step| step.reason.as_str()).collect();
//! assert_eq!(reasons, ["coupon SPRING", "shipping", "tax 19 %"]);
//! # Ok(())
//! # }
//! ```

mod basket;
mod calculation;
mod policy;
mod quote;
mod rules;
mod share;
mod totals;

#[cfg(test)]
mod tests;

pub use basket::{
    Basket, BasketLine, MAX_COUPONS, MAX_LINES, MAX_PRICE_DIGITS, MAX_QUANTITY, check_price, check_quantity,
};
pub use calculation::{Pricing, RoundingScope};
pub use policy::{
    Discount, DiscountPolicy, DiscountScope, DiscountValue, LineTax, ShippingCharge, ShippingPolicy,
    TaxPolicy,
};
pub use quote::{Adjustment, AdjustmentKind, Quote, QuotedLine, Reason};
pub use rules::{Coupons, FlatShipping, FlatTax, NoDiscount, NoShipping, NoTax};
pub use share::share_of_units;
pub use totals::Totals;
