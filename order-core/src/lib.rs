//! placeholder
pub mod address;
pub mod cart;
pub mod checkout;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod fulfilment;
pub mod gateway;
pub mod id;
pub mod inventory;
pub mod machine;
#[cfg(feature = "memory")]
pub mod memory;
pub mod money;
pub mod order;
pub mod outbox;
pub mod payment;
pub mod pricing;
pub mod service;
#[cfg(feature = "conformance")]
pub mod simulation;
pub mod store;
pub mod time;

pub use error::{Error, ErrorKind, Invalid, Result, StoreError};
pub use service::{Engine, EngineBuilder};
