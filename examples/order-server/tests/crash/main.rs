//! The crash tests: customers order over HTTP, something is killed again and again in the middle of it, and in the end everything
//! must add up. `scripts/crash-test` runs them, all or one.
//!
//! `CRASH_SEED` repeats a run's plan (not its timing), `CRASH_KILLS` says how often something is killed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test"
)]

mod books;
mod chance;
mod load;
#[path = "../mongodb_process/mod.rs"]
mod mongodb_process;
#[path = "../postgres_process/mod.rs"]
mod postgres_process;
mod process;
mod providers;
mod soak;
mod verify;

use std::sync::Arc;
use std::time::{Duration, Instant};

use books::Books;
use chance::Chance;
use load::{Ledger, Shop, customers, leave};
use mongodb_process::ReplicaSet;
use postgres_process::Postgres;
use process::Process;
use tempfile::TempDir;

/// How many customers order at once.
const CUSTOMERS: u64 = 6;
/// How long the servers may take until nothing is unsettled: the claim on a call that was cut off runs out after a minute, and
/// a provider that can't say yet is asked again after half a minute at most.
const SETTLING: Duration = Duration::from_secs(150);
/// How long a server may take until it works again when its database does.
const RECOVERY: Duration = Duration::from_secs(30);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

/// What every crash test has.
struct Trial {
    name: &'static str,
    kills: u64,
    chance: Chance,
    folder: TempDir,
    ledger: Arc<Ledger>,
    begun: Instant,
    verified: usize,
}

impl Trial {
    fn new(name: &'static str, kills: u64) -> Self {
        let kills = number("CRASH_KILLS").unwrap_or(kills);
        let seed = number("CRASH_SEED").unwrap_or_else(|| std::process::id().into());
        println!("{name}: seed {seed} (CRASH_SEED={seed} repeats its plan), {kills} kills");
        Self {
            name,
            kills,
            chance: Chance::new(seed),
            folder: tempfile::tempdir().unwrap(),
            ledger: Arc::default(),
            begun: Instant::now(),
            verified: 0,
        }
    }

    /// Lets something go on for a while.
    async fn a_while(&mut self, longest_millis: u64) {
        tokio::time::sleep(Duration::from_millis(300 + self.chance.below(longest_millis - 300))).await;
    }

    /// What was answered since the last kill must have survived this one.
    async fn verify(&mut self, shop: &Shop) {
        self.verified += verify::answered_are_there(shop, &self.ledger.take_unverified()).await;
    }

    /// Waits until everything has come to rest, repeats every request, and compares everything with everything.
    async fn end(&self, shop: &Arc<Shop>, books: &Books) {
        let load_time = self.begun.elapsed();
        books.wait_until_settled(SETTLING).await;
        let attempts = self.ledger.attempts();
        let replayed = verify::replays_answer_the_same(shop, &attempts).await;
        books.wait_until_settled(SETTLING).await;
        let answered = self.ledger.answered();
        let there = verify::answered_are_there(shop, &answered).await;
        let stock = verify::stock(shop).await;
        let counted = books.check(&stock).await;
        let (ledger, verified) = (&self.ledger, self.verified);
        let settling = self.begun.elapsed() - load_time;
        let lines = [
            format!(
                "{}: {} kills in {} s, then {} s to settle and check",
                self.name,
                self.kills,
                load_time.as_secs(),
                settling.as_secs()
            ),
            format!("orders answered with 2xx:      {}", ledger.placed()),
            format!("orders answered with 503:      {}", ledger.refused_for_now()),
            format!(
                "answers with an order:         {} ({verified} verified after their next crash, {there} at the end)",
                answered.len()
            ),
            format!(
                "orders in the store:           {} ({} of them never answered)",
                counted.orders,
                counted.orders - ledger.placed()
            ),
            format!("requests replayed:             {replayed} of {} attempts", attempts.len()),
            format!(
                "other requests answered:       {} cancellations, {} refunds, {} completions, {} captures",
                ledger.cancelled(),
                ledger.refunded(),
                ledger.completed(),
                ledger.captured()
            ),
            format!(
                "accounts of the provider:      {} checked: {} taken and {} given back, in minor units; {} in full",
                counted.accounts, counted.captured, counted.refunded, counted.given_back
            ),
            format!("orders by status:              {}", counted.statuses),
        ];
        // In one piece: others run beside it.
        println!("{}", lines.join("\n  "));
        assert_eq!(there, answered.len());
        assert!(ledger.placed() as u64 >= self.kills * 2, "the load was too small to say anything");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server() {
    let mut trial = Trial::new("the server is killed", 20);
    let database = format!("sqlite:{}", trial.folder.path().join("orders.db").display());
    let start = |trial: &Trial| Process::start(&database, trial.folder.path());
    let mut process = start(&trial);
    let shop = Arc::new(Shop::new(&process.config(), process.base()));
    for _ in 0..trial.kills {
        let customers = customers(&shop, &trial.ledger, CUSTOMERS, &mut trial.chance);
        trial.a_while(2_000).await;
        process.kill();
        leave(&shop, customers).await;
        process = start(&trial);
        shop.reopen(process.base());
        trial.verify(&shop).await;
    }
    let books = Books::of(&process.config()).await;
    trial.end(&shop, &books).await;
    process.terminate();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let mut trial = Trial::new("PostgreSQL is killed", 10);
    let mut postgres = Postgres::start(&[]).await;
    let mut process = Process::start(&postgres.url(), trial.folder.path());
    let shop = Arc::new(Shop::new(&process.config(), process.base()));
    let mut slowest = Duration::ZERO;
    for kill in 0..=trial.kills {
        let customers = customers(&shop, &trial.ledger, CUSTOMERS, &mut trial.chance);
        trial.a_while(1_000).await;
        // The last time it hangs, and is not gone.
        if kill < trial.kills {
            postgres.kill();
        } else {
            postgres.freeze();
        }
        is_away(&shop).await;
        if kill < trial.kills {
            postgres.run().await;
        } else {
            postgres.thaw();
        }
        slowest = slowest.max(is_back(&shop).await);
        trial.a_while(600).await;
        leave(&shop, customers).await;
        shop.reopen(process.base());
        trial.verify(&shop).await;
    }
    println!("PostgreSQL is killed: the server worked again after {} ms at most", slowest.as_millis());
    assert!(process.is_running(), "the server has ended");
    assert!(trial.ledger.refused_for_now() > 0, "nobody has noticed that the database was away");
    let books = Books::of(&process.config()).await;
    trial.end(&shop, &books).await;
    process.terminate();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mongodb() {
    let mut trial = Trial::new("the primary of MongoDB is killed", 10);
    let mut servers = ReplicaSet::start().await;
    let mut process = Process::start(&servers.url(), trial.folder.path());
    let shop = Arc::new(Shop::new(&process.config(), process.base()));
    let mut slowest = Duration::ZERO;
    for _ in 0..trial.kills {
        let customers = customers(&shop, &trial.ledger, CUSTOMERS, &mut trial.chance);
        trial.a_while(1_000).await;
        let dead = servers.kill_primary().await;
        assert_eq!(shop.status("/health").await, Some(200));
        // The others elect a new one; the dead one rejoins them.
        slowest = slowest.max(is_back(&shop).await);
        servers.run(dead);
        trial.a_while(600).await;
        leave(&shop, customers).await;
        servers.wait_until_whole().await;
        is_back(&shop).await;
        shop.reopen(process.base());
        trial.verify(&shop).await;
    }
    println!(
        "the primary of MongoDB is killed: the server worked again after {} ms at most",
        slowest.as_millis()
    );
    assert!(process.is_running(), "the server has ended");
    assert!(trial.ledger.refused_for_now() > 0, "nobody has noticed that the primary was away");
    let books = Books::of(&process.config()).await;
    trial.end(&shop, &books).await;
    process.terminate();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two() {
    let mut trial = Trial::new("one of two servers is killed", 5);
    let postgres = Postgres::start(&[]).await;
    let start = |trial: &Trial| Process::start(&postgres.url(), trial.folder.path());
    let (mut victim, mut other) = (start(&trial), start(&trial));
    for kill in 1..=trial.kills {
        let shops = [&victim, &other].map(|process| Arc::new(Shop::new(&process.config(), process.base())));
        let [at_victim, at_other] =
            shops.each_ref().map(|shop| customers(shop, &trial.ledger, CUSTOMERS / 2, &mut trial.chance));
        trial.a_while(2_500).await;
        victim.kill();
        leave(&shops[0], at_victim).await;
        trial.a_while(1_500).await;
        leave(&shops[1], at_other).await;
        trial.verify(&shops[1]).await;
        // The last one stays dead: the other one has to bring its orders to their ends.
        if kill < trial.kills {
            victim = std::mem::replace(&mut other, start(&trial));
        }
    }
    let shop = Arc::new(Shop::new(&other.config(), other.base()));
    let books = Books::of(&other.config()).await;
    trial.end(&shop, &books).await;
    other.terminate();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    soak::run().await;
}

/// The server lives, says that its store is away, and lets nobody wait for long.
async fn is_away(shop: &Shop) {
    let begun = Instant::now();
    let orders = load::send(shop.as_admin(reqwest::Method::GET, "/orders"));
    let (orders, health, ready) = tokio::join!(orders, shop.status("/health"), shop.status("/ready"));
    let (status, problem) = orders.unwrap();
    assert_eq!((status, problem["code"].as_str()), (503, Some("store_unavailable")), "{problem}");
    assert_eq!((health, ready), (Some(200), Some(503)));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// The server recovers by itself. Returns how long it took.
async fn is_back(shop: &Shop) -> Duration {
    let begun = Instant::now();
    while shop.status("/ready").await != Some(200) {
        assert!(begun.elapsed() < RECOVERY, "the server does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}
