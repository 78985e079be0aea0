//! The journal of a stock level: what the staff did to it and why, and when it became low or empty.

use serde::{Deserialize, Serialize};

use crate::inventory::{StockKey, StockLevel};
use crate::order::Actor;
use crate::time::Timestamp;

/// Something that is told of a stock level, because `available` has crossed nothing or the threshold.
///
/// [`StockLevel::alert`] says when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a store must write every one")]
pub enum StockAlert {
    /// Nothing is available any more.
    OutOfStock,
    /// No more than the threshold is available any more.
    LowStock,
    /// Something is available again, or for the first time. It may still be low.
    BackInStock,
    /// More than the threshold is available again, after it was low.
    Replenished,
}

impl StockAlert {
    /// Every alert.
    pub const ALL: [Self; 4] = [Self::OutOfStock, Self::LowStock, Self::BackInStock, Self::Replenished];

    /// Its name, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::LowStock => "low_stock",
            Self::BackInStock => "back_in_stock",
            Self::Replenished => "replenished",
        }
    }
}

/// Something that is written down about a stock level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StockEvent {
    /// Units were found, lost, or broken.
    Adjusted {
        /// How many came; below zero, how many went.
        units: i64,
    },
    /// Goods came in.
    Received {
        /// How many.
        units: i64,
    },
    /// The units on the shelf were counted.
    Counted {
        /// How many there are.
        on_hand: i64,
        /// How many more that is than there should have been.
        difference: i64,
    },
    /// Somebody said what is low.
    ThresholdSet {
        /// No more available than this.
        low_at: Option<i64>,
    },
    /// What is available has crossed nothing or the threshold. Nobody did that in particular.
    Alert {
        /// Which way.
        alert: StockAlert,
    },
}

impl StockEvent {
    /// Its name for subscribers: `inventory.received`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Adjusted { .. } => "inventory.adjusted",
            Self::Received { .. } => "inventory.received",
            Self::Counted { .. } => "inventory.counted",
            Self::ThresholdSet { .. } => "inventory.threshold_set",
            Self::Alert { alert: StockAlert::OutOfStock } => "inventory.out_of_stock",
            Self::Alert { alert: StockAlert::LowStock } => "inventory.low_stock",
            Self::Alert { alert: StockAlert::BackInStock } => "inventory.back_in_stock",
            Self::Alert { alert: StockAlert::Replenished } => "inventory.replenished",
        }
    }
}

/// What is to be written into the journal of a level. The store adds when, its place, and the level as it is then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StockEntry {
    /// What happened.
    pub event: StockEvent,
    /// Who did it; nobody in particular for an alert.
    pub by: Option<Actor>,
    /// Why, in words.
    pub reason: Option<String>,
    /// What ties it to a request.
    pub correlation: Option<String>,
}

impl StockEntry {
    /// Something that somebody did.
    pub fn new(event: StockEvent, by: Actor, reason: Option<String>, correlation: Option<String>) -> Self {
        Self { event, by: Some(by), reason, correlation }
    }

    /// Something that the store has noticed.
    pub fn alert(alert: StockAlert) -> Self {
        Self { event: StockEvent::Alert { alert }, by: None, reason: None, correlation: None }
    }
}

/// An entry of a level's journal, as it is kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StockRecord {
    /// The level as it was afterwards.
    pub after: StockLevel,
    /// Its place in the level's journal: 1, 2, 3 …
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: StockEvent,
    /// Who did it; nobody in particular for an alert.
    pub by: Option<Actor>,
    /// Why, in words.
    pub reason: Option<String>,
    /// What ties it to a request.
    pub correlation: Option<String>,
}

impl StockRecord {
    /// A record.
    pub fn new(entry: StockEntry, sequence: u64, at: Timestamp, after: StockLevel) -> Self {
        let StockEntry { event, by, reason, correlation } = entry;
        Self { after, sequence, at, event, by, reason, correlation }
    }

    /// Whose journal it is in.
    pub fn key(&self) -> &StockKey {
        &self.after.key
    }
}
