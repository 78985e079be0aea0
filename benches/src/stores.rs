//! Stores that are opened for one run, in a place of their own, and removed with what the run has left in them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use order_adapters::mongodb::MongoStore;
use order_adapters::mongodb::driver::Client;
use order_adapters::postgres::PostgresStore;
use order_adapters::postgres::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use order_adapters::sqlite::{SqliteStore, Synchronous};
use order_core::memory::MemoryStore;
use order_core::store::Store;
use order_core::time::{Clock as _, SystemClock};

use crate::Outcome;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the programs look at all of them")]
pub enum Place {
    /// In memory.
    Memory,
    /// In a file that does not exist yet.
    Sqlite(String),
    /// In a schema of its own, of the database at this address.
    Postgres(String),
    /// In a database of its own, on the replica set at this address.
    Mongo(String),
}

impl Place {
    /// What it is called in the figures.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Mongo(_) => "mongodb",
        }
    }

    /// Has a PostgreSQL server write out what is still to be written, so that nobody who is measured pays for somebody else. Then the files
    /// of its log are there to be used again, as on a server that runs for long; new ones would be filled with zeros first.
    ///
    /// # Errors
    /// When the server can't be reached. Not when the role may not ask for it.
    pub async fn settle(&self) -> Outcome {
        if let Self::Postgres(url) = self {
            let mut connection = PgConnection::connect(url).await?;
            let _ = sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await;
            connection.close().await?;
        }
        Ok(())
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.to_owned())),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(text.to_owned()))
            }
            Some(("mongodb" | "mongodb+srv", rest)) if rest.starts_with("//") => {
                Ok(Self::Mongo(text.to_owned()))
            }
            Some(_) | None => {
                Err(format!("{text} is none of memory:, sqlite:PATH, postgres://…, mongodb://…"))
            }
        }
    }
}

/// A store that was opened for one run.
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    left: Left,
}

/// What a run leaves that has to be removed.
#[derive(Debug)]
enum Left {
    Nothing,
    Schema(Schema),
    Database(Client, String),
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Opened {
    /// Opens a store with nothing in it.
    ///
    /// # Errors
    /// When it can't be opened, or when there is something in it.
    pub async fn open(place: &Place, synchronous: Synchronous) -> Outcome<Self> {
        let (store, left): (Arc<dyn Store>, _) = match place {
            Place::Memory => (Arc::new(MemoryStore::default()), Left::Nothing),
            Place::Sqlite(path) if Path::new(path).exists() => {
                let problem =
                    format!("{path} exists; what is in it could not be told from what this run does");
                return Err(problem.into());
            }
            Place::Sqlite(path) => {
                let store = SqliteStore::builder().path(path).synchronous(synchronous).open().await?;
                (Arc::new(store), Left::Nothing)
            }
            Place::Postgres(url) => {
                let schema = Schema::new(url);
                let store = PostgresStore::builder(url).schema(&schema.name).open().await?;
                (Arc::new(store), Left::Schema(schema))
            }
            Place::Mongo(url) => {
                let name = unused_name();
                let store = MongoStore::builder(url).database(&name).open().await?;
                (Arc::new(store), Left::Database(Client::with_uri_str(url).await?, name))
            }
        };
        Ok(Self { store, left })
    }

    /// Removes what the run has left, but for a file.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn remove(self) -> Outcome {
        drop(self.store);
        match self.left {
            Left::Nothing => Ok(()),
            Left::Schema(schema) => schema.remove().await,
            Left::Database(client, name) => Ok(client.database(&name).drop().await?),
        }
    }
}

/// A schema that was made for one run.
#[derive(Debug)]
pub struct Schema {
    url: String,
    name: String,
}

impl Schema {
    /// A name that no other run uses.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), name: unused_name() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements; `{schema}` in them is the name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn run(&self, template: &str) -> Outcome {
        let mut connection = PgConnection::connect(&self.url).await?;
        let sql = AssertSqlSafe(template.replace("{schema}", &self.name));
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Removes the schema with everything in it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn remove(self) -> Outcome {
        self.run("DROP SCHEMA IF EXISTS {schema} CASCADE").await
    }
}

/// A name that no other run uses.
pub fn unused_name() -> String {
    format!("bench_{}_{}", std::process::id(), SystemClock.now().timestamp_micros())
}
