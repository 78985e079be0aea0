//! The server on PostgreSQL: the same as on SQLite, with others on the same database, and migrated apart.
//! `DATABASE_URL` says where the server is; `scripts/test-services` starts one.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod client;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use client::Client;
use order_server::{Config, Server, StartError};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

fn url() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| {
        unreachable!(
            "DATABASE_URL is not set; start a server with: services=$(scripts/test-services) && export $services"
        )
    })
}

/// A database of one test: two schemas, and a folder for what is kept in files.
struct Place {
    schema: String,
    folder: tempfile::TempDir,
}

impl Place {
    fn new(name: &str) -> Self {
        Self { schema: format!("server_{name}_{}", std::process::id()), folder: tempfile::tempdir().unwrap() }
    }

    fn settings(&self) -> HashMap<&'static str, OsString> {
        HashMap::from([
            ("DATABASE_URL", url().into()),
            ("DATABASE_SCHEMA", self.schema.clone().into()),
            ("SIMULATED_BOOKS", self.folder.path().join("books/provider.db").into()),
            ("SIMULATED_SLOW_MILLISECONDS", "10".into()),
            ("PASS_SECONDS", "1".into()),
        ])
    }

    fn config(&self, more: &[(&'static str, &str)]) -> Config {
        let mut settings = self.settings();
        settings.extend(more.iter().map(|(name, value)| (*name, OsString::from(value))));
        Config::read(None, &|name| settings.get(name).cloned()).unwrap().on_free_port()
    }

    async fn sql(&self, template: &str) {
        let mut connection = PgConnection::connect(&url()).await.unwrap();
        let sql = AssertSqlSafe(template.replace("{schema}", &self.schema));
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }

    async fn end(self) {
        self.sql("DROP SCHEMA IF EXISTS {schema} CASCADE; DROP SCHEMA IF EXISTS {schema}_server CASCADE")
            .await;
    }
}

#[tokio::test]
async fn everything_outlives_the_server() {
    let place = Place::new("outlives");
    let server = Server::start(&place.config(&[])).await.unwrap();
    let client = Client::register(&server, "ann@example.org").await;
    let order = client.order(&server, "sim_approve").await;
    assert_eq!(order["status"], "paid");
    let books = server.provider().unwrap().books();
    server.stop().await;
    let server = Server::start(&place.config(&[])).await.unwrap();
    assert_eq!(server.provider().unwrap().books(), books);
    let log_in = |password: &str| json!({ "email": "ann@example.org", "password": password });
    assert_eq!(client.post(&server, "/auth/login", log_in("correct horse")).await.0, 200);
    assert_eq!(client.post(&server, "/auth/login", log_in("wrong horse")).await.0, 401);
    let (status, taken) = client.post(&server, "/auth/register", log_in("another horse")).await;
    assert_eq!((status, &taken["code"]), (409, &json!("email_taken")));
    let path = format!("/api/v1/orders/{}", order["number"].as_str().unwrap());
    assert_eq!(client.send(&server, Method::GET, &path, &Value::Null).await, (200, order));
    assert_eq!(client.available(&server).await, 998, "the demo stock is received once");
    server.stop().await;
    place.end().await;
}

#[tokio::test]
async fn two_servers_are_one_shop() {
    let place = Place::new("two");
    let config = place.config(&[]);
    let (one, two) = tokio::join!(Server::start(&config), Server::start(&config));
    let (one, two) = (one.unwrap(), two.unwrap());
    let client = Client::register(&one, "ann@example.org").await;
    assert_eq!(client.available(&two).await, 1_000, "the demo stock is received once");
    let body = json!({ "email": "ann@example.org", "password": "correct horse" });
    assert_eq!(client.post(&two, "/auth/login", body).await.0, 200);
    // A payment that was begun at one server goes on at the other one: they speak to one provider.
    let waiting = client.order(&one, "sim_action").await;
    let url = waiting["payment"]["action"]["url"].as_str().unwrap();
    let (status, done) = client.post(&two, url, json!({})).await;
    assert_eq!((status, &done["status"]), (200, &json!("paid")), "{done}");
    let paid = client.order(&two, "sim_approve").await;
    let path = format!("/api/v1/orders/{}/cancel", paid["id"].as_str().unwrap());
    let (status, cancelled) = client.post(&one, &path, json!({})).await;
    assert_eq!((status, &cancelled["payment_status"]), (200, &json!("refunded")), "{cancelled}");
    one.stop().await;
    two.stop().await;
    // Whoever opens the books now finds what both have done.
    let books = Server::start(&config).await.unwrap();
    assert_eq!(books.provider().unwrap().books().len(), 2);
    assert_eq!(
        books.provider().unwrap().books().iter().filter(|account| account.refunded.is_positive()).count(),
        1
    );
    books.stop().await;
    place.end().await;
}

/// What a server says that does not start.
async fn refusal(config: &Config) -> String {
    let Err(error) = Server::start(config).await else { return "it has started".to_owned() };
    assert!(matches!(error, StartError::Database { .. }), "{error}");
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn the_schema_is_made_apart() {
    let place = Place::new("apart");
    let apart = place.config(&[("MIGRATE", "false")]);
    let empty = refusal(&apart).await;
    assert!(empty.contains("not up to date") && empty.contains("order-server migrate"), "{empty}");
    for _ in 0..2 {
        assert_eq!(
            program(&place, &["migrate"]),
            (Some(0), format!("order-server: {} is up to date\n", apart.database))
        );
    }
    let server = Server::start(&apart).await.unwrap();
    let client = Client::register(&server, "ann@example.org").await;
    client.order(&server, "sim_approve").await;
    server.stop().await;
    // The users' table is asked for, too.
    place.sql("ALTER TABLE {schema}_server.users RENAME TO elsewhere").await;
    let incomplete = refusal(&apart).await;
    assert!(incomplete.contains("order-server migrate"), "{incomplete}");
    place.sql("ALTER TABLE {schema}_server.elsewhere RENAME TO users").await;
    // What a newer version has changed is not touched, by nobody.
    place.sql("INSERT INTO {schema}.migrations (version, name, checksum) VALUES (999, 'later', 'x')").await;
    for config in [&apart, &place.config(&[])] {
        let newer = refusal(config).await;
        assert!(newer.contains("newer version") && newer.contains("999"), "{newer}");
    }
    assert_eq!(program(&place, &["migrate"]).0, Some(1));
    place.end().await;
}

/// Runs the program: its exit code, and what it printed.
fn program(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_order-server"));
    let output = command.args(arguments).envs(place.settings()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn nobody_is_told_the_password() {
    let place = Place::new("password");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://shop:hunter2@{closed}/orders");
    let refused = refusal(&place.config(&[("DATABASE_URL", &url)])).await;
    assert!(refused.contains(&format!("postgres://shop@{closed}/orders")), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_order-server"));
    let output = command.envs(place.settings()).env("DATABASE_URL", &url).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(output.status.code(), Some(1));
    assert!(!String::from_utf8(said).unwrap().contains("hunter2"));
    assert!(!Path::new("data").exists(), "nothing is made beside the tests");
}
