#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use serde::{Deserialize, Serialize};

use crate::id::{LocationId, ProductId};
use crate::inventory::StockAlert;

/// The most units one product may have at one location. Sums of changes stay far from overflow.
pub const MAX_UNITS: i64 = 1_000_000_000_000;

/// A product at a location. Rows are always touched in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StockKey {
    /// The product: the SKU.
    pub product_id: ProductId,
    /// Where it is kept.
    pub location: LocationId,
}

impl StockKey {
    /// A key.
    pub fn new(product_id: ProductId, location: LocationId) -> Self {
        Self { product_id, location }
    }
}

/// How many units of a product there are at a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StockLevel {
    /// Which product, where.
    pub key: StockKey,
    /// Units on the shelf.
    pub on_hand: i64,
    /// Units on the shelf that are held for somebody.
    pub reserved: i64,
    /// Units that were sold and not put back.
    pub sold: i64,
    /// The stock is low when no more than so many units are available; `None`: it is never said to be low.
    pub low_at: Option<i64>,
}

impl StockLevel {
    /// An empty shelf.
    pub fn empty(key: StockKey) -> Self {
        Self::new(key, 0, 0, 0)
    }

    /// A level as it is stored, without a threshold.
    pub fn new(key: StockKey, on_hand: i64, reserved: i64, sold: i64) -> Self {
        Self { key, on_hand, reserved, sold, low_at: None }
    }

    /// The level with another threshold.
    #[must_use]
    pub fn with_low_at(self, low_at: Option<i64>) -> Self {
        Self { low_at, ..self }
    }

    /// Units that can be sold.
    pub fn available(&self) -> i64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// The level after a change, or `None` when the change is refused.
    pub fn after(&self, change: &StockChange) -> Option<Self> {
        if change.if_on_hand.is_some_and(|expected| expected != self.on_hand) {
            return None;
        }
        let level = Self {
            key: self.key.clone(),
            on_hand: self.on_hand.checked_add(change.on_hand)?,
            reserved: self.reserved.checked_add(change.reserved)?,
            sold: self.sold.checked_add(change.sold)?,
            low_at: match change.threshold {
                Threshold::Kept => self.low_at,
                Threshold::Removed => None,
                Threshold::At(units) => Some(units),
            },
        };
        (level.reserved >= 0
            && level.reserved <= level.on_hand
            && level.sold >= 0
            && level.on_hand <= MAX_UNITS
            && level.low_at.is_none_or(|low_at| (0..=MAX_UNITS).contains(&low_at)))
        .then_some(level)
    }

    /// What there is to tell when a level becomes another one: `None`, unless `available` has crossed nothing or the threshold,
    /// in either direction.
    ///
    /// This is the definition that every store must agree with.
    pub fn alert(before: &Self, after: &Self) -> Option<StockAlert> {
        match (before.supply(), after.supply()) {
            (Supply::Low | Supply::Enough, Supply::Nothing) => Some(StockAlert::OutOfStock),
            (Supply::Nothing, Supply::Low | Supply::Enough) => Some(StockAlert::BackInStock),
            (Supply::Enough, Supply::Low) => Some(StockAlert::LowStock),
            (Supply::Low, Supply::Enough) => Some(StockAlert::Replenished),
            (Supply::Nothing, Supply::Nothing)
            | (Supply::Low, Supply::Low)
            | (Supply::Enough, Supply::Enough) => None,
        }
    }

    fn supply(&self) -> Supply {
        let available = self.available();
        if available <= 0 {
            Supply::Nothing
        } else if self.low_at.is_some_and(|low_at| available <= low_at) {
            Supply::Low
        } else {
            Supply::Enough
        }
    }
}

/// How much is available of what should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supply {
    /// None.
    Nothing,
    /// No more than the threshold.
    Low,
    /// More.
    Enough,
}

/// A change of one stock level. Changes of the same key add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StockChange {
    /// Units put on the shelf (or taken off).
    pub on_hand: i64,
    /// Units held (or let go).
    pub reserved: i64,
    /// Units sold (or put back).
    pub sold: i64,
    /// The change is only made while this is the number on hand: for setting a level after a count.
    pub if_on_hand: Option<i64>,
    /// What becomes of the threshold. It does not add up: the last one counts.
    pub threshold: Threshold,
}

/// What a change does to the threshold of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "a store must handle every one")]
pub enum Threshold {
    /// It stays.
    #[default]
    Kept,
    /// There is none any more.
    Removed,
    /// It is this one: not negative, and at most [`MAX_UNITS`].
    At(i64),
}

impl StockChange {
    /// Holds units.
    pub fn reserve(units: u32) -> Self {
        Self { reserved: i64::from(units), ..Self::default() }
    }

    /// Lets held units go.
    pub fn release(units: u32) -> Self {
        Self { reserved: 0_i64.saturating_sub(i64::from(units)), ..Self::default() }
    }

    /// Sells held units.
    pub fn confirm(units: u32) -> Self {
        let units = i64::from(units);
        let less = 0_i64.saturating_sub(units);
        Self { on_hand: less, reserved: less, sold: units, ..Self::default() }
    }

    /// Sells units that were not held.
    pub fn sell(units: u32) -> Self {
        let units = i64::from(units);
        Self { on_hand: 0_i64.saturating_sub(units), sold: units, ..Self::default() }
    }

    /// Puts sold units back on the shelf.
    pub fn restock(units: u32) -> Self {
        let units = i64::from(units);
        Self { on_hand: units, sold: 0_i64.saturating_sub(units), ..Self::default() }
    }

    /// Puts units on the shelf, or takes them off: goods received, lost, found.
    pub fn adjust(units: i64) -> Self {
        Self { on_hand: units, ..Self::default() }
    }

    /// Sets the threshold, or takes it away.
    pub fn low_at(low_at: Option<i64>) -> Self {
        let threshold = low_at.map_or(Threshold::Removed, Threshold::At);
        Self { threshold, ..Self::default() }
    }

    /// Makes it conditional on the number on hand.
    #[must_use]
    pub fn if_on_hand(self, on_hand: i64) -> Self {
        Self { if_on_hand: Some(on_hand), ..self }
    }

    /// Both changes, one after the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            on_hand: self.on_hand.saturating_add(other.on_hand),
            reserved: self.reserved.saturating_add(other.reserved),
            sold: self.sold.saturating_add(other.sold),
            if_on_hand: self.if_on_hand.or(other.if_on_hand),
            threshold: match other.threshold {
                Threshold::Kept => self.threshold,
                Threshold::Removed | Threshold::At(_) => other.threshold,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(on_hand: i64, reserved: i64, sold: i64) -> StockLevel {
        let key = StockKey::new(ProductId::new("tea").unwrap(), LocationId::new("main").unwrap());
        StockLevel::new(key, on_hand, reserved, sold)
    }

    #[test]
    fn a_unit_is_never_held_twice() {
        let last = level(1, 0, 0).after(&StockChange::reserve(1)).unwrap();
        assert_eq!(last.available(), 0);
        assert_eq!(last.after(&StockChange::reserve(1)), None);
        assert_eq!(last.after(&StockChange::sell(1)), None, "held units are not for sale");
        assert_eq!(last.after(&StockChange::confirm(1)), Some(level(0, 0, 1)));
        assert_eq!(last.after(&StockChange::confirm(1)).unwrap().after(&StockChange::confirm(1)), None);
        assert_eq!(last.after(&StockChange::release(2)), None, "more than is held can't be let go");
        assert_eq!(last.after(&StockChange::adjust(-1)), None, "held units can't be taken off the shelf");
    }

    #[test]
    fn a_count_is_refused_when_something_moved_meanwhile() {
        let change = StockChange::adjust(5).if_on_hand(10);
        assert_eq!(level(10, 2, 0).after(&change), Some(level(15, 2, 0)));
        assert_eq!(level(9, 2, 0).after(&change), None);
    }

    #[test]
    fn every_crossing_is_told_and_nothing_else() {
        use StockAlert::{BackInStock, LowStock, OutOfStock, Replenished};
        let at = |available: i64, low_at: Option<i64>| level(available + 3, 3, 0).with_low_at(low_at);
        for (before, after, expected) in [
            (0, 0, None),
            (0, 1, Some(BackInStock)),
            (0, 5, Some(BackInStock)),
            (0, 6, Some(BackInStock)),
            (5, 0, Some(OutOfStock)),
            (6, 0, Some(OutOfStock)),
            (6, 5, Some(LowStock)),
            (5, 6, Some(Replenished)),
            (5, 1, None),
            (1, 5, None),
            (6, 90, None),
        ] {
            assert_eq!(
                StockLevel::alert(&at(before, Some(5)), &at(after, Some(5))),
                expected,
                "{before} {after}"
            );
        }
        assert_eq!(StockLevel::alert(&at(9, None), &at(1, None)), None, "nobody has said what is low");
        assert_eq!(StockLevel::alert(&at(1, Some(0)), &at(0, Some(0))), Some(OutOfStock));
        assert_eq!(StockLevel::alert(&at(4, None), &at(4, Some(4))), Some(LowStock), "a new threshold");
        assert_eq!(StockLevel::alert(&at(4, Some(4)), &at(4, Some(3))), Some(Replenished));
        assert_eq!(StockLevel::alert(&at(0, None), &at(0, Some(4))), None);
    }

    #[test]
    fn a_threshold_is_kept_until_it_is_changed() {
        let set = level(9, 0, 0).after(&StockChange::low_at(Some(4))).unwrap();
        assert_eq!(set.low_at, Some(4));
        assert_eq!(set.after(&StockChange::reserve(1)).unwrap().low_at, Some(4));
        assert_eq!(set.after(&StockChange::low_at(None)).unwrap().low_at, None);
        assert_eq!(set.after(&StockChange::low_at(Some(-1))), None);
        assert_eq!(set.after(&StockChange::low_at(Some(MAX_UNITS + 1))), None);
        let both = StockChange::low_at(Some(2)).and(StockChange::adjust(1));
        assert_eq!(set.after(&both), Some(level(10, 0, 0).with_low_at(Some(2))));
    }
}
