//! Square, as a [payment gateway](order_core::gateway::PaymentGateway) on its Payments and Refunds, with its
//! [books](order_core::gateway::ProviderBooks).
//!
//! ```
//! use std::sync::Arc;
//!
//! use order_adapters::square::SquareGateway;
//! use order_core::id::ProviderId;
//! use order_core::memory::{MemoryCatalogue, MemoryStore};
//! use order_core::Engine;
//!
//! # fn build(access_token: String, location_id: String) -> Result<(), Box<dyn std::error::Error>> {
//! let square = Arc::new(SquareGateway::builder(access_token, location_id).build()?);
//! let engine = Engine::builder(Arc::new(MemoryStore::default()))
//!     .catalogue(Arc::new(MemoryCatalogue::default()))
//!     .payment_gateway(ProviderId::new("square")?, square.clone())
//!     .provider_books(ProviderId::new("square")?, square)
//!     .build()?;
//! # let _ = engine;
//! # Ok(())
//! # }
//! ```
//!
//! A tender's token is what Square's form in the browser has made (`cnon:…`), or a card on file (`ccof:…`). The words `CASH` and
//! `EXTERNAL`, with which Square notes down a payment that it has not taken, are refused: a token comes from the customer. With Square
//! a customer never has to act afterwards: whatever the bank wants to know is asked in the form, before there is a token.
//!
//! | instruction | what is sent |
//! |---|---|
//! | charge, authorise | a payment is made, with `autocomplete` or without |
//! | capture | the payment is completed, once and as a whole; for a part of it the amount is lowered before, where Square allows that |
//! | void | the payment is cancelled; what is left over after a capture, Square has released by itself |
//! | refund | a refund of the payment; Square answers before it is done, so it stays `unknown` until it is |
//!
//! What is set aside and not captured Square gives up after 7 days.
//!
//! # When an answer is lost
//! The idempotency key is the operation's id. Square repeats its answer for a key, but does not say for how long: ten minutes are
//! relied on. A question never repeats a call: it looks for the payment by its `reference_id`, which is our payment's, among those
//! made since; and for a refund, by the operation's id in its `reason`, among those of the payment. When a key is older than ten
//! minutes, the same look-up is made before the call is repeated. A list may lag behind for seconds, so that `absent` means, as
//! ever, *so far*.
//!
//! Who gives up a payment that nobody has seen cancels it by its key, which is what Square has for answers that were lost.
//!
//! A payment does not say which capture has completed it. See `capture.rs` for how it is found out, and when it stays unknown.
//!
//! # Amounts
//! Only the currencies in which Square pays sellers are sent (AUD, CAD, EUR, GBP, JPY, USD); others are declined before
//! (`currency_not_supported`). A location takes one of them.
//!
//! # Disputes
//! The books tell them: `WON` and `INQUIRY_CLOSED` are won, `LOST` and `ACCEPTED` are lost, every other state is open. A payment does
//! not name its disputes, and Square lists them by location only. So a report of a payment that was completed costs one request for
//! every page of the location's disputes, which is one until there are many; a page of a list of payments costs the same, once, and
//! nothing where none was completed.
//!
//! The access token needs the permission `DISPUTES_READ`. Without it Square answers 403; then reports have no disputes, and everything
//! else is told as ever. Nobody is warned: [`SquareGateway::may_read_disputes`] tells, for a host that starts.
//!
//! # Limits
//! It was built from Square's documents and checked against its published schemas and its official SDK for Python. Square itself was
//! never reached. Sellers in Japan, and some kinds of cards, have no captures of a part. Bank debits stay `unknown` until Square
//! knows. The disputes are not in the part of the published schemas that it is checked against; Square's SDK reads them from the
//! stand-in.
//!
//! About two crypto providers in one build, see the remark at Stripe's adapter; it holds here too.

mod books;
mod builder;
mod capture;
mod currency;
mod dispute;
mod gateway;
mod object;
mod reading;
mod request;
mod webhook;

#[cfg(test)]
mod tests;

pub use builder::SquareBuilder;
pub use gateway::SquareGateway;
pub use webhook::SquareWebhooks;

/// The name in errors.
const SERVICE: &str = "square";
