//! Carts: what a customer or a guest is about to order.
//!
//! A [`Cart`] is an aggregate of its own with a version: every successful change makes the version one larger and the cart
//! live [`CART_LIFETIME`] longer, every refused one leaves it as it was. The caller brings what the catalogue and the stock
//! say as a [`CartItem`]; the cart keeps it, so that it can be shown without asking again, and checkout prices it anew. An
//! order is a *copy* of a cart, and a cart that was [ordered](Cart::mark_ordered) or [merged](merge) is closed for ever.
//!
//! [`merge`] brings a guest's cart into the customer's at login: one pure function of both carts, committed together.
//!
//! ```
//! use order_core::cart::{Cart, CartItem, CartOwner, merge};
//! use order_core::id::{CartId, CustomerId, GuestToken, LineId, ProductId, SeededIds, SellerId};
//! use order_core::money::{Currency, Money};
//! use order_core::time::{Clock, ManualClock};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (ids, now) = (SeededIds::new(1), ManualClock::default().now());
//! let price = Money::parse("12.30", Currency::EUR)?;
//! let tea = CartItem::new(ProductId::new("TEA")?, SellerId::new("north")?, "Tea, 100 g", price, 10);
//!
//! let mut guest = Cart::new(CartId::new(&ids, now), CartOwner::Guest(GuestToken::new("s3cret")?), now);
//! guest.add(LineId::new(&ids, now), tea.clone(), 2, now)?;
//! let mut customer = Cart::new(CartId::new(&ids, now), CartOwner::Customer(CustomerId::new("c-1")?), now);
//! customer.add(LineId::new(&ids, now), tea, 1, now)?;
//!
//! let (guest, customer) = merge(guest, customer, now)?;
//! assert!(guest.lines.is_empty());
//! assert_eq!((customer.lines[0].quantity, customer.version), (3, 2));
//! assert_eq!(customer.totals()?.map(|totals| totals.total.to_string()).as_deref(), Some("36.90 EUR"));
//! # Ok(())
//! # }
//! ```

mod change;
mod merge;
mod model;

#[cfg(test)]
mod tests;

pub use merge::merge;
pub use model::{CART_TABLE, Cart, CartItem, CartLine, CartMove, CartOwner, CartStatus};

pub use crate::pricing::{MAX_LINES, MAX_QUANTITY};
use crate::time::Duration;

/// How long a cart lives after its last change, at least: it expires at the first full hour after that (`DESIGN.md` says why).
pub const CART_LIFETIME: Duration = Duration::days(30);
/// The longest product name a cart keeps, in characters.
pub const MAX_NAME: usize = 300;
/// The longest image address a cart keeps, in characters.
pub const MAX_IMAGE: usize = 2_048;
