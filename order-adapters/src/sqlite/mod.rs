//! The SQLite store: one file, no server, as durable as any other store.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use order_adapters::sqlite::SqliteStore;
//! use order_core::store::Store;
//!
//! # async fn open() -> Result<(), order_adapters::sqlite::OpenError> {
//! let store: Arc<dyn Store> = Arc::new(SqliteStore::open("orders.db").await?);
//! # Ok(())
//! # }
//! ```
//!
//! * **One writer.** All commits of a store go through one connection. A commit is one statement; those that come at once share
//!   a transaction and its flush, so a thousand commits a second need no thousand flushes. Several stores may have the same file
//!   open, in one process or in several.
//! * **Readers never wait** for the writer, nor it for them (write-ahead log).
//! * **The schema refuses by itself** to oversell, to make two orders of a cart, to end a reservation twice, to refund more
//!   than was captured, to change history — also for whoever writes SQL by hand.
//! * **The schema is made and kept up to date** when the store is opened. Its record is the table `order_engine_migrations`;
//!   a host may keep its own tables, and its own migrations, in the same file.
//!
//! # What it does not do
//! It needs a file system with shared memory and working locks: a local disk, not a network share. It runs inside a `tokio`
//! runtime.
//!
//! # What makes it faster
//! SQLite is compiled with statistics about its memory, and with a page cache for all connections together: each allocation and each
//! page takes a lock. `LIBSQLITE3_FLAGS = "-DSQLITE_DEFAULT_MEMSTATUS=0 -USQLITE_ENABLE_MEMORY_MANAGEMENT"` under `[env]` in the
//! `.cargo/config.toml` of your workspace leaves both out, as it does in the one of this library.

mod carts;
mod checkpoint;
mod commit;
mod guards;
mod idempotency;
mod inbox;
mod inventory;
mod journal;
mod list;
mod moment;
mod open;
mod orders;
mod outbox;
#[cfg(test)]
mod plans;
mod schema;
mod statement;
mod values;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::WriteSetId;
use order_core::store::{Retention, StoreHealth};
use order_core::time::Timestamp;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};

pub use open::{OpenError, SqliteBuilder, Synchronous};

use moment::soon;
use statement::Statement;
use values::{blob, failed};
use writer::{Idle, Writer};

use crate::listed::Listed;
use crate::readers::{Reader, Readers};

/// A store in an SQLite file. See the [module](self). Clones share everything.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    /// A store in memory has none: it is one connection.
    readers: Option<Readers<Sqlite>>,
    writer: Writer,
    listed: Arc<Listed>,
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A connection to read on.
enum Reading<'a> {
    Writers(Idle<'a>),
    Own(Reader<Sqlite>),
}

impl Reading<'_> {
    fn connection(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Writers(connection) => connection,
            Self::Own(reader) => reader.connection(),
        }
    }

    /// Everything it was asked for was read.
    fn keep(self) {
        if let Self::Own(reader) = self {
            reader.keep();
        }
    }
}

impl SqliteStore {
    /// A connection for what takes no time: the writer's, if nobody writes.
    async fn at_hand(&self) -> Result<Reading<'_>, sqlx::Error> {
        match self.writer.idle() {
            Some(connection) => Ok(Reading::Writers(connection)),
            None => self.apart().await,
        }
    }

    /// A connection that nobody who writes waits for, unless the store is in memory.
    async fn apart(&self) -> Result<Reading<'_>, sqlx::Error> {
        match &self.readers {
            Some(readers) => readers.acquire().await.map(Reading::Own),
            None => self.writer.connection().await.map(Reading::Writers),
        }
    }

    /// A row that is found by its key.
    async fn optional(
        &self,
        context: &'static str,
        query: Query<'_>,
    ) -> Result<Option<SqliteRow>, StoreError> {
        let read = async {
            let mut reading = self.at_hand().await?;
            let row = soon(query.fetch_optional(reading.connection())).await?;
            reading.keep();
            Ok(row)
        };
        read.await.map_err(|error| failed(context, error))
    }

    /// A few rows that are found by their keys.
    async fn few(&self, context: &'static str, query: Query<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        all_of(self.at_hand(), query).await.map_err(|error| failed(context, error))
    }

    /// All that is found.
    async fn all(&self, context: &'static str, query: Query<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        all_of(self.apart(), query).await.map_err(|error| failed(context, error))
    }
}

async fn all_of(
    reading: impl Future<Output = Result<Reading<'_>, sqlx::Error>>,
    query: Query<'_>,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let mut reading = reading.await?;
    let rows = soon(query.fetch_all(reading.connection())).await?;
    reading.keep();
    Ok(rows)
}

/// Forgets the oldest write-sets, which have the least ids. An id that does not begin with its time is remembered for longer, never shorter.
const FORGET_SETS: &str = "DELETE FROM write_sets WHERE id IN
    (SELECT id FROM write_sets WHERE id < ? AND at < ? ORDER BY id LIMIT +?)";

#[async_trait]
impl Retention for SqliteStore {
    async fn forget(
        &self,
        write_sets: Timestamp,
        idempotency: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let mut sets = Statement::new(FORGET_SETS);
        sets.bind(blob(WriteSetId::since(write_sets).uuid()));
        sets.bind(write_sets.timestamp_millis());
        let mut keys = Statement::new(
            "DELETE FROM idempotency WHERE (scope, key) IN
             (SELECT scope, key FROM idempotency WHERE created_at < ? ORDER BY created_at LIMIT +?)",
        );
        keys.bind(idempotency.timestamp_millis());
        let mut forgotten: u64 = 0;
        for mut statement in [sets, keys] {
            statement.bind(i64::from(limit));
            forgotten = forgotten.saturating_add(self.writer.execute(statement).await?.changes);
        }
        Ok(forgotten)
    }
}

#[async_trait]
impl StoreHealth for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        // It takes the lock of whoever writes.
        self.writer.execute(Statement::new("DELETE FROM write_sets WHERE false")).await.map(drop)
    }
}
