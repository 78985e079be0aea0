//! The names of statuses on the wire. They are read off the engine's tables, so that the two can't differ.

use order_core::fulfilment::FulfilmentStatus;
use order_core::inbox::InboxStatus;
use order_core::inventory::ReservationStatus;
use order_core::machine::Names;
use order_core::order::OrderStatus;
use order_core::payment::{OperationKind, OperationStatus, PaymentStatus};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! names {
    ($($(#[$doc:meta])* $wire:ident($status:ty) = $name:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $wire(pub(crate) $status);

        impl Serialize for $wire {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.name())
            }
        }

        impl<'de> Deserialize<'de> for $wire {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$status>::deserialize(deserializer).map(Self)
            }
        }

        impl PartialSchema for $wire {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::String))
                    .enum_values(Some(<$status>::ALL.iter().map(|status| status.name())))
                    .into()
            }
        }

        impl ToSchema for $wire {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    )+};
}

names! {
    /// The status of an order.
    OrderStatusName(OrderStatus) = "OrderStatus";
    /// The status of a seller's part of an order.
    FulfilmentStatusName(FulfilmentStatus) = "FulfilmentStatus";
    /// The status of a reservation.
    ReservationStatusName(ReservationStatus) = "ReservationStatus";
    /// What has become of a webhook.
    InboxStatusName(InboxStatus) = "WebhookStatus";
    /// The status of one call to a provider.
    OperationStatusName(OperationStatus) = "OperationStatus";
}

macro_rules! schemas {
    ($($(#[$doc:meta])* $wire:ident = $name:ident { $($variant:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize, ToSchema)]
        #[schema(as = $name)]
        #[serde(rename_all = "snake_case")]
        #[expect(dead_code, reason = "only its schema is used: the engine's own type is what is written and read")]
        pub(crate) enum $wire { $($variant),+ }
    )+};
}

schemas! {
    /// How far the money for an order has come.
    OrderPaymentStatusName = OrderPaymentStatus {
        Pending, Authorized, PartiallyPaid, Paid, PartiallyRefunded, Refunded, Failed,
    }
    /// What has become of an item of an order.
    LineStatusName = ItemStatus { Reserved, Confirmed, Cancelled, Fulfilled }
    /// How the customer pays.
    PaymentMethodName = PaymentMethod { Card, Cod, Upi, NetBanking, Wallet }
    /// What is the matter with an order's money.
    FindingKindName = FindingKind {
        AmountDiffers, CurrencyDiffers, CapturedDiffers, RefundedDiffers, OutcomeUnknown, RefundFailed, Disputed,
        DisputeLost, MoneyGone,
    }
    /// Whether somebody should look at it.
    FindingStatusName = FindingStatus { Open, Resolved }
    /// What somebody says about a finding.
    ResolutionName = Resolution { Dismiss, AcceptProvider }
    /// What a provider's books and ours don't agree on.
    DifferenceKindName = DifferenceKind {
        MoneyWithoutPayment, OrderMissing, SecondObject, NotAtProvider, CurrencyDiffers, AmountDiffers, OutcomeDiffers,
        CapturedMore, CapturedLess, RefundedMore, RefundedLess, NotReleased, Released, DisputeUnknown,
    }
    /// Who can repair a difference: the engine (`automatic`), or a person.
    RepairName = Repair { Automatic, ByHand }
    /// How a difference is repaired.
    RemedyName = Remedy { TakeIn, ResolveFinding, ReturnOrphan, ReturnAtProvider, Void, Investigate }
    /// Whose doing an operation is: ours, somebody's at the provider, or that of time.
    OriginName = Origin { Engine, Provider, Expiry }
    /// What a webhook is about. `orphan` is none: the staff has decided that money goes back.
    NoticeKindName = WebhookKind { Payment, Refund, Dispute, Orphan, Unknown }
    /// What has become of money that is to go back.
    OrphanStatusName = OrphanStatus { Open, Returned, Refused }
    /// How far a dispute is.
    DisputeStatusName = DisputeStatus { Open, Won, Lost }
    /// Whether a payment is captured at once or by a later command.
    CaptureModeName = CaptureMode { Automatic, Manual }
}

/// How far a payment has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentStatus)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaymentStatusName {
    Pending,
    Processing,
    Unknown,
    ActionRequired,
    Authorized,
    Captured,
    PartiallyRefunded,
    Refunded,
    Voided,
    Declined,
}

impl From<PaymentStatus> for PaymentStatusName {
    fn from(status: PaymentStatus) -> Self {
        match status {
            PaymentStatus::Pending => Self::Pending,
            PaymentStatus::Processing => Self::Processing,
            PaymentStatus::ActionRequired => Self::ActionRequired,
            PaymentStatus::Authorised => Self::Authorized,
            PaymentStatus::Captured => Self::Captured,
            PaymentStatus::PartiallyRefunded => Self::PartiallyRefunded,
            PaymentStatus::Refunded => Self::Refunded,
            PaymentStatus::Voided => Self::Voided,
            PaymentStatus::Declined => Self::Declined,
            PaymentStatus::Unknown | _ => Self::Unknown,
        }
    }
}

/// What a call to a provider is for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperationKind)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OperationKindName {
    Charge,
    Authorize,
    Capture,
    Void,
    Refund,
}

impl From<OperationKind> for OperationKindName {
    fn from(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Charge => Self::Charge,
            OperationKind::Authorise => Self::Authorize,
            OperationKind::Capture => Self::Capture,
            OperationKind::Void => Self::Void,
            OperationKind::Refund => Self::Refund,
        }
    }
}
