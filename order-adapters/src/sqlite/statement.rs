use futures_util::TryStreamExt as _;
use order_core::StoreError;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments as _, Either, Encode, Executor as _, Type};

/// A statement with its values, which may be run more than once. It is one message to the connection's thread, and one back:
/// each costs more than most statements.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    sql: &'static str,
    arguments: SqliteArguments,
}

/// What a statement did.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many rows it changed.
    pub(super) changes: u64,
    /// The rows it returned.
    pub(super) rows: Vec<SqliteRow>,
}

impl Statement {
    /// A statement whose values are still to be bound.
    pub(super) fn new(sql: &'static str) -> Self {
        Self { sql, arguments: SqliteArguments::default() }
    }

    /// Binds the next value.
    pub(super) fn bind<'t, T>(&mut self, value: T) -> Result<(), StoreError>
    where
        T: Encode<'t, Sqlite> + Type<Sqlite>,
    {
        self.arguments.add(value).map_err(|source| StoreError::Internal { context: "encode a value", source })
    }

    /// Runs it. Outside of a transaction it is one of its own, which is done or not also when nobody waits for it any more.
    pub(super) async fn run(&self, connection: &mut SqliteConnection) -> Result<Tally, sqlx::Error> {
        let mut results = connection.fetch_many(sqlx::query_with(self.sql, self.arguments.clone()));
        let mut tally = Tally::default();
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Right(row) => tally.rows.push(row),
                // Nothing comes behind it.
                Either::Left(done) => {
                    tally.changes = done.rows_affected();
                    break;
                }
            }
        }
        Ok(tally)
    }
}
