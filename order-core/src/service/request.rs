use crate::id::IdempotencyKey;
use crate::order::Actor;

/// Who asks for something, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// Who asks.
    pub actor: Actor,
    /// What makes the request repeatable.
    pub idempotency: Option<Idempotency>,
    /// The version of the thing the caller saw; the request is refused when it is another one now.
    pub if_version: Option<u64>,
    /// What ties the history to the request, e.g. its id in the logs.
    pub correlation: Option<String>,
}

impl Request {
    /// A request by somebody.
    pub fn by(actor: Actor) -> Self {
        Self { actor, idempotency: None, if_version: None, correlation: None }
    }

    /// Makes it repeatable: the same key with the same fingerprint does the thing once and answers the same. The fingerprint is
    /// a digest of everything that makes the request what it is.
    #[must_use]
    pub fn idempotent(mut self, key: IdempotencyKey, fingerprint: impl Into<String>) -> Self {
        self.idempotency = Some(Idempotency { key, fingerprint: fingerprint.into() });
        self
    }

    /// Refuses it when the thing has another version.
    #[must_use]
    pub fn if_version(mut self, version: Option<u64>) -> Self {
        self.if_version = version;
        self
    }

    /// Ties the history to the request.
    #[must_use]
    pub fn correlated(mut self, id: impl Into<String>) -> Self {
        self.correlation = Some(id.into());
        self
    }

    /// Whose idempotency keys these are: keys of two callers never meet.
    pub(crate) fn scope(&self) -> String {
        match &self.actor {
            Actor::Customer(id) => format!("customer:{id}"),
            Actor::Staff(id) => format!("staff:{id}"),
            Actor::Seller(id) => format!("seller:{id}"),
            Actor::Service(name) => format!("service:{name}"),
            Actor::Engine => "engine".to_owned(),
        }
    }
}

/// What makes a request repeatable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Idempotency {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// A digest of the request.
    pub fingerprint: String,
}

/// What a repeatable request did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done<T> {
    /// Its answer: the same every time.
    pub value: T,
    /// Whether it was done by an earlier request with the same key.
    pub replayed: bool,
}

impl<T> Done<T> {
    /// Done now.
    pub fn now(value: T) -> Self {
        Self { value, replayed: false }
    }

    /// Done before.
    pub fn before(value: T) -> Self {
        Self { value, replayed: true }
    }
}
