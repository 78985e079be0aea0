use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::gateway::GatewayError;
use crate::id::{OperationId, OrderId, PaymentId, ProviderReference};
use crate::money::Currency;
use crate::order::Order;
use crate::payment::{Payment, PaymentReport};
use crate::time::Timestamp;

/// A provider's books: what it has of each payment, whoever brought it about.
///
/// It stands beside [`PaymentGateway`](crate::gateway::PaymentGateway): one moves money, the other tells what has moved. What is read
/// here is the fact behind every webhook.
#[async_trait]
pub trait ProviderBooks: fmt::Debug + Send + Sync {
    /// What the provider has of a payment now; `None` when it has never heard of it.
    ///
    /// # Errors
    /// [`GatewayError`]; nothing is concluded from it.
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError>;

    /// A page of everything that was begun in a window of time, ours or not, in the provider's own order. Whoever goes on from
    /// [`BooksPage::next`] with the same window misses nothing and gets nothing twice.
    ///
    /// # Errors
    /// As [`report`](Self::report).
    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError>;
}

/// A payment of ours, as a provider may find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PaymentRef {
    /// Our payment.
    pub payment_id: PaymentId,
    /// Our order.
    pub order_id: OrderId,
    /// The idempotency key of the charge or authorisation it began with.
    pub first_key: Option<OperationId>,
    /// What the provider called it, when it has said so.
    pub reference: Option<ProviderReference>,
    /// Its currency.
    pub currency: Currency,
    /// When it was begun.
    pub created_at: Timestamp,
}

impl PaymentRef {
    /// How a provider may find a payment of an order.
    pub fn new(order: &Order, payment: &Payment) -> Self {
        Self {
            payment_id: payment.id,
            order_id: order.id,
            first_key: payment.first_operation().map(|first| first.id),
            reference: payment.reference.clone(),
            currency: payment.amount.currency(),
            created_at: payment.created_at,
        }
    }

    /// A payment of which we have no order, by the provider's own name for it.
    pub(crate) fn orphan(payment_id: PaymentId, reference: ProviderReference, currency: Currency) -> Self {
        Self {
            payment_id,
            order_id: OrderId::from_uuid(uuid::Uuid::nil()),
            first_key: None,
            reference: Some(reference),
            currency,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }
}

/// Which part of the books to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct BooksWindow {
    /// From when, included.
    pub since: Timestamp,
    /// Until when, not included.
    pub until: Timestamp,
    /// How many reports a page may have.
    pub limit: u32,
}

/// A page of a provider's books.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "adapters write it as a literal")]
pub struct BooksPage {
    /// What is on it.
    pub reports: Vec<PaymentReport>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<String>,
}
