use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, SqlStr};

use super::OpenError;

/// Our own record of migrations: a host's `_sqlx_migrations` in the same file stays what it is.
const MIGRATIONS_TABLE: &str = "order_engine_migrations";

/// Every migration, in order. A published one never changes.
const MIGRATIONS: [(i64, &str, &str); 7] = [
    (1, "order engine", include_str!("migrations/0001_order_engine.sql")),
    (2, "stock journal", include_str!("migrations/0002_stock_journal.sql")),
    (3, "inbox", include_str!("migrations/0003_inbox.sql")),
    (4, "chapters", include_str!("migrations/0004_chapters.sql")),
    (5, "ids tell the time", include_str!("migrations/0005_ids_tell_the_time.sql")),
    (
        6,
        "reservations tell their products",
        include_str!("migrations/0006_reservations_tell_their_products.sql"),
    ),
    (7, "payments by id", include_str!("migrations/0007_payments_by_id.sql")),
];

/// Brings the schema up to date.
///
/// It runs in one transaction that takes the write lock first, so that two processes may start at once.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, SqlStr::from_static(sql), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(OpenError::failed)?;
    migrator.run_direct(None, &mut *transaction, false).await.map_err(refused)?;
    transaction.commit().await.map_err(OpenError::failed)
}

fn refused(error: MigrateError) -> OpenError {
    if let MigrateError::VersionMissing(version) = error {
        return OpenError::Newer { version };
    }
    if let MigrateError::VersionMismatch(version) = error {
        return OpenError::Foreign { version };
    }
    OpenError::failed(error)
}
