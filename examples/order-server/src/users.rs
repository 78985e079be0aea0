//! Who has registered: mail address, Argon2id hash of the password, and the id that tokens carry.

use std::fmt;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use async_trait::async_trait;
use order_core::error::BoxError;
use order_core::gateway::{Customer, Customers, GatewayError};
use order_core::id::CustomerId;
use order_core::order::Contact;
use tokio::sync::Semaphore;

/// Somebody who has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "every repository makes them")]
pub struct User {
    /// Their id: the subject of their tokens, and the customer of their orders.
    pub id: String,
    /// Their mail address, in lower case.
    pub email: String,
    /// Their name.
    pub name: Option<String>,
}

/// A user with the hash of their password, which `Debug` does not show.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "every repository makes them")]
pub struct Account {
    /// Who it is.
    pub user: User,
    /// The Argon2id hash of their password.
    pub password_hash: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.user.fmt(f)
    }
}

/// What somebody is found by.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "every repository handles both")]
pub enum By<'a> {
    /// Their mail address, in lower case.
    Email(&'a str),
    /// Their id.
    Id(&'a str),
}

/// Keeps users.
#[async_trait]
pub trait UserRepository: fmt::Debug + Send + Sync {
    /// Keeps somebody. Tells whether the mail address was free.
    ///
    /// # Errors
    /// When it can't be done.
    async fn insert(&self, account: &Account) -> Result<bool, BoxError>;

    /// Finds somebody.
    ///
    /// # Errors
    /// When it can't be done.
    async fn find(&self, by: By<'_>) -> Result<Option<Account>, BoxError>;
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
    Store(#[source] BoxError),
}

/// Everybody who has registered.
#[derive(Debug)]
pub struct Users {
    repository: Arc<dyn UserRepository>,
    /// Hashing is meant to be expensive: 19 MiB and much time each. So only a few run at once.
    hashing: Semaphore,
}

/// How many passwords are hashed at once.
const HASHERS: usize = 4;

impl Users {
    /// Those that a repository keeps.
    pub fn new(repository: Arc<dyn UserRepository>) -> Self {
        Self { repository, hashing: Semaphore::new(HASHERS) }
    }

    /// Registers somebody. The mail address must be in lower case.
    ///
    /// # Errors
    /// [`UserError::Taken`], or when it can't be done.
    pub async fn register(&self, user: User, password: String) -> Result<User, UserError> {
        let password_hash = self.hash(password).await?;
        let account = Account { user, password_hash };
        let is_free = self.repository.insert(&account).await.map_err(UserError::Store)?;
        if is_free { Ok(account.user) } else { Err(UserError::Taken) }
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
        self.repository.find(by).await.map_err(UserError::Store)
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
