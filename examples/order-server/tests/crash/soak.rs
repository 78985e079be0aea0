//! The soak: payments through real adapters, at stand-ins beside the server, while answers, webhooks and servers are lost.
//! `scripts/soak` runs it for as long as one likes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::books::Books;
use super::load::{Shop, customers, leave};
use super::postgres_process::Postgres;
use super::process::Process;
use super::providers::Providers;
use super::{CUSTOMERS, Trial, number};

/// How long customers order unless something else is said: what is cut off last has settled within a minute after.
const SECONDS: u64 = 30;
/// How long customers go on after the last kill.
const CALM: Duration = Duration::from_secs(10);

/// Where the orders are, unless something else is said: in a file.
async fn database(trial: &Trial) -> (String, Option<Postgres>) {
    match std::env::var("SOAK_STORE").as_deref() {
        Ok("postgres") => {
            let postgres = Postgres::start(&[]).await;
            (postgres.url(), Some(postgres))
        }
        Ok("sqlite") | Err(_) => {
            (format!("sqlite:{}", trial.folder.path().join("orders.db").display()), None)
        }
        Ok(other) => panic!("SOAK_STORE is sqlite or postgres, and not {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    let mut trial = Trial::new("providers, webhooks and servers misbehave", 0);
    let load = Duration::from_secs(number("SOAK_SECONDS").unwrap_or(SECONDS));
    let clients = number("SOAK_CLIENTS").unwrap_or(CUSTOMERS);
    let providers = Arc::new(Providers::start(&mut trial.chance).await);
    let (database, _postgres) = database(&trial).await;
    let settings = providers.settings(trial.folder.path());
    let start = |trial: &Trial| Process::start_with(&database, trial.folder.path(), settings.clone());
    let mut process = start(&trial);
    let shop = Arc::new(Shop::new(&process.config(), process.base()).paid_through(&providers));
    let courier = providers.send_courier(&shop);
    let begun = Instant::now();
    loop {
        providers.misbehave();
        let customers = customers(&shop, &trial.ledger, clients, &mut trial.chance);
        let is_last = begun.elapsed() + CALM >= load;
        if is_last {
            tokio::time::sleep(load.saturating_sub(begun.elapsed())).await;
            leave(&shop, customers).await;
            break;
        }
        trial.a_while(6_000).await;
        process.kill();
        trial.kills += 1;
        leave(&shop, customers).await;
        process = start(&trial);
        shop.reopen(process.base());
        trial.verify(&shop).await;
    }
    providers.behave();
    let books = Books::of(&process.config()).await.paid_through(&providers);
    trial.end(&shop, books).await;
    println!("  {}", providers.report().join("\n  "));
    assert_eq!(providers.refused(), 0, "the server has refused webhooks of its own providers");
    let (open, all) = Books::of(&process.config()).await.webhooks().await;
    assert!(open == 0 && all > 0, "{open} of {all} webhooks wait");
    courier.abort();
    process.terminate();
}
