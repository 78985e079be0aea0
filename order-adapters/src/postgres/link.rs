//! A worker's connection: made when it is needed, thrown away when it is in doubt.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{Connection as _, SqlStr};
use tokio::time::timeout;

use super::guards::look;
use super::rows::Rows;
use super::shelves::Sums;
use super::statement::{Query, apply};
use super::values::Trouble;

/// How a worker gets at the database.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) options: PgConnectOptions,
    /// Whether statements stay prepared; else each runs in a transaction of its own, which keeps a pooler from giving its parts
    /// to several connections.
    pub(super) prepares: bool,
    /// How long anything may take.
    pub(super) patience: Duration,
    pub(super) apply_sql: SqlStr,
    pub(super) look_sql: SqlStr,
}

#[derive(Debug)]
pub(super) struct Link {
    access: Access,
    connection: Option<PgConnection>,
}

/// Why a statement was not carried out.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was not sent.
    Unsent(sqlx::Error),
    /// The database refused it, or the connection was lost.
    Sent(Trouble, sqlx::Error),
}

impl Link {
    pub(super) fn new(access: Access) -> Self {
        Self { access, connection: None }
    }

    /// Applies write-sets.
    pub(super) async fn apply(&mut self, sets: &[&Rows], sums: &Sums<'_>) -> Result<(), Failed> {
        let query = apply(self.access.apply_sql.clone(), sets, sums);
        self.run(query).await.map(|_| ())
    }

    /// Looks at what the guards of write-sets ask for.
    pub(super) async fn look(&mut self, sets: &[&Rows]) -> Result<Vec<PgRow>, Failed> {
        let query = look(self.access.look_sql.clone(), sets);
        self.run(query).await
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            // Whoever does not answer a farewell is left without one.
            let _ = timeout(Duration::from_secs(1), connection.close()).await;
        }
    }

    async fn run(&mut self, query: Query<'_>) -> Result<Vec<PgRow>, Failed> {
        let Access { prepares, patience, .. } = self.access;
        // Taken out, so that a connection in doubt is never put back.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => timeout(patience, PgConnection::connect_with(&self.access.options))
                .await
                .unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())))
                .map_err(Failed::Unsent)?,
        };
        let running = run(query.persistent(prepares), prepares, &mut connection);
        let done = timeout(patience, running).await.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())));
        match done {
            Ok(rows) => {
                self.connection = Some(connection);
                Ok(rows)
            }
            Err(error) => {
                let trouble = Trouble::of(&error);
                if trouble != Trouble::Lost {
                    self.connection = Some(connection);
                }
                Err(Failed::Sent(trouble, error))
            }
        }
    }
}

/// Runs a statement, in a transaction of its own unless it stays prepared.
async fn run(
    query: Query<'_>,
    prepares: bool,
    connection: &mut PgConnection,
) -> Result<Vec<PgRow>, sqlx::Error> {
    if prepares {
        return query.fetch_all(connection).await;
    }
    let mut transaction = connection.begin().await?;
    let rows = query.fetch_all(&mut *transaction).await;
    match rows {
        Ok(rows) => transaction.commit().await.map(|()| rows),
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
        }
    }
}
