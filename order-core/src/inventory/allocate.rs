#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::collections::BTreeMap;

use crate::error::Shortage;
use crate::id::{LineId, ProductId};
use crate::inventory::{ReservationLine, StockKey, StockLevel};

/// Units of a product that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Demand {
    /// The line they are for.
    pub line_id: Option<LineId>,
    /// The product.
    pub product_id: ProductId,
    /// How many units.
    pub quantity: u32,
}

impl Demand {
    /// A demand.
    pub fn new(line_id: Option<LineId>, product_id: ProductId, quantity: u32) -> Self {
        Self { line_id, product_id, quantity }
    }
}

/// Decides from which locations a demand is met: for each line from the fullest location that has all of it, else from as few as
/// possible, fullest first. Lines of the same product share what there is.
///
/// # Errors
/// The products of which there is not enough, with what is wanted and available in all.
pub fn allocate(demand: &[Demand], levels: &[StockLevel]) -> Result<Vec<ReservationLine>, Vec<Shortage>> {
    let mut free: BTreeMap<&ProductId, Vec<(&StockKey, i64)>> = BTreeMap::new();
    for level in levels {
        free.entry(&level.key.product_id).or_default().push((&level.key, level.available().max(0)));
    }
    let shortages = shortages(demand, &free);
    if !shortages.is_empty() {
        return Err(shortages);
    }
    let mut lines = Vec::with_capacity(demand.len());
    for wanted in demand {
        let Some(shelves) = free.get_mut(&wanted.product_id) else { continue };
        shelves.sort_by(|(left, most), (right, more)| more.cmp(most).then(left.cmp(right)));
        let mut missing = i64::from(wanted.quantity);
        for (key, available) in shelves.iter_mut() {
            let taken = missing.min(*available);
            if taken > 0 {
                *available = available.saturating_sub(taken);
                missing = missing.saturating_sub(taken);
                let quantity = u32::try_from(taken).unwrap_or(u32::MAX);
                lines.push(ReservationLine::new(wanted.line_id, (*key).clone(), quantity));
            }
        }
    }
    Ok(lines)
}

fn shortages(demand: &[Demand], free: &BTreeMap<&ProductId, Vec<(&StockKey, i64)>>) -> Vec<Shortage> {
    let mut wanted: BTreeMap<&ProductId, u32> = BTreeMap::new();
    for line in demand {
        let sum = wanted.entry(&line.product_id).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    wanted
        .into_iter()
        .filter_map(|(product_id, requested)| {
            let shelves = free.get(product_id).map_or(&[][..], Vec::as_slice);
            let available = shelves.iter().fold(0_i64, |sum, (_, units)| sum.saturating_add(*units));
            let available = u32::try_from(available).unwrap_or(u32::MAX);
            (available < requested).then(|| Shortage::new(product_id.clone(), requested, available))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::LocationId;

    fn level(product: &str, location: &str, units: i64) -> StockLevel {
        let key = StockKey::new(ProductId::new(product).unwrap(), LocationId::new(location).unwrap());
        StockLevel::new(key, units, 0, 0)
    }

    #[test]
    fn lines_of_one_product_share_its_stock() {
        let tea = ProductId::new("tea").unwrap();
        let demand = [Demand::new(None, tea.clone(), 3), Demand::new(None, tea.clone(), 3)];
        let shortage = allocate(&demand, &[level("tea", "main", 5)]).unwrap_err();
        assert_eq!(shortage, [Shortage::new(tea, 6, 5)]);
        assert_eq!(allocate(&demand, &[level("tea", "main", 6)]).unwrap().len(), 2);
    }

    #[test]
    fn stock_at_every_location_can_be_sold() {
        let demand = [Demand::new(None, ProductId::new("tea").unwrap(), 5)];
        let lines = allocate(&demand, &[level("tea", "a", 2), level("tea", "b", 3)]).unwrap();
        let taken: Vec<_> = lines.iter().map(|line| (line.key.location.as_str(), line.quantity)).collect();
        assert_eq!(taken, [("b", 3), ("a", 2)]);
    }

    proptest! {
        #[test]
        fn all_or_nothing_and_never_more_than_there_is(
            stock in prop::collection::vec((0_u8..3, 0_u8..3, 0_i64..20), 0..9),
            wanted in prop::collection::vec((0_u8..3, 1_u32..12), 1..6),
        ) {
            let mut levels = BTreeMap::new();
            for (product, location, units) in stock {
                levels.insert((product, location), level(&format!("p{product}"), &format!("l{location}"), units));
            }
            let levels: Vec<_> = levels.into_values().collect();
            let demand: Vec<_> = wanted
                .iter()
                .map(|(product, units)| Demand::new(None, ProductId::new(format!("p{product}")).unwrap(), *units))
                .collect();
            let needed: u32 = demand.iter().map(|line| line.quantity).sum();
            match allocate(&demand, &levels) {
                Ok(lines) => {
                    prop_assert_eq!(lines.iter().map(|line| line.quantity).sum::<u32>(), needed);
                    for level in &levels {
                        let taken: u32 =
                            lines.iter().filter(|line| line.key == level.key).map(|line| line.quantity).sum();
                        prop_assert!(i64::from(taken) <= level.available());
                    }
                }
                Err(shortages) => prop_assert!(shortages.iter().all(|short| short.available < short.requested)),
            }
        }
    }
}
