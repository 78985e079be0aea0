//! Stripe: Payment Intents, charges, refunds, disputes, events and webhooks; and what is done in its dashboard.
//!
//! | it enforces | how |
//! |---|---|
//! | idempotency | an answer, 402 and 500 included, is kept for 24 hours under its key and [replayed](https://docs.stripe.com/api/idempotent_requests); other parameters: 400 `idempotency_error`; at the same time: 409; a wrong parameter and 429 are not kept |
//! | amounts | whole units; multiples of 100 for ISK and UGX, of 10 for three-decimal currencies; at most eight digits |
//! | states | an intent is confirmed, captured and cancelled only from where Stripe allows it, and captured once: what is left is released |
//! | limits | captured ≤ set aside, given back ≤ captured |
//! | disputes | nothing is given back of a charge while its bank holds the money |
//! | releases | what was set aside and not captured is listed as a refund, too, as `amount_to_capture` is documented |
//! | parameters | unknown ones are refused |
//! | time | what is set aside is released after 7 days |
//!
//! Payment methods: `pm_card_visa`, `pm_card_mastercard` (approved); `pm_card_chargeDeclined`,
//! `pm_card_chargeDeclinedInsufficientFunds`, `pm_card_chargeDeclinedExpiredCard` (declined); `pm_card_authenticationRequired`,
//! `pm_card_threeDSecure2Required` (the customer is asked); `pm_card_pendingRefund` (approved, and refunds are pending until
//! [`FakeStripe::settle_refund`]); and of our own `pm_fake_processing` (under way until [`FakeStripe::complete`]).
//!
//! The customer's page is `GET /fake/3ds/{intent}`; its buttons complete or refuse the payment. It stands for Stripe's form, too, in
//! which an intent without a payment method is paid.

mod books;
mod charge;
mod currency;
mod dashboard;
mod event;
mod intent;
mod page;
mod params;
mod problem;
mod service;

use std::sync::Arc;

use order_core::time::Clock;

pub use event::{SignedEvent, sign};
use params::Params;
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

    /// Somebody refunds a payment in the dashboard. The payment is told by what the caller has written to `metadata[payment_id]`, or
    /// by the intent's id; the amount is in Stripe's units. Gives the refund's id, if there was so much.
    pub fn refund_by_hand(&self, payment: &str, amount: i64) -> Option<String> {
        self.stripe.by_hand(payment, |books, id, now| books.refund_by_hand(id, amount, now))
    }

    /// Somebody captures in the dashboard what is set aside, all or a part. Tells whether it could be done.
    pub fn capture_by_hand(&self, payment: &str, amount: i64) -> bool {
        let form = Params::of_form(&format!("amount_to_capture={amount}"));
        self.stripe.by_hand(payment, |books, id, now| books.capture(id, form, now).ok()).is_some()
    }

    /// Somebody gives up in the dashboard what is set aside. Tells whether it could be done.
    pub fn cancel_by_hand(&self, payment: &str) -> bool {
        let form = Params::of_form("");
        self.stripe.by_hand(payment, |books, id, now| books.cancel(id, form, now).ok()).is_some()
    }

    /// Somebody makes a payment in the dashboard, for nothing of ours. Gives the intent's id.
    pub fn charge_by_hand(&self, amount: i64, currency: &str) -> Option<String> {
        self.stripe.at_the_dashboard(|books, now| books.charge_by_hand(amount, currency, now))
    }

    /// The time of what is set aside is over. Tells whether anything was.
    pub fn expire(&self, payment: &str) -> bool {
        self.stripe.by_hand(payment, |books, id, now| books.expire(id, now).then_some(())).is_some()
    }

    /// The customer disputes a payment at their bank. Gives the dispute's id.
    pub fn open_dispute(&self, payment: &str, amount: i64) -> Option<String> {
        self.stripe.by_hand(payment, |books, id, now| books.open_dispute(id, amount, now))
    }

    /// The bank decides a dispute. Tells whether it was open.
    pub fn close_dispute(&self, dispute: &str, is_won: bool) -> bool {
        self.stripe.at_the_dashboard(|books, now| books.close_dispute(dispute, is_won, now))
    }

    /// Its books: an account for each intent by which money moved, oldest first.
    pub fn accounts(&self) -> Vec<Account> {
        self.stripe.accounts()
    }

    /// Every webhook so far, oldest first, signed now with every secret that is live.
    pub fn webhooks(&self, secrets: &[&str]) -> Vec<SignedEvent> {
        self.stripe.webhooks(0, secrets)
    }

    /// The webhooks behind the first `known` ones, oldest first, signed now: for whoever delivers each once.
    pub fn webhooks_after(&self, known: usize, secrets: &[&str]) -> Vec<SignedEvent> {
        self.stripe.webhooks(known, secrets)
    }

    /// The same webhooks in an order that a seed tells, each of them `copies` times.
    pub fn shuffled_webhooks(&self, secrets: &[&str], seed: u64, copies: usize) -> Vec<SignedEvent> {
        shuffled(&self.webhooks(secrets), seed, copies)
    }
}
