//! A decorator around a store: it counts and times what the store is asked to commit. A host's own store implements the same
//! traits, and runs the published conformance suite.
#![expect(clippy::print_stdout, reason = "a program that shows something")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use embedding::{Outcome, by_customer, catalogue, order_of, receive_stock};
use order_core::id::ProviderId;
use order_core::memory::{MemoryStore, SimulatedGateway};
use order_core::store::{Commit, CommitOutcome, Store, WriteSet};
use order_core::{Engine, StoreError};

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

    async fn pass<T, F>(&self, _: &'static str, call: impl Fn() -> F + Send + Sync) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        call().await
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
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
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
order_core::decorate_store!(Counted);

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
