//! Every request on the wire goes wrong in every way, in every story; and at the end our books are PayPal's, to the minor unit.

use std::sync::{Arc, Mutex};

use order_adapters::paypal::PayPalGateway;
use order_core::conformance::StoreHarness;
use order_core::conformance::enumeration::{ProviderHarness, StandIn, run_with};
use order_core::conformance::faults::{Fault, FaultPlan, Meeting};
use order_core::gateway::PaymentGateway;
use order_core::id::{OperationId, OrderId, PaymentId, ProviderId};
use order_core::memory::{MemoryStore, SimulatedAccount};
use order_core::money::{Currency, Money};
use order_core::payment::ProviderToken;
use order_core::store::Store;
use order_core::time::{Clock, ManualClock, Timestamp};
use order_fake_providers::paypal::{Account, FakePayPal};
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, ASKED, DECLINED, builder, provider, token};

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
struct Shop {
    paypal: FakePayPal,
    gateway: Arc<PayPalGateway>,
    clock: Arc<StoryClock>,
}

struct PayPal {
    currency: Currency,
    shop: Arc<Shop>,
}

impl PayPal {
    async fn new(currency: Currency) -> Self {
        let clock: Arc<StoryClock> = Arc::default();
        let paypal = FakePayPal::start(clock.clone()).await.unwrap();
        let gateway = Arc::new(builder(&paypal).clock(clock.clone()).build().unwrap());
        Self { currency, shop: Arc::new(Shop { paypal, gateway, clock }) }
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
impl ProviderHarness for PayPal {
    fn provider(&self) -> ProviderId {
        provider()
    }

    fn currency(&self) -> Currency {
        self.currency
    }

    fn token(&self, simulated: &str) -> Option<ProviderToken> {
        let vault = match simulated {
            "sim_approve" => APPROVED,
            "sim_decline" => DECLINED,
            // A payer's consent never moves money by itself: what the simulated provider calls an approval.
            "sim_action" | "sim_approval" => ASKED,
            _ => return None,
        };
        Some(token(vault))
    }

    fn captures_in_parts(&self) -> bool {
        true
    }

    async fn open(&self, plan: Arc<FaultPlan>, clock: Arc<ManualClock>) -> Arc<dyn StandIn> {
        *self.shop.clock.0.lock().unwrap() = clock;
        self.shop.paypal.reset();
        // As late as PayPal says that it may be.
        self.shop.paypal.delay_search(std::time::Duration::from_hours(3));
        self.shop.paypal.wire().set_rule(move |_| on_the_wire(&plan));
        self.shop.clone()
    }
}

#[async_trait::async_trait]
impl StandIn for Shop {
    fn gateway(&self) -> Arc<dyn PaymentGateway> {
        self.gateway.clone()
    }

    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool {
        self.paypal.complete(&payment_id.to_string(), approve)
    }

    async fn deliver_late(&self) {
        self.paypal.wire().deliver_late();
    }

    fn books(&self) -> Vec<SimulatedAccount> {
        self.paypal.accounts().iter().map(account).collect()
    }
}

/// EUR and JPY have the decimals of ISO 4217 at PayPal too.
fn account(account: &Account) -> SimulatedAccount {
    let mut ids = account.custom_id.as_ref().unwrap().split('.');
    let mut id = || ids.next().unwrap().parse::<OperationId>().unwrap().uuid();
    let (order, payment, operation) = (id(), id(), id());
    let currency = Currency::from_code(&account.currency).unwrap();
    let money = |units| Money::from_minor(units, currency);
    let mut books = SimulatedAccount::new(
        OperationId::from_uuid(operation),
        PaymentId::from_uuid(payment),
        OrderId::from_uuid(order),
        money(account.authorised),
    );
    books.captured = money(account.captured);
    books.refunded = money(account.refunded);
    books
}

async fn tell(currency: Currency, one_in: usize) {
    let points = run_with(&Memory, &PayPal::new(currency).await, one_in).await;
    println!("{points} points in {currency}");
    assert!(points > 500, "only {points} points were covered");
}

#[tokio::test]
async fn everything_comes_right_in_euros() {
    tell(Currency::EUR, 1).await;
}

#[tokio::test]
async fn everything_comes_right_in_yen() {
    tell(Currency::JPY, 5).await;
}
