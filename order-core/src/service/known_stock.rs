use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::id::ProductId;
use crate::inventory::{StockChange, StockKey, StockLevel};
use crate::service::engine::Parts;
use crate::time::{Duration, Timestamp};

/// What is available of products, as the store told it lately, with what this engine has held, sold and put back since. So not every
/// change of a cart has to ask for it.
///
/// A cart holds nothing: whether there is enough is decided when it is ordered, by a guard of the commit. So it may be told what
/// there was [a moment](Self::MOMENT) ago, if that is enough. That it is not enough is told only after asking. What others did to
/// the stock is seen when the moment is over; so is a commit whose outcome is not known, and one that was under way while the store
/// was asked may be missing or count twice until then.
#[derive(Debug, Default)]
pub(crate) struct KnownStock(Mutex<HashMap<ProductId, Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    units: i64,
    at: Timestamp,
}

impl Seen {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.signed_duration_since(self.at);
        Duration::zero() <= age && age < KnownStock::MOMENT
    }
}

impl KnownStock {
    /// How old it may be.
    const MOMENT: Duration = Duration::seconds(1);
    /// Of so many products at most.
    const MOST: usize = 4_096;

    /// What is available of all these products, if all are known.
    fn get(&self, products: &[ProductId], now: Timestamp) -> Option<Available> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let units = products.iter().map(|product| {
            let seen = known.get(product).filter(|seen| seen.is_fresh(now))?;
            Some((product.clone(), seen.units))
        });
        Some(Available { units: units.collect::<Option<_>>()?, is_remembered: true })
    }

    /// Notes what the store told.
    fn put(&self, available: &Available, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.retain(|_, seen| seen.is_fresh(now));
        }
        if known.len() >= Self::MOST {
            known.clear();
        }
        let seen =
            available.units.iter().map(|(product, units)| (product.clone(), Seen { units: *units, at: now }));
        known.extend(seen);
    }

    /// Notes what was done to levels.
    pub(crate) fn change(&self, changes: &BTreeMap<StockKey, StockChange>) {
        if changes.is_empty() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, change) in changes {
            if let Some(seen) = known.get_mut(&key.product_id) {
                seen.units = seen.units.saturating_add(change.on_hand).saturating_sub(change.reserved);
            }
        }
    }
}

/// What is available of some products, over all locations.
#[derive(Debug, Default)]
pub(crate) struct Available {
    units: HashMap<ProductId, i64>,
    /// Whether the store has not been asked.
    pub(crate) is_remembered: bool,
}

impl Available {
    fn told(products: &[ProductId], levels: &[StockLevel]) -> Self {
        let mut units: HashMap<_, _> = products.iter().map(|product| (product.clone(), 0_i64)).collect();
        for level in levels {
            if let Some(sum) = units.get_mut(&level.key.product_id) {
                *sum = sum.saturating_add(level.available().max(0));
            }
        }
        Self { units, is_remembered: false }
    }

    /// Units of a product.
    pub(crate) fn of(&self, product: &ProductId) -> u32 {
        let units = self.units.get(product).copied().unwrap_or(0).max(0);
        u32::try_from(units).unwrap_or(u32::MAX)
    }
}

impl Parts {
    /// What is available of products, as it is remembered or else as the store has it.
    pub(crate) async fn known_stock(&self, products: &[ProductId]) -> Result<Available> {
        match self.known_stock.get(products, self.now()) {
            Some(available) => Ok(available),
            None => self.stored_stock(products).await,
        }
    }

    /// After a shortage: what the store has of the same products.
    pub(crate) async fn ask_again(&self, available: &Available) -> Result<Available> {
        let products: Vec<ProductId> = available.units.keys().cloned().collect();
        self.stored_stock(&products).await
    }

    async fn stored_stock(&self, products: &[ProductId]) -> Result<Available> {
        let now = self.now();
        let available = Available::told(products, &self.store.stock_levels(products).await?);
        self.known_stock.put(&available, now);
        Ok(available)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{InvalidId, LocationId};

    fn tea() -> Result<ProductId, InvalidId> {
        ProductId::new("tea")
    }

    fn key(product: ProductId, location: &str) -> Result<StockKey, InvalidId> {
        Ok(StockKey::new(product, LocationId::new(location)?))
    }

    #[test]
    fn what_is_available_is_that_of_all_locations() -> Result<(), InvalidId> {
        let levels = [
            StockLevel::new(key(tea()?, "main")?, 5, 3, 0),
            StockLevel::new(key(tea()?, "east")?, 4, 0, 0),
            StockLevel::new(key(ProductId::new("pot")?, "main")?, 9, 0, 0),
        ];
        let available = Available::told(&[tea()?, ProductId::new("cup")?], &levels);
        assert_eq!(available.of(&tea()?), 6);
        assert_eq!(available.of(&ProductId::new("cup")?), 0, "it has no level");
        Ok(())
    }

    #[test]
    fn it_is_known_for_a_moment_with_what_was_done_meanwhile() -> Result<(), InvalidId> {
        let known = KnownStock::default();
        let now = Timestamp::default();
        let products = [tea()?];
        let main = key(tea()?, "main")?;
        known.put(&Available::told(&products, &[StockLevel::new(main.clone(), 5, 0, 0)]), now);
        let units = |at| known.get(&products, at).map(|available| available.of(&products[0]));

        known.change(&BTreeMap::from([(main.clone(), StockChange::reserve(2))]));
        assert_eq!(units(now), Some(3));
        known.change(&BTreeMap::from([(main.clone(), StockChange::confirm(2))]));
        assert_eq!(units(now), Some(3), "what was held was sold");
        known.change(&BTreeMap::from([(main.clone(), StockChange::adjust(4))]));
        assert_eq!(units(now), Some(7));

        let last = now + KnownStock::MOMENT - Duration::milliseconds(1);
        assert_eq!(units(last), Some(7));
        assert_eq!(units(now + KnownStock::MOMENT), None);
        assert_eq!(units(now - Duration::milliseconds(1)), None, "the clock was set back");
        Ok(())
    }

    #[test]
    fn only_so_many_products_are_remembered() -> Result<(), InvalidId> {
        let known = KnownStock::default();
        let now = Timestamp::default();
        for number in 0..=2 * KnownStock::MOST {
            let products = [ProductId::new(format!("p-{number}"))?];
            known.put(&Available::told(&products, &[]), now);
            assert!(known.get(&products, now).is_some(), "the latest is");
        }
        let count = known.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert!(count <= KnownStock::MOST, "{count}");
        Ok(())
    }
}
