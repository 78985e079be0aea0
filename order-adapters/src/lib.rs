//! The order engine's adapters: what stands behind the ports of [`order_core`].
//!
//! One folder and one feature for each; there is no default.
//!
//! | feature | module | port |
//! |---|---|---|
//! | `sqlite` | `sqlite` | the [store](order_core::store) in one file |
//!
//! An adapter translates. It holds no business rule, and no driver's type shows in its signatures.

#[cfg(feature = "sqlite")]
pub mod sqlite;
