//! Who asks, and what they may.
//!
//! An [`Authenticator`] makes a [`Caller`] of a request's headers. [`JwtAuthenticator`] reads bearer tokens, [`ServiceKeys`] the
//! keys of other services; a host adds its own, or puts a [`Caller`] into the request's extensions before our routes see it.

mod caller;
mod jwt;
mod keys;
mod roles;

pub use caller::{Caller, Person, Role};
pub use jwt::JwtAuthenticator;
pub use keys::ServiceKeys;
pub(crate) use roles::{Buyer, Fulfiller, OnlyService, Operator, Owner, Readers, Shopper, Staff};

use std::fmt;

use async_trait::async_trait;
use axum::http::HeaderMap;
use order_core::error::BoxError;

/// Makes a caller of a request's headers.
#[async_trait]
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// The caller; `None` when the headers hold no credentials of this authenticator's kind.
    ///
    /// # Errors
    /// When there are credentials and they are not good, or when that can't be told.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Caller>, AuthError>;
}

/// Why a caller is not known.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthError {
    /// The credentials are not good. The text says why and never repeats them.
    Refused(&'static str),
    /// Whoever has to say does not answer.
    Unavailable(BoxError),
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => f.write_str(reason),
            Self::Unavailable(_) => f.write_str("the credentials can't be checked now"),
        }
    }
}

impl std::error::Error for AuthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Unavailable(source) => Some(&**source),
        }
    }
}
