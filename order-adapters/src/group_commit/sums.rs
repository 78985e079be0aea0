//! The sums by which many write-sets change the same stock levels.

use std::collections::BTreeMap;

use order_core::inventory::{MAX_UNITS, StockChange, StockKey, StockLevel, Threshold};

use super::{Form, Rows};

/// What write-sets do to one level in all, and how far it could get meanwhile, whatever their order: if the bounds fit, every
/// order of them does. Those of a single change are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
    pub(crate) sold: i64,
    pub(crate) if_on_hand: Option<i64>,
    pub(crate) threshold: Threshold,
    pub(crate) least_available: i64,
    pub(crate) least_reserved: i64,
    pub(crate) least_sold: i64,
    pub(crate) most_sold: i64,
    pub(crate) most_on_hand: i64,
    /// Whether one of them may be made on a shelf that does not exist yet.
    pub(crate) may_be_new: bool,
}

/// The sums of write-sets, in the order of their keys.
pub(crate) type Sums<'a> = BTreeMap<&'a StockKey, Sum>;

impl Sum {
    fn add(self, key: &StockKey, change: &StockChange) -> Self {
        let available = change.on_hand.saturating_sub(change.reserved);
        Self {
            on_hand: self.on_hand.saturating_add(change.on_hand),
            reserved: self.reserved.saturating_add(change.reserved),
            sold: self.sold.saturating_add(change.sold),
            if_on_hand: self.if_on_hand.or(change.if_on_hand),
            // No other write-set changes a level whose threshold one of them sets.
            threshold: if change.threshold == Threshold::Kept { self.threshold } else { change.threshold },
            least_available: self.least_available.saturating_add(available.min(0)),
            least_reserved: self.least_reserved.saturating_add(change.reserved.min(0)),
            least_sold: self.least_sold.saturating_add(change.sold.min(0)),
            most_sold: self.most_sold.saturating_add(change.sold.max(0)),
            most_on_hand: self.most_on_hand.saturating_add(change.on_hand.max(0)),
            may_be_new: self.may_be_new || StockLevel::empty(key.clone()).after(change).is_some(),
        }
    }

    /// Whether it fits a level: what the statement asks, too.
    fn fits(&self, level: &StockLevel) -> bool {
        self.least_available >= 0_i64.saturating_sub(level.available())
            && self.least_reserved >= 0_i64.saturating_sub(level.reserved)
            && self.least_sold >= 0_i64.saturating_sub(level.sold)
            && self.most_sold <= i64::MAX.saturating_sub(level.sold)
            && self.most_on_hand <= MAX_UNITS.saturating_sub(level.on_hand)
            && self.if_on_hand.is_none_or(|counted| counted == level.on_hand)
    }
}

/// Adds a write-set to others if all of them fit the levels together. Returns whether it does.
pub(super) fn admit<'a, F: Form>(
    sums: &mut Sums<'a>,
    rows: &'a Rows<F>,
    level: impl Fn(&StockKey) -> StockLevel,
) -> bool {
    let after = |sums: &Sums<'_>, key: &StockKey, change: &StockChange| {
        sums.get(key).copied().unwrap_or_default().add(key, change)
    };
    let fits = rows.stock.iter().all(|(key, change)| after(sums, key, change).fits(&level(key)));
    if fits {
        add(sums, rows);
    }
    fits
}

/// Adds a write-set to others.
pub(crate) fn add<'a, F: Form>(sums: &mut Sums<'a>, rows: &'a Rows<F>) {
    for (key, change) in &rows.stock {
        let sum = sums.entry(key).or_default();
        *sum = sum.add(key, change);
    }
}

#[cfg(test)]
mod tests {
    use order_core::id::{LocationId, ProductId};
    use proptest::prelude::*;

    use super::*;

    fn key() -> StockKey {
        StockKey::new(ProductId::new("tea").unwrap(), LocationId::new("main").unwrap())
    }

    fn change() -> impl Strategy<Value = StockChange> {
        prop_oneof![
            (1_u32..9).prop_map(StockChange::reserve),
            (1_u32..9).prop_map(StockChange::release),
            (1_u32..9).prop_map(StockChange::confirm),
            (1_u32..9).prop_map(StockChange::sell),
            (1_u32..9).prop_map(StockChange::restock),
            (-9_i64..9).prop_map(StockChange::adjust),
        ]
    }

    proptest! {
        #[test]
        fn what_fits_together_fits_in_any_order(
            (on_hand, reserved, sold) in (0_i64..40, 0_i64..40, 0_i64..20),
            changes in prop::collection::vec(change(), 1..6),
            turn in 0_usize..6,
        ) {
            let mut level = StockLevel::new(key(), on_hand, reserved.min(on_hand), sold);
            let sum = changes.iter().fold(Sum::default(), |sum, change| sum.add(&key(), change));
            if sum.fits(&level) {
                let mut turned = changes.clone();
                turned.rotate_left(turn % changes.len());
                for change in &turned {
                    level = level.after(change).unwrap();
                }
            } else if let [change] = changes.as_slice() {
                prop_assert_eq!(level.after(change), None);
            }
        }

        #[test]
        fn one_change_is_judged_exactly(
            (on_hand, reserved, sold) in (0_i64..=MAX_UNITS, 0_i64..=MAX_UNITS, 0..=i64::MAX),
            change in (any::<i64>(), any::<i64>(), any::<i64>()),
        ) {
            let level = StockLevel::new(key(), on_hand, reserved.min(on_hand), sold);
            let mut wanted = StockChange::adjust(change.0);
            (wanted.reserved, wanted.sold) = (change.1, change.2);
            prop_assert_eq!(Sum::default().add(&key(), &wanted).fits(&level), level.after(&wanted).is_some());
        }
    }
}
