use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::cart::{Cart, CartOwner};
use crate::error::StoreError;
use crate::id::{CartId, IdempotencyKey, OrderId, OrderNumber, PaymentId, ProductId, ReservationId};
use crate::inventory::{Reservation, StockLevel};
use crate::order::{EventRecord, Order};
use crate::simulation::{Chance, Pauses};
use crate::store::{
    CartRepository, Commit, CommitOutcome, IdempotencyRecord, IdempotencyRepository, OrderFilter,
    OrderRepository, OutboxMessage, OutboxRepository, Page, PageRequest, ReservationRepository, Retention,
    StockRepository, Store, StoreHealth, WriteSet,
};
use crate::time::Timestamp;

/// A store behind a bad network: calls fail, and the outcome of a commit is sometimes not known, whether it was made or not.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    chance: Arc<Chance>,
    pauses: Pauses,
    is_calm: AtomicBool,
}

impl FaultyStore {
    /// A store behind a bad network.
    pub fn new(inner: Arc<dyn Store>, chance: Arc<Chance>, pauses: Pauses) -> Self {
        Self { inner, chance, pauses, is_calm: AtomicBool::new(false) }
    }

    /// Stops the faults.
    pub fn calm(&self) {
        self.is_calm.store(true, Ordering::SeqCst);
    }

    fn has_fault(&self, in_thousand: u64) -> bool {
        !self.is_calm.load(Ordering::SeqCst) && self.chance.happens(in_thousand)
    }

    async fn read(&self) -> Result<(), StoreError> {
        self.pauses.step().await;
        if self.has_fault(2) {
            return Err(StoreError::Unavailable { context: "a simulated fault", source: "cut off".into() });
        }
        Ok(())
    }
}

#[async_trait]
impl Commit for FaultyStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        self.read().await?;
        if self.has_fault(10) {
            return Ok(CommitOutcome::Unknown);
        }
        let outcome = self.inner.commit(set).await?;
        self.pauses.step().await;
        if self.has_fault(10) && outcome == CommitOutcome::Applied {
            return Ok(CommitOutcome::Unknown);
        }
        Ok(outcome)
    }
}

#[async_trait]
impl CartRepository for FaultyStore {
    async fn find_cart(&self, id: CartId) -> Result<Option<Cart>, StoreError> {
        self.read().await?;
        self.inner.find_cart(id).await
    }

    async fn find_open_cart(&self, owner: &CartOwner) -> Result<Option<Cart>, StoreError> {
        self.read().await?;
        self.inner.find_open_cart(owner).await
    }

    async fn expired_carts(&self, now: Timestamp, limit: u32) -> Result<Vec<(CartId, u64)>, StoreError> {
        self.read().await?;
        self.inner.expired_carts(now, limit).await
    }
}

#[async_trait]
impl OrderRepository for FaultyStore {
    async fn find_order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.read().await?;
        self.inner.find_order(id).await
    }

    async fn find_order_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        self.read().await?;
        self.inner.find_order_by_number(number).await
    }

    async fn find_order_by_payment(&self, id: PaymentId) -> Result<Option<Order>, StoreError> {
        self.read().await?;
        self.inner.find_order_by_payment(id).await
    }

    async fn list_orders(&self, filter: &OrderFilter, page: PageRequest) -> Result<Page<Order>, StoreError> {
        self.read().await?;
        self.inner.list_orders(filter, page).await
    }

    async fn due_orders(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        self.read().await?;
        self.inner.due_orders(now, limit).await
    }

    async fn history(&self, id: OrderId) -> Result<Vec<EventRecord>, StoreError> {
        self.read().await?;
        self.inner.history(id).await
    }
}

#[async_trait]
impl StockRepository for FaultyStore {
    async fn stock_levels(&self, products: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        self.read().await?;
        self.inner.stock_levels(products).await
    }
}

#[async_trait]
impl ReservationRepository for FaultyStore {
    async fn find_reservation(&self, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
        self.read().await?;
        self.inner.find_reservation(id).await
    }

    async fn expired_reservations(
        &self,
        now: Timestamp,
        products: &[ProductId],
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        self.read().await?;
        self.inner.expired_reservations(now, products, limit).await
    }
}

#[async_trait]
impl IdempotencyRepository for FaultyStore {
    async fn find_idempotency(
        &self,
        scope: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.read().await?;
        self.inner.find_idempotency(scope, key).await
    }
}

#[async_trait]
impl OutboxRepository for FaultyStore {
    async fn claim_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        orders: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.read().await?;
        self.inner.claim_outbox(now, until, orders).await
    }

    async fn delivered(&self, order_id: OrderId, sequence: u64) -> Result<(), StoreError> {
        self.read().await?;
        self.inner.delivered(order_id, sequence).await
    }

    async fn undelivered(
        &self,
        order_id: OrderId,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        self.read().await?;
        self.inner.undelivered(order_id, sequence, again).await
    }

    async fn stuck_outbox(&self, attempts: u32, limit: u32) -> Result<Vec<OutboxMessage>, StoreError> {
        self.read().await?;
        self.inner.stuck_outbox(attempts, limit).await
    }

    async fn outbox_len(&self) -> Result<u64, StoreError> {
        self.read().await?;
        self.inner.outbox_len().await
    }
}

#[async_trait]
impl Retention for FaultyStore {
    async fn forget(
        &self,
        write_sets: Timestamp,
        idempotency: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.read().await?;
        self.inner.forget(write_sets, idempotency, limit).await
    }
}

#[async_trait]
impl StoreHealth for FaultyStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.read().await?;
        self.inner.ping().await
    }
}
