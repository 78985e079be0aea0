//! The server on MongoDB. `MONGODB_URI` says where the servers are; `scripts/test-services` starts some.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod client;

use std::collections::HashMap;
use std::ffi::OsString;
use std::process::Command;

use client::Client;
use order_adapters::mongodb::driver;
use order_adapters::mongodb::driver::bson::{Document, doc};
use order_server::{Config, Server};
use reqwest::Method;
use serde_json::json;

fn url() -> String {
    std::env::var("MONGODB_URI").unwrap_or_else(|_| {
        unreachable!(
            "MONGODB_URI is not set; start servers with: services=$(scripts/test-services) && export $services"
        )
    })
}

/// What a server says that does not start.
async fn refusal(config: &Config) -> String {
    let Err(error) = Server::start(config).await else { return "it has started".to_owned() };
    order_server::problem::causes(&error)
}

#[tokio::test]
async fn two_servers_on_a_database_that_was_made_apart() {
    let name = format!("server_{}", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let settings = HashMap::from([
        ("MONGODB_URI", OsString::from(url())),
        ("MONGODB_DB", name.clone().into()),
        ("MIGRATE", "false".into()),
        ("DATABASE_TIMEOUT_SECONDS", "30".into()),
        ("SIMULATED_BOOKS", folder.path().join("books.db").into()),
    ]);
    let config = Config::read(None, &|name| settings.get(name).cloned()).unwrap().on_free_port();
    let empty = refusal(&config).await;
    assert!(empty.contains("not up to date") && empty.contains("order-server migrate"), "{empty}");
    let migrate = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_order-server"));
        command.arg("migrate").env_remove("DATABASE_URL").envs(&settings).output().unwrap().status.code()
    };
    assert_eq!((migrate(), migrate()), (Some(0), Some(0)));

    let (one, two) = (Server::start(&config).await.unwrap(), Server::start(&config).await.unwrap());
    let client = Client::register(&one, "ann@example.org").await;
    let account = json!({ "email": "ann@example.org", "password": "correct horse" });
    assert_eq!(client.post(&two, "/auth/login", account.clone()).await.0, 200);
    assert_eq!(client.post(&two, "/auth/register", account).await.0, 409);
    assert_eq!(client.available(&two).await, 1_000, "the demo stock is received once");
    let waiting = client.order(&one, "sim_action").await;
    let action = waiting["payment"]["action"]["url"].as_str().unwrap();
    let (status, paid) = client.post(&two, action, json!({})).await;
    assert_eq!((status, &paid["status"]), (200, &json!("paid")), "{paid}");
    let path = format!("/api/v1/orders/{}", waiting["id"].as_str().unwrap());
    let (_, order) = client.send(&one, Method::GET, &path, &json!(null)).await;
    assert_eq!((&order["status"], client.available(&one).await), (&json!("paid"), json!(998)));
    one.stop().await;
    two.stop().await;

    let database = driver::Client::with_uri_str(url()).await.unwrap().database(&name);
    let newer = doc! { "$set": { "version": 999_i64 } };
    database.collection::<Document>("schema").update_one(doc! {}, newer).await.unwrap();
    let refused = refusal(&config).await;
    assert!(refused.contains("newer version") && refused.contains("999"), "{refused}");
    assert_eq!(migrate(), Some(1));
    database.drop().await.unwrap();
}
