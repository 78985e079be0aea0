use std::iter;
use std::sync::{Arc, LazyLock};

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Either, Executor as _, SqlSafeStr as _, SqlStr};

use super::moment::soon;

/// What makes of a connection one that applies write-sets: the view, and the triggers behind it.
pub(super) static PROGRAM: LazyLock<String> =
    LazyLock::new(|| include_str!("apply.sql").replace("{head}", include_str!("apply_head.sql")));

/// How many columns the view has.
const COLUMNS: usize = 49;

/// The most rows of the view in one statement.
const MAX_ROWS: usize = 128;

/// The texts of the statements for one row of the view, two, four … rows: so many that few are compiled.
static APPLY: LazyLock<Vec<String>> = LazyLock::new(|| {
    let sizes = iter::successors(Some(1_usize), |rows| rows.checked_mul(2));
    sizes.take_while(|rows| *rows <= MAX_ROWS).map(insert).collect()
});

/// A value of a statement.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Nothing,
    Integer(i64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// A row of the view, which is applied.
#[derive(Debug, Default)]
pub(super) struct Row(Vec<Value>);

impl Row {
    /// A row that takes the events of an order out of the outbox.
    pub(super) fn delivered(order: Vec<u8>, sequence: i64) -> Self {
        /// Its own columns are the last ones.
        const OWN: usize = 2;
        let mut row = Self::default();
        row.bind_nothing(COLUMNS - OWN);
        row.bind(order);
        row.bind(sequence);
        row
    }

    /// Binds the next column.
    pub(super) fn bind(&mut self, value: impl Into<Value>) {
        self.0.push(value.into());
    }

    /// Binds so many columns of which there is none.
    pub(super) fn bind_nothing(&mut self, columns: usize) {
        self.0.extend(iter::repeat_n(Value::Nothing, columns));
    }
}

/// A statement with its values, which may be run more than once. It is one message to the connection's thread, and one back:
/// each costs more than most statements.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    text: Text,
    values: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    /// As many rows of the view as there are values for.
    Apply,
    Other(&'static str),
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
        Self { text: Text::Other(sql), values: Vec::new() }
    }

    /// The statement that applies rows: all of them, or none. There is nothing in columns that were not bound.
    pub(super) fn apply(rows: Vec<Row>) -> Self {
        let mut values = Vec::with_capacity(rows.len().saturating_mul(COLUMNS));
        for row in rows {
            let rest = COLUMNS.saturating_sub(row.0.len());
            values.extend(row.0.into_iter().chain(iter::repeat_n(Value::Nothing, rest)));
        }
        Self { text: Text::Apply, values }
    }

    /// The statement that applies what several apply, if they do nothing else and all of it has room.
    pub(super) fn together<'s>(statements: impl Iterator<Item = &'s Self> + Clone) -> Option<Self> {
        let fits = statements.clone().all(|statement| statement.text == Text::Apply);
        let rows = statements.clone().map(Self::rows).sum::<usize>();
        (fits && rows <= MAX_ROWS).then(|| Self {
            text: Text::Apply,
            values: statements.flat_map(|statement| &statement.values).cloned().collect(),
        })
    }

    /// How many rows of the view it applies.
    fn rows(&self) -> usize {
        self.values.len() / COLUMNS
    }

    /// Binds the next value.
    pub(super) fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
    }

    /// Runs it. Outside of a transaction it is one of its own, which is done or not also when nobody waits for it any more.
    pub(super) async fn run(&self, connection: &mut SqliteConnection) -> Result<Tally, sqlx::Error> {
        let (sql, parameters) = match self.text {
            Text::Other(sql) => (SqlStr::from_static(sql), self.values.len()),
            Text::Apply => apply_sql(self.rows()),
        };
        let mut results = connection.fetch_many(sqlx::query_with(sql, self.arguments(parameters)?));
        let mut tally = Tally::default();
        while let Some(result) = soon(results.try_next()).await? {
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

    /// Its values for so many parameters. A row of nothing does nothing.
    fn arguments(&self, parameters: usize) -> Result<SqliteArguments, sqlx::Error> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(parameters, 0);
        let rest = parameters.saturating_sub(self.values.len());
        for value in self.values.iter().chain(iter::repeat_n(&Value::Nothing, rest)) {
            let added = match value {
                Value::Nothing => arguments.add(None::<i64>),
                Value::Integer(value) => arguments.add(*value),
                Value::Text(value) => arguments.add(Arc::clone(value)),
                Value::Bytes(value) => arguments.add(Arc::clone(value)),
            };
            added.map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }
}

/// The statement for at least so many rows of the view, and how many parameters it has.
fn apply_sql(rows: usize) -> (SqlStr, usize) {
    let rows = rows.next_power_of_two();
    let index = usize::try_from(rows.trailing_zeros()).unwrap_or(usize::MAX);
    let sql = match APPLY.get(index) {
        Some(sql) => SqlStr::from_static(sql),
        None => AssertSqlSafe(insert(rows)).into_sql_str(),
    };
    (sql, rows.saturating_mul(COLUMNS))
}

/// The text of the statement for so many rows of the view. Every column of every row has its parameter, in the same order.
fn insert(rows: usize) -> String {
    let row = format!("({})", vec!["?"; COLUMNS].join(", "));
    format!("INSERT INTO temp.apply VALUES {}", vec![row.as_str(); rows].join(", "))
}
