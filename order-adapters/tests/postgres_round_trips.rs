//! How often a commit asks the server: counted on the way.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use order_adapters::postgres::PostgresStore;
use order_core::conformance::sample::Sampler;
use order_core::id::ProductId;
use order_core::store::{Commit, CommitOutcome, StockRepository};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

mod postgres_server;
use postgres_server::Schema;

/// The message by which a client ends what it asks for, and waits: <https://www.postgresql.org/docs/15/protocol-flow.html>.
const SYNC: u8 = b'S';

/// Stands between a store and the server, and counts how often the store waits for it.
struct Listener {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Listener {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = postgres_server::url();
        let (before, rest) = server.rsplit_once('@').unwrap();
        let (host, database) = rest.split_once('/').unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let (host, asked) = (host.to_owned(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, mut to_client) = client.into_split();
                let (mut from_server, to_server) = TcpStream::connect(&host).await.unwrap().into_split();
                tokio::spawn(forward(from_client, to_server, Arc::clone(&count)));
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

/// Hands on message by message. The first one of a connection has no kind.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, asked: Arc<AtomicUsize>) {
    let mut has_begun = false;
    loop {
        let kind = if has_begun { from.read_u8().await.ok() } else { Some(0) };
        let (Some(kind), Ok(length)) = (kind, from.read_u32().await) else { return };
        let mut rest = vec![0; usize::try_from(length).unwrap() - 4];
        if from.read_exact(&mut rest).await.is_err() {
            return;
        }
        if kind == SYNC {
            asked.fetch_add(1, Ordering::SeqCst);
        }
        let mut message = if has_begun { vec![kind] } else { Vec::new() };
        message.extend(length.to_be_bytes());
        message.extend(rest);
        to.write_all(&message).await.unwrap();
        has_begun = true;
    }
}

/// A store that reaches the server through a listener.
async fn open() -> (Listener, Schema, PostgresStore) {
    let listener = Listener::start().await;
    let schema = Schema::new();
    let builder = PostgresStore::builder(format!("{}?sslmode=disable", listener.url));
    let store = builder.schema(&schema.name).accept_loss().writers(1).open().await.unwrap();
    (listener, schema, store)
}

/// And one more now and then, when the pool has a look at the connection.
#[tokio::test]
async fn a_read_is_one_round_trip() {
    const READS: usize = 100;
    let (listener, _schema, store) = open().await;
    let sampler = Sampler::new(22);
    assert_eq!(store.commit(&sampler.receive(&[("tea", 100)])).await.unwrap(), CommitOutcome::Applied);
    let products = [ProductId::new("tea").unwrap()];
    let start = Instant::now();
    // The first one prepares its statement.
    store.stock_levels(&products).await.unwrap();
    listener.asked();
    for _ in 0..READS {
        assert_eq!(store.stock_levels(&products).await.unwrap().len(), 1);
    }
    let looks = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    assert!((READS..=READS + 2 * looks).contains(&listener.asked()));
}

#[tokio::test]
async fn a_commit_is_one_round_trip_whatever_it_holds() {
    let (listener, _schema, store) = open().await;
    let sampler = Sampler::new(21);
    let products: Vec<String> = (0..50).map(|index| format!("p-{index:02}")).collect();
    let goods: Vec<(&str, i64)> = products.iter().map(|product| (product.as_str(), 100)).collect();
    assert_eq!(store.commit(&sampler.receive(&goods)).await.unwrap(), CommitOutcome::Applied);
    let place = |lines: usize| {
        let lines = products.iter().take(lines).map(|product| sampler.line(product, 100, 1)).collect();
        sampler.place(sampler.new_order("ann", lines)).0
    };
    // The first calls prepare their statements.
    for lines in [3, 50] {
        assert_eq!(store.commit(&place(lines)).await.unwrap(), CommitOutcome::Applied);
    }
    for lines in [1, 3, 8, 9, 50] {
        listener.asked();
        assert_eq!(store.commit(&place(lines)).await.unwrap(), CommitOutcome::Applied);
        assert_eq!(listener.asked(), 1, "{lines} lines");
    }
}
