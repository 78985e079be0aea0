//! How values are stored, and what a driver's error means.

use std::error::Error;

use order_core::StoreError;
use order_core::error::BoxError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

pub(super) fn blob(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// A UUID as it stands in a JSON argument; SQL reads it with `unhex`.
pub(super) fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| internal("write a value as JSON", source))
}

/// A counter as it is stored.
pub(super) fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|source| internal("store a number", source))
}

/// A sequence number to compare with: one that can't be stored is beyond all that are.
pub(super) fn bounded(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// The value in the first column of a row.
pub(super) fn body<T: DeserializeOwned>(table: &'static str, row: &SqliteRow) -> Result<T, StoreError> {
    let text: &str = column(table, row, 0)?;
    serde_json::from_str(text).map_err(|source| corrupt(table, source))
}

pub(super) fn column<'r, T>(table: &'static str, row: &'r SqliteRow, index: usize) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(index).map_err(|source| corrupt(table, source))
}

pub(super) fn uuid(table: &'static str, row: &SqliteRow, index: usize) -> Result<Uuid, StoreError> {
    let bytes: &[u8] = column(table, row, index)?;
    Uuid::from_slice(bytes).map_err(|source| corrupt(table, source))
}

pub(super) fn counter(table: &'static str, row: &SqliteRow, index: usize) -> Result<u64, StoreError> {
    let value: i64 = column(table, row, index)?;
    u64::try_from(value).map_err(|source| corrupt(table, source))
}

pub(super) fn corrupt(table: &'static str, source: impl Into<BoxError>) -> StoreError {
    StoreError::Corrupt { table, key: String::new(), source: source.into() }
}

pub(super) fn internal(context: &'static str, source: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Internal { context, source: Box::new(source) }
}

/// What a driver's error means to a caller. Nothing was written.
pub(super) fn failed(context: &'static str, error: sqlx::Error) -> StoreError {
    let passes = passes(&error);
    let source: BoxError = Box::new(error);
    if passes {
        StoreError::Unavailable { context, source }
    } else {
        StoreError::Internal { context, source }
    }
}

/// Whether an error may pass: a lock, a full disk, a lost file. Everything else is a defect.
pub(super) fn passes(error: &sqlx::Error) -> bool {
    const NOMEM: i64 = 7;
    const READONLY: i64 = 8;
    const IOERR: i64 = 10;
    const FULL: i64 = 13;
    const CANTOPEN: i64 = 14;
    match primary_code(error) {
        Some(code) => is_busy(error) || [NOMEM, READONLY, IOERR, FULL, CANTOPEN].contains(&code),
        None => matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        ),
    }
}

/// Whether somebody else holds a lock.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: i64 = 5;
    const LOCKED: i64 = 6;
    primary_code(error).is_some_and(|code| code == BUSY || code == LOCKED)
}

/// Whether a constraint or a trigger of the schema refused a statement.
pub(super) fn is_constraint(error: &sqlx::Error) -> bool {
    const CONSTRAINT: i64 = 19;
    primary_code(error) == Some(CONSTRAINT)
}

/// SQLite's primary result code.
fn primary_code(error: &sqlx::Error) -> Option<i64> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i64>().ok().map(|code| code & 0xFF)
}
