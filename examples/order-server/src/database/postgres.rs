use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_adapters::postgres::{OpenError, PostgresBuilder, PostgresStore};
use order_core::error::BoxError;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqlSafeStr as _, SqlStr};
use tokio::time::timeout;

use super::{Common, Database, Opened};
use crate::source::Source;
use crate::users::{Account, By, User, UserRepository};

const ADDRESS: &str =
    "must be an address like postgres://user:password@host:5432/database?sslmode=verify-full";
/// Whoever makes the table of users holds this advisory lock: two that start at once would both find no schema.
const LOCK: i64 = 0x6f72_6465_7275_7372;

/// What was said about PostgreSQL.
#[derive(Debug)]
pub(super) struct Options {
    common: Common,
    schema: String,
    readers: u32,
    prepares: bool,
    replica: Option<SecretString>,
}

impl Options {
    pub(super) fn read(source: &mut Source, common: &Common) -> Self {
        let expected = "up to 56 lower-case letters, digits and _, not beginning with a digit or pg_";
        let schema = source.parse("DATABASE_SCHEMA", "order_engine".to_owned(), expected, |text| {
            let is_name = text.len() <= 56
                && !text.starts_with(|first: char| first.is_ascii_digit())
                && !text.starts_with("pg_")
                && text.bytes().all(|byte| matches!(byte, b'_' | b'a'..=b'z' | b'0'..=b'9'));
            is_name.then(|| text.to_owned())
        });
        let expected = ADDRESS.trim_start_matches("must be ");
        let replica = source.parse("DATABASE_REPLICA_URL", None, expected, |text| {
            is_address(text).then(|| Some(SecretString::from(text.to_owned())))
        });
        Self {
            common: common.clone(),
            schema,
            readers: source.number("DATABASE_READERS", 8, 1..=1_000),
            prepares: source.flag("DATABASE_PREPARES", true),
            replica,
        }
    }

    /// Whether somebody expects a replica to be read.
    pub(super) fn has_replica(&self) -> bool {
        self.replica.is_some()
    }

    pub(super) fn at(self, url: &str) -> Result<Arc<dyn Database>, &'static str> {
        if !is_address(url) {
            return Err(ADDRESS);
        }
        Ok(Arc::new(Postgres { url: url.to_owned().into(), options: self }))
    }
}

fn is_address(text: &str) -> bool {
    let has_scheme = text.starts_with("postgres://") || text.starts_with("postgresql://");
    has_scheme && PgConnectOptions::from_str(text).is_ok()
}

/// A PostgreSQL database: the orders in one schema, the users in another one that is named after it.
struct Postgres {
    url: SecretString,
    options: Options,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(address) = PgConnectOptions::from_str(self.url.expose_secret()) else {
            return Err(fmt::Error);
        };
        let (user, host, port) = (address.get_username(), address.get_host(), address.get_port());
        let database = address.get_database().unwrap_or(user);
        write!(f, "postgres://{user}@{host}:{port}/{database}, schema {}", self.options.schema)
    }
}

impl Postgres {
    fn store(&self) -> PostgresBuilder {
        let Options { common, schema, readers, prepares, replica } = &self.options;
        let builder = PostgresStore::builder(self.url.expose_secret())
            .schema(schema)
            .readers(*readers)
            .patience(common.patience)
            .prepared_statements(*prepares)
            .migrations(common.migrates);
        let builder = match common.writers {
            Some(writers) => builder.writers(writers),
            None => builder,
        };
        match replica {
            Some(url) => builder.replica(url.expose_secret()),
            None => builder,
        }
    }

    fn address(&self) -> Result<PgConnectOptions, sqlx::Error> {
        let address = PgConnectOptions::from_str(self.url.expose_secret())?;
        let statements = if self.options.prepares { 16 } else { 0 };
        // As the store does: nothing is set for the session, so that a pooler may stand in between.
        Ok(address
            .application_name("order-server")
            .extra_float_digits(None)
            .statement_cache_capacity(statements)
            .disable_statement_logging())
    }

    fn users_schema(&self) -> String {
        format!("{}_server", self.options.schema)
    }

    /// Makes the table of the users if it may, or looks whether it is there.
    async fn prepare_users(&self, may_change: bool) -> Result<(), BoxError> {
        let schema = self.users_schema();
        let mut connection =
            timeout(self.options.common.patience, PgConnection::connect_with(&self.address()?)).await??;
        let sql = if may_change {
            format!(
                "BEGIN; SELECT pg_advisory_xact_lock({LOCK}); CREATE SCHEMA IF NOT EXISTS {schema};
                 CREATE TABLE IF NOT EXISTS {schema}.users (
                    id text PRIMARY KEY, email text NOT NULL UNIQUE, name text, password_hash text NOT NULL);
                 COMMIT"
            )
        } else {
            format!("SELECT id FROM {schema}.users LIMIT 0")
        };
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
        done.map_err(|source| NoUsers { schema, source })?;
        Ok(connection.close().await?)
    }
}

/// Names the command that helps, where one does.
fn advised(error: OpenError) -> BoxError {
    if matches!(error, OpenError::Older { .. }) {
        return format!("{error}; order-server migrate does it").into();
    }
    error.into()
}

/// The table of the users can't be made or read.
#[derive(Debug, thiserror::Error)]
#[error("the users can't be opened in the schema {schema}; order-server migrate makes it")]
struct NoUsers {
    schema: String,
    #[source]
    source: sqlx::Error,
}

#[async_trait]
impl Database for Postgres {
    async fn migrate(&self) -> Result<(), BoxError> {
        self.store().migrate().await?;
        self.prepare_users(true).await
    }

    async fn open(&self) -> Result<Opened, BoxError> {
        let store = self.store().open().await.map_err(advised)?;
        self.prepare_users(self.options.common.migrates).await?;
        let pool = PgPoolOptions::new()
            .max_connections(self.options.readers)
            .acquire_timeout(self.options.common.patience)
            .connect_lazy_with(self.address()?);
        let sql = |text: String| {
            AssertSqlSafe(text.replace("{users}", &format!("{}.users", self.users_schema()))).into_sql_str()
        };
        let select = "SELECT id, email, name, password_hash FROM {users}";
        let users = Users {
            pool,
            prepares: self.options.prepares,
            patience: self.options.common.patience,
            insert: sql("INSERT INTO {users} (id, email, name, password_hash) VALUES ($1, $2, $3, $4)
                ON CONFLICT (email) DO NOTHING RETURNING id"
                .to_owned()),
            by_email: sql(format!("{select} WHERE email = $1")),
            by_id: sql(format!("{select} WHERE id = $1")),
        };
        Ok(Opened { store: Arc::new(store), users: Arc::new(users) })
    }
}

#[derive(Debug)]
struct Users {
    pool: PgPool,
    prepares: bool,
    patience: Duration,
    insert: SqlStr,
    by_email: SqlStr,
    by_id: SqlStr,
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

impl Users {
    /// Runs a statement: in a transaction unless it stays prepared, so that a pooler does not give its parts to several
    /// connections.
    async fn run(&self, query: Query<'_>) -> Result<Option<PgRow>, BoxError> {
        let query = query.persistent(self.prepares);
        let running = async {
            if self.prepares {
                return query.fetch_optional(&self.pool).await;
            }
            let mut transaction = self.pool.begin().await?;
            let row = query.fetch_optional(&mut *transaction).await?;
            transaction.commit().await.map(|()| row)
        };
        Ok(timeout(self.patience, running).await??)
    }
}

#[async_trait]
impl UserRepository for Users {
    async fn insert(&self, Account { user, password_hash }: &Account) -> Result<bool, BoxError> {
        let insert = sqlx::query(self.insert.clone()).bind(&user.id).bind(&user.email);
        Ok(self.run(insert.bind(&user.name).bind(password_hash)).await?.is_some())
    }

    async fn find(&self, by: By<'_>) -> Result<Option<Account>, BoxError> {
        let query = match by {
            By::Email(email) => sqlx::query(self.by_email.clone()).bind(email),
            By::Id(id) => sqlx::query(self.by_id.clone()).bind(id),
        };
        let read = |row: PgRow| -> Result<Account, sqlx::Error> {
            let user = User { id: row.try_get(0)?, email: row.try_get(1)?, name: row.try_get(2)? };
            Ok(Account { user, password_hash: row.try_get(3)? })
        };
        Ok(self.run(query).await?.map(read).transpose()?)
    }
}
