use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use order_core::error::BoxError;
use order_core::memory::MemoryStore;

use super::{Database, Opened};
use crate::users::{Account, By, UserRepository};

/// In memory: nothing outlives the process.
#[derive(Debug)]
pub(super) struct Memory;

pub(super) fn at(url: &str) -> Result<Arc<dyn Database>, &'static str> {
    if url == "memory:" { Ok(Arc::new(Memory)) } else { Err("must be memory: and nothing behind it") }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory:")
    }
}

#[async_trait]
impl Database for Memory {
    async fn migrate(&self) -> Result<(), BoxError> {
        Ok(())
    }

    async fn open(&self) -> Result<Opened, BoxError> {
        Ok(Opened { store: Arc::new(MemoryStore::default()), users: Arc::new(Users::default()) })
    }

    fn is_volatile(&self) -> bool {
        true
    }
}

/// By mail address.
#[derive(Debug, Default)]
struct Users(Mutex<HashMap<String, Account>>);

#[async_trait]
impl UserRepository for Users {
    async fn insert(&self, account: &Account) -> Result<bool, BoxError> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !accounts.contains_key(&account.user.email);
        if is_new {
            accounts.insert(account.user.email.clone(), account.clone());
        }
        Ok(is_new)
    }

    async fn find(&self, by: By<'_>) -> Result<Option<Account>, BoxError> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match by {
            By::Email(email) => accounts.get(email).cloned(),
            By::Id(id) => accounts.values().find(|account| account.user.id == id).cloned(),
        })
    }
}
