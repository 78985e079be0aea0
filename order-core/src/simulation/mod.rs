//! Deterministic simulation: the real engine, in a world whose time, chance and faults come from one number.
//!
//! Everything runs on one thread on a virtual clock. An [`Executor`] picks which task goes on, a [`FaultyStore`] and a
//! [`FaultyGateway`] lose, repeat and delay what passes through them — answers come hours after every lease and expiry — and
//! processes die between any two steps. The same seed gives the same [trace](Report::trace).
//!
//! Hosts may use the parts for tests of their own; [`run`] is the engine's: customers, sellers, sweepers and a provider that
//! misbehaves, acts on its own (refunds by hand, disputes, expiries, refunds that fail later) and tells of it by webhooks
//! that are lost, doubled, late and in no order; and at the end, when the faults have stopped, a [check](crate::conformance::invariants::check) of everything.

mod chance;
mod executor;
mod gateway;
mod store;
mod world;

pub use chance::Chance;
pub use executor::{Executor, Pauses};
pub use gateway::FaultyGateway;
pub use store::FaultyStore;
pub use world::{Report, Settings, run, run_on};
