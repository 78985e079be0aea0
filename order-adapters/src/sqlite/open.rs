use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use order_core::error::BoxError;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlStr, SqlitePool};

use super::SqliteStore;
use super::checkpoint::Checkpoints;
use super::schema::migrate;
use super::statement::PROGRAM;
use super::values::is_busy;
use super::writer::Writer;
use crate::listed::Listed;
use crate::readers::Readers;

/// How long a write waits for other processes before it is given up as unavailable.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How many connections read at once. More are of no use to one disk.
const READERS: u32 = 4;

/// How many pages the log has before the writer brings them into the file, 16 MB: a page that changes often is brought there once, and
/// there are few flushes besides those of commits.
const CHECKPOINT: &str = "4000";

/// How much of the file the writer's connection keeps in memory, in KiB below zero: 8 MB.
const CACHE: &str = "-8192";

/// The same for each reader, 4 MB. What it does not keep, the operating system does.
const READERS_CACHE: &str = "-4096";

/// How many statements a connection keeps compiled: all of them, in all their combinations that matter.
const STATEMENTS: usize = 256;

/// When a commit counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "SQLite's other modes may damage the file")]
pub enum Synchronous {
    /// When it is on the disk: a commit survives a loss of power.
    #[default]
    Full,
    /// When the operating system has it: a commit survives the end of the process, and may not survive a loss of power. The
    /// file stays whole either way.
    Normal,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is none of SQLite's.
    #[error("not an SQLite address")]
    Address(
        /// What is wrong with it.
        #[source]
        BoxError,
    ),
    /// A newer version of this library has changed the schema. Update the library; there is no way back.
    #[error("the database was changed by a newer version of this library (migration {version} is unknown)")]
    Newer {
        /// The migration that this version does not know.
        version: i64,
    },
    /// A migration that was applied is not the one this library has: the file is somebody else's, or was tampered with.
    #[error("migration {version} of the database is not that of this library")]
    Foreign {
        /// The migration that differs.
        version: i64,
    },
    /// The file can't be opened or changed.
    #[error("the database can't be opened")]
    Failed(
        /// The driver's error.
        #[source]
        BoxError,
    ),
}

impl OpenError {
    pub(super) fn failed(source: impl Into<BoxError>) -> Self {
        Self::Failed(source.into())
    }
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct SqliteBuilder {
    place: Place,
    synchronous: Synchronous,
    busy_timeout: Duration,
    readers: u32,
}

#[derive(Debug, Clone)]
enum Place {
    Memory,
    Path(PathBuf),
    Url(String),
}

impl SqliteStore {
    /// Opens the store in a file, which is made if there is none; or at an address (`sqlite:orders.db`, `sqlite::memory:`).
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path_or_url: &str) -> Result<Self, OpenError> {
        let builder = Self::builder();
        let builder = match path_or_url {
            "sqlite::memory:" | "sqlite://:memory:" | ":memory:" => builder,
            url if url.starts_with("sqlite:") => builder.at(Place::Url(url.to_owned())),
            path => builder.path(path),
        };
        builder.open().await
    }

    /// A store with settings of its own; in memory, until it is told a [path](SqliteBuilder::path).
    pub fn builder() -> SqliteBuilder {
        SqliteBuilder {
            place: Place::Memory,
            synchronous: Synchronous::Full,
            busy_timeout: BUSY_TIMEOUT,
            readers: READERS,
        }
    }

    /// Ends the store and all its clones: waits for the readers, and closes the file with the last writer's handle. Without
    /// it, the file is closed some time after the last clone is dropped.
    pub async fn close(self) {
        if let Some(readers) = self.readers {
            readers.close().await;
        }
    }
}

impl SqliteBuilder {
    /// Keeps the store in a file.
    #[must_use]
    pub fn path(self, path: impl Into<PathBuf>) -> Self {
        self.at(Place::Path(path.into()))
    }

    /// When a commit counts as durable.
    #[must_use]
    pub fn synchronous(self, synchronous: Synchronous) -> Self {
        Self { synchronous, ..self }
    }

    /// How long a write waits for other processes before it is given up as unavailable; 30 seconds by default.
    #[must_use]
    pub fn busy_timeout(self, busy_timeout: Duration) -> Self {
        Self { busy_timeout, ..self }
    }

    /// How many connections may read at once, at least one; 4 by default. A store in memory has one for everything.
    #[must_use]
    pub fn readers(self, readers: u32) -> Self {
        Self { readers: readers.max(1), ..self }
    }

    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Opens the store, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(self) -> Result<SqliteStore, OpenError> {
        let options = self.options()?;
        let one = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .acquire_timeout(self.busy_timeout)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql(SqlStr::from_static(&PROGRAM)).execute(connection).await.map(drop)
                })
            });
        let is_file = !matches!(self.place, Place::Memory);
        let writing =
            if is_file { options.clone().journal_mode(SqliteJournalMode::Wal) } else { options.clone() };
        let writer = self.patiently(|| one.clone().connect_with(writing.clone())).await?;
        let mut connection = writer.acquire().await.map_err(OpenError::failed)?;
        migrate(&mut connection).await?;
        drop(connection);
        let others = options.clone();
        let checkpoints = is_file.then(|| {
            let one = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
            Checkpoints::start(one.connect_lazy_with(others))
        });
        let readers = is_file.then(|| {
            let several = SqlitePoolOptions::new()
                .max_connections(self.readers)
                .test_before_acquire(false)
                .acquire_timeout(self.busy_timeout);
            let options = options.pragma("query_only", "ON").pragma("cache_size", READERS_CACHE);
            Readers::new(several.connect_lazy_with(options))
        });
        Ok(SqliteStore { readers, writer: Writer::start(writer, checkpoints), listed: Listed::new() })
    }

    fn options(&self) -> Result<SqliteConnectOptions, OpenError> {
        let options = match &self.place {
            Place::Memory => SqliteConnectOptions::new().in_memory(true),
            Place::Path(path) => SqliteConnectOptions::new().filename(path),
            Place::Url(url) => {
                SqliteConnectOptions::from_str(url).map_err(|error| OpenError::Address(error.into()))?
            }
        };
        let synchronous = match self.synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        };
        Ok(options
            .create_if_missing(true)
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", CHECKPOINT)
            .pragma("cache_size", CACHE)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            .synchronous(synchronous)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging())
    }

    /// Tries again while somebody else has the file for themselves: SQLite does not wait when the journal mode is changed.
    async fn patiently<F>(&self, connect: impl Fn() -> F) -> Result<SqlitePool, OpenError>
    where
        F: Future<Output = Result<SqlitePool, sqlx::Error>>,
    {
        const PAUSE: Duration = Duration::from_millis(10);
        let start = Instant::now();
        loop {
            match connect().await {
                Err(error) if is_busy(&error) && start.elapsed() < self.busy_timeout => {
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done.map_err(OpenError::failed),
            }
        }
    }
}
