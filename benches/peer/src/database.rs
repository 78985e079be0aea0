use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::runtime::{Builder, Runtime};

use crate::Outcome;

/// A database that was made for one run. The peer's tables and extensions have no schema of their own.
pub(crate) struct Database {
    /// Its address.
    pub(crate) url: String,
    server: PgConnectOptions,
    name: String,
    runtime: Runtime,
}

impl Database {
    /// Makes one, beside the database that the address names.
    pub(crate) fn create(server: &str) -> Outcome<Self> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let name = format!("bench_peer_{}_{}", std::process::id(), since.as_micros());
        let database = Self {
            url: with_database(server, &name)?,
            server: PgConnectOptions::from_str(server)?,
            name,
            runtime: Builder::new_current_thread().enable_all().build()?,
        };
        database.run(&format!("CREATE DATABASE {}", database.name))?;
        Ok(database)
    }

    /// Removes it, whoever is still connected.
    pub(crate) fn remove(&self) -> Outcome {
        self.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
    }

    fn run(&self, statement: &str) -> Outcome {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect_with(&self.server).await?;
            connection.execute(statement).await?;
            Ok(connection.close().await?)
        })
    }
}

/// The address with another database: what stands between the server and the parameters.
fn with_database(url: &str, name: &str) -> Outcome<String> {
    let (scheme, rest) = url.split_once("://").ok_or("that is no address")?;
    let (place, parameters) = rest.split_once('?').map_or((rest, None), |(place, rest)| (place, Some(rest)));
    let server = place.split('/').next().unwrap_or(place);
    let parameters = parameters.map(|parameters| format!("?{parameters}")).unwrap_or_default();
    Ok(format!("{scheme}://{server}/{name}{parameters}"))
}
