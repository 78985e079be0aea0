//! A decorator around a store: it counts and times what the store is asked to commit. A host's own store implements the same
//! traits, and runs the published conformance suite.
#![expect(clippy::print_stdout, reason = "a program that shows something")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use embedding::{Outcome, by_customer, catalogue, order_of, receive_stock};
use order_core::cart::{Cart, CartOwner};
use order_core::id::{
    CartId, IdempotencyKey, OrderId, OrderNumber, PaymentId, ProductId, ProviderId, ReservationId,
};
use order_core::inventory::{Reservation, StockLevel};
use order_core::memory::{MemoryStore, SimulatedGateway};
use order_core::order::{EventRecord, Order};
use order_core::store::{
    CartRepository, Commit, CommitOutcome, IdempotencyRecord, IdempotencyRepository, OrderFilter,
    OrderRepository, OutboxMessage, OutboxRepository, Page, PageRequest, ReservationRepository, Retention,
    StockRepository, Store, StoreHealth, WriteSet,
};
use order_core::time::Timestamp;
use order_core::{Engine, StoreError};

type Stored<T> = Result<T, StoreError>;

/// Counts commits by their outcome, and says which was slow.
#[derive(Debug)]
struct Counted {
    inner: Arc<dyn Store>,
    applied: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
}

impl Counted {
    const SLOW: Duration = Duration::from_millis(500);

    fn new(inner: Arc<dyn Store>) -> Self {
        let zero = AtomicU64::default;
        Self { inner, applied: zero(), refused: zero(), unknown: zero() }
    }

    fn report(&self) -> String {
        let [applied, refused, unknown] =
            [&self.applied, &self.refused, &self.unknown].map(|count| count.load(Ordering::Relaxed));
        let all = applied.saturating_add(refused).saturating_add(unknown);
        format!("{all} commits: {applied} applied, {refused} refused, {unknown} unknown")
    }
}

#[async_trait]
impl Commit for Counted {
    async fn commit(&self, set: &WriteSet) -> Stored<CommitOutcome> {
        let begun = Instant::now();
        let outcome = self.inner.commit(set).await?;
        if begun.elapsed() > Self::SLOW {
            println!("a slow commit: {:?}", begun.elapsed());
        }
        let count = match outcome {
            CommitOutcome::Applied => &self.applied,
            CommitOutcome::Refused(_) => &self.refused,
            CommitOutcome::Unknown => &self.unknown,
        };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(outcome)
    }
}

// Everything else goes through as it is.

#[async_trait]
impl CartRepository for Counted {
    async fn find_cart(&self, id: CartId) -> Stored<Option<Cart>> {
        self.inner.find_cart(id).await
    }
    async fn find_open_cart(&self, owner: &CartOwner) -> Stored<Option<Cart>> {
        self.inner.find_open_cart(owner).await
    }
    async fn expired_carts(&self, now: Timestamp, limit: u32) -> Stored<Vec<(CartId, u64)>> {
        self.inner.expired_carts(now, limit).await
    }
}

#[async_trait]
impl OrderRepository for Counted {
    async fn find_order(&self, id: OrderId) -> Stored<Option<Order>> {
        self.inner.find_order(id).await
    }
    async fn find_order_by_number(&self, number: &OrderNumber) -> Stored<Option<Order>> {
        self.inner.find_order_by_number(number).await
    }
    async fn find_order_by_payment(&self, id: PaymentId) -> Stored<Option<Order>> {
        self.inner.find_order_by_payment(id).await
    }
    async fn list_orders(&self, filter: &OrderFilter, page: PageRequest) -> Stored<Page<Order>> {
        self.inner.list_orders(filter, page).await
    }
    async fn due_orders(&self, now: Timestamp, limit: u32) -> Stored<Vec<OrderId>> {
        self.inner.due_orders(now, limit).await
    }
    async fn history(&self, id: OrderId) -> Stored<Vec<EventRecord>> {
        self.inner.history(id).await
    }
}

#[async_trait]
impl StockRepository for Counted {
    async fn stock_levels(&self, products: &[ProductId]) -> Stored<Vec<StockLevel>> {
        self.inner.stock_levels(products).await
    }
}

#[async_trait]
impl ReservationRepository for Counted {
    async fn find_reservation(&self, id: ReservationId) -> Stored<Option<Reservation>> {
        self.inner.find_reservation(id).await
    }
    async fn expired_reservations(
        &self,
        now: Timestamp,
        products: &[ProductId],
        limit: u32,
    ) -> Stored<Vec<Reservation>> {
        self.inner.expired_reservations(now, products, limit).await
    }
}

#[async_trait]
impl IdempotencyRepository for Counted {
    async fn find_idempotency(&self, scope: &str, key: &IdempotencyKey) -> Stored<Option<IdempotencyRecord>> {
        self.inner.find_idempotency(scope, key).await
    }
}

#[async_trait]
impl OutboxRepository for Counted {
    async fn claim_outbox(
        &self,
        now: Timestamp,
        until: Timestamp,
        orders: u32,
    ) -> Stored<Vec<OutboxMessage>> {
        self.inner.claim_outbox(now, until, orders).await
    }
    async fn delivered(&self, order_id: OrderId, sequence: u64) -> Stored<()> {
        self.inner.delivered(order_id, sequence).await
    }
    async fn undelivered(&self, order_id: OrderId, sequence: u64, again: Timestamp) -> Stored<()> {
        self.inner.undelivered(order_id, sequence, again).await
    }
    async fn stuck_outbox(&self, attempts: u32, limit: u32) -> Stored<Vec<OutboxMessage>> {
        self.inner.stuck_outbox(attempts, limit).await
    }
    async fn outbox_len(&self) -> Stored<u64> {
        self.inner.outbox_len().await
    }
}

#[async_trait]
impl Retention for Counted {
    async fn forget(&self, write_sets: Timestamp, idempotency: Timestamp, limit: u32) -> Stored<u64> {
        self.inner.forget(write_sets, idempotency, limit).await
    }
}

#[async_trait]
impl StoreHealth for Counted {
    async fn ping(&self) -> Stored<()> {
        self.inner.ping().await
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let store = Arc::new(Counted::new(Arc::new(MemoryStore::default())));
    let engine = Engine::builder(store.clone())
        .catalogue(Arc::new(catalogue()?))
        .payment_gateway(ProviderId::new("simulated")?, Arc::new(SimulatedGateway::default()))
        .build()?;
    receive_stock(&engine, 10).await?;
    let alice = by_customer("alice")?;
    let order = engine.orders().place(order_of("TEA", 2, "simulated", "sim_approve")?, &alice).await?.value;
    println!("the order is {}", order.status);
    println!("{}", store.report());
    Ok(())
}
