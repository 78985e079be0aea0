//! How values are stored, and what a driver's error means.

use std::cell::RefCell;

use order_core::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::group_commit::{self, Form, Trouble};

pub(super) use crate::group_commit::{corrupt, internal, unavailable};

/// How values are kept: as texts.
#[derive(Debug)]
pub(super) struct Texts;

/// A write-set's rows.
pub(super) type Rows = group_commit::Rows<Texts>;

/// What names in one text are separated by. No name holds a control character.
const SEPARATOR: &str = "\u{1f}";

impl Form for Texts {
    type Body = String;
    type Names = String;

    const MOST_FOLDED: u64 = u64::MAX;

    fn body<T: Serialize>(value: &T) -> Result<String, StoreError> {
        thread_local! {
            /// It grows once, and not with every value.
            static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        WRITTEN.with_borrow_mut(|written| {
            written.clear();
            serde_json::to_writer(&mut *written, value)
                .map_err(|source| internal("write a value as JSON", source))?;
            str::from_utf8(written)
                .map(str::to_owned)
                .map_err(|source| internal("write a value as JSON", source))
        })
    }

    fn names(names: &[&str]) -> String {
        names.join(SEPARATOR)
    }

    fn searched(text: String) -> String {
        searchable(&text)
    }
}

/// The names in one text.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(SEPARATOR).filter(|name| !name.is_empty())
}

/// A text to search in or for. PostgreSQL's texts can't hold a NUL.
pub(super) fn searchable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A sequence number to compare with: one that can't be stored is beyond all that are.
pub(super) fn bounded(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// The value in the first column of a row.
pub(super) fn body<T: DeserializeOwned>(table: &'static str, row: &PgRow) -> Result<T, StoreError> {
    let text: &str = column(table, row, 0)?;
    serde_json::from_str(text).map_err(|source| corrupt(table, source))
}

pub(super) fn column<'r, T>(table: &'static str, row: &'r PgRow, index: usize) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(index).map_err(|source| corrupt(table, source))
}

pub(super) fn uuid(table: &'static str, row: &PgRow, index: usize) -> Result<Uuid, StoreError> {
    column(table, row, index)
}

pub(super) fn counter(table: &'static str, row: &PgRow, index: usize) -> Result<u64, StoreError> {
    let value: i64 = column(table, row, index)?;
    u64::try_from(value).map_err(|source| corrupt(table, source))
}

/// What a driver's error means to a caller. Nothing was written.
pub(super) fn failed(context: &'static str, error: sqlx::Error) -> StoreError {
    trouble(&error).failed(context, error)
}

/// Reads the SQLSTATE, or what the driver says when there is none.
pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    let Some(code) = error.as_database_error().and_then(sqlx::error::DatabaseError::code) else {
        let is_lost = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        return if is_lost { Trouble::Lost } else { Trouble::Defect };
    };
    match &*code {
        // Ours; a unique key; a check; a stock level that would leave the range of its numbers.
        "OE001" | "23505" | "23514" | "22003" => Trouble::Guard,
        // A serialisation failure; a deadlock; a lock that was not available; a statement that was cancelled.
        "40001" | "40P01" | "55P03" | "57014" => Trouble::Again,
        // The server stops, starts, was killed, or has become a replica.
        "57P01" | "57P02" | "57P03" | "57P05" | "25006" => Trouble::Lost,
        code if code.starts_with("08") => Trouble::Lost,
        // Out of memory, disk, connections.
        code if code.starts_with("53") || code.starts_with("58") => Trouble::Again,
        _ => Trouble::Defect,
    }
}
