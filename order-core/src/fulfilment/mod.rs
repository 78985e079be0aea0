//! Fulfilment: the sellers' parts of an order, and the parcels they send.
//!
//! An order groups its lines by seller. Each [`SellerGroup`] has its own status in the [`FULFILMENT_TABLE`]; the order's status
//! follows from the groups' ([`aggregate`]).

use serde::{Deserialize, Serialize};

use crate::id::{LineId, SellerId, ShipmentId};
use crate::pricing::Totals;
use crate::status_table;
use crate::time::Timestamp;

status_table! {
    /// What may become of one seller's part of an order.
    pub const FULFILMENT_TABLE: "fulfilment" = {
        /// The status of one seller's part.
        pub enum FulfilmentStatus {
            /// The seller has not begun.
            Pending = "pending",
            /// The seller works on it.
            Processing = "processing",
            /// All of it that was not cancelled is on its way.
            Shipped = "shipped",
            /// It has arrived.
            Delivered = "delivered",
            /// All of it was cancelled.
            Cancelled = "cancelled",
        }
        /// What moves it.
        pub enum FulfilmentMove {
            /// The seller begins.
            Process = "process",
            /// The last parcel leaves.
            Ship = "ship",
            /// The last parcel arrives.
            Deliver = "deliver",
            /// Its last open unit is cancelled.
            Cancel = "cancel",
        }
        Pending: Process => Processing, Cancel => Cancelled;
        Processing: Ship => Shipped, Cancel => Cancelled;
        Shipped: Deliver => Delivered;
        Delivered: ;
        Cancelled: ;
    }
}

/// One seller's part of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SellerGroup {
    /// The seller.
    pub seller_id: SellerId,
    /// How far it has come.
    pub status: FulfilmentStatus,
    /// The sum of its lines' shares at placement.
    pub totals: Totals,
    /// Its parcels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipments: Vec<Shipment>,
    /// The seller's notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

impl SellerGroup {
    /// A part nobody has worked on.
    pub fn new(seller_id: SellerId, totals: Totals, now: Timestamp) -> Self {
        let status = FulfilmentStatus::Pending;
        Self { seller_id, status, totals, shipments: Vec::new(), notes: None, updated_at: now }
    }
}

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shipment {
    /// Its id.
    pub id: ShipmentId,
    /// What is in it.
    pub items: Vec<ShippedItem>,
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's number for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// When it should arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_delivery: Option<Timestamp>,
    /// When it left.
    pub shipped_at: Timestamp,
}

impl Shipment {
    /// A parcel that leaves now.
    pub fn new(id: ShipmentId, items: Vec<ShippedItem>, tracking: Tracking, shipped_at: Timestamp) -> Self {
        let Tracking { carrier, tracking_number, estimated_delivery } = tracking;
        Self { id, items, carrier, tracking_number, estimated_delivery, shipped_at }
    }
}

/// How a parcel can be followed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "hosts write it as a literal")]
pub struct Tracking {
    /// Who carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's number for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// When it should arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_delivery: Option<Timestamp>,
}

/// Units of a line that are in a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "hosts write it as a literal")]
pub struct ShippedItem {
    /// The line.
    pub line_id: LineId,
    /// How many units.
    pub quantity: u32,
}

/// How far the whole has come: the least of what its parts have reached, those that were cancelled left out. A part that is
/// being worked on makes the whole being worked on.
///
/// `None` when every part was cancelled.
pub fn aggregate(parts: impl IntoIterator<Item = FulfilmentStatus>) -> Option<FulfilmentStatus> {
    let mut least: Option<FulfilmentStatus> = None;
    let mut begun = false;
    for status in parts {
        if status == FulfilmentStatus::Cancelled {
            continue;
        }
        begun |= status != FulfilmentStatus::Pending;
        least = Some(least.map_or(status, |least| least.min(status)));
    }
    match least {
        Some(FulfilmentStatus::Pending) if begun => Some(FulfilmentStatus::Processing),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::FulfilmentStatus::{Cancelled, Delivered, Pending, Processing, Shipped};
    use super::*;

    #[test]
    fn the_whole_is_as_far_as_its_slowest_part() {
        assert_eq!(aggregate([]), None);
        assert_eq!(aggregate([Cancelled, Cancelled]), None);
        assert_eq!(aggregate([Pending, Pending]), Some(Pending));
        assert_eq!(aggregate([Pending, Shipped]), Some(Processing));
        assert_eq!(aggregate([Processing, Delivered]), Some(Processing));
        assert_eq!(aggregate([Shipped, Delivered, Cancelled]), Some(Shipped));
        assert_eq!(aggregate([Delivered, Cancelled]), Some(Delivered));
    }
}
