use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::fulfilment::SellerGroup;
use crate::id::{
    CartId, CouponCode, CustomerId, LineId, OperationId, OrderId, OrderNumber, PaymentId, ProductId,
    ReservationId, SellerId,
};
use crate::inventory::{ReservationLine, ReservationStatus};
use crate::money::{Currency, Money};
use crate::order::line_form::LineForm;
use crate::order::order_form::OrderForm;
use crate::order::{Finding, OrderStatus};
use crate::payment::{Operation, Payment};
use crate::pricing::{Adjustment, Totals};
use crate::time::Timestamp;

/// A customer's order: a copy of what was in the cart, at the prices of that moment, with its payments and parcels.
///
/// Its state is the fold of its [events](crate::order::OrderEvent); `version` is the sequence number of the last one.
///
/// Stores keep it and its events as they are written with serde: what there is none of, and what the rest tells, is left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "OrderForm")]
#[non_exhaustive]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The number a human reads out.
    pub number: OrderNumber,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// How to reach them.
    pub contact: Option<Contact>,
    /// The cart it was made from. A cart becomes at most one order.
    pub cart_id: Option<CartId>,
    /// The currency of every amount in it.
    pub currency: Currency,
    /// Its status.
    pub status: OrderStatus,
    /// The sequence number of its last event.
    pub version: u64,
    /// What was ordered. Lines are never added or removed, only cancelled.
    pub lines: Vec<OrderLine>,
    /// The totals at placement. They never change.
    pub totals: Totals,
    /// Where it goes.
    pub shipping_address: Address,
    /// The sellers' parts of it.
    pub sellers: Vec<SellerGroup>,
    /// The money for it.
    pub payments: Vec<Payment>,
    /// What a person should look at, or has looked at.
    pub findings: Vec<Finding>,
    /// The stock held for it.
    pub hold: Option<Hold>,
    /// Why and by whom it is to be cancelled, while money is still on its way.
    pub cancellation: Option<Cancellation>,
    /// Refunds granted beyond what was cancelled.
    pub granted: Money,
    /// The coupons that were used.
    pub coupons: Vec<CouponCode>,
    /// When it entered each status.
    pub timestamps: OrderTimestamps,
    /// Why it was cancelled.
    pub cancel_reason: Option<String>,
    /// The customer's wishes.
    pub notes: Option<String>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// The most lines an order may have: a page on a screen, and a bounded commit.
    pub const MAX_LINES: usize = 100;
    /// The most payments an order may have: split tenders and second tries.
    pub const MAX_PAYMENTS: usize = 20;

    /// Finds a line.
    pub fn line(&self, id: LineId) -> Option<&OrderLine> {
        self.lines.iter().find(|line| line.id == id)
    }

    /// Finds a payment.
    pub fn payment(&self, id: PaymentId) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.id == id)
    }

    /// Finds an operation and its payment.
    pub fn operation(&self, id: OperationId) -> Option<(&Payment, &Operation)> {
        self.payments.iter().find_map(|payment| payment.operation(id).map(|operation| (payment, operation)))
    }

    /// Finds a seller's part.
    pub fn seller(&self, id: &SellerId) -> Option<&SellerGroup> {
        self.sellers.iter().find(|group| group.seller_id == *id)
    }

    /// Whether it wants no more money: it is cancelled, or is to be, or all its money went back. What is set aside for it is given up,
    /// and what comes nevertheless goes back.
    pub(crate) fn is_called_off(&self) -> bool {
        self.cancellation.is_some() || matches!(self.status, OrderStatus::Cancelled | OrderStatus::Refunded)
    }

    /// Whether any unit of it has left a seller.
    pub fn is_partly_shipped(&self) -> bool {
        self.lines.iter().any(|line| line.shipped > 0)
    }
}

/// How to reach a customer. Erased on request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contact {
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Contact {
    /// The longest name or mail address, in bytes: more than a mail address may have (RFC 5321: 64 + 1 + 255).
    pub const MAX_BYTES: usize = 400;
}

/// What was ordered of one product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "LineForm<'static>")]
#[non_exhaustive]
pub struct OrderLine {
    /// Its id: the same as in the cart.
    pub id: LineId,
    /// The product.
    pub product_id: ProductId,
    /// Who sells it.
    pub seller_id: SellerId,
    /// The product's name at placement.
    pub name: String,
    /// The product's picture at placement.
    pub image: Option<String>,
    /// The price of one unit at placement.
    pub unit_price: Money,
    /// How many units were ordered.
    pub quantity: u32,
    /// How many of them were cancelled.
    pub cancelled: u32,
    /// What the cancelled units were worth, with their share of discount, tax and shipping.
    pub cancelled_amount: Money,
    /// How many of them were shipped.
    pub shipped: u32,
    /// The line's share of the order's totals. Cancellations consume it, so that they add up to exactly what was paid.
    pub totals: Totals,
    /// How the share came about.
    pub adjustments: Vec<Adjustment>,
}

impl OrderLine {
    /// How many units are neither cancelled nor shipped.
    pub fn open(&self) -> u32 {
        self.quantity.saturating_sub(self.cancelled).saturating_sub(self.shipped)
    }

    /// How many units are not cancelled.
    pub fn kept(&self) -> u32 {
        self.quantity.saturating_sub(self.cancelled)
    }
}

/// What has become of a line, as its customer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LineStatus {
    /// Its units are held.
    Reserved,
    /// Its units are sold.
    Confirmed,
    /// All its units were cancelled.
    Cancelled,
    /// All its units that were not cancelled were shipped.
    Fulfilled,
}

/// The stock held for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hold {
    /// The reservation.
    pub reservation_id: ReservationId,
    /// What has become of it.
    pub status: ReservationStatus,
    /// The units it is about, by line and place. Cancelled units leave it; units sold by it stay.
    pub lines: Vec<ReservationLine>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

impl Hold {
    /// An active hold.
    pub fn new(reservation_id: ReservationId, lines: Vec<ReservationLine>, expires_at: Timestamp) -> Self {
        Self { reservation_id, status: ReservationStatus::Active, lines, expires_at }
    }
}

/// Why an order is to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cancellation {
    /// What brought it about.
    pub cause: CancelCause,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

impl Cancellation {
    /// A cancellation.
    pub fn new(cause: CancelCause, reason: Option<String>, requested_at: Timestamp) -> Self {
        Self { cause, reason, requested_at }
    }
}

/// What brought a cancellation about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CancelCause {
    /// The customer or the staff asked for it.
    Requested,
    /// It was not paid in time.
    Expired,
    /// It was paid after its stock was gone.
    SoldOut,
    /// It was accepted, and the money that was set aside for it is gone.
    MoneyGone,
}

/// When an order entered each status.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderTimestamps {
    /// Placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placed: Option<Timestamp>,
    /// Accepted before payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Timestamp>,
    /// Paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid: Option<Timestamp>,
    /// Taken up by a seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing: Option<Timestamp>,
    /// Shipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipped: Option<Timestamp>,
    /// Delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Timestamp>,
    /// Cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Timestamp>,
    /// Refunded in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded: Option<Timestamp>,
}
