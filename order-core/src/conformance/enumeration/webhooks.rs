//! Every call on the way of a webhook goes wrong in every way.
//!
//! A customer has confirmed a payment, and then things happen at the provider that nobody here has asked for. The provider tells of each,
//! and tells again until it is answered, as providers do. Whoever receives it attends to it at once, or dies, or leaves it to the
//! passes. At the end nothing that was acknowledged may be missing, and the order must be as the provider's books are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stage::MAX_TRIES;
use crate::conformance::StoreHarness;
use crate::conformance::faults::{Fault, FaultBooks, FaultGateway, FaultPlan, FaultStore};
use crate::conformance::invariants::{Evidence, check};
use crate::conformance::sample::{address, card, customer, shelf};
use crate::error::Result;
use crate::gateway::Product;
use crate::id::{OrderId, ProductId, ProviderId, SeededIds, SellerId, WriteSetId};
use crate::inbox::InboxStatus;
use crate::inventory::StockChange;
use crate::memory::{MemoryCatalogue, SimulatedDelivery, SimulatedGateway, SimulatedWebhooks};
use crate::money::{Currency, Money};
use crate::order::{Actor, OrderStatus, Tender};
use crate::payment::ProviderToken;
use crate::service::{Engine, OrderItem, PlaceOrder, Request};
use crate::store::{Store, WriteSet};
use crate::time::{Clock as _, Duration, ManualClock};

/// Who attends to what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attends {
    /// The receiver, at once.
    AtOnce,
    /// The pass, later.
    Later,
}

/// What has become of the order: its status, and its money by the last payment.
type Ending = (OrderStatus, i64, i64, usize);

/// Makes one call after the other go wrong between a webhook's arrival and its end, on stores of a harness, and gives back in how
/// many ways it was done. `one_in` takes only every so-manieth way.
pub async fn run_webhooks<H: StoreHarness>(harness: &H, one_in: usize) -> usize {
    let (mut turn, mut points, mut problems) = (0_usize, 0_usize, Vec::new());
    for attends in [Attends::AtOnce, Attends::Later] {
        let (expected, calls) = tell(harness, FaultPlan::none(), attends).await;
        let expected =
            expected.unwrap_or_else(|findings| panic!("{attends:?}, without faults: {findings:#?}"));
        assert_eq!(expected, (OrderStatus::Paid, 2_500, 300, 1), "{attends:?}, without faults");
        for call in 1..=calls {
            for fault in Fault::ALL {
                turn += 1;
                if !turn.is_multiple_of(one_in) {
                    continue;
                }
                points += 1;
                let found = tell(harness, FaultPlan::new(&[(call, fault)]), attends).await.0;
                if found.as_ref() != Ok(&expected) {
                    problems.push(format!("{attends:?}, call {call}, {fault:?}: {found:?}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} of {points} points: {problems:#?}", problems.len());
    points
}

struct Scene {
    plan: Arc<FaultPlan>,
    inner: Arc<dyn Store>,
    store: Arc<FaultStore>,
    gateway: Arc<FaultGateway>,
    provider: Arc<SimulatedGateway>,
    clock: Arc<ManualClock>,
    engine: Engine,
}

fn simulated() -> ProviderId {
    ProviderId::new("simulated").unwrap()
}

/// Tells the story once: how it ended, or what does not hold at its end; and how many calls it made.
async fn tell<H: StoreHarness>(
    harness: &H,
    plan: Arc<FaultPlan>,
    attends: Attends,
) -> (std::result::Result<Ending, Vec<String>>, u64) {
    let (store, guard) = harness.fresh().await;
    let scene = Scene::new(store, Arc::clone(&plan)).await;
    let order = scene.place().await;
    let sent = scene.happen(order).await;
    // Only what comes from here on goes wrong.
    let scene = Scene { engine: scene.faulty(), ..scene };
    let mut trouble = Vec::new();
    for delivery in &sent {
        scene.deliver(delivery, attends, &mut trouble).await;
    }
    scene.passes_until_done(&[2, 60], &mut trouble).await;
    let calls = plan.calls();
    scene.recover(&mut trouble).await;
    let ending = scene.ending(order, sent.len(), trouble).await;
    drop(guard);
    (ending, calls)
}

impl Scene {
    async fn new(inner: Arc<dyn Store>, plan: Arc<FaultPlan>) -> Self {
        let clock = Arc::new(ManualClock::default());
        let ids = SeededIds::new(6);
        let mut goods = WriteSet::new(WriteSetId::new(&ids, clock.now()), clock.now());
        goods.change_stock(shelf("tea"), StockChange::adjust(10));
        let _ = inner.commit(&goods).await.unwrap();
        let webhooks = SimulatedWebhooks::new(simulated(), ["secret"]).unwrap();
        let provider = Arc::new(SimulatedGateway::with_webhooks(webhooks));
        let store = Arc::new(FaultStore::new(Arc::clone(&inner), Arc::clone(&plan)));
        let gateway = Arc::new(FaultGateway::new(provider.clone(), Arc::clone(&plan)));
        let engine = engine(inner.clone(), &provider, &clock, 7);
        Self { plan, inner, store, gateway, provider, clock, engine }
    }

    /// The engine with everything behind the plan.
    fn faulty(&self) -> Engine {
        let books = FaultBooks::new(self.provider.clone(), Arc::clone(&self.plan));
        builder(self.store.clone(), &self.clock, 8)
            .payment_gateway(simulated(), self.gateway.clone())
            .provider_books(simulated(), Arc::new(books))
            .build()
            .unwrap()
    }

    async fn place(&self) -> OrderId {
        let tea = OrderItem { product_id: ProductId::new("tea").unwrap(), quantity: 2, price: None };
        let tender = Tender { token: ProviderToken::new("sim_action").ok(), ..card() };
        let command = PlaceOrder { items: Some(vec![tea]), ..PlaceOrder::from_cart(address(), tender) };
        let buyer = Request::by(Actor::Customer(customer("c-1")));
        self.engine.orders().place(command, &buyer).await.unwrap().value.id
    }

    /// What happens at the provider, and what it sends about it; the last first.
    async fn happen(&self, order: OrderId) -> Vec<SimulatedDelivery> {
        drop(self.provider.take_webhooks(self.clock.now()));
        let order = self.inner.find_order(order).await.unwrap().unwrap();
        let payment = order.payments[0].id;
        assert!(self.provider.complete(payment, true));
        let euros = |minor| Money::from_minor(minor, Currency::EUR);
        assert!(self.provider.refund_by_hand(payment, euros(300)).is_some());
        assert!(self.provider.open_dispute(payment, euros(100)).is_some());
        let mut sent = self.provider.take_webhooks(self.clock.now());
        sent.reverse();
        sent
    }

    /// The provider sends a webhook until it is answered. Meanwhile a process that died is started again.
    async fn deliver(&self, delivery: &SimulatedDelivery, attends: Attends, trouble: &mut Vec<String>) {
        let webhooks = self.engine.webhooks();
        for _ in 0..MAX_TRIES {
            if let Ok(receipt) = webhooks.receive(&simulated(), &delivery.arriving(self.clock.now())).await {
                if attends == Attends::AtOnce {
                    // It is acknowledged: what goes wrong now is not the provider's concern.
                    let _ = webhooks.attend(&receipt).await;
                }
                return;
            }
            self.plan.revive();
            self.clock.advance(Duration::seconds(20));
        }
        trouble.push("a webhook is never answered".to_owned());
    }

    async fn passes(&self) -> Result<()> {
        let passes = self.engine.passes();
        passes.attend(100).await?;
        passes.advance(100).await?;
        passes.forget(100).await?;
        Ok(())
    }

    async fn passes_until_done(&self, minutes: &[i64], trouble: &mut Vec<String>) {
        for minutes in minutes {
            self.clock.advance(Duration::minutes(*minutes));
            let mut tries = 0;
            while let Err(error) = self.passes().await {
                self.plan.revive();
                tries += 1;
                if tries == MAX_TRIES {
                    trouble.push(format!("the passes go on failing: {error:?}"));
                    return;
                }
            }
        }
    }

    /// What is late arrives, time goes on, the passes run.
    async fn recover(&self, trouble: &mut Vec<String>) {
        self.plan.revive();
        self.gateway.deliver_late().await;
        self.store.deliver_late().await.unwrap();
        self.passes_until_done(&[2, 10, 40, 120, 480, 1_440, 2_880], trouble).await;
        self.plan.disarm();
    }

    async fn ending(
        &self,
        order: OrderId,
        sent: usize,
        mut trouble: Vec<String>,
    ) -> std::result::Result<Ending, Vec<String>> {
        let entries = self.inner.list_inbox(None, None, 100).await.unwrap().items;
        if entries.len() != sent {
            trouble.push(format!("{sent} webhooks were acknowledged, {} are there", entries.len()));
        }
        for entry in entries.iter().filter(|entry| entry.status != InboxStatus::Attended) {
            trouble.push(format!("nobody has attended to {entry:?}"));
        }
        let stocked = BTreeMap::from([(shelf("tea"), 10)]);
        let evidence = Evidence {
            books: &self.provider.books(),
            stocked: &stocked,
            sold_elsewhere: &BTreeMap::new(),
            heard: None,
            heard_stock: None,
            is_at_rest: false,
            now: self.clock.now(),
        };
        trouble.extend(check(&*self.inner, &evidence).await.unwrap());
        if !trouble.is_empty() {
            return Err(trouble);
        }
        let order = self.inner.find_order(order).await.unwrap().unwrap();
        let payment = &order.payments[0];
        let disputes = payment.reported.as_ref().map_or(0, |report| report.disputes.len());
        Ok((order.status, payment.captured.minor(), payment.refunded.minor(), disputes))
    }
}

fn builder(store: Arc<dyn Store>, clock: &Arc<ManualClock>, seed: u64) -> crate::EngineBuilder {
    let price = Money::from_minor(1_250, Currency::EUR);
    let tea = Product::new(ProductId::new("tea").unwrap(), "Tea", SellerId::new("north").unwrap(), price);
    let reader = SimulatedWebhooks::new(simulated(), ["secret"]).unwrap();
    Engine::builder(store)
        .catalogue(Arc::new(MemoryCatalogue::from_iter([tea])))
        .notice_reader(simulated(), Arc::new(reader))
        .clock(clock.clone())
        .ids(Arc::new(SeededIds::new(seed)))
}

fn engine(
    store: Arc<dyn Store>,
    provider: &Arc<SimulatedGateway>,
    clock: &Arc<ManualClock>,
    seed: u64,
) -> Engine {
    builder(store, clock, seed).payment_gateway(simulated(), provider.clone()).build().unwrap()
}
