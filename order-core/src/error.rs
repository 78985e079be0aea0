//! What can go wrong, and what the caller may do about it.
//!
//! Three layers, each with its own type:
//!
//! * [`StoreError`] and [`GatewayError`](crate::gateway::GatewayError): a port could not do its work;
//! * [`Invalid`]: the request itself is wrong; it lists every field that is;
//! * [`Error`]: what a service answers. Every error has a [`kind`](Error::kind), a stable [`code`](Error::code) and says
//!   whether trying again [can help](Error::retry).
//!
//! "Out of stock", "the price has changed" and "declined" are answers of the trade, not failures: they have kinds of their
//! own and are never worth an alarm.

use std::fmt;

use crate::id::{OrderId, ProductId};
use crate::money::{Money, MoneyError};
use crate::order::OrderStatus;

/// A source error whose type is nobody's business.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of a service.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether the same call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// It cannot help: the answer would be the same.
    Never,
    /// The caller should read the present state and decide anew.
    AfterReload,
    /// It may help after a while. The same idempotency key MUST be used.
    Later,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldError {
    /// Where, as a JSON pointer into the request: `/items/0/quantity`.
    pub pointer: String,
    /// What, as a stable code: `out_of_range`.
    pub code: &'static str,
    /// What, for a reader. Never repeats the value.
    pub detail: String,
}

/// A request that can't be carried out as it stands, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invalid {
    errors: Vec<FieldError>,
}

impl Invalid {
    /// A request with one thing wrong.
    pub fn field(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        let mut invalid = Self::default();
        invalid.push(pointer, code, detail);
        invalid
    }

    /// Adds another thing that is wrong.
    pub fn push(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: pointer.into(), code, detail: detail.into() });
    }

    /// Adds all of another one's, below `pointer`.
    pub fn nest(&mut self, pointer: &str, other: Self) {
        self.errors.extend(other.errors.into_iter().map(|mut error| {
            error.pointer.insert_str(0, pointer);
            error
        }));
    }

    /// The same of a part of a request, which is at `pointer`.
    #[must_use]
    pub fn below(self, pointer: &str) -> Self {
        let mut whole = Self::default();
        whole.nest(pointer, self);
        whole
    }

    /// Everything that is wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// `Ok` when nothing is wrong.
    ///
    /// # Errors
    /// Itself, when something is.
    pub fn into_result(self) -> std::result::Result<(), Self> {
        if self.errors.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", error.pointer, error.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// A store could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store can't be reached or is overloaded. Nothing was written.
    #[error("the store is unavailable: {context}")]
    Unavailable {
        /// What was being done.
        context: &'static str,
        /// The driver's error.
        #[source]
        source: BoxError,
    },
    /// What is stored can't be read: somebody else wrote it, or a newer version did.
    #[error("the store holds something unreadable: {table} {key}")]
    Corrupt {
        /// The table or collection.
        table: &'static str,
        /// The row.
        key: String,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// The store refused a statement that must never be refused: a defect of the adapter, or of its schema.
    #[error("the store refused a statement: {context}")]
    Internal {
        /// What was being done.
        context: &'static str,
        /// The driver's error.
        #[source]
        source: BoxError,
    },
}

impl StoreError {
    /// Whether the same call may be made again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unavailable { .. } => Retry::Later,
            Self::Corrupt { .. } | Self::Internal { .. } => Retry::Never,
        }
    }
}

/// What kind of answer an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong in itself.
    Invalid,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// The request is right, the present state does not allow it.
    Conflict,
    /// The version the caller expected is not the present one.
    Stale,
    /// The store or a service behind a port did not answer. Nothing is half done.
    Unavailable,
    /// A defect: of this library, of an adapter, or of what is stored.
    Internal,
}

/// A product of which there is not enough.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Shortage {
    /// The product.
    pub product_id: ProductId,
    /// How many units were wanted.
    pub requested: u32,
    /// How many there were when the answer was given.
    pub available: u32,
}

impl Shortage {
    /// A shortage.
    pub fn new(product_id: ProductId, requested: u32, available: u32) -> Self {
        Self { product_id, requested, available }
    }
}

/// A line whose price is not the one the customer saw.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct PriceChange {
    /// The product.
    pub product_id: ProductId,
    /// The price the customer saw.
    pub old: Money,
    /// The price now.
    pub new: Money,
}

impl PriceChange {
    /// A changed price.
    pub fn new(product_id: ProductId, old: Money, new: Money) -> Self {
        Self { product_id, old, new }
    }
}

/// What a service answers when it does not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is wrong in itself.
    #[error("invalid request: {0}")]
    Invalid(#[from] Invalid),
    /// There is no such thing, or the caller may not know of it.
    #[error("no such {what}")]
    NotFound {
        /// What was looked for, e.g. `order`.
        what: &'static str,
    },
    /// The caller may not do this.
    #[error("not allowed: {what}")]
    Forbidden {
        /// Why.
        what: &'static str,
    },
    /// The order's status does not allow the move.
    #[error("an order that is {from} cannot become {to}")]
    IllegalTransition {
        /// The order.
        order_id: OrderId,
        /// Its status.
        from: OrderStatus,
        /// The status that was asked for.
        to: OrderStatus,
        /// The statuses it may move to.
        allowed: Vec<OrderStatus>,
    },
    /// There is not enough of some products. Nothing was reserved.
    #[error("out of stock")]
    OutOfStock(
        /// The products, and how many units there are.
        Vec<Shortage>,
    ),
    /// The total is not the one the customer agreed to. Nothing was reserved.
    #[error("the total has changed from {expected} to {actual}")]
    TotalChanged {
        /// The total the customer agreed to.
        expected: Money,
        /// The total now.
        actual: Money,
        /// The lines whose price changed.
        changes: Vec<PriceChange>,
    },
    /// The present state does not allow it. The message says why.
    #[error("{message}")]
    Conflict {
        /// A stable code, e.g. `cart_empty`.
        code: &'static str,
        /// What stands in the way, for a reader.
        message: String,
    },
    /// The version the caller expected is not the present one.
    #[error("the {what} has changed: version {actual}, expected {expected}")]
    Stale {
        /// What has changed.
        what: &'static str,
        /// The version the caller expected.
        expected: u64,
        /// The version now.
        actual: u64,
    },
    /// The idempotency key was used before, for a request with another content.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// A request with the same idempotency key is being carried out.
    #[error("a request with the same idempotency key is in flight")]
    InFlight,
    /// A hook of the host refused the step. Nothing was written.
    #[error("refused by {hook}: {reason}")]
    Vetoed {
        /// The hook's name.
        hook: &'static str,
        /// Its reason.
        reason: String,
    },
    /// The commit's outcome isn't known: the connection was lost while it was made. It was settled neither way in the
    /// tries that the service has; the same call with the same idempotency key will tell.
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown,
    /// Somebody else changed the same thing again and again. Nothing was written.
    #[error("too many concurrent changes")]
    Contended,
    /// The store did not do its work.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A service behind a port did not do its work.
    #[error("a service failed")]
    Gateway(#[from] crate::gateway::GatewayError),
    /// A webhook is not believed. Nothing was kept.
    #[error(transparent)]
    Rejected(#[from] crate::gateway::Rejected),
    /// A computation left its bounds.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A defect of this library: an invariant did not hold, and nothing was written.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

impl Error {
    /// A [`Conflict`](Self::Conflict).
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into() }
    }

    /// The same of a part of a request, which is at `pointer`.
    pub(crate) fn below(self, pointer: &str) -> Self {
        let Self::Invalid(invalid) = self else { return self };
        invalid.below(pointer).into()
    }

    /// What kind of answer this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) | Self::Money(_) | Self::IdempotencyKeyReused => ErrorKind::Invalid,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Vetoed { .. } | Self::Forbidden { .. } => ErrorKind::Forbidden,
            Self::IllegalTransition { .. }
            | Self::OutOfStock(_)
            | Self::TotalChanged { .. }
            | Self::Conflict { .. }
            | Self::InFlight => ErrorKind::Conflict,
            Self::Stale { .. } => ErrorKind::Stale,
            Self::Rejected(rejected) => rejected_kind(rejected),
            Self::OutcomeUnknown | Self::Contended | Self::Gateway(_) => ErrorKind::Unavailable,
            Self::Store(error) => match error.retry() {
                Retry::Later | Retry::AfterReload => ErrorKind::Unavailable,
                Retry::Never => ErrorKind::Internal,
            },
            Self::Internal(_) => ErrorKind::Internal,
        }
    }

    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::NotFound { .. } => "not_found",
            Self::Forbidden { .. } => "forbidden",
            Self::IllegalTransition { .. } => "illegal_transition",
            Self::OutOfStock(_) => "out_of_stock",
            Self::TotalChanged { .. } => "total_changed",
            Self::Conflict { code, .. } => code,
            Self::Stale { .. } => "stale_version",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::InFlight => "in_flight",
            Self::Vetoed { .. } => "vetoed",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Contended => "contended",
            Self::Store(_) => match self.kind() {
                ErrorKind::Unavailable => "store_unavailable",
                ErrorKind::Invalid
                | ErrorKind::Forbidden
                | ErrorKind::NotFound
                | ErrorKind::Conflict
                | ErrorKind::Stale
                | ErrorKind::Internal => "internal",
            },
            Self::Gateway(_) => "service_unavailable",
            Self::Rejected(rejected) => rejected.code(),
            Self::Money(_) => "amount",
            Self::Internal(_) => "internal",
        }
    }

    /// Its text and that of everything it came from: for the log and the staff, never for a caller.
    pub fn with_sources(&self) -> String {
        let sources = std::iter::successors(Some(self as &dyn std::error::Error), |&error| error.source());
        sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// Whether the same call may be made again.
    pub fn retry(&self) -> Retry {
        match self.kind() {
            ErrorKind::Unavailable => Retry::Later,
            ErrorKind::Stale | ErrorKind::Conflict => Retry::AfterReload,
            ErrorKind::Invalid | ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::Internal => {
                Retry::Never
            }
        }
    }
}

fn rejected_kind(rejected: &crate::gateway::Rejected) -> ErrorKind {
    use crate::gateway::Rejected;
    match rejected {
        Rejected::Unavailable(_) => ErrorKind::Unavailable,
        Rejected::Unsigned
        | Rejected::WrongSignature
        | Rejected::OutsideWindow
        | Rejected::Unreadable
        | Rejected::TooLarge => ErrorKind::Invalid,
    }
}
