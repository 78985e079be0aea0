//! Money at a provider that no order stands for, given back through the provider's adapter.

use std::sync::Arc;

use order_core::Engine;
use order_core::conformance::sample::customer;
use order_core::gateway::{PaymentGateway, ProviderBooks};
use order_core::id::ProviderId;
use order_core::memory::{MemoryCatalogue, MemoryStore};
use order_core::order::Actor;
use order_core::reconciliation::{Difference, DifferenceKind};
use order_core::service::{OrphanReturn, OrphanStatus, ReconcileBooks, Request, ReturnOrphan};
use order_core::time::{Clock as _, Duration, ManualClock};

/// An engine that has lost all its orders gives back the one payment that the provider has. The answer to the command that moves the
/// money is lost: `lose` sees to that.
pub(crate) async fn goes_back_once<G: PaymentGateway + ProviderBooks + 'static>(
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
