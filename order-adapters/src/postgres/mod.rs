//! The PostgreSQL store: many server processes on one database.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use order_adapters::postgres::PostgresStore;
//! use order_core::store::Store;
//!
//! # async fn open() -> Result<(), order_adapters::postgres::OpenError> {
//! let store: Arc<dyn Store> = Arc::new(PostgresStore::open("postgres://shop@db.example/shop").await?);
//! # Ok(())
//! # }
//! ```
//!
//! * **One round trip, one flush, many commits.** A write-set is one call of one function of the schema. Those that come while
//!   another one is being flushed share the next call: their rows go into each table together, and what they do to one stock
//!   level is summed. A refused one harms nobody. A lone one waits for nobody: its caller commits it in place, and if it stops
//!   waiting for that, the connection is closed and the outcome unknown.
//! * **The schema refuses by itself** to oversell, to make two orders of a cart, to end a reservation twice, to refund more
//!   than was captured, to change history — also for whoever writes SQL by hand.
//! * **The schema is made and kept up to date** when the store is opened, or apart by [`PostgresBuilder::migrate`]. It is the
//!   schema `order_engine` of the database, or another one; the host's tables stand beside it.
//! * **No state of a session** is relied on: it works behind a pooler that gives each transaction another connection.
//! * **Lost connections are replaced.** A write-set that was sent over a lost one is sent again, as it is applied once; when that
//!   is not possible either, its outcome is unknown. Deadlocks and serialisation failures are tried again.
//! * **The host's own rows** are committed together with ours by [`PostgresStore::commit_in`].
//!
//! # What it needs
//! PostgreSQL 14 or later, the primary, durable (`fsync`, `full_page_writes` and `synchronous_commit` on), UTF-8; and a `tokio`
//! runtime. The account needs the right to create a schema only for migrations.

mod carts;
mod commit;
mod guards;
mod idempotency;
mod inbox;
mod inventory;
mod journal;
mod link;
mod list;
mod open;
mod orders;
mod outbox;
#[cfg(test)]
mod plans;
mod schema;
mod single;
mod statement;
mod values;

use std::sync::Arc;
use std::time::Duration;

use ::sqlx::postgres::{PgRow, Postgres};
use ::sqlx::{AssertSqlSafe, Connection as _, SqlStr};
use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::WriteSetId;
use order_core::store::{Retention, StoreHealth};
use order_core::time::Timestamp;

/// The driver, for hosts that call [`PostgresStore::commit_in`].
pub use ::sqlx;

pub use open::{OpenError, PostgresBuilder};

use link::Link;
use schema::Schema;
use statement::Query;
use values::{counter, failed, unavailable};

use crate::group_commit::Writer;
use crate::listed::Listed;
use crate::readers::Readers;

/// A store in a PostgreSQL database. See the [module](self). Clones share everything.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    writer: Writer<Link>,
    readers: Readers<Postgres>,
    /// For reads that may be behind.
    stale: Readers<Postgres>,
    listed: Arc<Listed>,
    schema: Schema,
    apply_sql: SqlStr,
    look_sql: SqlStr,
    prepares: bool,
    patience: Duration,
}

impl PostgresStore {
    /// A statement with the schema's name in the place of `{schema}`.
    fn sql(&self, template: &str) -> AssertSqlSafe<String> {
        self.schema.sql(template)
    }

    async fn all(&self, context: &'static str, query: Query<'_>) -> Result<Vec<PgRow>, StoreError> {
        self.rows(&self.readers, context, query).await
    }

    async fn optional(&self, context: &'static str, query: Query<'_>) -> Result<Option<PgRow>, StoreError> {
        Ok(self.all(context, query).await?.into_iter().next())
    }

    async fn rows(
        &self,
        readers: &Readers<Postgres>,
        context: &'static str,
        query: Query<'_>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let query = query.persistent(self.prepares);
        let running = async {
            let mut reader = readers.acquire().await?;
            let rows = if self.prepares {
                query.fetch_all(reader.connection()).await?
            } else {
                let mut transaction = reader.connection().begin().await?;
                let rows = query.fetch_all(&mut *transaction).await?;
                transaction.commit().await?;
                rows
            };
            reader.keep();
            Ok(rows)
        };
        let done = tokio::time::timeout(self.patience, running).await;
        done.map_err(|late| unavailable(context, late))?.map_err(|error| failed(context, error))
    }
}

#[async_trait]
impl Retention for PostgresStore {
    async fn forget(
        &self,
        write_sets: Timestamp,
        idempotency: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        // A set whose id does not begin with its time is remembered for longer, never shorter.
        let sql = self.sql(
            "WITH sets AS (
                DELETE FROM {schema}.write_sets WHERE id IN (
                    SELECT id FROM {schema}.write_sets WHERE id < $1 AND at < $4 ORDER BY id LIMIT $3
                    FOR UPDATE SKIP LOCKED)
                RETURNING 1
            ), requests AS (
                DELETE FROM {schema}.idempotency WHERE (scope, key) IN (
                    SELECT scope, key FROM {schema}.idempotency WHERE created_at < $2 ORDER BY created_at LIMIT $3
                    FOR UPDATE SKIP LOCKED)
                RETURNING 1
            ) SELECT (SELECT count(*) FROM sets) + (SELECT count(*) FROM requests)",
        );
        let query = ::sqlx::query(sql)
            .bind(WriteSetId::since(write_sets).uuid())
            .bind(idempotency.timestamp_millis())
            .bind(i64::from(limit))
            .bind(write_sets.timestamp_millis());
        let row = self.optional("forget", query).await?;
        row.map_or(Ok(0), |row| counter("write_sets", &row, 0))
    }
}

#[async_trait]
impl StoreHealth for PostgresStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.all("reach the database", ::sqlx::query("SELECT 1")).await.map(|_| ())
    }
}
