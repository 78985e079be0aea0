use std::borrow::Cow;
use std::fmt::Write as _;

use order_core::inventory::MAX_UNITS;
use sqlx::migrate::{Migration, MigrationType};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqlStr};

use super::OpenError;

/// Every migration, in order. A published one never changes, but for the last one, the [`FUNCTIONS`]. They are told apart by their
/// templates, so that the name of the schema is no part of them.
const MIGRATIONS: [(i64, &str, &str); 13] = [
    (1, "tables", include_str!("migrations/0001_tables.sql")),
    (2, "write-sets", include_str!("migrations/0002_write_sets.sql")),
    (3, "stock journal", include_str!("migrations/0003_stock_journal.sql")),
    (4, "lighter commits", include_str!("migrations/0004_lighter_commits.sql")),
    (5, "single write-set", include_str!("migrations/0005_single_write_set.sql")),
    (6, "inbox", include_str!("migrations/0006_inbox.sql")),
    (7, "new rows", include_str!("migrations/0007_new_rows.sql")),
    (8, "chapters", include_str!("migrations/0008_chapters.sql")),
    (9, "lone commits", include_str!("migrations/0009_lone_commits.sql")),
    (10, "short checks", include_str!("migrations/0010_short_checks.sql")),
    (11, "ids tell the time", include_str!("migrations/0011_ids_tell_the_time.sql")),
    (12, "fewer expressions", include_str!("migrations/0012_fewer_expressions.sql")),
    (13, FUNCTIONS, include_str!("functions.sql")),
];

/// The migration that makes the functions a commit calls. When they change, it gets the next number, and its old one is nobody's.
const FUNCTIONS: &str = "functions";

/// Whoever migrates any schema of ours holds this advisory lock until the end of the transaction.
const LOCK: i64 = 0x6f72_6465_7265_6e67;

/// The name of the schema with quotes, for statements.
#[derive(Debug, Clone)]
pub(super) struct Schema(String);

impl Schema {
    /// The longest name PostgreSQL keeps whole.
    const MAX_BYTES: usize = 63;

    /// A schema's name: lower-case letters, digits and `_`, not beginning with a digit or `pg_`.
    pub(super) fn new(name: &str) -> Result<Self, OpenError> {
        let fits = !name.is_empty()
            && name.len() <= Self::MAX_BYTES
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.starts_with("pg_")
            && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if fits { Ok(Self(format!("\"{name}\""))) } else { Err(OpenError::Schema) }
    }

    /// A statement with the schema's name in the place of `{schema}`.
    pub(super) fn sql(&self, template: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(template.replace("{schema}", &self.0))
    }
}

/// Brings the schema up to date, or only looks whether it is. All in one transaction, so that many processes may start at once;
/// and without prepared statements, so that it works through any pooler.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    schema: &Schema,
    may_change: bool,
) -> Result<(), OpenError> {
    let mut transaction = connection.begin().await.map_err(OpenError::failed)?;
    if may_change {
        let lock = AssertSqlSafe(format!("SELECT pg_advisory_xact_lock({LOCK})"));
        sqlx::raw_sql(lock).execute(&mut *transaction).await.map_err(OpenError::failed)?;
    }
    let applied = applied(&mut transaction, schema).await?;
    if applied.is_none() && may_change {
        let sql = "CREATE SCHEMA IF NOT EXISTS {schema};
            CREATE TABLE {schema}.migrations (
                version  bigint NOT NULL PRIMARY KEY,
                name     text   NOT NULL,
                checksum text   NOT NULL
            );";
        sqlx::raw_sql(schema.sql(sql)).execute(&mut *transaction).await.map_err(OpenError::failed)?;
    }
    let applied = applied.unwrap_or_default();
    for Applied { version, name, checksum } in &applied {
        match MIGRATIONS.iter().find(|(known, ..)| known == version) {
            Some((_, _, sql)) if digest(*version, sql) == *checksum => {}
            Some(_) => return Err(OpenError::Foreign { version: *version }),
            None if name == FUNCTIONS && MIGRATIONS.iter().any(|(known, ..)| known > version) => {}
            None => return Err(OpenError::Newer { version: *version }),
        }
    }
    for (version, name, sql) in MIGRATIONS {
        if applied.iter().any(|applied| applied.version == version) {
            continue;
        }
        if !may_change {
            return Err(OpenError::Older { version });
        }
        let checksum = digest(version, sql);
        let sql = sql.replace("{max_units}", &MAX_UNITS.to_string());
        let note = "INSERT INTO {schema}.migrations (version, name, checksum) VALUES";
        let sql = schema.sql(&format!("{sql}\n{note} ({version}, '{name}', '{checksum}');"));
        sqlx::raw_sql(sql).execute(&mut *transaction).await.map_err(OpenError::failed)?;
    }
    transaction.commit().await.map_err(OpenError::failed)
}

/// A migration that was applied.
struct Applied {
    version: i64,
    name: String,
    checksum: String,
}

/// What was applied; `None` when nothing ever was.
async fn applied(connection: &mut PgConnection, schema: &Schema) -> Result<Option<Vec<Applied>>, OpenError> {
    let exists = schema.sql("SELECT to_regclass('{schema}.migrations') IS NOT NULL AS found");
    let row = sqlx::raw_sql(exists).fetch_one(&mut *connection).await.map_err(OpenError::failed)?;
    if !row.try_get::<bool, _>(0).map_err(OpenError::failed)? {
        return Ok(None);
    }
    let list = schema.sql("SELECT version, name, checksum FROM {schema}.migrations ORDER BY version");
    let rows = sqlx::raw_sql(list).fetch_all(connection).await.map_err(OpenError::failed)?;
    let read = |row: &PgRow| {
        Ok(Applied { version: row.try_get(0)?, name: row.try_get(1)?, checksum: row.try_get(2)? })
    };
    let rows: Result<Vec<Applied>, sqlx::Error> = rows.iter().map(read).collect();
    rows.map(Some).map_err(OpenError::failed)
}

fn digest(version: i64, sql: &'static str) -> String {
    let sql = SqlStr::from_static(sql);
    let migration = Migration::new(version, Cow::Borrowed(""), MigrationType::Simple, sql, false);
    let mut text = String::new();
    for byte in migration.checksum.iter() {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
