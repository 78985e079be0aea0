//! Stand-ins for payment providers, on this machine: stateful, as strict as the real ones where their documents say how strict
//! those are, and able to misbehave on command. For tests of adapters, for a host's own tests, and to try a checkout by hand.
//!
//! ```
//! use std::sync::Arc;
//!
//! use order_core::time::SystemClock;
//! use order_fake_providers::stripe::FakeStripe;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let stripe = FakeStripe::start(Arc::new(SystemClock)).await?;
//! println!("Stripe is at {}, its key is {}", stripe.url(), FakeStripe::SECRET_KEY);
//! assert!(stripe.accounts().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it stands in for |
//! |---|---|
//! | [`paypal`] | orders, payments, the transaction search and signed webhooks of PayPal |
//! | [`square`] | payments, refunds and signed webhooks of Square |
//! | [`stripe`] | Payment Intents, charges, refunds, disputes, events and signed webhooks of Stripe |
//! | [`wire`] | the network between: every exchange is recorded, and any can [go wrong](wire::WireFault) |
//!
//! A stand-in listens on a free port of `127.0.0.1` for as long as its value lives. Its books can be read, and they are what an
//! audit compares with. It shares no code with the adapters: what both believe, both were told by the provider's documents.
//!
//! It is no sandbox: nothing here was ever compared with a real provider.

pub mod paypal;
pub mod square;
pub mod stripe;
pub mod wire;
