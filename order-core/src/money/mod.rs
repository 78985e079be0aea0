//! Money: an exact amount in one currency.
//!
//! [`Money`] is a whole number of the currency's minor units (ISO 4217: JPY has 0 decimals, EUR 2, KWD 3) and
//! its [`Currency`]. A value with more decimals than the currency has is refused, not rounded: rounding happens once, in
//! [`pricing`](crate::pricing), by a named [`Rounding`]. No operation mixes currencies, none overflows silently, and
//! [`Money::allocate`] splits an amount so that the parts add up to it again.
//!
//! On the wire money is `{"amount": "12.30", "currency": "EUR"}`; stores keep the minor units and the code.
//!
//! ```
//! use order_core::money::{Currency, Money};
//!
//! let price: Money = Money::parse("12.30", Currency::EUR)?;
//! assert_eq!(price.minor(), 1230);
//! let parts = Money::from_minor(1000, Currency::EUR).allocate(&[1, 1, 1])?;
//! assert_eq!(parts.iter().map(|part| part.minor()).collect::<Vec<_>>(), [334, 333, 333]);
//! # Ok::<(), order_core::money::MoneyError>(())
//! ```

mod amount;
mod currency;
mod rounding;

pub(crate) use amount::Amount;
pub use amount::{Money, MoneyError};
pub use currency::{Currency, UnknownCurrency};
pub use rounding::{BasisPoints, Rounding};
