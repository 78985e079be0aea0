//! Orders on the wire.

use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::Error;
use order_core::address::Address;
use order_core::fulfilment::{SellerGroup, Shipment};
use order_core::id::{CouponCode, SellerId};
use order_core::inventory::ReservationStatus;
use order_core::money::Money;
use order_core::order::{
    Actor, Hold, LineStatus, Order, OrderLine, OrderPaymentStatus, OrderStatus, OrderTimestamps,
};
use order_core::service::Done;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::address::AddressBody;
use crate::call::answer_sized;
use crate::money::{MoneyBody, TotalsBody};
use crate::names::{FulfilmentStatusName, LineStatusName, OrderPaymentStatusName, OrderStatusName};
use crate::payments::PaymentSummaryBody;
use crate::time::written;

/// An order. A seller sees their own part of it only: their items, their totals, no payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderBody<'a> {
    id: Uuid,
    /// The number a human reads out.
    number: &'a str,
    user_id: &'a str,
    status: OrderStatusName,
    #[schema(value_type = OrderPaymentStatusName)]
    payment_status: OrderPaymentStatus,
    currency: &'a str,
    items: Vec<OrderItemBody<'a>>,
    /// The totals at placement. They never change.
    totals: TotalsBody,
    /// What went back.
    #[schema(value_type = MoneyBody)]
    refunded: Money,
    sellers: Vec<SellerBody<'a>>,
    #[schema(value_type = AddressBody)]
    shipping_address: &'a Address,
    /// The last payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentSummaryBody<'a>>,
    /// Until when stock is held for it, while it is not paid.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    reservation_expires_at: Option<DateTime<Utc>>,
    timestamps: TimestampsBody,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    coupons: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<&'a str>,
    /// The customer's wishes.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a str>,
    /// How many events there were: the `ETag`.
    version: u64,
    #[serde(serialize_with = "written")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "written")]
    updated_at: DateTime<Utc>,
}

/// An item of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderItem)]
#[serde(deny_unknown_fields)]
struct OrderItemBody<'a> {
    id: Uuid,
    product_id: &'a str,
    seller_id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    quantity: u32,
    #[schema(value_type = MoneyBody)]
    unit_price: Money,
    /// The unit price times the quantity.
    #[schema(value_type = MoneyBody)]
    total: Money,
    #[schema(value_type = LineStatusName)]
    status: LineStatus,
    /// How many units were cancelled.
    cancelled_quantity: u32,
    /// How many units were shipped.
    shipped_quantity: u32,
}

/// A seller's part of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderSeller)]
#[serde(deny_unknown_fields)]
pub(super) struct SellerBody<'a> {
    seller_id: &'a str,
    status: FulfilmentStatusName,
    /// The last parcel's.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<&'a str>,
    /// The last parcel's.
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a str>,
    /// The last parcel's.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    estimated_delivery: Option<DateTime<Utc>>,
    /// The seller's notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a str>,
    shipments: Vec<ShipmentBody<'a>>,
}

/// A parcel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shipment)]
#[serde(deny_unknown_fields)]
pub(super) struct ShipmentBody<'a> {
    id: Uuid,
    items: Vec<UnitsBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    estimated_delivery: Option<DateTime<Utc>>,
    #[serde(serialize_with = "written")]
    shipped_at: DateTime<Utc>,
}

/// Units of an item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Units)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitsBody {
    pub(super) item_id: Uuid,
    pub(super) quantity: u32,
}

/// When an order entered each status.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timestamps)]
#[serde(deny_unknown_fields)]
pub(super) struct TimestampsBody {
    #[serde(serialize_with = "written")]
    placed: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    confirmed: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    paid: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    processing: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    shipped: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    delivered: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    cancelled: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    refunded: Option<DateTime<Utc>>,
}

impl<'a> OrderBody<'a> {
    /// An order, as somebody may see it.
    pub(super) fn of(order: &'a Order, viewer: &Actor) -> Result<Self, Error> {
        let seller = seller_of(viewer);
        let is_seen = |id: &SellerId| seller.is_none_or(|seller| seller == id);
        let refunded = order.refunded()?;
        let (totals, refunded) = match seller {
            None => (order.totals, refunded),
            Some(id) => {
                let part = order.seller(id).ok_or(Error::NotFound { what: "order" })?;
                let share = order.seller_shares(refunded)?.into_iter().find(|(seller, _)| seller == id);
                (part.totals, share.map_or(Money::zero(order.currency), |(_, share)| share))
            }
        };
        let lines = order.lines.iter().filter(|line| is_seen(&line.seller_id));
        let payment = order.payments.last().filter(|_| seller.is_none());
        Ok(Self {
            id: order.id.uuid(),
            number: order.number.as_str(),
            user_id: order.customer_id.as_str(),
            status: OrderStatusName(order.status),
            payment_status: order.payment_status()?,
            currency: order.currency.code(),
            items: lines.map(|line| OrderItemBody::of(order, line)).collect(),
            totals: totals.into(),
            refunded,
            sellers: SellerBody::seen(order, viewer),
            shipping_address: &order.shipping_address,
            payment: payment.map(PaymentSummaryBody::of),
            reservation_expires_at: open_hold(order).map(|hold| hold.expires_at),
            timestamps: TimestampsBody::of(&order.timestamps, order.created_at),
            coupons: order.coupons.iter().map(CouponCode::as_str).collect(),
            cancel_reason: order.cancel_reason.as_deref(),
            notes: order.notes.as_deref(),
            version: order.version,
            created_at: order.created_at,
            updated_at: order.updated_at,
        })
    }

    /// How many bytes it takes, about.
    pub(super) fn size(&self) -> usize {
        self.items.len().saturating_mul(320).saturating_add(1024)
    }
}

/// The seller whose part alone a viewer may see.
fn seller_of(viewer: &Actor) -> Option<&SellerId> {
    if let Actor::Seller(id) = viewer { Some(id) } else { None }
}

/// The hold of an order, while it ends by itself.
fn open_hold(order: &Order) -> Option<&Hold> {
    let is_open =
        |hold: &&Hold| order.status == OrderStatus::Pending && hold.status == ReservationStatus::Active;
    order.hold.as_ref().filter(is_open)
}

impl<'a> OrderItemBody<'a> {
    fn of(order: &Order, line: &'a OrderLine) -> Self {
        Self {
            id: line.id.uuid(),
            product_id: line.product_id.as_str(),
            seller_id: line.seller_id.as_str(),
            name: &line.name,
            image: line.image.as_deref(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            total: line.totals.subtotal,
            status: order.line_status(line),
            cancelled_quantity: line.cancelled,
            shipped_quantity: line.shipped,
        }
    }
}

impl<'a> SellerBody<'a> {
    /// The parts of an order that somebody may see.
    pub(super) fn seen(order: &'a Order, viewer: &Actor) -> Vec<Self> {
        let seller = seller_of(viewer);
        let groups = order.sellers.iter().filter(|group| seller.is_none_or(|id| *id == group.seller_id));
        groups.map(Self::of).collect()
    }

    fn of(group: &'a SellerGroup) -> Self {
        let last = group.shipments.last();
        Self {
            seller_id: group.seller_id.as_str(),
            status: FulfilmentStatusName(group.status),
            tracking_number: last.and_then(|shipment| shipment.tracking_number.as_deref()),
            carrier: last.and_then(|shipment| shipment.carrier.as_deref()),
            estimated_delivery: last.and_then(|shipment| shipment.estimated_delivery),
            notes: group.notes.as_deref(),
            shipments: group.shipments.iter().map(ShipmentBody::of).collect(),
        }
    }
}

impl<'a> ShipmentBody<'a> {
    pub(super) fn of(shipment: &'a Shipment) -> Self {
        let units = |item: &order_core::fulfilment::ShippedItem| UnitsBody {
            item_id: item.line_id.uuid(),
            quantity: item.quantity,
        };
        Self {
            id: shipment.id.uuid(),
            items: shipment.items.iter().map(units).collect(),
            carrier: shipment.carrier.as_deref(),
            tracking_number: shipment.tracking_number.as_deref(),
            estimated_delivery: shipment.estimated_delivery,
            shipped_at: shipment.shipped_at,
        }
    }
}

impl TimestampsBody {
    pub(super) fn of(timestamps: &OrderTimestamps, created_at: DateTime<Utc>) -> Self {
        Self {
            placed: timestamps.placed.unwrap_or(created_at),
            confirmed: timestamps.confirmed,
            paid: timestamps.paid,
            processing: timestamps.processing,
            shipped: timestamps.shipped,
            delivered: timestamps.delivered,
            cancelled: timestamps.cancelled,
            refunded: timestamps.refunded,
        }
    }
}

/// Answers with an order, as somebody may see it.
pub(crate) fn answer_order(
    status: StatusCode,
    done: &Done<Order>,
    viewer: &Actor,
) -> Result<Response, Error> {
    let body = OrderBody::of(&done.value, viewer)?;
    Ok(answer_sized(status, &body, body.size(), Some(done.value.version), done.replayed))
}
