use std::fmt;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::ReservationId;
use crate::inventory::StockKey;
use crate::store::{Aggregate, WriteSet};

/// Applies write-sets. See the [contract](crate::store#contract).
#[async_trait]
pub trait Commit: fmt::Debug + Send + Sync {
    /// Applies a write-set whole or not at all.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be tried, or failed for sure: nothing was written. When it is not known whether
    /// something was written the answer is `Ok(Unknown)`, and the same set may be committed again.
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError>;
}

/// What became of a write-set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a write-set that was not applied has changed nothing"]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth outcome, and a caller must handle all three")]
pub enum CommitOutcome {
    /// It is durable, now or from an earlier try.
    Applied,
    /// A guard refused it, and nothing was written.
    Refused(Refusal),
    /// The connection was lost while it was being made durable.
    Unknown,
}

/// Which guard refused a write-set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Something is not at the version it must have, or exists when it must not.
    Version {
        /// What.
        aggregate: Aggregate,
        /// Its id.
        key: String,
    },
    /// A key that must be unique is taken.
    Taken(UniqueKey),
    /// A stock change would break a stock level.
    Stock(Vec<StockShort>),
    /// A reservation exists already, or has ended.
    ReservationEnded(ReservationId),
    /// The idempotency key is taken, or its request is answered already.
    IdempotencyKey,
    /// A payment's refunds would exceed what was captured.
    Refundable,
}

/// A key that at most one row may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UniqueKey {
    /// An order's number.
    OrderNumber,
    /// The cart an order was made from.
    OrderCart,
    /// The owner of an open cart.
    CartOwner,
}

/// A stock level that could not be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StockShort {
    /// Which.
    pub key: StockKey,
    /// How many units are available.
    pub available: i64,
}

impl StockShort {
    /// A level that could not be changed.
    pub fn new(key: StockKey, available: i64) -> Self {
        Self { key, available }
    }
}
