//! The soak: payments through real adapters, at stand-ins beside the server, while answers, webhooks and servers are lost.
//! `scripts/soak` runs it for as long as one likes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use order_core::Engine;
use order_core::id::ProviderId;
use order_core::memory::MemoryCatalogue;
use order_core::order::Actor;
use order_core::service::{ReconcileBooks, Reconciliation, ReconciliationPage};
use order_core::store::{PageRequest, Store};
use order_core::time::{Clock, SystemClock, Timestamp};
use reqwest::Method;
use serde_json::json;

use super::books::Books;
use super::load::{Shop, customers, leave, send};
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

/// Sets every provider's books beside ours: nothing differs, neither what the engine could repair nor what a person had to, though
/// no reconciliation has been at what is younger than the guard. Returns how many payments of each were compared.
async fn nothing_differs(store: &Arc<dyn Store>, providers: &Providers) -> Vec<(ProviderId, u64)> {
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
            let name = &window.provider;
            assert!(differences.is_empty() && failed.is_empty() && *in_flight == 0, "{name}: {page:#?}");
            payments += u64::from(page.compared);
            window.cursor = page.next;
            if window.cursor.is_none() {
                break;
            }
        }
        compared.push((window.provider, payments));
    }
    compared
}

/// A server that leaves no payment alone has repaired at its start what there was to repair; it is asked, and says that nothing is left.
/// Returns how many payments of a provider it has compared.
async fn nothing_is_left_to_repair(shop: &Shop, provider: &ProviderId) -> u64 {
    let from = SystemClock.now() - order_core::time::Duration::days(1);
    let path =
        format!("/admin/reconciliation?provider={provider}&from={}", from.format("%Y-%m-%dT%H:%M:%SZ"));
    let (mut compared, mut cursor) = (0, String::new());
    loop {
        let answer = send(shop.as_admin(Method::GET, &format!("{path}{cursor}"))).await;
        let (status, page) = answer.expect("the server answers");
        let is_quiet = page["items"] == json!([]) && page["failed"] == json!([]) && page["in_flight"] == 0;
        assert!(status == 200 && is_quiet, "{provider}: {page:#}");
        compared += page["compared"].as_u64().unwrap();
        let Some(next) = page["next_cursor"].as_str() else { return compared };
        cursor = format!("&cursor={next}");
    }
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
    let compared = nothing_differs(&books.store, &providers).await;
    println!("  {}", providers.report().join("\n  "));
    assert_eq!(providers.refused(), 0, "the server has refused webhooks of its own providers");
    let (open, all) = books.webhooks().await;
    assert!(open == 0 && all > 0, "{open} of {all} webhooks wait");
    courier.abort();
    process.terminate();
    // Until here the servers' own reconciliations have left alone what is younger than five minutes.
    let eager = settings.iter().cloned().chain([("RECONCILIATION_GUARD_SECONDS", "0".into())]).collect();
    let mut process = Process::start_with(&database, trial.folder.path(), eager);
    shop.reopen(process.base());
    let mut told = Vec::new();
    for (provider, payments) in compared {
        assert_eq!(
            nothing_is_left_to_repair(&shop, &provider).await,
            payments,
            "{provider}: payments compared"
        );
        told.push(format!("{payments} of {provider}"));
    }
    println!(
        "  reconciliation:                nothing differs, over HTTP as well; payments compared: {}",
        told.join(", ")
    );
    process.terminate();
}
