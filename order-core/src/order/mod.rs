//! Orders.
mod status;
pub use status::{ORDER_TABLE, OrderMove, OrderStatus};
