//! A store that forgets one guard does not pass the suite.
#![cfg(feature = "conformance")]
#![expect(clippy::print_stdout, reason = "the report is for whoever runs it with --nocapture")]

use std::sync::Arc;

use order_core::conformance::differential::{PROGRAMS, first_difference};
use order_core::conformance::mutant::{Guard, store_without};
use order_core::conformance::{STORE_CASES, StoreHarness, Subject, enumeration};
use order_core::store::Store;

fn spawn(task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>) {
    drop(tokio::spawn(task));
}

/// The cases that notice that a guard is missing.
async fn noticed_by(guard: Guard) -> Vec<&'static str> {
    let mut names = Vec::new();
    for case in STORE_CASES {
        let subject = Subject::new(store_without(guard), spawn);
        if tokio::spawn((case.run)(subject)).await.is_err() {
            names.push(case.name);
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_missing_guard_is_noticed() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut report = Vec::new();
    for guard in Guard::ALL {
        report.push((guard, noticed_by(guard).await));
    }
    drop(std::panic::take_hook());
    for (guard, names) in &report {
        println!("{guard:?}: {}", names.join(", "));
    }
    let unnoticed: Vec<_> =
        report.iter().filter(|(_, names)| names.is_empty()).map(|(guard, _)| guard).collect();
    assert!(unnoticed.is_empty(), "no case notices that these are missing: {unnoticed:?}");
}

/// Gives a store without one guard.
struct Without(Guard);

#[async_trait::async_trait]
impl StoreHarness for Without {
    type Guard = ();

    async fn fresh(&self) -> (Arc<dyn Store>, ()) {
        (store_without(self.0), ())
    }
}

#[tokio::test]
async fn random_programs_notice_every_missing_guard() {
    // Programs do one thing after the other: who checks and writes in two steps is not found out.
    for guard in Guard::ALL.into_iter().filter(|guard| *guard != Guard::Serial) {
        let difference = first_difference(&Without(guard), 1, PROGRAMS).await;
        println!("{guard:?}: {difference:?}");
        assert!(difference.is_some(), "no program notices that {guard:?} is missing");
    }
}

#[tokio::test]
async fn faults_notice_what_recovery_can_not_do_without() {
    for guard in [Guard::Outbox, Guard::Due] {
        let stories = tokio::spawn(async move { enumeration::run(&Without(guard), 20).await });
        assert!(stories.await.is_err(), "no story notices that {guard:?} is missing");
    }
    let webhooks = tokio::spawn(async { enumeration::run_webhooks(&Without(Guard::Parked), 1).await });
    assert!(webhooks.await.is_err(), "no webhook notices that nothing is parked");
}
