//! Every request on the wire goes wrong in every way, in every story; and at the end our books are Stripe's, to the minor unit.

use std::sync::{Arc, Mutex};

use order_adapters::stripe::StripeGateway;
use order_core::conformance::StoreHarness;
use order_core::conformance::enumeration::{ProviderHarness, StandIn, run_with};
use order_core::conformance::faults::{Fault, FaultPlan, Meeting};
use order_core::gateway::PaymentGateway;
use order_core::id::{PaymentId, ProviderId};
use order_core::memory::{MemoryStore, SimulatedAccount};
use order_core::money::{Currency, Money};
use order_core::payment::ProviderToken;
use order_core::store::Store;
use order_core::time::{Clock, ManualClock, Timestamp};
use order_fake_providers::stripe::{Account, FakeStripe};
use order_fake_providers::wire::WireFault;

use crate::desk::{APPROVED, ASKED, DECLINED, provider, token};

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
    stripe: FakeStripe,
    gateway: Arc<StripeGateway>,
    clock: Arc<StoryClock>,
}

struct Stripe {
    currency: Currency,
    shop: Arc<Shop>,
}

impl Stripe {
    async fn new(currency: Currency) -> Self {
        let clock: Arc<StoryClock> = Arc::default();
        let stripe = FakeStripe::start(clock.clone()).await.unwrap();
        let builder = StripeGateway::builder(FakeStripe::SECRET_KEY).base_url(stripe.url());
        let gateway = Arc::new(builder.clock(clock.clone()).build().unwrap());
        Self { currency, shop: Arc::new(Shop { stripe, gateway, clock }) }
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
impl ProviderHarness for Stripe {
    fn provider(&self) -> ProviderId {
        provider()
    }

    fn currency(&self) -> Currency {
        self.currency
    }

    fn token(&self, simulated: &str) -> Option<ProviderToken> {
        let method = match simulated {
            "sim_approve" => APPROVED,
            "sim_decline" => DECLINED,
            "sim_action" => ASKED,
            _ => return None,
        };
        Some(token(method))
    }

    fn captures_in_parts(&self) -> bool {
        false
    }

    async fn open(&self, plan: Arc<FaultPlan>, clock: Arc<ManualClock>) -> Arc<dyn StandIn> {
        *self.shop.clock.0.lock().unwrap() = clock;
        self.shop.stripe.reset();
        self.shop.stripe.wire().set_rule(move |_| on_the_wire(&plan));
        self.shop.clone()
    }
}

#[async_trait::async_trait]
impl StandIn for Shop {
    fn gateway(&self) -> Arc<dyn PaymentGateway> {
        self.gateway.clone()
    }

    fn complete(&self, payment_id: PaymentId, approve: bool) -> bool {
        self.stripe.complete(&payment_id.to_string(), approve)
    }

    async fn deliver_late(&self) {
        self.stripe.wire().deliver_late();
    }

    fn books(&self) -> Vec<SimulatedAccount> {
        self.stripe.accounts().iter().map(account).collect()
    }
}

/// EUR, JPY and KWD have the decimals of ISO 4217 at Stripe too.
fn account(account: &Account) -> SimulatedAccount {
    let id =
        |text: &Option<String>| text.as_ref().unwrap().parse::<order_core::id::OperationId>().unwrap().uuid();
    let currency = Currency::from_code(&account.currency.to_uppercase()).unwrap();
    let money = |units| Money::from_minor(units, currency);
    let mut books = SimulatedAccount::new(
        order_core::id::OperationId::from_uuid(id(&account.operation_id)),
        PaymentId::from_uuid(id(&account.payment_id)),
        order_core::id::OrderId::from_uuid(id(&account.order_id)),
        money(account.authorised),
    );
    books.captured = money(account.captured);
    books.refunded = money(account.refunded);
    books
}

async fn tell(currency: Currency, one_in: usize) {
    let points = run_with(&Memory, &Stripe::new(currency).await, one_in).await;
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

#[tokio::test]
async fn everything_comes_right_in_dinars() {
    tell(Currency::KWD, 7).await;
}
