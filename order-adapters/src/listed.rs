//! Lists of orders, as far as the SQL stores make them alike: which walks of an index a list is, and the orders that were listed not
//! long ago, by the texts they were made of.
//!
//! The same orders are listed again and again: a shop's latest ones, or those of a customer who looks at their history. So a store keeps
//! some of those that it made, each by the very text it was made of: an order whose text has changed, by whomever, is not found
//! here. Nothing has to be told to forget one.

use std::sync::Arc;

use order_core::error::BoxError;
use order_core::machine::Names as _;
use order_core::order::{Order, OrderStatus};
use order_core::store::OrderFilter;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::history::order_of_text;

/// So many bytes of texts are kept: about a thousand orders of three lines.
const MOST: u64 = 2 << 20;

/// How many orders are expected.
const ORDERS: usize = 1024;

/// One branch for each status that an index is walked for; only one where a customer's or a seller's index is walked, or that of all.
pub(crate) fn branches(filter: &OrderFilter) -> Vec<Option<OrderStatus>> {
    let has_owner = filter.customer_id.is_some() || filter.seller_id.is_some();
    if has_owner || filter.statuses.is_empty() {
        return vec![None];
    }
    let mut statuses = filter.statuses.clone();
    statuses.sort_unstable_by_key(|status| status.name());
    statuses.dedup();
    statuses.into_iter().map(Some).collect()
}

#[derive(Debug)]
pub(crate) struct Listed(Cache<Box<str>, Arc<Order>, Length>);

#[derive(Debug, Clone)]
struct Length;

impl Weighter<Box<str>, Arc<Order>> for Length {
    fn weight(&self, text: &Box<str>, _: &Arc<Order>) -> u64 {
        u64::try_from(text.len()).unwrap_or(u64::MAX)
    }
}

impl Listed {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Cache::with_weighter(ORDERS, MOST, Length)))
    }

    /// The order that [its text](order_of_text) tells.
    pub(crate) fn order(&self, text: &str) -> Result<Arc<Order>, BoxError> {
        if let Some(order) = self.0.get(text) {
            return Ok(order);
        }
        let order = Arc::new(order_of_text(text)?);
        self.0.insert(text.into(), Arc::clone(&order));
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use order_core::conformance::sample::Sampler;

    use super::*;

    /// An order that was written out, and its text.
    fn sample(seed: u64) -> (Order, String) {
        let order = Sampler::new(seed).order("ann", "tea").1;
        let text = format!("{} {}", order.version, serde_json::to_string(&order).unwrap());
        (order, text)
    }

    #[test]
    fn an_order_is_made_once_of_the_same_text_and_anew_of_another() {
        let listed = Listed::new();
        let (order, text) = sample(1);
        let made = listed.order(&text).unwrap();
        assert_eq!(*made, order);
        assert!(Arc::ptr_eq(&made, &listed.order(&text).unwrap()));
        let changed = text.replace("ann", "bob");
        assert_eq!(listed.order(&changed).unwrap().customer_id.as_str(), "bob");
        assert!(Arc::ptr_eq(&made, &listed.order(&text).unwrap()));
        assert!(listed.order("1 {}").is_err());
    }

    #[test]
    fn only_so_many_are_kept() {
        let listed = Listed::new();
        let (order, text) = sample(2);
        let lots = usize::try_from(MOST).unwrap() / text.len() * 2;
        for number in 0..lots {
            let text = text.replace("ann", &format!("customer-{number}"));
            assert_eq!(listed.order(&text).unwrap().id, order.id);
        }
        assert!(listed.0.weight() <= MOST, "{}", listed.0.weight());
        assert!(listed.0.len() < lots, "{}", listed.0.len());
    }
}
