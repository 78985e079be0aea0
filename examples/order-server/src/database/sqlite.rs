use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use order_adapters::sqlite::{SqliteStore, Synchronous};
use order_core::error::BoxError;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

use super::{Database, Opened};
use crate::source::{Source, choice};
use crate::users::{Account, By, User, UserRepository};

/// What was said about SQLite.
#[derive(Debug)]
pub(super) struct Options {
    synchronous: Synchronous,
}

impl Options {
    pub(super) fn read(source: &mut Source) -> Self {
        let choices = [("full", Synchronous::Full), ("normal", Synchronous::Normal)];
        let synchronous = source
            .parse("SQLITE_SYNCHRONOUS", Synchronous::Full, "full or normal", |text| choice(text, choices));
        Self { synchronous }
    }

    pub(super) fn at(self, url: &str) -> Result<Arc<dyn Database>, &'static str> {
        let path = url.trim_start_matches("sqlite:");
        let path = path.strip_prefix("//").unwrap_or(path);
        let is_file =
            !path.is_empty() && !path.ends_with('/') && !path.contains('?') && !path.starts_with(':');
        if !is_file {
            return Err("must be sqlite: and the path of a file");
        }
        Ok(Arc::new(Sqlite { path: PathBuf::from(path), synchronous: self.synchronous }))
    }
}

/// A SQLite file, with the users in another one next to it.
#[derive(Debug)]
struct Sqlite {
    path: PathBuf,
    synchronous: Synchronous,
}

impl fmt::Display for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.path.display())
    }
}

#[async_trait]
impl Database for Sqlite {
    async fn migrate(&self) -> Result<(), BoxError> {
        self.open().await.map(drop)
    }

    async fn open(&self) -> Result<Opened, BoxError> {
        if let Some(folder) = self.folder() {
            std::fs::create_dir_all(folder)?;
        }
        let store = SqliteStore::builder().path(&self.path).synchronous(self.synchronous).open().await?;
        let users = Users::open(&self.path.with_file_name("users.db")).await?;
        Ok(Opened { store: Arc::new(store), users: Arc::new(users) })
    }

    fn folder(&self) -> Option<&Path> {
        self.path.parent()
    }
}

#[derive(Debug)]
struct Users(SqlitePool);

impl Users {
    async fn open(path: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        let schema = "CREATE TABLE IF NOT EXISTS users (
            id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT, password_hash TEXT NOT NULL) STRICT";
        sqlx::query(schema).execute(&pool).await?;
        Ok(Self(pool))
    }
}

#[async_trait]
impl UserRepository for Users {
    async fn insert(&self, Account { user, password_hash }: &Account) -> Result<bool, BoxError> {
        let sql = "INSERT INTO users (id, email, name, password_hash) VALUES (?, ?, ?, ?)
            ON CONFLICT (email) DO NOTHING";
        let insert = sqlx::query(sql).bind(&user.id).bind(&user.email).bind(&user.name).bind(password_hash);
        Ok(insert.execute(&self.0).await?.rows_affected() == 1)
    }

    async fn find(&self, by: By<'_>) -> Result<Option<Account>, BoxError> {
        let (sql, value) = match by {
            By::Email(email) => ("SELECT id, email, name, password_hash FROM users WHERE email = ?", email),
            By::Id(id) => ("SELECT id, email, name, password_hash FROM users WHERE id = ?", id),
        };
        let found: Option<(String, String, Option<String>, String)> =
            sqlx::query_as(sql).bind(value).fetch_optional(&self.0).await?;
        Ok(found.map(|(id, email, name, password_hash)| Account {
            user: User { id, email, name },
            password_hash,
        }))
    }
}
