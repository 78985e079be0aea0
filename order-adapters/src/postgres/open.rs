use std::str::FromStr as _;
use std::time::Duration;

use order_core::error::BoxError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqlSafeStr as _};

use super::PostgresStore;
use super::guards::look_sql;
use super::link::{Access, Link};
use super::schema::{Schema, migrate};
use super::single::{apply_one_sql, put_cart_sql};
use super::statement::apply_sql;
use crate::group_commit::Writer;
use crate::listed::Listed;
use crate::readers::Readers;

/// The schema, unless another one is named.
const SCHEMA: &str = "order_engine";

/// How many connections read. More are of no use to few cores.
const READERS: u32 = 8;

/// How many connections write. While the flush of one is under way, the other one collects.
const WRITERS: u32 = 2;

/// How long anything may take before the database counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many statements a connection keeps prepared: all of them, in all their combinations that matter.
const STATEMENTS: usize = 256;

/// A connection that was idle for so long is asked whether it is still there before it is used.
const IDLE: Duration = Duration::from_secs(1);

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is none of PostgreSQL's.
    #[error("not a PostgreSQL address")]
    Address(
        /// What is wrong with it.
        #[source]
        BoxError,
    ),
    /// The schema's name is not one of lower-case letters, digits and `_`.
    #[error(
        "not a name for a schema: up to 63 lower-case letters, digits and _, not beginning with a digit or pg_"
    )]
    Schema,
    /// A newer version of this library has changed the schema. Update the library; there is no way back.
    #[error("the database was changed by a newer version of this library (migration {version} is unknown)")]
    Newer {
        /// The migration that this version does not know.
        version: i64,
    },
    /// The schema is not up to date, and this store was told not to change it.
    #[error("the database is not up to date: migration {version} has to be applied first")]
    Older {
        /// The first migration that is missing.
        version: i64,
    },
    /// A migration that was applied is not the one this library has: the schema is somebody else's, or was tampered with.
    #[error("migration {version} of the database is not that of this library")]
    Foreign {
        /// The migration that differs.
        version: i64,
    },
    /// The server does not keep what it has committed when the power fails.
    #[error("the server is not durable: {setting} is off (see PostgresBuilder::accept_loss)")]
    NotDurable {
        /// The setting.
        setting: &'static str,
    },
    /// The server can't be written to: it is a replica.
    #[error("the server is a replica; the store needs the primary")]
    Replica,
    /// The server can't be reached, or does not let the schema be made.
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
pub struct PostgresBuilder {
    url: String,
    replica: Option<String>,
    schema: String,
    readers: u32,
    writers: u32,
    patience: Duration,
    prepares: bool,
    migrates: bool,
    accepts_loss: bool,
}

impl PostgresStore {
    /// Opens the store at an address (`postgres://user:password@host:5432/database`), in the schema `order_engine`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::builder(url).open().await
    }

    /// A store with settings of its own. The address may name TLS (`?sslmode=verify-full&sslrootcert=…`); what it leaves out
    /// comes from the environment (`PGHOST`, `PGPASSWORD` …).
    pub fn builder(url: impl Into<String>) -> PostgresBuilder {
        PostgresBuilder {
            url: url.into(),
            replica: None,
            schema: SCHEMA.to_owned(),
            readers: READERS,
            writers: WRITERS,
            patience: PATIENCE,
            prepares: true,
            migrates: true,
            accepts_loss: false,
        }
    }

    /// Ends the store and all its clones: waits for the readers. The writers' connections are closed with the last clone.
    pub async fn close(self) {
        self.readers.close().await;
        self.stale.close().await;
    }
}

impl PostgresBuilder {
    /// Keeps the store in another schema, `order_engine` by default. A database may hold several.
    #[must_use]
    pub fn schema(self, name: impl Into<String>) -> Self {
        Self { schema: name.into(), ..self }
    }

    /// Reads lists of orders and the journal of stock from a replica, which may be behind: what was just written may not be there
    /// yet. Everything that decisions and answers are made from is still read from the primary.
    #[must_use]
    pub fn replica(self, url: impl Into<String>) -> Self {
        Self { replica: Some(url.into()), ..self }
    }

    /// How many connections may read at once, at least one; 8 by default.
    #[must_use]
    pub fn readers(self, readers: u32) -> Self {
        Self { readers: readers.max(1), ..self }
    }

    /// How many connections write, at least one; 2 by default. More make commits slower, not faster.
    #[must_use]
    pub fn writers(self, writers: u32) -> Self {
        Self { writers: writers.max(1), ..self }
    }

    /// How long anything may take before the database counts as lost; 30 seconds by default.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Whether statements stay prepared, as they do by default. A pooler that gives each transaction another connection must
    /// know of prepared statements (`PgBouncer` from 1.21 on, with `max_prepared_statements`); behind an older one this is turned
    /// off, and every statement costs three more round trips.
    #[must_use]
    pub fn prepared_statements(self, prepares: bool) -> Self {
        Self { prepares, ..self }
    }

    /// Whether opening brings the schema up to date, as it does by default. Where another account does that apart, with
    /// [`migrate`](Self::migrate), opening only checks.
    #[must_use]
    pub fn migrations(self, migrates: bool) -> Self {
        Self { migrates, ..self }
    }

    /// Opens the store even if the server may lose commits when the power fails (`fsync`, `full_page_writes` or
    /// `synchronous_commit` is off): for tests.
    #[must_use]
    pub fn accept_loss(self) -> Self {
        Self { accepts_loss: true, ..self }
    }

    /// Brings the schema up to date, and nothing else.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn migrate(&self) -> Result<(), OpenError> {
        self.prepare(true).await
    }

    /// Opens the store.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(self) -> Result<PostgresStore, OpenError> {
        self.prepare(self.migrates).await?;
        let schema = Schema::new(&self.schema)?;
        let options = self.options(&self.url)?;
        let access = Access {
            options: options.clone(),
            prepares: self.prepares,
            patience: self.patience,
            apply_sql: schema.sql(&apply_sql()).into_sql_str(),
            apply_one_sql: schema.sql(&apply_one_sql()).into_sql_str(),
            put_cart_sql: schema.sql(&put_cart_sql()).into_sql_str(),
            look_sql: schema.sql(&look_sql()).into_sql_str(),
        };
        let readers = Readers::new(self.pool(options));
        let stale = match &self.replica {
            Some(url) => Readers::new(self.pool(self.options(url)?)),
            None => readers.clone(),
        };
        Ok(PostgresStore {
            writer: Writer::start((0..self.writers).map(|_| Link::new(access.clone()))),
            apply_sql: access.apply_sql,
            look_sql: access.look_sql,
            schema,
            readers,
            stale,
            listed: Listed::new(),
            prepares: self.prepares,
            patience: self.patience,
        })
    }

    async fn prepare(&self, may_change: bool) -> Result<(), OpenError> {
        let schema = Schema::new(&self.schema)?;
        let options = self.options(&self.url)?;
        let connecting = PgConnection::connect_with(&options);
        let connected = tokio::time::timeout(self.patience, connecting).await.map_err(OpenError::failed)?;
        let mut connection = connected.map_err(OpenError::failed)?;
        self.check(&mut connection).await?;
        migrate(&mut connection, &schema, may_change).await?;
        connection.close().await.map_err(OpenError::failed)
    }

    /// Whether the server is one that can be relied on.
    async fn check(&self, connection: &mut PgConnection) -> Result<(), OpenError> {
        let sql = "SELECT pg_is_in_recovery(), current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
            current_setting('synchronous_commit') <> 'off'";
        let row = sqlx::raw_sql(sql).fetch_one(connection).await.map_err(OpenError::failed)?;
        let setting = |index: usize| row.try_get::<bool, _>(index).map_err(OpenError::failed);
        if setting(0)? {
            return Err(OpenError::Replica);
        }
        for (index, setting_name) in [(1, "fsync"), (2, "full_page_writes"), (3, "synchronous_commit")] {
            if !self.accepts_loss && !setting(index)? {
                return Err(OpenError::NotDurable { setting: setting_name });
            }
        }
        Ok(())
    }

    /// Nothing is set for the session, so that a pooler may give each transaction another one.
    fn options(&self, url: &str) -> Result<PgConnectOptions, OpenError> {
        let options = PgConnectOptions::from_str(url).map_err(|error| OpenError::Address(error.into()))?;
        let named = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("order-engine"),
        };
        Ok(named
            .extra_float_digits(None)
            .statement_cache_capacity(if self.prepares { STATEMENTS } else { 0 })
            .disable_statement_logging())
    }

    fn pool(&self, options: PgConnectOptions) -> PgPool {
        PgPoolOptions::new()
            .max_connections(self.readers)
            .acquire_timeout(self.patience)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options)
    }
}
