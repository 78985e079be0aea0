use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::{Document, doc};
use ::mongodb::error::Error;
use ::mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria,
    WriteConcern,
};
use ::mongodb::{Client, Database};
use order_core::error::BoxError;

use super::MongoStore;
use super::link::{Link, Turn, durable};
use super::schema::migrate;
use crate::group_commit::Writer;

/// The database, unless the address or the builder names another one.
const DATABASE: &str = "order_engine";

/// How many transactions are under way at once. While one waits for a majority, all that comes waits for the next one, and costs the
/// members one transaction instead of two.
const WRITERS: u32 = 1;

/// How long anything may take before the database counts as lost: longer than an election.
const PATIENCE: Duration = Duration::from_secs(30);

/// The wire version of MongoDB 6.0.
const LEAST_WIRE_VERSION: i32 = 17;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is none of MongoDB's.
    #[error("not a MongoDB address")]
    Address(
        /// What is wrong with it.
        #[source]
        BoxError,
    ),
    /// The database's name is not one.
    #[error("not a name for a database: 1 to 63 letters, digits, _ and -")]
    Database,
    /// The server stands alone: it has no transactions, and nobody else has what it loses.
    #[error(
        "the server is not part of a replica set; start it with --replSet, initiate the set, and name it in the \
         address (?replicaSet=…)"
    )]
    Standalone,
    /// The server is older than MongoDB 6.0.
    #[error("the server is older than MongoDB 6.0")]
    TooOld,
    /// A newer version of this library has changed the database. Update the library; there is no way back.
    #[error("the database was changed by a newer version of this library (its schema has version {version})")]
    Newer {
        /// The version of the database's schema.
        version: i64,
    },
    /// The database is not up to date, and this store was told not to change it.
    #[error("the database is not up to date: its schema has version {version}, and has to be migrated first")]
    Older {
        /// The version of the database's schema; 0 when there is none.
        version: i64,
    },
    /// The server can't be reached, or does not let the collections be made.
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
pub struct MongoBuilder {
    url: String,
    database: Option<String>,
    writers: u32,
    patience: Duration,
    migrates: bool,
    reads_from_secondaries: bool,
}

impl MongoStore {
    /// Opens the store at an address (`mongodb://user:password@host-a,host-b/database?replicaSet=name`, or `mongodb+srv://…`). When
    /// it names no database, `order_engine` is taken.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::builder(url).open().await
    }

    /// A store with settings of its own. The address may name TLS, limits of the pool and more, as the driver reads it. What it
    /// says about read and write concerns does not count: the store's guarantees depend on them.
    pub fn builder(url: impl Into<String>) -> MongoBuilder {
        MongoBuilder {
            url: url.into(),
            database: None,
            writers: WRITERS,
            patience: PATIENCE,
            migrates: true,
            reads_from_secondaries: false,
        }
    }

    /// Ends the store and all its clones. Whoever still waits for a commit is told that its outcome is unknown.
    pub async fn close(self) {
        self.client.shutdown().immediate(true).await;
    }
}

impl MongoBuilder {
    /// Keeps the store in another database than the address names. One server may hold several.
    #[must_use]
    pub fn database(self, name: impl Into<String>) -> Self {
        Self { database: Some(name.into()), ..self }
    }

    /// Reads lists of orders and the journal of stock from secondaries, while there are any. They may be behind: what was just
    /// written may not be there yet. Everything that decisions and answers are made from is still read from the primary.
    #[must_use]
    pub fn read_from_secondaries(self) -> Self {
        Self { reads_from_secondaries: true, ..self }
    }

    /// How many transactions of this process are under way at once, at least one, which is the default. With two of them one is
    /// written while the other one waits for a majority: worth it where that wait is long, and members have processors to spare.
    #[must_use]
    pub fn writers(self, writers: u32) -> Self {
        Self { writers: writers.max(1), ..self }
    }

    /// How long anything may take before the database counts as lost; 30 seconds by default. An election takes some seconds.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Whether opening makes collections, validators and indexes, as it does by default. Where another account does that apart,
    /// with [`migrate`](Self::migrate), opening only checks.
    #[must_use]
    pub fn migrations(self, migrates: bool) -> Self {
        Self { migrates, ..self }
    }

    /// Makes collections, validators and indexes, and nothing else.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn migrate(&self) -> Result<(), OpenError> {
        let client = self.client().await?;
        let migrated = self.prepare(&self.primary(&client)?, true).await;
        client.shutdown().immediate(true).await;
        migrated
    }

    /// Opens the store.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(self) -> Result<MongoStore, OpenError> {
        let client = self.client().await?;
        let database = self.primary(&client)?;
        self.prepare(&database, self.migrates).await?;
        let stale = if self.reads_from_secondaries {
            self.named(&client, ReadPreference::SecondaryPreferred { options: None })?
        } else {
            database.clone()
        };
        let (turn, on_primary) = (Turn::default(), self.on_primary(&client).await);
        let link = |_| Link::new(database.clone(), Arc::clone(&turn), on_primary.clone(), self.patience);
        let links = (0..self.writers).map(link);
        let writer = Writer::start(links);
        Ok(MongoStore { writer, client, database, stale, patience: self.patience })
    }

    async fn client(&self) -> Result<Client, OpenError> {
        let address = |error: Error| OpenError::Address(error.into());
        let mut options = ClientOptions::parse(&self.url).await.map_err(address)?;
        options.app_name.get_or_insert_with(|| "order-engine".to_owned());
        options.server_selection_timeout.get_or_insert(self.patience);
        options.retry_writes = Some(true);
        Client::with_options(options).map_err(address)
    }

    /// What the primary waits for by itself, before a majority is waited for. Where a majority has what it holds in its journals anyway,
    /// which is the default of a replica set, the primary's own need not be waited for twice.
    async fn on_primary(&self, client: &Client) -> WriteConcern {
        // Not every account may ask.
        let asked = client.database("admin").run_command(doc! { "replSetGetConfig": 1 }).await;
        let is_journaled = asked.is_ok_and(|reply| {
            let config = reply.get_document("config");
            config.is_ok_and(|config| config.get_bool("writeConcernMajorityJournalDefault").unwrap_or(false))
        });
        let mut concern = durable(self.patience);
        concern.w = Some(Acknowledgment::Nodes(1));
        concern.journal = (!is_journaled).then_some(true);
        concern
    }

    /// The database for reads and writes that must hold.
    fn primary(&self, client: &Client) -> Result<Database, OpenError> {
        self.named(client, ReadPreference::Primary)
    }

    /// The database, read as preferred; what is read is what a majority has.
    fn named(&self, client: &Client, preference: ReadPreference) -> Result<Database, OpenError> {
        let by_address = client.default_database();
        let name = match (&self.database, &by_address) {
            (Some(name), _) => name,
            (None, Some(database)) => database.name(),
            (None, None) => DATABASE,
        };
        let fits = (1..=63).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !fits {
            return Err(OpenError::Database);
        }
        let options = DatabaseOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(preference))
            .read_concern(ReadConcern::majority())
            .write_concern(durable(self.patience))
            .build();
        Ok(client.database_with_options(name, options))
    }

    async fn prepare(&self, database: &Database, may_change: bool) -> Result<(), OpenError> {
        let preparing = async {
            let hello = database.run_command(doc! { "hello": 1 }).await.map_err(OpenError::failed)?;
            check(&hello)?;
            migrate(database, may_change).await
        };
        tokio::time::timeout(self.patience, preparing).await.map_err(OpenError::failed)?
    }
}

/// Whether the server is one that can be relied on: a member of a replica set, or a router in front of some.
fn check(hello: &Document) -> Result<(), OpenError> {
    let is_router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if !is_router && !hello.contains_key("setName") {
        return Err(OpenError::Standalone);
    }
    if hello.get_i32("maxWireVersion").unwrap_or(0) < LEAST_WIRE_VERSION {
        return Err(OpenError::TooOld);
    }
    Ok(())
}
