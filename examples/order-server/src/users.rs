//! Who has registered: mail address, Argon2id hash of the password, and the id that tokens carry.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use async_trait::async_trait;
use order_core::gateway::{Customer, Customers, GatewayError};
use order_core::id::CustomerId;
use order_core::order::Contact;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow};
use sqlx::{Row as _, SqlitePool};
use tokio::sync::Semaphore;

/// Somebody who has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Their id: the subject of their tokens, and the customer of their orders.
    pub id: String,
    /// Their mail address, in lower case.
    pub email: String,
    /// Their name.
    pub name: Option<String>,
}

/// A user with the hash of their password.
#[derive(Clone)]
struct Account {
    user: User,
    password_hash: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.user.fmt(f)
    }
}

/// Why somebody could not register or log in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The mail address is taken.
    #[error("the mail address is taken")]
    Taken,
    /// The mail address or the password is wrong; which one is nobody's business.
    #[error("the mail address or the password is wrong")]
    Wrong,
    /// The password can't be hashed.
    #[error("the password can't be hashed")]
    Hash,
    /// The users can't be read or written.
    #[error("the users can't be reached")]
    Store(#[from] sqlx::Error),
}

/// Everybody who has registered.
#[derive(Debug)]
pub struct Users {
    shelf: Shelf,
    /// Hashing is meant to be expensive: 19 MiB and much time each. So only a few run at once.
    hashing: Semaphore,
}

#[derive(Debug)]
enum Shelf {
    Memory(Mutex<HashMap<String, Account>>),
    File(SqlitePool),
}

/// What somebody is found by.
#[derive(Clone, Copy)]
enum By<'a> {
    Email(&'a str),
    Id(&'a str),
}

/// How many passwords are hashed at once.
const HASHERS: usize = 4;

impl Users {
    /// Opens the users in a file, which is made if there is none; or keeps them in memory.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub async fn open(path: Option<&Path>) -> Result<Self, UserError> {
        let shelf = match path {
            None => Shelf::Memory(Mutex::default()),
            Some(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal);
                let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
                let schema = "CREATE TABLE IF NOT EXISTS users (
                    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT, password_hash TEXT NOT NULL) STRICT";
                sqlx::query(schema).execute(&pool).await?;
                Shelf::File(pool)
            }
        };
        Ok(Self { shelf, hashing: Semaphore::new(HASHERS) })
    }

    /// Registers somebody. The mail address must be in lower case.
    ///
    /// # Errors
    /// [`UserError::Taken`], or when it can't be done.
    pub async fn register(&self, user: User, password: String) -> Result<User, UserError> {
        let password_hash = self.hash(password).await?;
        let account = Account { user: user.clone(), password_hash };
        match &self.shelf {
            Shelf::Memory(accounts) => {
                let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
                if accounts.contains_key(&user.email) {
                    return Err(UserError::Taken);
                }
                accounts.insert(user.email.clone(), account);
            }
            Shelf::File(pool) => {
                let insert =
                    sqlx::query("INSERT INTO users (id, email, name, password_hash) VALUES (?, ?, ?, ?)")
                        .bind(&user.id)
                        .bind(&user.email)
                        .bind(&user.name)
                        .bind(&account.password_hash);
                insert.execute(pool).await.map_err(|error| match error.as_database_error() {
                    Some(refused) if refused.is_unique_violation() => UserError::Taken,
                    Some(_) | None => error.into(),
                })?;
            }
        }
        Ok(user)
    }

    /// Finds somebody by what they know. It takes as long for somebody who has not registered.
    ///
    /// # Errors
    /// [`UserError::Wrong`], or when it can't be done.
    pub async fn log_in(&self, email: &str, password: String) -> Result<User, UserError> {
        let Some(Account { user, password_hash }) = self.find(By::Email(email)).await? else {
            self.hash(password).await?;
            return Err(UserError::Wrong);
        };
        if self.verify(password, password_hash).await? { Ok(user) } else { Err(UserError::Wrong) }
    }

    async fn find(&self, by: By<'_>) -> Result<Option<Account>, UserError> {
        match &self.shelf {
            Shelf::Memory(accounts) => {
                let accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(match by {
                    By::Email(email) => accounts.get(email).cloned(),
                    By::Id(id) => accounts.values().find(|account| account.user.id == id).cloned(),
                })
            }
            Shelf::File(pool) => {
                let (sql, value) = match by {
                    By::Email(email) => {
                        ("SELECT id, email, name, password_hash FROM users WHERE email = ?", email)
                    }
                    By::Id(id) => ("SELECT id, email, name, password_hash FROM users WHERE id = ?", id),
                };
                let row = sqlx::query(sql).bind(value).fetch_optional(pool).await?;
                Ok(row.as_ref().map(read).transpose()?)
            }
        }
    }

    async fn hash(&self, password: String) -> Result<String, UserError> {
        self.with_hasher(move |argon2| {
            let hash = argon2.hash_password(password.as_bytes()).map_err(|_| UserError::Hash)?;
            Ok(hash.to_string())
        })
        .await
    }

    async fn verify(&self, password: String, hash: String) -> Result<bool, UserError> {
        self.with_hasher(move |argon2| {
            let hash = PasswordHash::new(&hash).map_err(|_| UserError::Hash)?;
            Ok(argon2.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn with_hasher<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> Result<T, UserError> + Send + 'static,
    ) -> Result<T, UserError> {
        let _permit = self.hashing.acquire().await.map_err(|_| UserError::Hash)?;
        let done = tokio::task::spawn_blocking(move || work(&Argon2::default())).await;
        done.unwrap_or(Err(UserError::Hash))
    }
}

fn read(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    let user = User { id: row.try_get("id")?, email: row.try_get("email")?, name: row.try_get("name")? };
    Ok(Account { user, password_hash: row.try_get("password_hash")? })
}

/// Who has registered here can be reached by mail. Everybody else whom a token vouches for is a customer, too.
#[async_trait]
impl Customers for Users {
    async fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, GatewayError> {
        let found = self
            .find(By::Id(id.as_str()))
            .await
            .map_err(|error| GatewayError::NotSent { service: "users", source: Some(error.into()) })?;
        let mut contact = Contact::default();
        if let Some(Account { user, .. }) = found {
            contact.name = user.name;
            contact.email = Some(user.email);
        }
        Ok(Some(Customer::new(id.clone(), contact)))
    }
}
