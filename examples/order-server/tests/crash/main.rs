//! The crash test: customers order over HTTP, the server is killed again and again in the middle of it, and in the end
//! everything must add up. `scripts/crash-test` runs it.
//!
//! `CRASH_SEED` repeats a run's plan (not its timing), `CRASH_KILLS` says how often the server is killed.
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
mod process;
mod verify;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chance::Chance;
use load::{Ledger, Shop};
use process::Process;

/// How many customers order at once.
const CUSTOMERS: u64 = 6;
/// How long the server may take until nothing is unsettled: the claim on a call that was cut off runs out after a minute, and
/// a provider that can't say yet is asked again after half a minute at most.
const SETTLING: Duration = Duration::from_secs(150);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_crash_loses_or_doubles_anything() {
    let kills = number("CRASH_KILLS").unwrap_or(20);
    let seed = number("CRASH_SEED").unwrap_or_else(|| std::process::id().into());
    println!("crash test: seed {seed} (CRASH_SEED={seed} repeats its plan), {kills} kills");
    let begun = Instant::now();
    let mut chance = Chance::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path());
    let shop = Arc::new(Shop::new(&process.config(), process.base()));
    let ledger = Arc::new(Ledger::default());
    let mut verified = 0;
    for kill in 1..=kills {
        let customers: Vec<_> = (0..CUSTOMERS)
            .map(|number| {
                let chance = Chance::new(seed ^ (kill << 32) ^ number.wrapping_mul(0x9E37_79B9));
                tokio::spawn(load::customer(
                    shop.clone(),
                    ledger.clone(),
                    format!("customer-{number}"),
                    chance,
                ))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300 + chance.below(1_700))).await;
        process.kill();
        shop.close();
        for customer in customers {
            customer.await.expect("a customer's program must not fail");
        }
        process = Process::start(folder.path());
        shop.reopen(process.base());
        // What was answered since the last kill must have survived this one.
        verified += verify::answered_are_there(&shop, &ledger.take_unverified()).await;
    }
    let load_time = begun.elapsed();
    books::wait_until_settled(folder.path(), SETTLING).await;
    let attempts = ledger.attempts();
    let replayed = verify::replays_answer_the_same(&shop, &attempts).await;
    books::wait_until_settled(folder.path(), SETTLING).await;
    let answered = ledger.answered();
    let there = verify::answered_are_there(&shop, &answered).await;
    let stock = verify::stock(&shop).await;
    process.terminate();
    let counted = books::check(folder.path(), &stock).await;
    println!(
        "crash test: {kills} kills in {} s, then {} s to settle and check",
        load_time.as_secs(),
        begun.elapsed().as_secs() - load_time.as_secs()
    );
    println!("  orders answered with 2xx:      {}", ledger.placed());
    println!(
        "  answers with an order:         {} ({verified} verified after their next crash, {there} at the end)",
        answered.len()
    );
    println!(
        "  orders in the store:           {} ({} of them never answered)",
        counted.orders,
        counted.orders - ledger.placed()
    );
    println!("  requests replayed:             {replayed} of {} attempts", attempts.len());
    report(&ledger, &counted);
    assert_eq!(there, answered.len());
    assert!(ledger.placed() as u64 >= kills * 2, "the load was too small to say anything");
}

fn report(ledger: &Ledger, counted: &books::Counted) {
    println!(
        "  other requests answered:       {} cancellations, {} refunds, {} completions",
        ledger.cancelled(),
        ledger.refunded(),
        ledger.completed()
    );
    println!(
        "  accounts of the provider:      {} checked, {} given back in full",
        counted.accounts, counted.given_back
    );
    println!("  orders by status:              {}", counted.statuses);
}
