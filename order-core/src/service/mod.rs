//! Services: the loops that load, decide and commit.
//!
//! An [`Engine`] joins a store, the gateways and the policies of a host. It is cheap to clone, and holds nothing that
//! would be missed: any number of them may work on one store. What it does is grouped by noun: [`carts`](Engine::carts), [`orders`](Engine::orders),
//! [`payments`](Engine::payments), [`webhooks`](Engine::webhooks), [`inventory`](Engine::inventory),
//! [`reconciliation`](Engine::reconciliation), and the [`passes`](Engine::passes) a host runs in the background.
//!
//! Every command comes with a [`Request`]: who asks, which version they saw, and the idempotency key that makes it repeatable.

mod both;
mod carts;
mod change;
mod drive;
mod engine;
mod inventory;
mod known_carts;
mod known_stock;
mod orders;
mod passes;
mod payments;
mod place;
mod reconciliation;
mod request;
mod setbacks;
mod stock;
mod webhooks;

pub use carts::{AddItem, Carts, QuoteRequest};
pub use engine::{Engine, EngineBuilder};
pub use inventory::{Inventory, ReserveStock};
pub use orders::{CancelOrder, Orders, ShipOrder};
pub use passes::{PassReport, Passes};
pub use payments::{Payments, RefundTarget};
pub use place::{OrderItem, PlaceOrder};
pub use reconciliation::{
    FailedComparison, OrphanReturn, OrphanStatus, ReconcileBooks, Reconciliation, ReconciliationCursor,
    ReconciliationPage, ReturnOrphan,
};
pub use request::{Done, Idempotency, Request};
pub use setbacks::Setback;
pub use webhooks::{NoticeReceipt, Webhooks};
