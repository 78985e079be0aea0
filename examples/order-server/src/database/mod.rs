//! Where orders and users are kept. Each kind of database is one file here, and one arm of the function `read`.

mod memory;
mod mongodb;
mod postgres;
mod sqlite;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_core::error::BoxError;
use order_core::store::Store;

use crate::config::Mode;
use crate::source::Source;
use crate::users::UserRepository;

/// Where everything is kept unless the settings say otherwise.
const DEFAULT_URL: &str = "sqlite:data/orders.db";
/// Where a file goes that has no database file to lie next to.
const DEFAULT_FOLDER: &str = "data";

/// A database, as the settings describe it. `Display` says which and where, and `Debug` no more than that: never a password.
#[async_trait]
pub trait Database: fmt::Debug + fmt::Display + Send + Sync {
    /// Makes or updates everything in it, and nothing else.
    ///
    /// # Errors
    /// Why that can't be done.
    async fn migrate(&self) -> Result<(), BoxError>;

    /// Opens it; what has to be migrated is, unless the settings forbid it.
    ///
    /// # Errors
    /// Why it can't be opened.
    async fn open(&self) -> Result<Opened, BoxError>;

    /// Whether what it holds ends with the process.
    fn is_volatile(&self) -> bool {
        false
    }

    /// The folder of its file, when it is one.
    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// An open database.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "every database makes one")]
pub struct Opened {
    /// The orders and all that belongs to them.
    pub store: Arc<dyn Store>,
    /// Who has registered.
    pub users: Arc<dyn UserRepository>,
}

/// What holds for every database that is a server of its own.
#[derive(Debug, Clone)]
struct Common {
    migrates: bool,
    /// How long anything may take before the database counts as lost.
    patience: Duration,
    /// How many write at once; as many as the store thinks best, when nobody says.
    writers: Option<u32>,
}

/// Reads which database it is, and everything that was said about any.
pub(crate) fn read(source: &mut Source, mode: Mode) -> Arc<dyn Database> {
    let writers = source.text("DATABASE_WRITERS").is_some();
    let writers = writers.then(|| source.number("DATABASE_WRITERS", 1, 1..=64));
    let patience = source.number("DATABASE_TIMEOUT_SECONDS", 5, 1..=60);
    let common = Common {
        migrates: source.flag("MIGRATE", true),
        patience: Duration::from_secs(patience.into()),
        writers,
    };
    let sqlite = sqlite::Options::read(source);
    let postgres = postgres::Options::read(source, &common);
    let mongodb = mongodb::Options::read(source, &common);
    let has_replica = postgres.has_replica();
    let named = ["DATABASE_URL", "MONGODB_URI"].into_iter().find(|name| source.text(name).is_some());
    let setting = named.unwrap_or("DATABASE_URL");
    let url = source.text(setting).unwrap_or(DEFAULT_URL).to_owned();
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let database = match scheme {
        "mongodb" | "mongodb+srv" => mongodb.at(&url),
        _ if setting == "MONGODB_URI" => Err("must begin with mongodb:// or mongodb+srv://"),
        "memory" => memory::at(&url),
        "sqlite" => sqlite.at(&url),
        "postgres" | "postgresql" => postgres.at(&url),
        _ => {
            Err("must be sqlite:<path>, postgres://user:password@host:5432/database, mongodb://… or memory:")
        }
    };
    let database = database.unwrap_or_else(|problem| {
        source.mistakes.add(setting, problem);
        Arc::new(memory::Memory)
    });
    if mode == Mode::Production && scheme == "memory" {
        source.mistakes.add("DATABASE_URL", "must not be memory: in production: it loses every order");
    }
    if has_replica && !scheme.starts_with("postgres") {
        source.mistakes.add("DATABASE_REPLICA_URL", "is for PostgreSQL only");
    }
    if !common.migrates && matches!(scheme, "memory" | "sqlite") {
        source.mistakes.add("MIGRATE", "must be true here: the file is kept up to date when it is opened");
    }
    database
}

/// Where the simulated provider keeps its books; nowhere, when nothing else is kept either.
pub(crate) fn books(source: &Source, database: &dyn Database) -> Option<PathBuf> {
    let given = source.text("SIMULATED_BOOKS").map(PathBuf::from);
    given.or_else(|| {
        let folder = database.folder().unwrap_or(Path::new(DEFAULT_FOLDER));
        (!database.is_volatile()).then(|| folder.join("simulated-provider.db"))
    })
}
