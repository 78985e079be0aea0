//! The order engine's adapters: what stands behind the ports of [`order_core`].
//!
//! One folder and one feature for each; there is no default, so that a host compiles the drivers it uses and no other.
//!
//! | feature | module | port |
//! |---|---|---|
//! | `mongodb` | `mongodb` | the [store](order_core::store) in a database of a MongoDB replica set, for many processes |
//! | `paypal` | `paypal` | the [payment gateway](order_core::gateway::PaymentGateway), the [books](order_core::gateway::ProviderBooks) and the [webhooks](order_core::gateway::NoticeReader) of PayPal |
//! | `postgres` | `postgres` | the [store](order_core::store) in a schema of a PostgreSQL database, for many processes |
//! | `sqlite` | `sqlite` | the [store](order_core::store) in one file, with its own migrations |
//! | `square` | `square` | the [payment gateway](order_core::gateway::PaymentGateway), the [books](order_core::gateway::ProviderBooks) and the [webhooks](order_core::gateway::NoticeReader) of Square |
//! | `stripe` | `stripe` | the [payment gateway](order_core::gateway::PaymentGateway) and the [webhooks](order_core::gateway::NoticeReader) of Stripe |
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn build() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use order_adapters::sqlite::SqliteStore;
//! use order_core::Engine;
//! use order_core::memory::MemoryCatalogue;
//!
//! let store = SqliteStore::open("orders.db").await?;
//! let engine = Engine::builder(Arc::new(store)).catalogue(Arc::new(MemoryCatalogue::default())).build()?;
//! # let _ = engine;
//! # Ok(())
//! # }
//! ```
//!
//! An adapter translates. It holds no business rule, and no driver's type shows in its signatures, but where a host
//! hands its own transaction over. Each store passes the published suite, `order_core::conformance`; whoever writes another one
//! runs the same.
//!
//! # What is not here yet
//! Mail, brokers and caches.

#[cfg(any(feature = "mongodb", feature = "postgres"))]
mod group_commit;
#[cfg(any(feature = "mongodb", feature = "postgres", feature = "sqlite"))]
mod history;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod listed;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "paypal")]
pub mod paypal;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "paypal", feature = "square", feature = "stripe"))]
mod provider;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod readers;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "square")]
pub mod square;
#[cfg(feature = "stripe")]
pub mod stripe;
