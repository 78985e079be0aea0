//! Many write-sets in one transaction: what the stores on database servers have in common.
//!
//! A [`Writer`] has a worker for each [`Link`] to the database. A worker takes what waits ([`Touched`] tells which write-sets may
//! go together), and a `Settling` brings it to its outcomes: applied together by the link; and when a guard refuses, a
//! look at the database, the [`Picture`], tells whom. What they all do to one stock level is one `Sum`.
//!
//! The guards themselves are in what a link writes. Nothing here keeps them; it finds out which one has refused.

mod lanes;
mod picture;
mod rows;
mod settle;
mod sums;
mod touched;
mod writer;

use std::error::Error;
use std::fmt;
use std::future::Future;

use order_core::StoreError;
use order_core::error::BoxError;
use serde::Serialize;

pub(crate) use picture::Picture;
#[cfg(feature = "postgres")]
pub(crate) use rows::EntryRow;
pub(crate) use rows::{CartRow, ChapterRow, HoldRow, OrderRow, PaymentRow, RequestRow, Rows};
#[cfg(feature = "mongodb")]
pub(crate) use sums::Sum;
pub(crate) use sums::Sums;
#[cfg(feature = "postgres")]
pub(crate) use sums::add;
pub(crate) use writer::Writer;

/// How a database keeps the values that it does not look into.
pub(crate) trait Form: fmt::Debug + Send + Sync + 'static {
    /// A whole aggregate.
    type Body: fmt::Debug + Send + Sync;
    /// A list of names.
    type Names: fmt::Debug + Send + Sync;

    /// An order with more events is written out with every commit.
    const MOST_FOLDED: u64;

    /// An aggregate as it is kept.
    fn body<T: Serialize>(value: &T) -> Result<Self::Body, StoreError>;

    /// Names as they are kept.
    fn names(names: &[&str]) -> Self::Names;

    /// A text that is searched, as it is kept.
    fn searched(text: String) -> String;
}

/// A worker's way to the database.
pub(crate) trait Link: fmt::Debug + Send + 'static {
    /// How the database keeps values.
    type Form: Form;

    /// Applies write-sets, no two of which touch the same thing, in one transaction: all or none. `sums` are those of their
    /// stock changes.
    fn apply(
        &mut self,
        sets: &[&Rows<Self::Form>],
        sums: &Sums<'_>,
    ) -> impl Future<Output = Result<(), Failed>> + Send;

    /// Looks at what the guards of write-sets ask for, in one snapshot.
    fn look(&mut self, sets: &[&Rows<Self::Form>]) -> impl Future<Output = Result<Picture, Failed>> + Send;

    /// Ends it.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Why something was not carried out.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It was not sent.
    Unsent(BoxError),
    /// The database refused it, or the connection was lost.
    Sent(Trouble, BoxError),
}

/// What an error says about the statement that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A guard or a constraint refused it. Nothing was written.
    Guard,
    /// It met others, or a server without resources. Nothing was written, and it may be tried again.
    Again,
    /// The connection was lost. Nobody knows what was written.
    Lost,
    /// Something else. Nothing was written.
    Defect,
}

impl Trouble {
    /// What an error of this kind means to a caller. Nothing was written.
    pub(crate) fn failed(self, context: &'static str, source: impl Into<BoxError>) -> StoreError {
        match self {
            Self::Lost | Self::Again => unavailable(context, source),
            Self::Guard | Self::Defect => StoreError::Internal { context, source: source.into() },
        }
    }
}

/// A counter as it is stored.
pub(crate) fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|source| internal("store a number", source))
}

pub(crate) fn corrupt(table: &'static str, source: impl Into<BoxError>) -> StoreError {
    StoreError::Corrupt { table, key: String::new(), source: source.into() }
}

pub(crate) fn internal(context: &'static str, source: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Internal { context, source: Box::new(source) }
}

pub(crate) fn unavailable(context: &'static str, source: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { context, source: source.into() }
}
