//! Stripe, as a [payment gateway](order_core::gateway::PaymentGateway) on its Payment Intents.
//!
//! ```
//! use std::sync::Arc;
//!
//! use order_adapters::stripe::StripeGateway;
//! use order_core::id::ProviderId;
//! use order_core::memory::{MemoryCatalogue, MemoryStore};
//! use order_core::Engine;
//!
//! # fn build(secret_key: String) -> Result<(), Box<dyn std::error::Error>> {
//! let stripe = StripeGateway::builder(secret_key)
//!     .return_url("https://shop.example/orders/paid")
//!     .build()?;
//! let (stripe, name) = (Arc::new(stripe), ProviderId::new("stripe")?);
//! let engine = Engine::builder(Arc::new(MemoryStore::default()))
//!     .catalogue(Arc::new(MemoryCatalogue::default()))
//!     .payment_gateway(name.clone(), stripe.clone())
//!     .provider_books(name, stripe)
//!     .build()?;
//! # let _ = engine;
//! # Ok(())
//! # }
//! ```
//!
//! A tender's token is the id of a payment method (`pm_…`) that Stripe's form in the browser has made. Without a token the answer
//! is the client secret, with which the form makes the payment itself.
//!
//! | instruction | what is sent |
//! |---|---|
//! | charge, authorise | an intent is made without being confirmed, then it is confirmed |
//! | capture | the intent is captured; Stripe gives up what is left over, so an authorisation is captured once |
//! | void | the intent is cancelled |
//! | refund | a refund of the intent |
//!
//! # When an answer is lost
//! Every POST has an idempotency key made of the operation's id. Making an intent moves no money and may be repeated for as long
//! as Stripe keeps keys (24 hours; 23 are relied on): so a question finds the intent by its key, and reads from its status what
//! became of it. When the key is older, the intents made since are listed, and ours is known by its metadata. A 500 that Stripe
//! keeps under a key would be repeated for a day; where the state of the intent allows a step only once, it is then made with
//! another key. A refund is not: it waits until the key is forgotten or the refund is in the list.
//!
//! A refusal is final: the intent of a declined charge is closed before it is reported.
//!
//! # The books
//! The gateway is [`ProviderBooks`](order_core::gateway::ProviderBooks) as well. A report of a payment is its intent, the charge of
//! it, and every refund and dispute; so a page of the list takes up to three requests for each intent with money, one for each
//! other. The list comes newest first, as Stripe's does.
//!
//! What Stripe releases of an authorisation (the rest of a capture, a hold that was given up or has expired) it lists as a refund,
//! too. Such a one moves no balance and is not told as a refund. A dispute is open from the bank's first question on
//! (`warning_needs_response`), though no money has moved then, so that somebody looks at it.
//!
//! # Amounts
//! Stripe's units are not always ISO 4217's. An amount that they can't tell exactly, such as 5.124 KWD, is declined
//! (`amount_not_representable`) before anything is sent.
//!
//! # Limits
//! It was built from Stripe's documents and checked against its published schemas and its official SDK for Python. Stripe itself
//! was never reached. Bank debits and other methods that take days stay `unknown` until Stripe knows.
//!
//! A build that has both of rustls' crypto providers (`aws-lc-rs`, which this adapter brings, and `ring`, which the MongoDB
//! driver may bring) works here, since one is chosen explicitly; other libraries in the same program may need the host to call
//! `rustls::crypto::aws_lc_rs::default_provider().install_default()`.

mod account;
mod books;
mod builder;
mod currency;
mod gateway;
mod lookup;
mod object;
mod reading;
mod request;
mod webhook;

#[cfg(test)]
mod tests;

pub use builder::StripeBuilder;
pub use gateway::StripeGateway;
pub use webhook::StripeWebhooks;

/// The name in errors.
const SERVICE: &str = "stripe";
