//! PayPal, as a [payment gateway](order_core::gateway::PaymentGateway) on its Orders v2 and Payments v2.
//!
//! ```
//! use std::sync::Arc;
//!
//! use order_adapters::paypal::PayPalGateway;
//! use order_core::id::ProviderId;
//! use order_core::memory::{MemoryCatalogue, MemoryStore};
//! use order_core::Engine;
//!
//! # fn build(client_id: String, client_secret: String) -> Result<(), Box<dyn std::error::Error>> {
//! let paypal = PayPalGateway::builder(client_id, client_secret)
//!     .return_url("https://shop.example/orders/approved")
//!     .cancel_url("https://shop.example/orders/not-approved")
//!     .build()?;
//! let paypal = Arc::new(paypal);
//! let engine = Engine::builder(Arc::new(MemoryStore::default()))
//!     .catalogue(Arc::new(MemoryCatalogue::default()))
//!     .payment_gateway(ProviderId::new("paypal")?, paypal.clone())
//!     .provider_books(ProviderId::new("paypal")?, paypal)
//!     .build()?;
//! # let _ = engine;
//! # Ok(())
//! # }
//! ```
//!
//! Without a token the customer is sent to PayPal's page, and comes back after they have agreed; nothing has moved then
//! ([`Answer::Approved`](order_core::payment::Answer::Approved)). A tender's token is the id of a payment method that the customer has
//! saved with PayPal (a vault id): of a card where the tender says *card*, of a PayPal account otherwise.
//!
//! | instruction | what is sent |
//! |---|---|
//! | charge, authorise | an order is created, which moves nothing; then it is captured or authorised, at once with a token, after the customer's approval without |
//! | capture | the authorisation is captured, in as many parts as are wanted; with the last of it `final_capture` |
//! | void | the authorisation is voided; an order that has none yet is made unpayable |
//! | refund | a refund of the capture; where there are several captures, of as many as it takes |
//!
//! A payment's reference is the id of PayPal's order. What has become of it is read off the captures, authorisations and refunds in
//! the order, never off the order's own status: `COMPLETED` says that PayPal has tried.
//!
//! # When an answer is lost
//! PayPal remembers a `PayPal-Request-Id` for six hours with orders and for 45 days with payments. Creating an order moves nothing and
//! may be repeated, so a question finds the order by its key, and the order tells the rest. Five hours are relied on. For the next four
//! a question whose order is not known stays unknown, because the transaction search, the only list that PayPal has, may be three hours
//! late; then it is searched, and if nothing is found, the operation may begin anew under another key, within three days. Captures and refunds are found
//! in the order, whatever their age: each carries our operation's id. An order can be captured once, and its invoice id, which is
//! the operation's id, is taken once, unless the account allows more.
//!
//! A refusal is final: an order whose capture was refused, or that is given up before the customer has agreed, gets another intent and a
//! mark in its description before that is reported. A marked order is never captured by us, and what we had sent to capture it and comes
//! late is refused. Nobody else can capture it.
//!
//! # Amounts
//! PayPal takes 24 currencies. HUF, JPY and TWD have no decimals there, the others two. An amount that can't be told exactly, such as
//! 1000.50 HUF or any KWD, is declined before anything is sent.
//!
//! # Disputes
//! The books tell them: `RESOLVED` is lost after `RESOLVED_BUYER_FAVOUR` and `ACCEPTED` (of so much as PayPal has refunded, where it
//! says how much), won after any other outcome that PayPal documents, and open when the outcome is not known; everything else is open.
//!
//! What is asked for, besides the order itself (one request for a report, two for each payment of a list):
//!
//! | of | requests |
//! |---|---|
//! | a payment by which no money came | none |
//! | a report of one payment | one for each capture, in which PayPal looks for disputes of it; one more for each that is resolved, as only the dispute itself tells its outcome |
//! | a page of a list | one for every 50 disputes that have changed since the payments began, which is mostly one, and none where no money came; one for each dispute that this process has not seen before, and for each resolved one of a payment on the page |
//!
//! A webhook about a dispute tells whose it is by the `custom` of what is disputed, which is what we wrote to the order's `custom_id`.
//!
//! A page of a list does not ask for each capture, as that would be half as many requests again, nearly all of them in vain. PayPal
//! lists a dispute for 180 days after its last change; what was recorded of it stays.
//!
//! An application needs a right for this (*Disputes* among its features in PayPal's dashboard). Without it PayPal answers 403; then
//! reports have no disputes, and everything else is told as ever. Nobody is warned: [`PayPalGateway::may_read_disputes`] tells, for a
//! host that starts.
//!
//! # Limits
//! It was built from PayPal's documents and checked against its published schemas and its official SDK for Python. PayPal itself was
//! never reached. The transaction search (`/v1/reporting/transactions`) and the disputes (`/v1/customer/disputes`) are in none of
//! the published schemas that it is checked against; their rights have to be granted to the application. Authorisations are not
//! renewed: after 29 days they are over, and after three PayPal may refuse a capture. PayPal's documents do not say whether money that a
//! dispute has cost is also among an order's refunds; if it is, it counts twice.
//!
//! Certificates are checked with `aws-lc-rs`, whatever crypto provider the rest of a build has chosen.

mod books;
mod builder;
mod certificate;
mod currency;
mod dispute;
mod gateway;
mod link;
mod object;
mod reading;
mod refund;
mod request;
mod search;
mod token;
mod webhook;

#[cfg(test)]
mod tests;

pub use builder::PayPalBuilder;
pub use gateway::PayPalGateway;
pub use webhook::PayPalWebhooks;

/// The name in errors.
const SERVICE: &str = "paypal";
