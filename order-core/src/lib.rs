//! placeholder
pub mod error;
pub mod gateway;
pub mod id;
pub mod machine;
pub mod money;
pub mod order;
pub mod time;

pub use error::{Error, ErrorKind, Invalid, Result, StoreError};
/// placeholder
pub mod pricing {}
