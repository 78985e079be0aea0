//! Stripe: Payment Intents, refunds, events and webhooks.
//!
//! | it enforces | how |
//! |---|---|
//! | idempotency | an answer, 402 and 500 included, is kept for 24 hours under its key and [replayed](https://docs.stripe.com/api/idempotent_requests); other parameters: 400 `idempotency_error`; at the same time: 409; a wrong parameter and 429 are not kept |
//! | amounts | whole units; multiples of 100 for ISK and UGX, of 10 for three-decimal currencies; at most eight digits |
//! | states | an intent is confirmed, captured and cancelled only from where Stripe allows it, and captured once: what is left is released |
//! | limits | captured ≤ set aside, given back ≤ captured |
//! | parameters | unknown ones are refused |
//! | time | what is set aside is released after 7 days |
//!
//! Payment methods: `pm_card_visa`, `pm_card_mastercard` (approved); `pm_card_chargeDeclined`,
//! `pm_card_chargeDeclinedInsufficientFunds`, `pm_card_chargeDeclinedExpiredCard` (declined); `pm_card_authenticationRequired`,
//! `pm_card_threeDSecure2Required` (the customer is asked); `pm_card_pendingRefund` (approved, and refunds are pending until
//! [`FakeStripe::settle_refund`]); and of our own `pm_fake_processing` (under way until [`FakeStripe::complete`]).
//!
//! The customer's page is `GET /fake/3ds/{intent}`; its buttons complete or refuse the payment.

mod books;
mod currency;
mod event;
mod intent;
mod page;
mod params;
mod problem;
mod service;

use std::sync::Arc;

use order_core::time::Clock;

pub use event::{SignedEvent, sign};
use service::Stripe;

use crate::wire::{Wire, shuffled};

/// What Stripe has in its books for one intent by which money moved, in Stripe's units.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The intent's id.
    pub intent: String,
    /// What the caller has written to `metadata[order_id]`.
    pub order_id: Option<String>,
    /// What the caller has written to `metadata[payment_id]`.
    pub payment_id: Option<String>,
    /// What the caller has written to `metadata[operation_id]`.
    pub operation_id: Option<String>,
    /// The currency, in small letters.
    pub currency: String,
    /// How much was set aside or charged.
    pub authorised: i64,
    /// How much is still set aside.
    pub capturable: i64,
    /// How much was taken.
    pub captured: i64,
    /// How much went back, or is on its way.
    pub refunded: i64,
}

/// A Stripe on this machine. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeStripe {
    stripe: Arc<Stripe>,
    wire: Wire,
}

impl FakeStripe {
    /// The secret key of its only account.
    pub const SECRET_KEY: &'static str = "sk_test_fake";

    /// Starts one on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        Self::start_at(clock, (std::net::Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Starts one at an address.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn start_at(clock: Arc<dyn Clock>, address: std::net::SocketAddr) -> std::io::Result<Self> {
        let stripe = Arc::new(Stripe::new(clock));
        let wire = Wire::start_at(stripe.clone(), address).await?;
        stripe.set_base(wire.url());
        Ok(Self { stripe, wire })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.wire.url()
    }

    /// The network before it: what was exchanged, and what shall go wrong.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Forgets everything, faults included.
    pub fn reset(&self) {
        self.stripe.reset();
        self.stripe.set_base(self.wire.url());
        self.wire.forget();
    }

    /// The customer does what was asked of them, or refuses to; or what is under way comes to its end. The payment is told by what
    /// the caller has written to `metadata[payment_id]`, or by the intent's id. Tells whether anything was waited for.
    pub fn complete(&self, payment: &str, approve: bool) -> bool {
        self.stripe.complete(payment, approve)
    }

    /// A refund that was pending, or had succeeded, comes to its end. It is told by `metadata[operation_id]`, or by its id.
    pub fn settle_refund(&self, refund: &str, succeed: bool) -> bool {
        self.stripe.settle_refund(refund, succeed)
    }

    /// Its books: an account for each intent by which money moved, oldest first.
    pub fn accounts(&self) -> Vec<Account> {
        self.stripe.accounts()
    }

    /// Every webhook so far, oldest first, signed now with every secret that is live.
    pub fn webhooks(&self, secrets: &[&str]) -> Vec<SignedEvent> {
        self.stripe.webhooks(secrets)
    }

    /// The same webhooks in an order that a seed tells, each of them `copies` times.
    pub fn shuffled_webhooks(&self, secrets: &[&str], seed: u64, copies: usize) -> Vec<SignedEvent> {
        shuffled(&self.webhooks(secrets), seed, copies)
    }
}
