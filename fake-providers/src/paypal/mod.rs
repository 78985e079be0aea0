//! PayPal: orders, payments, the transaction search, disputes, and webhooks.
//!
//! | it enforces | how |
//! |---|---|
//! | tokens | nine hours; without one, or with an old one, 401 |
//! | request ids | a `PayPal-Request-Id` that succeeded is kept for six hours with orders and for 45 days with payments, and answered with what has become of its object; while it is carried out: 409; what failed is tried anew; without one, a repetition does it twice |
//! | amounts | decimal numbers, in HUF, JPY and TWD without decimals; 24 currencies; the parts of an order are its total |
//! | states | an order is captured or authorised once, when its payer has agreed or with a saved payment method; it may be changed until then; nobody agrees after three hours |
//! | invoice ids | each is paid once ([`FakePayPal::allow_repeated_invoices`] lifts that, as an account's setting does) |
//! | disputes | while one is open nothing is given back but the whole rest of its capture: 422 `TRANSACTION_DISPUTED`; what was lost is gone; listed for 180 days after their last change; without the [right](FakePayPal::forbid_disputes) to read them: 403 |
//! | limits | captured ≤ 115 % of what was set aside and at most 75 more, in ten parts; given back ≤ captured, for 180 days |
//! | time | what is set aside is released after 29 days; the search tells of a transaction when the [delay](FakePayPal::delay_search) is over |
//!
//! Saved payment methods: `vault_visa` (approved); `vault_declined` (refused: `INSTRUMENT_DECLINED`); `vault_processor_declined` (the
//! order is `COMPLETED`, its capture is `DECLINED`); `vault_asks` (the payer has to agree); `vault_pending` (the capture is pending until
//! [`FakePayPal::settle`]); `vault_pending_refund` (approved, and refunds are pending until [`FakePayPal::settle`]).
//!
//! The payer's page is `GET /fake/checkoutnow/{order}`; its buttons agree or cancel.

mod amount;
mod books;
mod certificate;
mod control;
mod dispute;
mod event;
mod order;
mod page;
mod payments;
mod problem;
mod search;
mod service;

use std::sync::Arc;
use std::time::Duration;

use order_core::time::Clock;

pub use certificate::Authority;
pub use event::SignedNotice;
use service::PayPal;

use crate::wire::Wire;

/// What PayPal has in its books for one order by which money moved: in hundredths, or in whole units where PayPal takes no decimals.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The order's id.
    pub order: String,
    /// What the caller has written to `custom_id`.
    pub custom_id: Option<String>,
    /// The currency.
    pub currency: String,
    /// How much was set aside or charged.
    pub authorised: i64,
    /// How much is still set aside.
    pub open: i64,
    /// How much was taken.
    pub captured: i64,
    /// How much went back, or is on its way.
    pub refunded: i64,
}

/// A PayPal on this machine. It ends when it is dropped.
#[derive(Debug)]
pub struct FakePayPal {
    paypal: Arc<PayPal>,
    wire: Wire,
}

impl FakePayPal {
    /// The client id of its only application.
    pub const CLIENT_ID: &'static str = "fake_client";
    /// Its secret.
    pub const CLIENT_SECRET: &'static str = "fake_secret";
    /// The id of its webhook.
    pub const WEBHOOK_ID: &'static str = "WH-FAKE-0001";

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
        let paypal = Arc::new(PayPal::new(clock));
        let wire = Wire::start_at(paypal.clone(), address).await?;
        paypal.set_base(wire.url());
        Ok(Self { paypal, wire })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.wire.url()
    }

    /// The network before it: what was exchanged, and what shall go wrong.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Forgets everything, tokens, settings and faults included.
    pub fn reset(&self) {
        self.paypal.reset();
        self.paypal.set_base(self.wire.url());
        self.wire.forget();
    }

    /// The tokens that were given are not taken any more.
    pub fn revoke_tokens(&self) {
        self.paypal.revoke_tokens();
    }

    /// The transaction search tells of everything so much later. PayPal says: up to three hours. Here at once, if nothing is said.
    pub fn delay_search(&self, delay: Duration) {
        self.paypal.delay_search(delay);
    }

    /// An invoice id may be paid several times, as accounts may be set.
    pub fn allow_repeated_invoices(&self) {
        self.paypal.allow_repeated_invoices();
    }

    /// The payer agrees, or cancels, which changes nothing. The order is told by its id, or, where the payer has been asked for, by a
    /// part of its `custom_id`. Tells whether there is such an order.
    pub fn complete(&self, order: &str, approve: bool) -> bool {
        self.paypal.complete(order, approve)
    }

    /// A capture or a refund that was pending comes to its end; a refund also when it had succeeded. It is told by its id, or by a
    /// part of its `custom_id`; refunds before captures.
    pub fn settle(&self, payment: &str, succeed: bool) -> bool {
        self.paypal.settle(payment, succeed)
    }

    /// Somebody gives money of a capture back by hand, in PayPal's dashboard: so many units of an order's first capture.
    pub fn refund_by_hand(&self, order: &str, units: i64) -> bool {
        self.paypal.refund_by_hand(order, units)
    }

    /// The payer disputes so many units of an order's first capture that has them. The order is told by its id, or by a part of its
    /// `custom_id`. Gives the dispute's id.
    pub fn open_dispute(&self, order: &str, units: i64) -> Option<String> {
        self.paypal.open_dispute(order, units)
    }

    /// PayPal decides a dispute. Tells whether it was open.
    pub fn close_dispute(&self, dispute: &str, is_won: bool) -> bool {
        self.paypal.close_dispute(dispute, is_won)
    }

    /// The application may not read disputes: that right was not granted to it.
    pub fn forbid_disputes(&self) {
        self.paypal.forbid_disputes();
    }

    /// Its books: an account for each order by which money moved, oldest first.
    pub fn accounts(&self) -> Vec<Account> {
        self.paypal.accounts()
    }

    /// Every webhook so far, oldest first, signed now for a webhook's id.
    ///
    /// # Errors
    /// When they can't be signed.
    pub fn webhooks(&self, webhook_id: &str) -> std::io::Result<Vec<SignedNotice>> {
        self.paypal.webhooks(0, webhook_id)
    }

    /// The webhooks behind the first `known` ones, oldest first, signed now: for whoever delivers each once.
    ///
    /// # Errors
    /// When they can't be signed.
    pub fn webhooks_after(&self, known: usize, webhook_id: &str) -> std::io::Result<Vec<SignedNotice>> {
        self.paypal.webhooks(known, webhook_id)
    }

    /// Another certificate is served than the one that webhooks are signed with.
    pub fn serve_certificate_of(&self, authority: &Authority) {
        self.paypal.serve_certificate(authority.chain_pem());
    }

    /// What its webhooks are signed with. Its certificate is at `/fake/certs/{name}`.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn authority(&self) -> std::io::Result<&'static Authority> {
        Authority::shared()
    }
}
