//! What the adapters of payment providers share: one transport, and one way to write amounts.
//!
//! An adapter of a provider is a pure mapping: an instruction becomes a [`Call`], the [`Reply`] to it becomes an answer. Only
//! [`Transport`] does I/O, and only it decides whether a call that failed may have arrived.
//!
//! | what came of a call | what it is here |
//! |---|---|
//! | the provider answered | a [`Reply`]; its [`Verdict`] says in which of these ways |
//! | name resolution, connection or TLS failed; the provider has told us to wait | [`GatewayError::NotSent`](order_core::gateway::GatewayError::NotSent) |
//! | anything else: a time-out, a reset, an answer that breaks off or is too long | [`GatewayError::Unknown`](order_core::gateway::GatewayError::Unknown) |

mod amounts;
mod call;
mod reply;
mod transport;

pub(crate) use amounts::{AmountRules, NotExpressible};
pub(crate) use call::{Call, Form, Method, made_at, segment};
pub(crate) use reply::{Reply, Verdict};
#[cfg(feature = "paypal")]
pub(crate) use transport::Credentials;
pub(crate) use transport::{Endpoint, Transport};
