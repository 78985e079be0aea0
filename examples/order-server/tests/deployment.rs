//! The server on PostgreSQL as it is run elsewhere: with TLS, and with a replica that is behind.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

mod client;
mod postgres_process;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use client::Client;
use order_server::{Config, Server};
use postgres_process::Postgres;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

const PATIENCE: Duration = Duration::from_secs(30);

fn config(url: &str, replica: Option<&str>, folder: &Path) -> Config {
    let find = |name: &str| match name {
        "DATABASE_URL" => Some(OsString::from(url)),
        "DATABASE_REPLICA_URL" => replica.map(OsString::from),
        "SIMULATED_BOOKS" => Some(folder.join("books.db").into()),
        "PASS_SECONDS" => Some("3600".into()),
        _ => None,
    };
    Config::read(None, &find).unwrap().on_free_port()
}

/// One value, as a text.
async fn ask(url: &str, sql: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let row = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap();
    row.try_get(0).unwrap()
}

async fn wait_for(url: &str, sql: &str, wanted: &str) {
    let begun = Instant::now();
    while ask(url, sql).await != wanted {
        assert!(begun.elapsed() < PATIENCE, "{sql} does not become {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_certificate_of_the_database_is_checked() {
    let postgres = Postgres::start(&[]).await;
    postgres.script(
        "set -e
        key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $key -days 2 -subj /CN=ours -keyout ca.key -out ca.crt
        openssl req -x509 $key -days 2 -subj /CN=theirs -keyout other.key -out other.crt
        openssl req $key -subj /CN=db -keyout data/server.key -out server.csr
        echo 'subjectAltName=IP:127.0.0.1' > names
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out data/server.crt
        chmod 600 data/server.key",
    );
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql("ALTER SYSTEM SET ssl = on").execute(&mut connection).await.unwrap();
    ask(&postgres.url(), "SELECT pg_reload_conf()::text").await;
    wait_for(&postgres.url(), "SHOW ssl", "on").await;
    let folder = tempfile::tempdir().unwrap();
    let with = |authority: &str| {
        let authority = postgres.folder().join(authority);
        let url = format!("{}?sslmode=verify-full&sslrootcert={}", postgres.url(), authority.display());
        config(&url, None, folder.path())
    };
    let refused = Server::start(&with("other.crt")).await.expect_err("the certificate is not theirs");
    let refused = order_server::problem::causes(&refused);
    assert!(refused.contains("certificate"), "{refused}");
    let server = Server::start(&with("ca.crt")).await.unwrap();
    let client = Client::register(&server, "ann@example.org").await;
    assert_eq!(client.order(&server, "sim_approve").await["status"], "paid");
    let open = "SELECT count(*)::text || ' of ' || count(*) FILTER (WHERE ssl)::text FROM pg_stat_ssl
        JOIN pg_stat_activity USING (pid) WHERE application_name IN ('order-engine', 'order-server')";
    let connections = ask(&postgres.url(), open).await;
    let (all, encrypted) = connections.split_once(" of ").unwrap();
    assert!(all == encrypted && all != "0", "{connections}");
    server.stop().await;
}

#[tokio::test]
async fn a_replica_that_is_behind_gives_lists_and_nothing_else() {
    let postgres = Postgres::start(&[]).await;
    let replica = Postgres::replica_of(&postgres).await;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&config(&postgres.url(), Some(&replica.url()), folder.path())).await.unwrap();
    let client = Client::register(&server, "ann@example.org").await;
    let listed = async || {
        let (status, list) = client.send(&server, Method::GET, "/api/v1/orders", &Value::Null).await;
        assert_eq!(status, 200, "{list}");
        list["items"].as_array().unwrap().len()
    };
    let is_listed = async |count| {
        let begun = Instant::now();
        while listed().await != count {
            assert!(begun.elapsed() < PATIENCE, "the list does not become {count}");
        }
    };
    client.order(&server, "sim_approve").await;
    is_listed(1).await;
    ask(&replica.url(), "SELECT pg_wal_replay_pause()::text").await;
    wait_for(&replica.url(), "SELECT pg_get_wal_replay_pause_state()", "paused").await;
    // From now on the replica knows of nothing: neither of the order, nor of its request.
    let place = || {
        let request = client.http.post(format!("http://{}/api/v1/orders", server.address()));
        let request = request.bearer_auth(&client.token).header("Idempotency-Key", "while it is behind");
        request.json(&json!({
            "items": [{ "product_id": "TEA-GREEN", "quantity": 2 }],
            "shipping_address": { "line1": "1 Main St", "city": "Cork", "postal_code": "T12", "country": "IE" },
            "payment": { "method": "card", "token": "sim_approve" },
        }))
    };
    let placed: Value = place().send().await.unwrap().json().await.unwrap();
    assert_eq!(placed["status"], "paid", "{placed}");
    let again = place().send().await.unwrap();
    assert_eq!((again.status().as_u16(), again.json::<Value>().await.unwrap()), (201, placed.clone()));
    let path = format!("/api/v1/orders/{}", placed["id"].as_str().unwrap());
    assert_eq!(client.send(&server, Method::GET, &path, &Value::Null).await, (200, placed));
    assert_eq!(client.available(&server).await, 996);
    let (status, cancelled) = client.post(&server, &format!("{path}/cancel"), json!({})).await;
    assert_eq!((status, &cancelled["payment_status"]), (200, &json!("refunded")), "{cancelled}");
    assert_eq!(listed().await, 1, "lists are read where they may be behind");
    ask(&replica.url(), "SELECT pg_wal_replay_resume()::text").await;
    is_listed(2).await;
    server.stop().await;
}
