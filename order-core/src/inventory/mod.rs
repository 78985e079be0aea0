//! Stock: what is there, what is held, what is sold.
//!
//! A [`StockLevel`] counts the units of one product at one location. **Available = on hand − reserved.** A
//! [`Reservation`] holds every line of an order or none, for a while, and ends exactly once: confirmed (sold), released or
//! expired.
//!
//! ```text
//!            on hand   reserved   sold
//! reserve       ·         +n        ·
//! confirm      −n         −n       +n
//! release       ·         −n        ·      also on expiry
//! restock      +n          ·       −n      a sold unit that was not shipped comes back
//! receive      +n          ·        ·
//! ```
//!
//! Changes are [`StockChange`]s, not new values: they commute, and the store refuses one after which `0 ≤ reserved ≤ on hand`
//! or `0 ≤ sold` would not hold. That refusal, in the database, is what makes an oversell impossible.
//!
//! What the staff does to a level (adjust, receive, count, set the threshold) is written into its journal with who did it and why; so
//! is every [`StockAlert`]: out of stock, low, back, replenished. Alerts are the store's to notice, in the commit that causes them,
//! because changes commute: two buyers may cross the threshold together, and neither of them has read that.

mod allocate;
mod journal;
mod reservation;
mod stock;

pub use allocate::{Demand, allocate};
pub use journal::{StockAlert, StockEntry, StockEvent, StockRecord};
pub use reservation::{
    HOLD_LIFETIME, RESERVATION_TABLE, Reservation, ReservationLine, ReservationMove, ReservationStatus,
};
pub use stock::{MAX_UNITS, StockChange, StockKey, StockLevel, Threshold};
