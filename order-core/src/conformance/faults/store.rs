use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Fault, FaultPlan, Meeting};
use crate::cart::{Cart, CartOwner};
use crate::error::StoreError;
use crate::id::{CartId, IdempotencyKey, OrderId, OrderNumber, PaymentId, ProductId, ReservationId};
use crate::inventory::{Reservation, StockLevel};
use crate::order::{EventRecord, Order};
use crate::store::{
    CartRepository, Commit, CommitOutcome, IdempotencyRecord, IdempotencyRepository, OrderFilter,
    OrderRepository, OutboxMessage, OutboxRepository, Page, PageRequest, ReservationRepository, Retention,
    StockRepository, Store, StoreHealth, WriteSet,
};
use crate::time::Timestamp;

/// A store one call of which goes wrong.
#[derive(Debug)]
pub struct FaultStore {
    inner: Arc<dyn Store>,
    plan: Arc<FaultPlan>,
    late: Mutex<Vec<WriteSet>>,
}

impl FaultStore {
    /// A store behind a plan.
    pub fn new(inner: Arc<dyn Store>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan, late: Mutex::default() }
    }

    /// Commits what is late: it is applied, refused, or was applied before. Returns how much that was.
    ///
    /// # Errors
    /// [`StoreError`] of the store behind.
    pub async fn deliver_late(&self) -> Result<usize, StoreError> {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        for set in &late {
            let _ = self.inner.commit(set).await?;
        }
        Ok(late.len())
    }

    /// Passes a call on. A call that is not a commit fails where its answer is lost.
    async fn pass<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        match self.plan.meet() {
            Meeting::Nothing => call().await,
            Meeting::Death
            | Meeting::Fault(Fault::FailBefore | Fault::LoseCall | Fault::Late | Fault::CrashBefore) => {
                Err(cut())
            }
            Meeting::Fault(Fault::Repeat) => {
                call().await?;
                call().await
            }
            Meeting::Fault(fault @ (Fault::LoseAnswer | Fault::CrashAfter)) => {
                call().await?;
                if fault == Fault::CrashAfter {
                    self.plan.die();
                }
                Err(cut())
            }
        }
    }
}

fn cut() -> StoreError {
    StoreError::Unavailable { context: "a planned fault", source: "cut off".into() }
}

#[async_trait]
impl Commit for FaultStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        match self.plan.meet() {
            Meeting::Nothing => self.inner.commit(set).await,
            Meeting::Death | Meeting::Fault(Fault::FailBefore | Fault::CrashBefore) => Err(cut()),
            Meeting::Fault(Fault::LoseCall) => Ok(CommitOutcome::Unknown),
            Meeting::Fault(Fault::LoseAnswer) => {
                let _ = self.inner.commit(set).await?;
                Ok(CommitOutcome::Unknown)
            }
            Meeting::Fault(Fault::Repeat) => {
                let _ = self.inner.commit(set).await?;
                self.inner.commit(set).await
            }
            Meeting::Fault(Fault::Late) => {
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push(set.clone());
                Ok(CommitOutcome::Unknown)
            }
            Meeting::Fault(Fault::CrashAfter) => {
                let _ = self.inner.commit(set).await?;
                self.plan.die();
                Err(cut())
            }
        }
    }
}

#[async_trait]
impl CartRepository for FaultStore {
    async fn find_cart(&self, id: CartId) -> Result<Option<Cart>, StoreError> {
        self.pass(|| self.inner.find_cart(id)).await
    }

    async fn find_open_cart(&self, owner: &CartOwner) -> Result<Option<Cart>, StoreError> {
        self.pass(|| self.inner.find_open_cart(owner)).await
    }

    async fn expired_carts(&self, now: Timestamp, limit: u32) -> Result<Vec<(CartId, u64)>, StoreError> {
        self.pass(|| self.inner.expired_carts(now, limit)).await
    }
}

#[async_trait]
impl OrderRepository for FaultStore {
    async fn find_order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.pass(|| self.inner.find_order(id)).await
    }

    async fn find_order_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        self.pass(|| self.inner.find_order_by_number(number)).await
    }

    async fn find_order_by_payment(&self, id: PaymentId) -> Result<Option<Order>, StoreError> {
        self.pass(|| self.inner.find_order_by_payment(id)).await
    }

    async fn list_orders(&self, filter: &OrderFilter, page: PageRequest) -> Result<Page<Order>, StoreError> {
        self.pass(|| self.inner.list_orders(filter, page)).await
    }

    async fn due_orders(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        self.pass(|| self.inner.due_orders(now, limit)).await
    }

    async fn history(&self, id: OrderId) -> Result<Vec<EventRecord>, StoreError> {
        self.pass(|| self.inner.history(id)).await
    }
}

#[async_trait]
impl StockRepository for FaultStore {
    async fn stock_levels(&self, products: &[ProductId]) -> Result<Vec<StockLevel>, StoreError> {
        self.pass(|| self.inner.stock_levels(products)).await
    }
}

#[async_trait]
impl ReservationRepository for FaultStore {
    async fn find_reservation(&self, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
        self.pass(|| self.inner.find_reservation(id)).await
    }

    async fn expired_reservations(
        &self,
        now: Timestamp,
        products: &[ProductId],
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        self.pass(|| self.inner.expired_reservations(now, products, limit)).await
    }
}

#[async_trait]
impl IdempotencyRepository for FaultStore {
    async fn find_idempotency(
        &self,
        scope: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.pass(|| self.inner.find_idempotency(scope, key)).await
    }
}

#[async_trait]
impl OutboxRepository for FaultStore {
    async fn claim_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        orders: u32,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        self.pass(|| self.inner.claim_outbox(now, until, orders)).await
    }

    async fn delivered(&self, order_id: OrderId, sequence: u64) -> Result<(), StoreError> {
        self.pass(|| self.inner.delivered(order_id, sequence)).await
    }

    async fn undelivered(
        &self,
        order_id: OrderId,
        sequence: u64,
        again: Timestamp,
    ) -> Result<(), StoreError> {
        self.pass(|| self.inner.undelivered(order_id, sequence, again)).await
    }

    async fn stuck_outbox(&self, attempts: u32, limit: u32) -> Result<Vec<OutboxMessage>, StoreError> {
        self.pass(|| self.inner.stuck_outbox(attempts, limit)).await
    }

    async fn outbox_len(&self) -> Result<u64, StoreError> {
        self.pass(|| self.inner.outbox_len()).await
    }
}

#[async_trait]
impl Retention for FaultStore {
    async fn forget(
        &self,
        write_sets: Timestamp,
        idempotency: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.pass(|| self.inner.forget(write_sets, idempotency, limit)).await
    }
}

#[async_trait]
impl StoreHealth for FaultStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.pass(|| self.inner.ping()).await
    }
}
