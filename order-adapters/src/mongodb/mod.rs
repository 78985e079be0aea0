//! The MongoDB store: many server processes on one replica set.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use order_adapters::mongodb::MongoStore;
//! use order_core::store::Store;
//!
//! # async fn open() -> Result<(), order_adapters::mongodb::OpenError> {
//! let store: Arc<dyn Store> = Arc::new(MongoStore::open("mongodb://a.example,b.example/shop?replicaSet=rs").await?);
//! # Ok(())
//! # }
//! ```
//!
//! * **One transaction, many commits.** Write-sets that come while another one is being committed share the next transaction, and
//!   what they do to one stock level is summed. A refused one harms nobody, and a lone one waits for nobody. So a product that
//!   everybody wants is one conditional update for all who wait, and not a storm of write conflicts.
//! * **A majority has it**, in its journals, before a commit is applied; an election loses nothing that was answered. When
//!   the outcome of a commit is not known, the commit is sent again; when that is not possible, the set's id settles it.
//! * **The database refuses by itself** to oversell, to make two orders of a cart, to open a second cart, to refund more than was
//!   captured, to use a status that does not exist — also for whoever writes by hand. What needs a look at the past it can't
//!   refuse to a hand: to change an event, or to end a reservation twice. There the guards are in the store's own writes.
//! * **Documents can be read.** The whole order is one document, with its lines, payments and sellers' parts, and the first
//!   sixteen things that happened to it.
//! * **Collections, validators and indexes are made** when the store is opened, or apart by [`MongoBuilder::migrate`].
//!
//! # What is kept for how long
//! [`Retention::forget`] forgets write-set ids and idempotency records by the times that they carry; a write-set whose id does not begin
//! with its time (UUID version 7) it may leave. Behind it stand
//! TTL indexes for hosts that never call it: the server removes write-set ids two days, and idempotency records 14 days, after they
//! were written. They go by the time at which a process stored them (`stored_at`), never by a time of the host's clock: a
//! test whose clock stands in the past loses nothing to them.
//!
//! # What it needs
//! MongoDB 6.0 or later, as a replica set or behind `mongos`; a `tokio` runtime. The account needs the right to make collections and
//! indexes only for migrations.
//!
//! The driver's TLS is `rustls` with the same provider of cryptography that the other adapters have, `aws-lc-rs`. A host that brings
//! another one too must choose (`rustls::crypto::CryptoProvider::install_default`) before it opens TLS connections of its own.

mod carts;
mod chapters;
mod documents;
mod idempotency;
mod inbox;
mod inventory;
mod journal;
mod levels;
mod link;
mod list;
mod look;
mod open;
mod orders;
mod outbox;
#[cfg(test)]
mod plans;
mod records;
mod schema;
mod statements;
mod values;

use std::future::Future;
use std::time::Duration;

use ::mongodb::bson::{Document, doc};
use ::mongodb::error::Error;
use ::mongodb::{Client, Collection, Database};
use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use order_core::StoreError;
use order_core::store::{Commit, CommitOutcome, Retention, StoreHealth, WriteSet};
use order_core::time::Timestamp;
use uuid::Uuid;

/// The driver, for hosts that look into the same database.
pub use ::mongodb as driver;

pub use open::{MongoBuilder, OpenError};

use documents::{IDEMPOTENCY, WRITE_SETS};
use link::Link;
use list::Question;
use values::{Rows, counter, date, failed};

use crate::group_commit::{Writer, unavailable};

/// A store in a database of a MongoDB replica set. See the [module](self). Clones share everything.
#[derive(Debug, Clone)]
pub struct MongoStore {
    writer: Writer<Link>,
    client: Client,
    /// Reads from the primary, what a majority has.
    database: Database,
    /// For reads that may be behind.
    stale: Database,
    patience: Duration,
}

impl MongoStore {
    /// Waits for the driver, but not for ever.
    async fn patiently<T>(
        &self,
        context: &'static str,
        doing: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let done = tokio::time::timeout(self.patience, doing).await;
        done.map_err(|late| unavailable(context, late))?.map_err(|error| failed(context, error))
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    async fn one(
        &self,
        context: &'static str,
        collection: &'static str,
        filter: Document,
    ) -> Result<Option<Document>, StoreError> {
        let collection = self.collection(collection);
        self.patiently(context, async { collection.find_one(filter).await }).await
    }

    async fn all(&self, context: &'static str, question: Question) -> Result<Vec<Document>, StoreError> {
        self.ask(&self.database, context, question).await
    }

    /// From a replica, if the store was opened so.
    async fn stale(&self, context: &'static str, question: Question) -> Result<Vec<Document>, StoreError> {
        self.ask(&self.stale, context, question).await
    }

    async fn ask(
        &self,
        database: &Database,
        context: &'static str,
        question: Question,
    ) -> Result<Vec<Document>, StoreError> {
        if question.is_empty() {
            return Ok(Vec::new());
        }
        let options = question.options(self.patience);
        let collection = database.collection::<Document>(question.collection);
        let asking = async {
            collection.find(question.filter).with_options(options).await?.try_collect::<Vec<_>>().await
        };
        self.patiently(context, asking).await
    }

    /// Changes one document. Returns whether there was one.
    async fn change(
        &self,
        context: &'static str,
        collection: &'static str,
        filter: Document,
        change: Document,
    ) -> Result<bool, StoreError> {
        let collection = self.collection(collection);
        let changed = self.patiently(context, async { collection.update_one(filter, change).await }).await?;
        Ok(changed.matched_count > 0)
    }

    /// Changes all documents that fit.
    async fn change_all(
        &self,
        context: &'static str,
        collection: &'static str,
        filter: Document,
        change: Document,
    ) -> Result<(), StoreError> {
        let collection = self.collection(collection);
        self.patiently(context, async { collection.update_many(filter, change).await }).await.map(|_| ())
    }

    /// Makes changes, each of the one document that fits, by one command. Tells how many fitted and are held by a majority.
    async fn change_each(
        &self,
        context: &'static str,
        collection: &'static str,
        changes: impl Iterator<Item = (Document, Document)> + Send,
    ) -> Result<usize, StoreError> {
        let updates: Vec<Document> =
            changes.map(|(filter, change)| doc! { "q": filter, "u": change }).collect();
        let patience = i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX);
        let command = doc! {
            "update": collection, "updates": updates, "ordered": false,
            "writeConcern": { "w": "majority", "j": true, "wtimeout": patience },
        };
        let reply = self.patiently(context, async { self.database.run_command(command).await }).await?;
        let is_held = !reply.contains_key("writeConcernError");
        let fitted =
            reply.get_i32("n").ok().filter(|_| is_held).and_then(|fitted| usize::try_from(fitted).ok());
        Ok(fitted.unwrap_or_default())
    }

    /// The `sum` in the one document that a pipeline gives.
    async fn sum(
        &self,
        context: &'static str,
        collection: &'static str,
        pipeline: impl IntoIterator<Item = Document> + Send,
        index: &str,
    ) -> Result<u64, StoreError> {
        let hint = ::mongodb::options::Hint::Name(index.to_owned());
        let documents = self.collection(collection);
        let asking = async { documents.aggregate(pipeline).hint(hint).await?.try_collect::<Vec<_>>().await };
        let found = self.patiently(context, asking).await?;
        found.first().map_or(Ok(0), |found| counter(collection, found, "sum"))
    }

    /// Removes the documents that are found, if they are still of before.
    async fn forget_some(
        &self,
        found: Question,
        field: &'static str,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        let documents = self.collection(found.collection);
        let found = self.all("find what is to be forgotten", found).await?;
        let ids: Vec<_> = found.into_iter().filter_map(|mut document| document.remove("_id")).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        // The condition once more: what was stored anew meanwhile is kept.
        let filter = doc! { "_id": { "$in": ids }, field: { "$lt": date(before) } };
        let removed = self.patiently("forget", async { documents.delete_many(filter).await }).await?;
        Ok(removed.deleted_count)
    }
}

/// The oldest idempotency records of before.
fn old_requests(before: Timestamp, limit: u32) -> Question {
    Question::new(IDEMPOTENCY, doc! { "created_at": { "$lt": date(before) } })
        .fields(doc! { "_id": 1 })
        .walks("idempotency_by_age", doc! { "created_at": 1 })
        .limit(limit)
}

/// The oldest write-sets, by transactions that are of before as a whole. Their ids begin with their times (RFC 9562, version 7), so that
/// they need no index for it; one that a host has numbered otherwise is left to the server's own expiry.
fn old_write_sets(before: Timestamp, limit: u32) -> Question {
    let millis = u64::try_from(before.timestamp_millis()).unwrap_or_default();
    let first = Uuid::from_u128(u128::from(millis) << 80).to_string();
    Question::new(WRITE_SETS, doc! { "_id": { "$lt": first }, "at": { "$lt": date(before) } })
        .fields(doc! { "_id": 1 })
        .walks("_id_", doc! { "_id": 1 })
        .limit(limit)
}

#[async_trait]
impl Commit for MongoStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        self.writer.commit(Rows::of(set)?).await
    }
}

#[async_trait]
impl Retention for MongoStore {
    async fn forget(
        &self,
        write_sets: Timestamp,
        idempotency: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let sets = self.forget_some(old_write_sets(write_sets, limit), "at", write_sets).await?;
        let requests = old_requests(idempotency, limit);
        let requests = self.forget_some(requests, "created_at", idempotency).await?;
        Ok(sets.saturating_add(requests))
    }
}

#[async_trait]
impl StoreHealth for MongoStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let ping = async { self.database.run_command(doc! { "ping": 1 }).await };
        self.patiently("reach the database", ping).await.map(|_| ())
    }
}
