//! Money at a provider that no order stands for, given back through the provider's adapter.

use std::sync::Arc;

use order_core::Engine;
use order_core::conformance::sample::customer;
use order_core::gateway::{PaymentGateway, ProviderBooks};
use order_core::id::ProviderId;
use order_core::memory::{MemoryCatalogue, MemoryStore};
use order_core::order::Actor;
use order_core::payment::OperationKind;
use order_core::reconciliation::{Difference, DifferenceKind};
use order_core::service::{OrphanReturn, OrphanStatus, ReconcileBooks, Request, ReturnOrphan};
use order_core::time::{Duration, ManualClock};
use order_fake_providers::wire::WireFault;

use super::desk::Desk;
use super::{Provider, euros, provider};

/// What was taken is refunded and what was set aside is voided, once, though the answer to the call that ends on `path` is lost.
pub(crate) async fn money_without_an_order_goes_back_once<P: Provider>(
    kind: OperationKind,
    path: &'static str,
    back: OperationKind,
) {
    let desk = Desk::<P>::open().await;
    let (first, _) = desk.begun(kind, P::APPROVED).await;
    let Desk { stand_in, gateway, clock, .. } = desk;
    let lose = || stand_in.wire().fail_next("POST", path, WireFault::CutAfter);
    let done = goes_back_once(provider::<P>(), Arc::new(gateway), clock, lose).await;
    assert_eq!((done.kind, done.payment_id, done.amount), (back, first.payment_id, euros(1_000)));
    let taken = if back == OperationKind::Refund { (1_000, 1_000) } else { (0, 0) };
    assert_eq!(stand_in.taken(), taken);
}

/// An engine that has lost all its orders gives back the one payment that the provider has. The answer to the command that moves the
/// money is lost: `lose` sees to that.
async fn goes_back_once<G: PaymentGateway + ProviderBooks + 'static>(
    provider: ProviderId,
    gateway: Arc<G>,
    clock: Arc<ManualClock>,
    lose: impl Fn(),
) -> OrphanReturn {
    let engine = Engine::builder(Arc::new(MemoryStore::default()))
        .catalogue(Arc::new(MemoryCatalogue::default()))
        .payment_gateway(provider.clone(), gateway.clone())
        .provider_books(provider.clone(), gateway)
        .clock(clock.clone())
        .build()
        .unwrap();
    clock.advance(Duration::minutes(10));
    let told = differences(&engine, &provider).await;
    let [orphan] = &told[..] else { unreachable!("{told:#?}") };
    assert_eq!(orphan.kind, DifferenceKind::OrderMissing);
    let wish = ReturnOrphan {
        provider: provider.clone(),
        payment_id: orphan.payment_id.unwrap(),
        reference: orphan.reference.clone().unwrap(),
        amount: orphan.theirs.unwrap(),
        note: "its order is lost".to_owned(),
    };
    let staff = Request::by(Actor::Staff(customer("boss")));
    lose();
    let begun = engine.reconciliation().return_orphan(&wish, &staff).await.unwrap();
    assert_eq!(begun.status, OrphanStatus::Open, "{begun:?}");
    clock.advance(Duration::minutes(2));
    assert_eq!(engine.passes().attend(10).await.unwrap().done, 1);
    let done = engine.reconciliation().return_orphan(&wish, &staff).await.unwrap();
    assert_eq!((done.status, done.operation_id), (OrphanStatus::Returned, begun.operation_id), "{done:?}");
    assert_eq!(differences(&engine, &provider).await, []);
    done
}

/// Everything that differs in the books of the last day.
async fn differences(engine: &Engine, provider: &ProviderId) -> Vec<Difference> {
    let to = engine.clock().now();
    let mut window = ReconcileBooks {
        provider: provider.clone(),
        from: to - Duration::days(1),
        to,
        cursor: None,
        limit: 10,
    };
    let mut found = Vec::new();
    loop {
        let page = engine.reconciliation().compare(&window, &Actor::Engine).await.unwrap();
        found.extend(page.differences);
        match page.next {
            Some(next) => window.cursor = Some(next),
            None => return found,
        }
    }
}
