//! A million checkouts in a world of faults, and every invariant at its end. Run it with `--release`.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by it, and says what it covered")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use std::sync::Arc;

use order_core::memory::{Guard, MemoryStore};
use order_core::simulation::{Report, Settings, run, run_on};

/// How many checkouts one world has.
const IN_ONE_WORLD: u32 = 400;

fn world(seed: u64) -> Report {
    run(Settings { seed, checkouts: IN_ONE_WORLD, at_once: 24 }).unwrap()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// `SIMULATION_SEED` runs one world; `SIMULATION_CHECKOUTS` says how many checkouts are made in all, and `SIMULATION_FROM` which world is
/// the first.
#[test]
fn a_million_checkouts_keep_every_invariant() {
    if std::env::var("SIMULATION_SEED").is_ok() {
        let report = world(number("SIMULATION_SEED", 0));
        assert_eq!(report.findings, Vec::<String>::new(), "seed {}", report.seed);
        return;
    }
    let checkouts = number("SIMULATION_CHECKOUTS", if cfg!(debug_assertions) { 20_000 } else { 1_000_000 });
    let worlds = checkouts.div_ceil(u64::from(IN_ONE_WORLD));
    let first = number("SIMULATION_FROM", 0);
    let next = AtomicU64::new(first);
    let [orders, webhooks, crashes] = [const { AtomicU64::new(0) }; 3];
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + worlds {
                        break;
                    }
                    let report = world(seed);
                    orders.fetch_add(u64::from(report.orders), Ordering::Relaxed);
                    webhooks.fetch_add(u64::from(report.webhooks), Ordering::Relaxed);
                    crashes.fetch_add(u64::from(report.crashes), Ordering::Relaxed);
                    let replay = format!("replay with SIMULATION_SEED={seed}");
                    assert_eq!(report.findings, Vec::<String>::new(), "{replay}");
                }
            });
        }
    });
    println!(
        "simulation: {} checkouts in {worlds} worlds from {first}, {} orders, {} webhooks, {} crashes, {:.1?}",
        worlds * u64::from(IN_ONE_WORLD),
        orders.into_inner(),
        webhooks.into_inner(),
        crashes.into_inner(),
        begun.elapsed(),
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [1, 42, 4_711] {
        let report = world(seed);
        assert_eq!(report, world(seed));
        assert!(report.webhooks > 100, "{report:?}");
    }
    assert_ne!(world(1).trace, world(2).trace);
}

/// A simulation that finds nothing is worth what it would have found: a store that forgets a guard does not get through. Where
/// two guards cover each other, both are off.
#[test]
fn a_store_without_its_guards_is_found_out() {
    let versions = [Guard::OrderVersion, Guard::Event];
    let reservations = [Guard::OrderVersion, Guard::Event, Guard::Reservation];
    let once = [Guard::Once, Guard::OrderVersion, Guard::Event];
    let cases: [&[Guard]; 6] =
        [&[Guard::Whole], &[Guard::Idempotency], &[Guard::Stock], &versions, &reservations, &once];
    for guards in cases {
        let found = (0..40).find(|seed| {
            let settings = Settings { seed: *seed, checkouts: IN_ONE_WORLD, at_once: 24 };
            let store = Arc::new(MemoryStore::without(guards));
            run_on(settings, store).map_or(true, |report| !report.findings.is_empty())
        });
        println!("simulation: without {guards:?} world {found:?} fails");
        assert!(found.is_some(), "nobody noticed that {guards:?} were missing");
    }
}
