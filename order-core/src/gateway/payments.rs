use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::gateway::GatewayError;
use crate::id::{CustomerId, OperationId, OrderId, OrderNumber, PaymentId, ProviderReference};
use crate::money::Money;
use crate::order::Order;
use crate::payment::{Answer, Operation, OperationKind, Payment, PaymentMethod, ProviderToken};

/// A payment provider.
///
/// # Contract
/// * [`Instruction::key`] is the provider's idempotency key: however often an instruction with the same key is executed, money
///   moves at most once, and the answer is that of the first time.
/// * An answer that was lost is [`GatewayError::Unknown`] or [`Answer::Unknown`], never a decline. [`GatewayError::NotSent`] is
///   only for what surely did not arrive.
/// * `Absent` is only answered to a question, and means that the provider has not heard of the key so far.
/// * `Approved` is only answered to a question, and means that the customer has agreed, and that nothing moves until the same
///   instruction is executed again. The engine does so, if the operation is still wanted.
/// * `FinalCapture` is only answered to a capture, and means that the rest of what was set aside is released with it. A provider whose
///   authorisations are captured once, and that answers `Succeeded`, leaves the engine believing in the rest until its books are read.
/// * An amount that the provider can't be told exactly is declined before anything is sent; it is never rounded.
/// * An amount in an answer is what the provider says, and no copy of the instruction's: the engine compares them.
#[async_trait]
pub trait PaymentGateway: fmt::Debug + Send + Sync {
    /// Carries out an instruction.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn execute(&self, instruction: &Instruction) -> Result<Answer, GatewayError>;

    /// Asks what became of an instruction, without carrying it out.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn ask(&self, instruction: &Instruction) -> Result<Answer, GatewayError>;
}

/// One call to a provider, with everything it may need to know.
///
/// It is serialisable, so that a provider's stand-in can keep a journal of what it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Instruction {
    /// The idempotency key.
    pub key: OperationId,
    /// What to do.
    pub kind: OperationKind,
    /// How much money it is about.
    pub amount: Money,
    /// The key of the charge or authorisation that a later operation belongs to. Of money that no order stands for it is not known, and
    /// the [reference](Self::reference) is.
    pub first_key: OperationId,
    /// What the provider called the charge or authorisation, when it has said so.
    pub reference: Option<ProviderReference>,
    /// How the customer pays.
    pub method: PaymentMethod,
    /// The provider's token.
    pub token: Option<ProviderToken>,
    /// Our payment.
    pub payment_id: PaymentId,
    /// Our order.
    pub order_id: OrderId,
    /// Its number, for the customer's statement.
    pub order_number: OrderNumber,
    /// Whose it is.
    pub customer_id: CustomerId,
}

impl Instruction {
    /// The instruction for an operation of a payment of an order.
    pub fn new(order: &Order, payment: &Payment, operation: &Operation) -> Self {
        Self {
            key: operation.id,
            kind: operation.kind,
            amount: operation.amount,
            first_key: payment.first_operation().map_or(operation.id, |first| first.id),
            reference: payment.reference.clone(),
            method: payment.method,
            token: payment.token.clone(),
            payment_id: payment.id,
            order_id: order.id,
            order_number: order.number.clone(),
            customer_id: order.customer_id.clone(),
        }
    }

    /// The instruction to give back, or to give up, money that no order stands for. The provider finds it by its own name for it; what
    /// only an order could tell is not told.
    pub(crate) fn about_orphan(
        payment_id: PaymentId,
        reference: ProviderReference,
        key: OperationId,
        kind: OperationKind,
        amount: Money,
    ) -> Result<Self> {
        let unknown = |_| Error::Internal("a name for what is not known");
        Ok(Self {
            key,
            kind,
            amount,
            first_key: key,
            reference: Some(reference),
            method: PaymentMethod::Card,
            token: None,
            payment_id,
            order_id: OrderId::from_uuid(uuid::Uuid::nil()),
            order_number: OrderNumber::new("unknown").map_err(unknown)?,
            customer_id: CustomerId::new("unknown").map_err(unknown)?,
        })
    }
}
