//! The names of statuses on the wire. They are read off the engine's tables, so that the two can't differ.

use order_core::fulfilment::FulfilmentStatus;
use order_core::inventory::ReservationStatus;
use order_core::machine::Names;
use order_core::order::OrderStatus;
use order_core::payment::OperationStatus;
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
    /// The status of one call to a provider.
    OperationStatusName(OperationStatus) = "OperationStatus";
}
