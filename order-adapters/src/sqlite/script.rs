use futures_util::TryStreamExt as _;
use order_core::StoreError;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Either, Encode, Executor as _, Type};

use super::values::is_constraint;

/// Statements that are sent to the connection's thread at once, and what each of them must do.
///
/// The texts are constants with anonymous parameters; values are only ever bound.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    sql: String,
    arguments: SqliteArguments,
    expected: Vec<Expected>,
}

/// What comes before a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// A new transaction, and the savepoint of its first script.
    Transaction,
    /// The next script's savepoint; what was done before it stays.
    Savepoint,
}

impl Begin {
    /// How many statements that is.
    const STATEMENTS: usize = 2;

    fn sql(self) -> &'static str {
        match self {
            Self::Transaction => "BEGIN IMMEDIATE;\nSAVEPOINT member;\n",
            Self::Savepoint => "RELEASE member;\nSAVEPOINT member;\n",
        }
    }
}

/// What a statement must have done for the script to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Whatever it does.
    Anything,
    /// It changed so many rows.
    Changes(u64),
    /// It found a row.
    Found,
}

/// What became of a script.
#[derive(Debug)]
pub(super) enum Ran {
    /// Every statement did what it must.
    Whole(Tally),
    /// The statement with this index did not, or broke a constraint.
    Stopped(usize),
}

/// What a script did.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many rows the statements changed.
    pub(super) changes: u64,
    /// The rows they returned.
    pub(super) rows: Vec<SqliteRow>,
}

impl Script {
    /// Adds a statement.
    pub(super) fn statement(&mut self, sql: &'static str, expected: Expected) {
        self.sql.push_str(sql);
        self.sql.push_str(";\n");
        self.expected.push(expected);
    }

    /// Binds the next parameter.
    pub(super) fn bind<'t, T>(&mut self, value: T) -> Result<(), StoreError>
    where
        T: Encode<'t, Sqlite> + Type<Sqlite>,
    {
        self.arguments.add(value).map_err(|source| StoreError::Internal { context: "encode a value", source })
    }

    /// How many statements it has.
    pub(super) fn len(&self) -> usize {
        self.expected.len()
    }

    /// Runs it in a savepoint, up to the first statement that does not do what it must. Transaction, savepoint and script go to
    /// the connection's thread in one message: each way there and back costs more than a statement.
    pub(super) async fn run(
        &self,
        begin: Begin,
        connection: &mut SqliteConnection,
    ) -> Result<Ran, sqlx::Error> {
        let sql = [begin.sql(), &self.sql].concat();
        let query = sqlx::query_with(AssertSqlSafe(sql), self.arguments.clone());
        let mut results = connection.fetch_many(query);
        let mut tally = Tally::default();
        let mut found = 0_usize;
        let mut stopped = None;
        for _ in 0..Begin::STATEMENTS {
            results.try_next().await?;
        }
        for (index, expected) in self.expected.iter().enumerate() {
            loop {
                match results.try_next().await {
                    Ok(Some(Either::Right(row))) => tally.rows.push(row),
                    Ok(Some(Either::Left(done))) => {
                        let is_met = match expected {
                            Expected::Anything => true,
                            Expected::Changes(rows) => done.rows_affected() == *rows,
                            Expected::Found => tally.rows.len() > found,
                        };
                        if !is_met && stopped.is_none() {
                            stopped = Some(index);
                        }
                        tally.changes = tally.changes.saturating_add(done.rows_affected());
                        found = tally.rows.len();
                        break;
                    }
                    Ok(None) => return Ok(Ran::Stopped(index)),
                    Err(error) if is_constraint(&error) => {
                        return Ok(Ran::Stopped(stopped.unwrap_or(index)));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(stopped.map_or(Ran::Whole(tally), Ran::Stopped))
    }
}
