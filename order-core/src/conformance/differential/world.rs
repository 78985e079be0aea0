use std::sync::Arc;

use super::picture::Picture;
use super::program::{Listing, Step, Turn};
use crate::cart::Cart;
use crate::conformance::sample::{Sampler, customer, shelf};
use crate::error::StoreError;
use crate::id::{LocationId, SellerId};
use crate::inventory::{Reservation, StockKey};
use crate::memory::MemoryStore;
use crate::order::{ORDER_TABLE, Order, OrderStatus};
use crate::store::{
    Aggregate, Commit as _, CommitOutcome, Cursor, OrderFilter, OrderRepository as _, OutboxRepository as _,
    PageRequest, Refusal, Retention as _, SortOrder, StockCursor, StockOutboxRepository as _,
    StockRepository as _, Store, WriteSet,
};
use crate::time::{Clock as _, Duration};

pub(super) const PRODUCTS: [&str; 4] = ["tea", "coffee", "cocoa_%", "Käse"];
pub(super) const SELLERS: [&str; 3] = ["north", "south", "East"];
const TEXTS: [&str; 8] = ["tea", "KÄSE", "_%", "n-1", "c-", "sample", "'", "nothing like it"];

/// Two stores, and what was done with them.
pub(super) struct World {
    pub(super) samples: Sampler,
    pub(super) reference: Arc<MemoryStore>,
    pub(super) subject: Arc<dyn Store>,
    /// Every version of every order that was written, the newest last.
    pub(super) orders: Vec<Vec<Order>>,
    pub(super) carts: Vec<Cart>,
    pub(super) reservations: Vec<Reservation>,
    sets: Vec<WriteSet>,
}

/// What differs.
pub(super) type Difference = String;

/// The element that a number chooses, counted from the newest.
pub(super) fn pick<T>(from: &[T], number: u8) -> Option<&T> {
    from.len().checked_sub(1 + usize::from(number) % from.len().max(1)).and_then(|index| from.get(index))
}

/// A product's level: on the shelf, or at another place.
pub(super) fn level_of(product: u8, elsewhere: bool) -> StockKey {
    let mut key = shelf(PRODUCTS[usize::from(product)]);
    if elsewhere {
        key.location = LocationId::new("Keller 2").unwrap();
    }
    key
}

impl World {
    pub(super) fn new(subject: Arc<dyn Store>) -> Self {
        Self {
            samples: Sampler::new(7),
            reference: Arc::default(),
            subject,
            orders: Vec::new(),
            carts: Vec::new(),
            reservations: Vec::new(),
            sets: Vec::new(),
        }
    }

    /// Compares everything that can be read.
    pub(super) async fn compare(&self) -> Result<(), Difference> {
        let reference = Picture::of(self, &*self.reference).await;
        let subject = Picture::of(self, &*self.subject).await;
        reference.compare(&subject)
    }

    /// Does one step on both stores.
    pub(super) async fn play(&mut self, turn: &Turn) -> Result<(), Difference> {
        let now = self.samples.clock.now();
        match &turn.step {
            Step::Wait { seconds } => {
                self.samples.clock.advance(Duration::seconds(i64::from(*seconds)));
                Ok(())
            }
            Step::Claim { orders, seconds } => {
                let until = now + Duration::seconds(i64::from(*seconds));
                let expected = self.reference.claim_outbox(now, until, u32::from(*orders)).await;
                same("claim", expected, self.subject.claim_outbox(now, until, u32::from(*orders)).await)
            }
            Step::Deliver { order, behind } => {
                let Some(order) = pick(&self.orders, *order).and_then(|versions| versions.last()) else {
                    return Ok(());
                };
                let sequence = order.version.saturating_sub(u64::from(*behind));
                let expected = self.reference.delivered(&[(order.id, sequence)]).await;
                same("delivered", expected, self.subject.delivered(&[(order.id, sequence)]).await)
            }
            Step::Fail { order, seconds } => self.fail(*order, Duration::seconds(i64::from(*seconds))).await,
            Step::ClaimStock { levels, seconds } => {
                let (until, levels) = (now + Duration::seconds(i64::from(*seconds)), u32::from(*levels));
                let expected = self.reference.claim_stock_outbox(now, until, levels).await;
                same("claim of records", expected, self.subject.claim_stock_outbox(now, until, levels).await)
            }
            Step::DeliverStock { product, elsewhere, sequence } => {
                let (key, sequence) = (level_of(*product, *elsewhere), u64::from(*sequence));
                let expected = self.reference.delivered_stock(&key, sequence).await;
                same("delivered record", expected, self.subject.delivered_stock(&key, sequence).await)
            }
            Step::FailStock { product, elsewhere, seconds } => {
                self.fail_stock(&level_of(*product, *elsewhere), Duration::seconds(i64::from(*seconds))).await
            }
            Step::Journal { product, elsewhere, after, limit } => {
                self.journal(*product, *elsewhere, *after, u32::from(*limit)).await
            }
            Step::Forget { seconds, limit } => {
                let before = now - Duration::seconds(i64::from(*seconds));
                let expected = self.reference.forget(before, before, u32::from(*limit)).await;
                same("forget", expected, self.subject.forget(before, before, u32::from(*limit)).await)
            }
            Step::List(listing) => self.list(listing).await,
            Step::Inbox(step) => self.play_inbox(*step).await,
            Step::Repeat { set } => {
                let Some(set) = pick(&self.sets, *set).cloned() else { return Ok(()) };
                self.commit(set).await
            }
            Step::Receive { .. }
            | Step::Staff { .. }
            | Step::Fill { .. }
            | Step::Close { .. }
            | Step::Remove { .. }
            | Step::Replace { .. }
            | Step::Place { .. }
            | Step::Change { .. }
            | Step::Two { .. }
            | Step::Reserve { .. }
            | Step::End { .. }
            | Step::Note { .. } => {
                let Some(mut set) = self.build(&turn.step) else { return Ok(()) };
                self.spoil(&mut set, turn.flaw);
                self.commit(set).await
            }
        }
    }

    /// The delivery of an order's head fails.
    async fn fail(&self, order: u8, wait: Duration) -> Result<(), Difference> {
        let Some(order) = pick(&self.orders, order).and_then(|versions| versions.last()) else {
            return Ok(());
        };
        let again = self.samples.clock.now() + wait;
        for sequence in 1..=order.version {
            let expected = self.reference.undelivered(order.id, sequence, again).await;
            same("undelivered", expected, self.subject.undelivered(order.id, sequence, again).await)?;
        }
        Ok(())
    }

    /// The delivery of a level's head fails.
    async fn fail_stock(&self, key: &StockKey, wait: Duration) -> Result<(), Difference> {
        let again = self.samples.clock.now() + wait;
        for sequence in 1..=12 {
            let expected = self.reference.undelivered_stock(key, sequence, again).await;
            same("undelivered record", expected, self.subject.undelivered_stock(key, sequence, again).await)?;
        }
        Ok(())
    }

    /// A page of a journal.
    async fn journal(
        &self,
        product: u8,
        elsewhere: Option<bool>,
        after: Option<u8>,
        limit: u32,
    ) -> Result<(), Difference> {
        let product_id = level_of(product, false).product_id;
        let location = elsewhere.map(|elsewhere| level_of(product, elsewhere).location);
        let all = self.reference.stock_records(&product_id, None, None, 100).await.unwrap().items;
        let after = after.and_then(|number| pick(&all, number)).map(StockCursor::behind);
        let (location, after) = (location.as_ref(), after.as_ref());
        let expected = self.reference.stock_records(&product_id, location, after, limit).await;
        same("journal", expected, self.subject.stock_records(&product_id, location, after, limit).await)
    }

    async fn list(&self, listing: &Listing) -> Result<(), Difference> {
        let at = |number: Option<u8>| {
            number.and_then(|number| pick(&self.orders, number)).map(|versions| &versions[0])
        };
        let statuses: Vec<OrderStatus> = ORDER_TABLE.edges().iter().map(|edge| edge.to).collect();
        let filter = OrderFilter {
            customer_id: listing.customer.map(|number| customer(&format!("c-{number}"))),
            statuses: listing
                .statuses
                .iter()
                .filter_map(|number| pick(&statuses, *number))
                .copied()
                .collect(),
            seller_id: listing.seller.map(|number| SellerId::new(SELLERS[usize::from(number) % 3]).unwrap()),
            placed_from: at(listing.from).map(|order| order.created_at),
            placed_before: at(listing.before).map(|order| order.created_at),
            text: listing.text.map(|number| TEXTS[usize::from(number) % 8].to_owned()),
        };
        let order = if listing.oldest_first { SortOrder::OldestFirst } else { SortOrder::NewestFirst };
        let page = PageRequest::first(u32::from(listing.limit))
            .sorted(order)
            .skip(u32::from(listing.skip))
            .after(at(listing.after).map(|order| Cursor::behind(order.id)));
        let expected = self.reference.list_orders(&filter, page).await;
        same("list", expected, self.subject.list_orders(&filter, page).await)
    }

    async fn commit(&mut self, set: WriteSet) -> Result<(), Difference> {
        let expected = self.reference.commit(&set).await.map(sorted);
        let found = self.subject.commit(&set).await.map(sorted);
        let is_applied = matches!(expected, Ok(CommitOutcome::Applied));
        same("commit", expected, found)?;
        if is_applied && !self.sets.iter().any(|earlier| earlier.id == set.id) {
            self.note(&set);
        }
        self.sets.push(set);
        Ok(())
    }

    /// Keeps what was written, to build on it.
    fn note(&mut self, set: &WriteSet) {
        for put in &set.carts {
            self.carts.retain(|cart| cart.id != put.cart.id);
            self.carts.push(put.cart.clone());
        }
        for put in &set.orders {
            let order = Order::clone(&put.order);
            match self.orders.iter_mut().find(|versions| versions[0].id == order.id) {
                Some(versions) => versions.push(order),
                None => self.orders.push(vec![order]),
            }
        }
        for put in &set.reservations {
            self.reservations.retain(|reservation| reservation.id != put.reservation.id);
            self.reservations.push(put.reservation.clone());
        }
    }
}

/// The order in which short levels are told, and the text of an event's key, are the store's own affair.
fn sorted(outcome: CommitOutcome) -> CommitOutcome {
    match outcome {
        CommitOutcome::Refused(Refusal::Stock(mut short)) => {
            short.sort_by(|left, right| left.key.cmp(&right.key));
            CommitOutcome::Refused(Refusal::Stock(short))
        }
        CommitOutcome::Refused(Refusal::Version { aggregate: Aggregate::Event, .. }) => {
            CommitOutcome::Refused(Refusal::Version { aggregate: Aggregate::Event, key: String::new() })
        }
        CommitOutcome::Refused(_) | CommitOutcome::Applied | CommitOutcome::Unknown => outcome,
    }
}

/// Compares two answers.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: Result<T, StoreError>,
    found: Result<T, StoreError>,
) -> Result<(), Difference> {
    match (expected, found) {
        (Ok(expected), Ok(found)) if expected == found => Ok(()),
        (expected, found) => Err(format!("{what}: memory answers {expected:?}, the store {found:?}")),
    }
}
