//! The soak: payments through real adapters, at stand-ins beside the server, while answers, webhooks and servers are lost.
//! `scripts/soak` runs it for as long as one likes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use order_core::Engine;
use order_core::memory::MemoryCatalogue;
use order_core::order::Actor;
use order_core::service::{ReconcileBooks, Reconciliation, ReconciliationPage};
use order_core::store::{PageRequest, Store};
use order_core::time::{Clock, SystemClock, Timestamp};

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

/// A clock that is ahead: a reconciliation leaves alone what is young, and here everything is.
#[derive(Debug)]
struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Reconciliation::GUARD * 2
    }
}

/// Sets every provider's books beside ours: nothing differs, neither what the engine could repair nor what a person had to. Returns
/// how many payments were compared.
async fn nothing_is_left_to_repair(store: &Arc<dyn Store>, providers: &Providers) -> String {
    let clock: Arc<dyn Clock> = Arc::new(Ahead);
    let mut builder =
        Engine::builder(store.clone()).catalogue(Arc::new(MemoryCatalogue::default())).clock(clock.clone());
    for (id, opened) in providers.open(&clock) {
        builder = builder.payment_gateway(id.clone(), opened.gateway).provider_books(id, opened.books);
    }
    let engine = builder.build().unwrap();
    let (staff, to) = (Actor::Service("soak".to_owned()), clock.now());
    let mut compared = Vec::new();
    for (provider, _) in providers.open(&clock) {
        let name = provider.clone();
        let mut payments = 0;
        let mut window = ReconcileBooks {
            provider,
            from: to - order_core::time::Duration::days(1),
            to,
            cursor: None,
            limit: PageRequest::MAX_LIMIT,
        };
        loop {
            let page = engine.reconciliation().compare(&window, &staff).await.unwrap();
            let ReconciliationPage { differences, failed, in_flight, .. } = &page;
            assert!(differences.is_empty() && failed.is_empty() && *in_flight == 0, "{name}: {page:#?}");
            payments += page.compared;
            window.cursor = page.next;
            if window.cursor.is_none() {
                break;
            }
        }
        compared.push(format!("{payments} of {name}"));
    }
    format!("reconciliation:                nothing differs; payments compared: {}", compared.join(", "))
}

/// The test.
pub(crate) async fn run() {
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
    trial.end(&shop, &books).await;
    println!("  {}", nothing_is_left_to_repair(&books.store, &providers).await);
    println!("  {}", providers.report().join("\n  "));
    assert_eq!(providers.refused(), 0, "the server has refused webhooks of its own providers");
    let (open, all) = books.webhooks().await;
    assert!(open == 0 && all > 0, "{open} of {all} webhooks wait");
    courier.abort();
    process.terminate();
}
