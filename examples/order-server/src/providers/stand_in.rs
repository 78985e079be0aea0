//! Stand-ins of payment providers, as the server starts them in development, and as a test starts them beside it.
//!
//! Their books are in memory, and end with the process that runs them. A server whose orders outlive it wants them outside:
//! `cargo run -p order-fake-providers` runs them as a process of their own.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use order_core::id::PaymentId;
use order_core::money::Money;
use order_core::time::Clock;
use order_fake_providers::wire::Wire;

use super::{Provider, ProviderKind, paypal, square, stripe};

/// A stand-in of a payment provider that listens on this machine. It ends when it is dropped.
pub trait StandIn: fmt::Debug + Send + Sync {
    /// Whose stand-in it is.
    fn kind(&self) -> ProviderKind;

    /// The settings of a server elsewhere that uses it. What has to be a file is written into a folder.
    ///
    /// # Errors
    /// When it can't be written.
    fn settings(&self, folder: &Path) -> io::Result<Vec<(&'static str, String)>>;

    /// The provider that it is for a server that uses it.
    fn provider(&self) -> Arc<dyn Provider>;

    /// The customer does what was asked of them, or refuses to. Tells whether anything was asked of them.
    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool;

    /// Its webhooks behind the first `known` ones, oldest first, each signed now.
    ///
    /// # Errors
    /// When they can't be signed.
    fn letters(&self, known: usize) -> io::Result<Vec<Letter>>;

    /// Its books: everything by which money was set aside or taken.
    fn accounts(&self) -> Vec<Account>;

    /// The network before it.
    fn wire(&self) -> &Wire;
}

/// A webhook, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "every stand-in makes them")]
pub struct Letter {
    /// Its headers, beside the type of its content, which is JSON.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

/// What a stand-in has in its books for one charge or authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "every stand-in makes them")]
pub struct Account {
    /// What the provider calls it.
    pub reference: String,
    /// The payment it says it is for.
    pub payment_id: Option<PaymentId>,
    /// How much was set aside or charged.
    pub authorised: Money,
    /// How much is still set aside.
    pub open: Money,
    /// How much was taken.
    pub captured: Money,
    /// How much went back.
    pub refunded: Money,
}

/// Starts a stand-in on a free port of this machine.
///
/// # Errors
/// When no port can be had.
pub async fn start(kind: ProviderKind, clock: Arc<dyn Clock>) -> io::Result<Arc<dyn StandIn>> {
    match kind {
        ProviderKind::PayPal => paypal::stand_in(clock).await,
        ProviderKind::Square => square::stand_in(clock).await,
        ProviderKind::Stripe => stripe::stand_in(clock).await,
    }
}
