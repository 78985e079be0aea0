//! A worker's connection: made when it is needed, thrown away when it is in doubt.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{Connection as _, SqlStr};
use tokio::time::timeout;

use super::guards::{look, picture};
use super::single::{apply_one, is_simple, only_cart, put_cart};
use super::statement::{Query, apply};
use super::values::{Rows, Texts, trouble};
use crate::group_commit::{self, Failed, Picture, Sums, Trouble};

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
    pub(super) apply_one_sql: SqlStr,
    pub(super) put_cart_sql: SqlStr,
    pub(super) look_sql: SqlStr,
}

#[derive(Debug)]
pub(super) struct Link {
    access: Access,
    connection: Option<PgConnection>,
}

impl group_commit::Link for Link {
    type Form = Texts;

    async fn apply(&mut self, sets: &[&Rows], sums: &Sums<'_>) -> Result<(), Failed> {
        let access = &self.access;
        let query = match sets {
            [set] if let Some(cart) = only_cart(set) => put_cart(access.put_cart_sql.clone(), set, cart),
            [set] if is_simple(set, sums) => apply_one(access.apply_one_sql.clone(), set),
            _ => apply(access.apply_sql.clone(), sets, sums),
        };
        self.run(query).await.map(|_| ())
    }

    async fn look(&mut self, sets: &[&Rows]) -> Result<Picture, Failed> {
        let query = look(self.access.look_sql.clone(), sets);
        let rows = self.run(query).await?;
        picture(&rows).map_err(|error| Failed::Sent(Trouble::Defect, error.into()))
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            // Whoever does not answer a farewell is left without one.
            let _ = timeout(Duration::from_secs(1), connection.close()).await;
        }
    }
}

impl Link {
    pub(super) fn new(access: Access) -> Self {
        Self { access, connection: None }
    }

    async fn run(&mut self, query: Query<'_>) -> Result<Vec<PgRow>, Failed> {
        let Access { prepares, patience, .. } = self.access;
        // Taken out, so that a connection in doubt is never put back.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => timeout(patience, PgConnection::connect_with(&self.access.options))
                .await
                .unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())))
                .map_err(|error| Failed::Unsent(error.into()))?,
        };
        let running = run(query.persistent(prepares), prepares, &mut connection);
        let done = timeout(patience, running).await.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())));
        match done {
            Ok(rows) => {
                self.connection = Some(connection);
                Ok(rows)
            }
            Err(error) => {
                let trouble = trouble(&error);
                if trouble != Trouble::Lost {
                    self.connection = Some(connection);
                }
                Err(Failed::Sent(trouble, error.into()))
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
