use serde::{Deserialize, Serialize};

use crate::id::{OperationId, OrderId, PaymentId, ProviderReference};
use crate::money::Money;
use crate::order::Order;
use crate::payment::{Operation, Payment};

/// Something that a provider's books and ours don't agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// What differs.
    pub kind: DifferenceKind,
    /// Our order, where there is one.
    pub order_id: Option<OrderId>,
    /// Our payment; also where only the provider knows of it.
    pub payment_id: Option<PaymentId>,
    /// The operation of ours that it is about.
    pub operation_id: Option<OperationId>,
    /// The provider's object that it is about: a payment, a refund, a dispute.
    pub reference: Option<ProviderReference>,
    /// What we have. Nothing, where there is nothing of ours.
    pub ours: Option<Money>,
    /// What the provider has. Nothing, where it has never heard of the payment.
    pub theirs: Option<Money>,
    /// Who can repair it.
    pub repair: Repair,
}

/// What may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DifferenceKind {
    /// There is money at the provider, and nothing there tells that it is ours: another program on the same account, or a payment
    /// that somebody has made in the dashboard.
    MoneyWithoutPayment,
    /// There is money at the provider for a payment that is ours by its id, and we have no order with such a payment.
    OrderMissing,
    /// There is money at the provider for a payment of ours under another object than the payment's own: it was paid twice.
    SecondObject,
    /// We believe that money has moved, and the provider has never heard of the payment, or has nothing for it.
    NotAtProvider,
    /// The provider's money is of another currency.
    CurrencyDiffers,
    /// The provider has done something we asked for with another amount.
    AmountDiffers,
    /// The provider knows the outcome of a call of ours, and we don't, or believe another one.
    OutcomeDiffers,
    /// The provider has captured more than we know of.
    CapturedMore,
    /// The provider has captured less than we believe.
    CapturedLess,
    /// More went back at the provider than we know of.
    RefundedMore,
    /// Less went back at the provider than we believe.
    RefundedLess,
    /// Money is set aside at the provider for an order that is over.
    NotReleased,
    /// What we believe to be set aside isn't any more.
    Released,
    /// There is a dispute, or its end, that we don't know of.
    DisputeUnknown,
}

impl DifferenceKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::MoneyWithoutPayment,
        Self::OrderMissing,
        Self::SecondObject,
        Self::NotAtProvider,
        Self::CurrencyDiffers,
        Self::AmountDiffers,
        Self::OutcomeDiffers,
        Self::CapturedMore,
        Self::CapturedLess,
        Self::RefundedMore,
        Self::RefundedLess,
        Self::NotReleased,
        Self::Released,
        Self::DisputeUnknown,
    ];
}

/// Who can repair a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "somebody has to do it, or nobody")]
pub enum Repair {
    /// The engine: it takes in what the provider says, and the difference is gone.
    Automatic,
    /// A person.
    ByHand,
}

/// How a difference is repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remedy {
    /// By the engine: the provider's books are taken in.
    TakeIn,
    /// The order has a finding, once the books were taken in: somebody looks into it, and resolves it
    /// ([`Payments::resolve`](crate::service::Payments::resolve)).
    ResolveFinding,
    /// There is no order that the money could be for: the staff has it given back
    /// ([`Reconciliation::return_orphan`](crate::service::Reconciliation::return_orphan)), or restores the order.
    ReturnOrphan,
    /// The money goes back where it came from, in the provider's dashboard: the payment has a record of ours, and this is not it.
    ReturnAtProvider,
    /// What is set aside is given up ([`Payments::void`](crate::service::Payments::void)), or in the provider's dashboard where we
    /// believe that it is given up already.
    Void,
    /// Somebody has to find out at the provider what has happened.
    Investigate,
}

impl Difference {
    /// A difference that nobody has tried to repair.
    pub(super) fn new(kind: DifferenceKind, ours: Option<Money>, theirs: Option<Money>) -> Self {
        Self {
            kind,
            order_id: None,
            payment_id: None,
            operation_id: None,
            reference: None,
            ours,
            theirs,
            repair: Repair::ByHand,
        }
    }

    pub(super) fn of(self, order: &Order, payment: &Payment) -> Self {
        let (order_id, payment_id) = (Some(order.id), Some(payment.id));
        let reference = self.reference.or_else(|| payment.reference.clone());
        Self { order_id, payment_id, reference, ..self }
    }

    pub(super) fn about(self, operation: &Operation) -> Self {
        let reference = self.reference.or_else(|| operation.reference.clone());
        Self { operation_id: Some(operation.id), reference, ..self }
    }

    pub(super) fn named(self, reference: Option<&ProviderReference>) -> Self {
        Self { reference: reference.cloned(), ..self }
    }

    /// Whether another one is the same matter, be it with other amounts.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.payment_id == other.payment_id
            && self.operation_id == other.operation_id
            && self.reference == other.reference
    }

    /// How it is repaired.
    pub fn remedy(&self) -> Remedy {
        if self.repair == Repair::Automatic {
            return Remedy::TakeIn;
        }
        match self.kind {
            DifferenceKind::OrderMissing => Remedy::ReturnOrphan,
            DifferenceKind::SecondObject => Remedy::ReturnAtProvider,
            DifferenceKind::NotReleased => Remedy::Void,
            DifferenceKind::CurrencyDiffers
            | DifferenceKind::AmountDiffers
            | DifferenceKind::OutcomeDiffers
            | DifferenceKind::CapturedMore
            | DifferenceKind::CapturedLess
            | DifferenceKind::RefundedMore
            | DifferenceKind::RefundedLess => Remedy::ResolveFinding,
            DifferenceKind::MoneyWithoutPayment
            | DifferenceKind::NotAtProvider
            | DifferenceKind::Released
            | DifferenceKind::DisputeUnknown => Remedy::Investigate,
        }
    }
}
