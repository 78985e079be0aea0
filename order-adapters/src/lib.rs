//! The order engine's adapters: what stands behind the ports of [`order_core`].
//!
//! One folder and one feature for each; there is no default.
//!
//! | feature | module | port |
//! |---|---|---|
//! | `postgres` | `postgres` | the [store](order_core::store) in a PostgreSQL schema, for many processes |
//! | `sqlite` | `sqlite` | the [store](order_core::store) in one file |
//!
//! An adapter translates. It holds no business rule, and no driver's type shows in its signatures, but where a host hands its own
//! transaction over.

#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
