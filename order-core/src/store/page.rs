use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::OrderId;

/// A page of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Page<T, C = Cursor> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// A page.
    pub fn new(items: Vec<T>, next: Option<C>) -> Self {
        Self { items, next }
    }
}

/// Which page is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    limit: u32,
    /// Begin behind this.
    pub after: Option<Cursor>,
    /// Leave so many out first. Its cost grows with it: for compatibility only.
    pub skip: u32,
    /// In which order.
    pub order: SortOrder,
}

impl PageRequest {
    /// The largest page.
    pub const MAX_LIMIT: u32 = 100;
    /// The most that may be left out: deeper, use the cursor.
    pub const MAX_SKIP: u32 = 10_000;

    /// The first page of at most `limit` items, at least one and at most [`MAX_LIMIT`](Self::MAX_LIMIT); newest first.
    pub fn first(limit: u32) -> Self {
        Self { limit: limit.clamp(1, Self::MAX_LIMIT), after: None, skip: 0, order: SortOrder::NewestFirst }
    }

    /// The page behind a cursor.
    #[must_use]
    pub fn after(self, cursor: Option<Cursor>) -> Self {
        Self { after: cursor, ..self }
    }

    /// The page with so many left out.
    #[must_use]
    pub fn skip(self, skip: u32) -> Self {
        Self { skip: skip.min(Self::MAX_SKIP), ..self }
    }

    /// The page in another order.
    #[must_use]
    pub fn sorted(self, order: SortOrder) -> Self {
        Self { order, ..self }
    }

    /// How many items at most.
    pub fn limit(&self) -> u32 {
        self.limit
    }
}

/// In which order a list comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "a store must handle both")]
pub enum SortOrder {
    /// The newest first.
    #[default]
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// A place in a list: behind one order. Ids are ordered by time, so a place stays a place whatever is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(OrderId);

impl Cursor {
    /// Behind an order.
    pub fn behind(id: OrderId) -> Self {
        Self(id)
    }

    /// The order it is behind.
    pub fn order_id(self) -> OrderId {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.uuid().simple().fmt(f)
    }
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() != 32 {
            return Err(InvalidCursor);
        }
        text.parse().map(Self).map_err(|_| InvalidCursor)
    }
}
