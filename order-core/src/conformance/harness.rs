use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use super::race;
use crate::gateway::{PaymentGateway, ProviderBooks};
use crate::id::ProviderId;
use crate::payment::ProviderToken;
use crate::store::{CommitOutcome, Refusal, Store, WriteSet};

/// Starts a task on the runtime of the test.
pub type Spawn = fn(Pin<Box<dyn Future<Output = ()> + Send>>);

/// Gives every case an empty store of its own.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// What has to live as long as the store: a directory, a schema. Dropping it cleans up.
    type Guard: Send;

    /// An empty store.
    async fn fresh(&self) -> (Arc<dyn Store>, Self::Guard);
}

/// Gives every case a payment gateway.
#[async_trait]
pub trait GatewayHarness: Send + Sync {
    /// What has to live as long as the gateway.
    type Guard: Send;

    /// A gateway. Money that other cases moved is none of its business.
    async fn gateway(&self) -> (Arc<dyn PaymentGateway>, Self::Guard);

    /// The provider's name.
    fn provider(&self) -> ProviderId;

    /// A token whose charges and authorisations are approved.
    fn approved(&self) -> ProviderToken;

    /// A token whose charges and authorisations are declined.
    fn declined(&self) -> ProviderToken;
}

/// How the suite gets at a provider's gateway together with its books.
#[async_trait]
pub trait BooksHarness: GatewayHarness {
    /// A gateway, and the books of the same provider.
    async fn gateway_and_books(&self) -> (Arc<dyn PaymentGateway>, Arc<dyn ProviderBooks>, Self::Guard);
}

/// What a case works on: an empty store, and the means to do things at the same time.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The store.
    pub store: Arc<dyn Store>,
    spawn: Spawn,
}

impl Subject {
    /// A subject.
    pub fn new(store: Arc<dyn Store>, spawn: Spawn) -> Self {
        Self { store, spawn }
    }

    /// Commits a write-set that must be applied.
    pub async fn apply(&self, set: &WriteSet) {
        assert_eq!(self.commit(set).await, CommitOutcome::Applied);
    }

    /// Commits a write-set; the store must be able to tell the outcome.
    pub async fn commit(&self, set: &WriteSet) -> CommitOutcome {
        let outcome = self.store.commit(set).await.unwrap();
        assert_ne!(outcome, CommitOutcome::Unknown, "nothing was cut, and the outcome is unknown");
        outcome
    }

    /// Commits a write-set that must be refused.
    pub async fn refusal(&self, set: &WriteSet) -> Refusal {
        let CommitOutcome::Refused(refusal) = self.commit(set).await else {
            unreachable!("a write-set was applied that had to be refused")
        };
        refusal
    }

    /// Does something with the store many times at once, and gives back what each came to.
    pub async fn race<T, F>(&self, tasks: impl IntoIterator<Item = F>) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        race::all(self.spawn, tasks).await
    }

    /// Commits many write-sets at once.
    pub async fn commit_all(&self, sets: impl IntoIterator<Item = WriteSet>) -> Vec<CommitOutcome> {
        let commits = sets.into_iter().map(|set| {
            let subject = self.clone();
            async move { subject.commit(&set).await }
        });
        self.race(commits).await
    }
}
