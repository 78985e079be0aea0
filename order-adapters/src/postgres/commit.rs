use async_trait::async_trait;
use order_core::StoreError;
use order_core::store::{Commit, CommitOutcome, WriteSet};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::PostgresStore;
use super::guards::{look, picture};
use super::statement::apply;
use super::values::{Rows, failed, internal, trouble};
use crate::group_commit::{Sums, Trouble, add};

/// How often a write-set that no guard refuses is tried when the database does.
const MAX_UNEXPLAINED: u32 = 20;

#[async_trait]
impl Commit for PostgresStore {
    async fn commit(&self, set: &WriteSet) -> Result<CommitOutcome, StoreError> {
        self.writer.commit(Rows::of(set)?).await
    }
}

impl PostgresStore {
    /// Applies a write-set inside a transaction of the host's, so that the host's rows and ours are committed together or not
    /// at all. The connection must be to the same database, and in a transaction.
    ///
    /// `Applied` means that it will be, when the host commits: whatever the host promises to others waits until then, and rows
    /// are locked as long. After a refusal the transaction is as it was before the call, and can go on. It takes a few round
    /// trips, and joins no group.
    ///
    /// ```no_run
    /// use order_adapters::postgres::{PostgresStore, sqlx};
    /// use order_core::store::{CommitOutcome, WriteSet};
    ///
    /// # async fn both(
    /// #     store: &PostgresStore, pool: &sqlx::PgPool, set: &WriteSet,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = pool.begin().await?;
    /// sqlx::query("UPDATE loyalty SET points = points + 10").execute(&mut *transaction).await?;
    /// if store.commit_in(&mut transaction, set).await? == CommitOutcome::Applied {
    ///     transaction.commit().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StoreError`] when the database refused a statement, met a deadlock, or was lost: the host rolls its transaction back.
    pub async fn commit_in(
        &self,
        connection: &mut PgConnection,
        set: &WriteSet,
    ) -> Result<CommitOutcome, StoreError> {
        let rows = Rows::of(set)?;
        let sets = [&rows];
        let mut sums = Sums::new();
        add(&mut sums, &rows);
        let mut tries = 0_u32;
        loop {
            execute(connection, "SAVEPOINT order_engine").await?;
            let query = apply(self.apply_sql.clone(), &sets, &sums).persistent(self.prepares);
            let Err(error) = query.execute(&mut *connection).await else {
                execute(connection, "RELEASE SAVEPOINT order_engine").await?;
                return Ok(CommitOutcome::Applied);
            };
            if trouble(&error) == Trouble::Lost {
                return Err(failed("write", error));
            }
            execute(connection, "ROLLBACK TO SAVEPOINT order_engine; RELEASE SAVEPOINT order_engine").await?;
            if trouble(&error) != Trouble::Guard || tries >= MAX_UNEXPLAINED {
                return Err(failed("write", error));
            }
            tries = tries.saturating_add(1);
            let query = look(self.look_sql.clone(), &sets).persistent(self.prepares);
            let found = query.fetch_all(&mut *connection).await.map_err(|error| failed("look", error))?;
            let picture = picture(&found)?;
            if picture.is_applied(&rows) {
                return Ok(CommitOutcome::Applied);
            }
            if let Some(refusal) = picture.refusal(&rows) {
                return Ok(CommitOutcome::Refused(refusal));
            }
        }
    }
}

/// Runs statements without parameters or results.
async fn execute(connection: &mut PgConnection, sql: &'static str) -> Result<(), StoreError> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    done.map(|_| ()).map_err(|error| match trouble(&error) {
        Trouble::Lost => failed("write", error),
        Trouble::Guard | Trouble::Again | Trouble::Defect => internal("write in a transaction", error),
    })
}
