//! Ports to the world: what the engine asks of services it does not own.
//!
//! Each port is a small object-safe trait. A gateway knows how to speak to one service and holds no business rule.
//!
//! | port | asks |
//! |---|---|
//! | [`Catalogue`] | which products there are, and what they cost |
//! | [`Customers`] | who a customer is, and whether they may order |
//! | [`PaymentGateway`] | a payment provider to move money, and what became of it |
//! | [`ProviderBooks`] | a payment provider what it has in its books |
//! | [`EventPublisher`] | somebody to hear what happened |
//! | [`Hook`] | the host whether a step may be taken |
//! | [`NoticeReader`] | nobody: it tells whether a webhook is the provider's, and what it says |

mod books;
mod catalogue;
mod customers;
mod error;
mod events;
mod hook;
mod notice;
mod payments;

pub use books::{BooksPage, BooksWindow, PaymentRef, ProviderBooks};
pub use catalogue::{Catalogue, Product};
pub use customers::{Customer, Customers, VouchedCustomers};
pub use error::GatewayError;
pub use events::EventPublisher;
pub use hook::{Hook, Step, Veto};
pub use notice::{Delivery, Notice, NoticeKind, NoticeReader, Rejected};
pub use payments::{Instruction, PaymentGateway};
