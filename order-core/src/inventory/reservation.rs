use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, LineId, OrderId, ReservationId};
use crate::inventory::StockKey;
use crate::money::Money;
use crate::status_table;
use crate::time::{Duration, Timestamp};

/// How long stock is held for an order that is not paid: long enough for a bank's confirmation page.
pub const HOLD_LIFETIME: Duration = Duration::minutes(30);

status_table! {
    /// A reservation ends exactly once.
    pub const RESERVATION_TABLE: "reservation" = {
        /// What has become of a reservation.
        pub enum ReservationStatus {
            /// It holds its units.
            Active = "active",
            /// Its units are sold.
            Confirmed = "confirmed",
            /// Its time was over; its units went back.
            Expired = "expired",
            /// It was given up; its units went back.
            Cancelled = "cancelled",
        }
        /// What ends a reservation.
        pub enum ReservationMove {
            /// The units are sold.
            Confirm = "confirm",
            /// Its time is over.
            Expire = "expire",
            /// It is given up.
            Release = "release",
        }
        Active: Confirm => Confirmed, Expire => Expired, Release => Cancelled;
        Confirmed: ;
        Expired: ;
        Cancelled: ;
    }
}

/// Units of one product at one location that are held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReservationLine {
    /// The line of the order they are held for. Reservations that other services make have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_id: Option<LineId>,
    /// Which product, where.
    pub key: StockKey,
    /// How many units.
    pub quantity: u32,
}

impl ReservationLine {
    /// A line.
    pub fn new(line_id: Option<LineId>, key: StockKey, quantity: u32) -> Self {
        Self { line_id, key, quantity }
    }
}

/// A hold on stock. See the [module](crate::inventory).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// The order it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// What it holds.
    pub lines: Vec<ReservationLine>,
    /// What the held goods are worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
    /// What has become of it.
    pub status: ReservationStatus,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Reservation {
    /// How many lines a reservation may have: those of the largest order, each from a few locations.
    pub const MAX_LINES: usize = 500;

    /// A new, active reservation.
    pub fn new(
        id: ReservationId,
        lines: Vec<ReservationLine>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            order_id: None,
            customer_id: None,
            lines,
            value: None,
            status: ReservationStatus::Active,
            expires_at,
            created_at: now,
            updated_at: now,
        }
    }

    /// The same reservation, ended.
    ///
    /// Returns `None` when it has ended before.
    #[must_use]
    pub fn ended(&self, by: ReservationMove, now: Timestamp) -> Option<Self> {
        let status = RESERVATION_TABLE.next(self.status, by)?;
        Some(Self { status, updated_at: now, ..self.clone() })
    }
}
