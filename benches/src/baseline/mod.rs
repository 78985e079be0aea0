//! What a database itself can do: the fewest writes of an order with its lines, written by hand. What a store reaches is told
//! as its ratio to these.

pub mod mongodb;
pub mod postgres;

/// The price of everything, in cents.
const PRICE: i64 = 995;
