use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fulfilment::{FulfilmentMove, Shipment};
use crate::id::{CustomerId, FindingId, LineId, OperationId, OrderId, PaymentId, SellerId};
use crate::money::Money;
use crate::order::{Cancellation, Finding, Hold, Order, OrderMove};
use crate::payment::{Answer, Operation, Payment, PaymentReport};
use crate::time::Timestamp;

/// Something that happened to an order. The fold of all of them is the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrderEvent {
    /// The order was placed. It is always the first event.
    Placed {
        /// The order as it was placed.
        order: Arc<Order>,
    },
    /// The order's status moved.
    Moved {
        /// By what.
        by: OrderMove,
        /// Why, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Another payment was begun.
    PaymentAdded {
        /// The payment.
        payment: Payment,
    },
    /// A call to a provider is about to be made. Its maker has claimed it.
    OperationStarted {
        /// The payment it belongs to.
        payment_id: PaymentId,
        /// The operation.
        operation: Operation,
        /// Why, in words, when somebody said so.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A call is made again with the same key, because the provider had not heard of it.
    OperationResent {
        /// The operation.
        operation_id: OperationId,
        /// Until when its maker has claimed it.
        claimed_until: Timestamp,
    },
    /// Something was learnt of a call.
    OperationAnswered {
        /// The operation.
        operation_id: OperationId,
        /// What was learnt.
        answer: Answer,
        /// When to ask again, if it is still open or watched.
        #[serde(skip_serializing_if = "Option::is_none")]
        look_at: Option<Timestamp>,
        /// Something a person should look at, e.g. `amount_mismatch`.
        #[serde(skip_serializing_if = "Option::is_none")]
        finding: Option<String>,
        /// The amount that the provider spoke of, when it was not the one that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claimed: Option<Money>,
    },
    /// A provider's books said something new about a payment.
    PaymentReported {
        /// The payment.
        payment_id: PaymentId,
        /// What they said.
        report: Box<PaymentReport>,
    },
    /// Something was done with a payment at its provider, without us.
    OperationObserved {
        /// The payment it belongs to.
        payment_id: PaymentId,
        /// The operation that stands for it.
        operation: Operation,
    },
    /// A refund failed, though it may have succeeded before: its money is with us again.
    OperationReversed {
        /// The operation.
        operation_id: OperationId,
    },
    /// Something was found that a person should look at.
    FindingOpened {
        /// What.
        finding: Finding,
    },
    /// What was found is settled.
    FindingResolved {
        /// The finding.
        finding_id: FindingId,
        /// By whom. The engine itself, when the matter is no more.
        by: Actor,
        /// What was done about it, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Money that was taken outside of every provider was recorded.
    PaymentRecorded {
        /// The payment.
        payment_id: PaymentId,
        /// How much.
        amount: Money,
        /// The operation that stands for it.
        operation_id: OperationId,
    },
    /// The held units were sold.
    HoldConfirmed,
    /// The held units were let go.
    HoldReleased,
    /// The time of the hold was over.
    HoldExpired,
    /// The order was paid after its hold had expired, and its units were taken again.
    HoldRenewed {
        /// The new hold.
        hold: Hold,
    },
    /// The order is to be cancelled, as soon as its money is settled.
    CancellationRequested {
        /// Why.
        cancellation: Cancellation,
    },
    /// The cancellation was given up: the order was paid after all.
    CancellationDropped,
    /// Units were cancelled.
    LinesCancelled {
        /// Which, and what they are worth.
        lines: Vec<CancelledUnits>,
        /// Why, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A refund was granted.
    RefundGranted {
        /// How much.
        amount: Money,
        /// Why, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A seller's part moved.
    GroupMoved {
        /// Whose part.
        seller_id: SellerId,
        /// By what.
        by: FulfilmentMove,
        /// The seller's notes.
        #[serde(skip_serializing_if = "Option::is_none")]
        notes: Option<String>,
    },
    /// A parcel left.
    ParcelShipped {
        /// Who sent it.
        seller_id: SellerId,
        /// The parcel.
        shipment: Shipment,
    },
}

impl OrderEvent {
    /// Its name for subscribers, in the past tense: `order.paid`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Placed { .. } => "order.placed",
            Self::Moved { by, .. } => match by {
                OrderMove::Confirm => "order.confirmed",
                OrderMove::Pay => "order.paid",
                OrderMove::Process => "order.processing_started",
                OrderMove::Ship => "order.shipped",
                OrderMove::Deliver => "order.delivered",
                OrderMove::Cancel => "order.cancelled",
                OrderMove::Refund => "order.refunded",
            },
            Self::PaymentAdded { .. } => "payment.added",
            Self::OperationStarted { .. } => "payment.operation_started",
            Self::OperationResent { .. } => "payment.operation_resent",
            Self::OperationAnswered { answer, .. } => match answer {
                Answer::Succeeded { .. } | Answer::FinalCapture { .. } => "payment.operation_succeeded",
                Answer::ActionRequired { .. } => "payment.action_required",
                Answer::Declined(_) => "payment.operation_declined",
                Answer::Unknown => "payment.operation_unknown",
                Answer::Approved | Answer::Absent => "payment.operation_lapsed",
            },
            Self::PaymentReported { .. } => "payment.reported",
            Self::OperationObserved { .. } => "payment.operation_observed",
            Self::OperationReversed { .. } => "payment.operation_reversed",
            Self::FindingOpened { .. } => "finding.opened",
            Self::FindingResolved { .. } => "finding.resolved",
            Self::PaymentRecorded { .. } => "payment.recorded",
            Self::HoldConfirmed => "stock.confirmed",
            Self::HoldReleased => "stock.released",
            Self::HoldExpired => "stock.expired",
            Self::HoldRenewed { .. } => "stock.renewed",
            Self::CancellationRequested { .. } => "order.cancellation_requested",
            Self::CancellationDropped => "order.cancellation_dropped",
            Self::LinesCancelled { .. } => "order.lines_cancelled",
            Self::RefundGranted { .. } => "order.refund_granted",
            Self::GroupMoved { by, .. } => match by {
                FulfilmentMove::Process => "seller.processing_started",
                FulfilmentMove::Ship => "seller.shipped",
                FulfilmentMove::Deliver => "seller.delivered",
                FulfilmentMove::Cancel => "seller.cancelled",
            },
            Self::ParcelShipped { .. } => "order.parcel_shipped",
        }
    }
}

/// Units of a line that were cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CancelledUnits {
    /// The line.
    pub line_id: LineId,
    /// How many units.
    pub quantity: u32,
    /// What they are worth, with their share of discount, tax and shipping.
    pub amount: Money,
}

impl CancelledUnits {
    /// Cancelled units.
    pub fn new(line_id: LineId, quantity: u32, amount: Money) -> Self {
        Self { line_id, quantity, amount }
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// A customer.
    Customer(CustomerId),
    /// One of the staff.
    Staff(CustomerId),
    /// A seller.
    Seller(SellerId),
    /// Another service, by its name.
    Service(String),
    /// The engine itself: a sweep, a recovery.
    Engine,
}

/// An event with everything an auditor asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventRecord {
    /// The order.
    pub order_id: OrderId,
    /// Its place in the order's history: 1, 2, 3 …
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Who brought it about.
    pub actor: Actor,
    /// What ties it to a request: its idempotency key or request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// What happened.
    pub event: OrderEvent,
}

impl EventRecord {
    /// A record.
    pub fn new(
        order_id: OrderId,
        sequence: u64,
        at: Timestamp,
        actor: Actor,
        correlation: Option<String>,
        event: OrderEvent,
    ) -> Self {
        Self { order_id, sequence, at, actor, correlation, event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{IdSource as _, SeededIds};
    use crate::money::Currency;
    use crate::payment::OperationKind;

    /// A call to a provider had no reason once; later, what there was none of was written as null.
    #[test]
    fn events_of_earlier_versions_are_read() {
        let now = Timestamp::UNIX_EPOCH;
        let id = SeededIds::new(1).next(now);
        let amount = Money::from_minor(100, Currency::EUR);
        let operation = Operation::new(OperationId::from_uuid(id), OperationKind::Capture, amount, now);
        let payment_id = PaymentId::from_uuid(id);
        let event = OrderEvent::OperationStarted { payment_id, operation, reason: None };
        let mut stored = serde_json::to_value(&event).unwrap();
        assert_eq!(stored.get("reason"), None);
        assert_eq!(serde_json::from_value::<OrderEvent>(stored.clone()).unwrap(), event);
        stored["reason"] = serde_json::Value::Null;
        stored["operation"]["reference"] = serde_json::Value::Null;
        assert_eq!(serde_json::from_value::<OrderEvent>(stored).unwrap(), event);
    }

    /// A document database may give the fields of a document back in another order.
    #[test]
    fn the_tag_of_an_event_may_stand_anywhere() {
        let moved = OrderEvent::Moved { by: OrderMove::Pay, reason: Some("counted".to_owned()) };
        for text in [
            r#"{"event":"moved","by":"pay","reason":"counted"}"#,
            r#"{"by":"pay","event":"moved","reason":"counted"}"#,
            r#"{"by":"pay","reason":"counted","event":"moved","more":1}"#,
        ] {
            assert_eq!(serde_json::from_str::<OrderEvent>(text).unwrap(), moved, "{text}");
        }
        for text in ["{}", r#"{"event":"placed"}"#, r#"{"event":"lost"}"#, r#"{"by":"pay"}"#, "[]", "1"] {
            assert!(serde_json::from_str::<OrderEvent>(text).is_err(), "{text}");
        }
    }
}
