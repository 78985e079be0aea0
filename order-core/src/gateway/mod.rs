//! Ports to the world: what the engine asks of services it does not own.
//!
//! Each port is a small object-safe trait. A gateway knows how to speak to one service and holds no business rule.
//!
//! | port | asks |
//! |---|---|
//! | [`Catalogue`] | which products there are, and what they cost |
//! | [`Customers`] | who a customer is, and whether they may order |
//! | [`PaymentGateway`] | a payment provider to move money, and what became of it |
//! | [`EventPublisher`] | somebody to hear what happened |
//! | [`Hook`] | the host whether a step may be taken |

mod catalogue;
mod customers;
mod error;
mod events;
mod hook;
mod payments;

pub use catalogue::{Catalogue, Product};
pub use customers::{Customer, Customers, VouchedCustomers};
pub use error::GatewayError;
pub use events::EventPublisher;
pub use hook::{Hook, Step, Veto};
pub use payments::{Instruction, PaymentGateway};
