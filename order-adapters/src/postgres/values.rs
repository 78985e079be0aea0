//! How values are stored, and what a driver's error means.

use std::error::Error;

use order_core::StoreError;
use order_core::error::BoxError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// What names in one text are separated by. No name holds a control character.
pub(super) const SEPARATOR: &str = "\u{1f}";

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| internal("write a value as JSON", source))
}

/// A text to search in or for. PostgreSQL's texts can't hold a NUL.
pub(super) fn searchable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A counter as it is stored.
pub(super) fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|source| internal("store a number", source))
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

pub(super) fn corrupt(table: &'static str, source: impl Into<BoxError>) -> StoreError {
    StoreError::Corrupt { table, key: String::new(), source: source.into() }
}

pub(super) fn internal(context: &'static str, source: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Internal { context, source: Box::new(source) }
}

pub(super) fn unavailable(context: &'static str, source: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable { context, source: source.into() }
}

/// What a driver's error means to a caller. Nothing was written.
pub(super) fn failed(context: &'static str, error: sqlx::Error) -> StoreError {
    match Trouble::of(&error) {
        Trouble::Lost | Trouble::Again => unavailable(context, error),
        Trouble::Guard | Trouble::Defect => internal(context, error),
    }
}

/// What an error says about the statement that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
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
    /// Reads the SQLSTATE, or what the driver says when there is none.
    pub(super) fn of(error: &sqlx::Error) -> Self {
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
            return if is_lost { Self::Lost } else { Self::Defect };
        };
        match &*code {
            // Ours; a unique key; a check.
            "OE001" | "23505" | "23514" => Self::Guard,
            // A serialisation failure; a deadlock; a lock that was not available; a statement that was cancelled.
            "40001" | "40P01" | "55P03" | "57014" => Self::Again,
            // The server stops, starts, was killed, or has become a replica.
            "57P01" | "57P02" | "57P03" | "57P05" | "25006" => Self::Lost,
            code if code.starts_with("08") => Self::Lost,
            // Out of memory, disk, connections.
            code if code.starts_with("53") || code.starts_with("58") => Self::Again,
            _ => Self::Defect,
        }
    }
}
