//! placeholder
pub mod address;
pub mod cart;
pub mod error;
pub mod gateway;
pub mod id;
pub mod machine;
pub mod money;
pub mod order;
pub mod pricing;
pub mod time;

pub use error::{Error, ErrorKind, Invalid, Result, StoreError};
