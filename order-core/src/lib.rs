//! An order engine: carts, prices, orders, stock and payments as plain functions, behind ports to a store and to the world.
//!
//! A host joins an [`Engine`] from a [store], a [catalogue](gateway::Catalogue) and [payment providers](gateway::PaymentGateway),
//! and calls it: over HTTP, from a queue, from a test. The crate starts no thread, opens no connection, and reads neither clock nor
//! environment by itself.
//!
//! ```
//! use std::sync::Arc;
//!
//! use order_core::Engine;
//! use order_core::address::Address;
//! use order_core::cart::CartOwner;
//! use order_core::gateway::Product;
//! use order_core::id::{CustomerId, LocationId, ProductId, ProviderId, SellerId};
//! use order_core::memory::{MemoryCatalogue, MemoryStore, SimulatedGateway};
//! use order_core::money::{Currency, Money};
//! use order_core::order::{Actor, OrderStatus, Tender};
//! use order_core::service::{AddItem, PlaceOrder, Request};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (tea, simulated) = (ProductId::new("TEA")?, ProviderId::new("simulated")?);
//! let price = Money::parse("12.30", Currency::EUR)?;
//! let product = Product::new(tea.clone(), "Green tea", SellerId::new("north")?, price);
//! let engine = Engine::builder(Arc::new(MemoryStore::default()))
//!     .catalogue(Arc::new(MemoryCatalogue::from_iter([product])))
//!     .payment_gateway(simulated.clone(), Arc::new(SimulatedGateway::default()))
//!     .build()?;
//!
//! // The shop puts ten units on the shelf.
//! let shop = Request::by(Actor::Service("shop".to_owned()));
//! engine.inventory().set(tea.clone(), LocationId::new("main")?, 10, None, &shop).await?;
//!
//! // A customer puts two of them into the cart, and orders what is in it.
//! let alice = CustomerId::new("alice")?;
//! let owner = CartOwner::Customer(alice.clone());
//! engine.carts().add_item(&owner, AddItem { product_id: tea, quantity: 2, seller_id: None }, None).await?;
//! # let address = Address {
//! #     line1: "12 Harbour Street".to_owned(),
//! #     line2: None,
//! #     city: "Cork".to_owned(),
//! #     state: None,
//! #     postal_code: "T12 X70A".to_owned(),
//! #     country: "IE".to_owned(),
//! #     contact_name: None,
//! #     contact_phone: None,
//! # };
//! let order = PlaceOrder::from_cart(address, Tender::card(simulated, None));
//! let order = engine.orders().place(order, &Request::by(Actor::Customer(alice))).await?.value;
//!
//! assert_eq!(order.status, OrderStatus::Paid);
//! assert_eq!(order.totals.total.to_string(), "24.60 EUR");
//! # Ok(())
//! # }
//! ```
//!
//! # The nouns
//!
//! | noun | what it is |
//! |---|---|
//! | [`Cart`](cart::Cart) | what a customer or a guest is about to order |
//! | [`Quote`](pricing::Quote) | what a basket costs, every part with its reason |
//! | [`Order`](order::Order) | a copy of a cart at the prices of that moment, with its payments and parcels |
//! | [`Payment`](payment::Payment) | money for an order through one provider; what is done with it are its [operations](payment::Operation) |
//! | [`StockLevel`](inventory::StockLevel) | units of one product at one location: on hand, reserved, sold |
//! | [`Reservation`](inventory::Reservation) | units held for a while; it ends once |
//! | [`SellerGroup`](fulfilment::SellerGroup) | one seller's part of an order |
//! | [`InboxEntry`](inbox::InboxEntry) | what a payment provider told of its own accord, and what has become of it |
//! | [`WriteSet`](store::WriteSet) | everything one use case changes, committed whole or not at all |
//! | [`Request`](service::Request) | who asks, what they saw, and the key that makes it repeatable |
//!
//! # How it works
//!
//! Every command is a loop of three steps: *load* what it needs, *decide* by a plain function that gets time and ids as arguments,
//! *commit* one [`WriteSet`](store::WriteSet) with its guards. A guard that fails means: load again. A provider is called between
//! two commits, never inside one, and an answer that was lost is asked for, never guessed.
//!
//! A host runs the [passes](service::Passes) in the background, as often as it likes and on as many instances as it has.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `memory` | yes | [`memory`]: a store as strict as a database, a catalogue, a simulated provider |
//! | `conformance` | no | `conformance`: the test suite for stores and gateways; `simulation`: whole worlds from one seed |
//!
//! # What it does not do
//!
//! It speaks no protocol and no SQL: stores are in `order-adapters`, HTTP is in `order-http`. It knows no users and no passwords: a
//! host says who asks. It keeps no card numbers, only providers' tokens. It converts no currencies.

pub mod address;
pub mod cart;
pub mod checkout;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod fulfilment;
pub mod gateway;
pub mod id;
pub mod inbox;
pub mod inventory;
pub mod machine;
#[cfg(feature = "memory")]
pub mod memory;
pub mod money;
pub mod order;
pub mod outbox;
pub mod payment;
pub mod pricing;
pub mod reconciliation;
pub mod service;
#[cfg(feature = "conformance")]
pub mod simulation;
pub mod store;
mod text;
pub mod time;

/// For [`decorate_store!`].
#[doc(hidden)]
pub use async_trait::async_trait as __async_trait;
pub use error::{Error, ErrorKind, Invalid, Result, StoreError};
pub use service::{Engine, EngineBuilder};
