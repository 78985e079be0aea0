//! Square: payments, refunds, disputes and webhooks.
//!
//! | it enforces | how |
//! |---|---|
//! | idempotency | the answer to a request that succeeded is kept under its key, for each endpoint, and [repeated](https://developer.squareup.com/docs/build-basics/common-api-patterns/idempotency); other words: 400 `IDEMPOTENCY_KEY_REUSED`. Refusals and 500s are not kept. For how long, Square does not say: here 24 hours, or [as a test wants it](FakeSquare::keep_keys_for) |
//! | amounts | whole units of the currencies that sellers are paid in. A real location takes one of them; here it takes all, unless it is [told](FakeSquare::take_only) |
//! | states | only what is approved is changed, completed and cancelled; a payment is completed once, and as a whole |
//! | changes | with a version token, only of that version; none in yen, as Japan's sellers have none |
//! | limits | captured ≤ set aside, given back ≤ captured |
//! | disputes | of a payment that is disputed, or was lost, nothing is given back; without the [permission](FakeSquare::forbid_disputes) to read them: 403 |
//! | parameters | unknown ones are refused |
//! | time | what is set aside is cancelled after 7 days |
//! | lists | show a payment at once, or [after some time](FakeSquare::lists_lag) |
//!
//! A declined payment stays in the books as `FAILED`. A refund is answered as `PENDING`, and is completed at once.
//!
//! Sources of Square's sandbox: `cnon:card-nonce-ok`, `ccof:customer-card-id-ok` (approved); `cnon:card-nonce-declined`,
//! `cnon:card-nonce-rejected-cvv`, `…-postalcode`, `…-expiration` (declined); `cnon:card-nonce-already-used`; `bnon:bank-nonce-ok`
//! (under way until [`FakeSquare::complete`]). Of our own: `cnon:fake-insufficient-funds`, `cnon:fake-restricted` (declined, the
//! latter with 403); `cnon:fake-temporary-error`; `cnon:fake-rejected-refund`, `cnon:fake-pending-refund` (until
//! [`FakeSquare::settle_refund`]); `cnon:fake-once-…`, which are used up by one payment, as real ones are.
//!
//! There is no page for customers: with Square they never have to act once there is a token.

mod body;
mod books;
mod dispute;
mod event;
mod payment;
mod problem;
mod service;
mod source;

use std::sync::Arc;

use order_core::time::{Clock, Duration};

pub use event::{SignedEvent, sign};
use service::Square;

use crate::wire::{Wire, shuffled};

/// What Square has in its books for one payment by which money moved, in Square's units.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The payment's id.
    pub payment: String,
    /// The caller's name for it.
    pub reference_id: Option<String>,
    /// The caller's note.
    pub note: Option<String>,
    /// The key it was made under.
    pub idempotency_key: String,
    /// The currency.
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

/// A Square on this machine. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeSquare {
    square: Arc<Square>,
    wire: Wire,
}

impl FakeSquare {
    /// The access token of its only seller.
    pub const ACCESS_TOKEN: &'static str = "EAAA_fake";

    /// The id of the seller's only location.
    pub const LOCATION_ID: &'static str = "LFAKE0000001";

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
        let square = Arc::new(Square::new(clock));
        let wire = Wire::start_at(square.clone(), address).await?;
        Ok(Self { square, wire })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.wire.url()
    }

    /// The network before it: what was exchanged, and what shall go wrong.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Forgets everything, faults and habits included.
    pub fn reset(&self) {
        self.square.reset();
        self.wire.forget();
    }

    /// How long an answer is kept under its key. Square does not say.
    pub fn keep_keys_for(&self, time: Duration) {
        self.square.keep_keys_for(time);
    }

    /// How long a payment is missing in lists after it was made.
    pub fn lists_lag(&self, time: Duration) {
        self.square.lists_lag(time);
    }

    /// The location takes one currency, as real ones do.
    pub fn take_only(&self, currency: &str) {
        self.square.take_only(currency);
    }

    /// What is under way comes to its end. The payment is told by its `reference_id`, or by its id. Tells whether anything was
    /// under way.
    pub fn complete(&self, payment: &str, approve: bool) -> bool {
        self.square.complete(payment, approve)
    }

    /// A refund that was pending comes to its end. It is told by the key it was made under, or by its id.
    pub fn settle_refund(&self, refund: &str, succeed: bool) -> bool {
        self.square.settle_refund(refund, succeed)
    }

    /// The customer disputes a payment at their bank. The payment is told by its `reference_id`, or by its id. Gives the dispute's id,
    /// if so much was taken.
    pub fn open_dispute(&self, payment: &str, units: i64) -> Option<String> {
        self.square.open_dispute(payment, units)
    }

    /// The bank decides a dispute. Tells whether it was open.
    pub fn close_dispute(&self, dispute: &str, is_won: bool) -> bool {
        self.square.close_dispute(dispute, is_won)
    }

    /// The access token may not read disputes: that permission was not granted.
    pub fn forbid_disputes(&self) {
        self.square.forbid_disputes();
    }

    /// Its books: an account for each payment by which money moved, oldest first.
    pub fn accounts(&self) -> Vec<Account> {
        self.square.accounts()
    }

    /// Every webhook so far, oldest first, signed with a key for a notification URL.
    pub fn webhooks(&self, key: &str, notification_url: &str) -> Vec<SignedEvent> {
        self.square.webhooks(0, key, notification_url)
    }

    /// The webhooks behind the first `known` ones, oldest first, signed: for whoever delivers each once.
    pub fn webhooks_after(&self, known: usize, key: &str, notification_url: &str) -> Vec<SignedEvent> {
        self.square.webhooks(known, key, notification_url)
    }

    /// The same webhooks in an order that a seed tells, each of them `copies` times.
    pub fn shuffled_webhooks(
        &self,
        key: &str,
        notification_url: &str,
        seed: u64,
        copies: usize,
    ) -> Vec<SignedEvent> {
        shuffled(&self.webhooks(key, notification_url), seed, copies)
    }
}
