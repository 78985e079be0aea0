//! Every request on the wire goes wrong in every way, in every story; and at the end our books are the provider's, to the minor unit.

use std::sync::{Arc, Mutex};

use order_core::conformance::StoreHarness;
use order_core::conformance::enumeration::{ProviderHarness, StandIn, run_with};
use order_core::conformance::faults::{Fault, FaultPlan, Meeting};
use order_core::gateway::PaymentGateway;
use order_core::id::{PaymentId, ProviderId};
use order_core::memory::{MemoryStore, SimulatedAccount};
use order_core::money::Currency;
use order_core::payment::ProviderToken;
use order_core::store::Store;
use order_core::time::{Clock, ManualClock, Timestamp};
use order_fake_providers::wire::WireFault;

use super::{Provider, provider, token};

struct Memory;

#[async_trait::async_trait]
impl StoreHarness for Memory {
    type Guard = ();

    async fn fresh(&self) -> (Arc<dyn Store>, ()) {
        (Arc::new(MemoryStore::default()), ())
    }
}

/// The clock of the story that is being told.
#[derive(Debug, Default)]
struct StoryClock(Mutex<Arc<ManualClock>>);

impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now()
    }
}

/// One server and one client for all stories: making them takes longer than a story.
#[derive(Debug)]
struct Stage<P: Provider> {
    stand_in: P,
    gateway: Arc<P::Gateway>,
    clock: Arc<StoryClock>,
}

struct Stories<P: Provider> {
    currency: Currency,
    stage: Arc<Stage<P>>,
}

impl<P: Provider> Stories<P> {
    async fn new(currency: Currency) -> Self {
        let clock: Arc<StoryClock> = Arc::default();
        let stand_in = P::start(clock.clone()).await.unwrap();
        let gateway = Arc::new(P::build(stand_in.builder(clock.clone())));
        Self { currency, stage: Arc::new(Stage { stand_in, gateway, clock }) }
    }
}

/// What a call meets on the wire.
fn on_the_wire(plan: &FaultPlan) -> Option<WireFault> {
    match plan.meet() {
        Meeting::Nothing => None,
        Meeting::Death | Meeting::Fault(Fault::LoseCall | Fault::CrashBefore) => Some(WireFault::CutBefore),
        Meeting::Fault(Fault::FailBefore) => Some(WireFault::Limited(None)),
        Meeting::Fault(Fault::LoseAnswer) => Some(WireFault::CutAfter),
        Meeting::Fault(Fault::Repeat) => Some(WireFault::Repeat),
        Meeting::Fault(Fault::Late) => Some(WireFault::Late),
        Meeting::Fault(Fault::CrashAfter) => {
            plan.die();
            Some(WireFault::CutAfter)
        }
        Meeting::Fault(_) => Some(WireFault::FailBefore),
    }
}

#[async_trait::async_trait]
impl<P: Provider> ProviderHarness for Stories<P> {
    fn provider(&self) -> ProviderId {
        provider::<P>()
    }

    fn currency(&self) -> Currency {
        self.currency
    }

    fn token(&self, simulated: &str) -> Option<ProviderToken> {
        P::method(simulated).map(token)
    }

    fn captures_in_parts(&self) -> bool {
        P::CAPTURES_IN_PARTS
    }

    async fn open(&self, plan: Arc<FaultPlan>, clock: Arc<ManualClock>) -> Arc<dyn StandIn> {
        *self.stage.clock.0.lock().unwrap() = clock;
        self.stage.stand_in.begin_story();
        self.stage.stand_in.wire().set_rule(move |_| on_the_wire(&plan));
        self.stage.clone()
    }
}

#[async_trait::async_trait]
impl<P: Provider> StandIn for Stage<P> {
    fn gateway(&self) -> Arc<dyn PaymentGateway> {
        self.gateway.clone()
    }

    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool {
        self.stand_in.complete(&payment_id.to_string(), approve)
    }

    async fn deliver_late(&self) {
        self.stand_in.wire().deliver_late();
    }

    fn books(&self) -> Vec<SimulatedAccount> {
        self.stand_in.books()
    }
}

/// Tells every story, one in so many of its points.
pub(crate) async fn tell<P: Provider>(currency: Currency, one_in: usize) {
    let points = run_with(&Memory, &Stories::<P>::new(currency).await, one_in).await;
    println!("{points} points in {currency}");
    assert!(points > 500, "only {points} points were covered");
}
