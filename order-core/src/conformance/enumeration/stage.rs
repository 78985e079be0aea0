use std::collections::BTreeMap;
use std::sync::Arc;

use super::provider::{ProviderHarness, StandIn};
use super::scenario::{Ends, Step, Story};
use crate::conformance::faults::{FaultPlan, FaultPublisher, FaultStore};
use crate::conformance::invariants::{Evidence, check};
use crate::conformance::sample::shelf;
use crate::error::{Error, Result};
use crate::gateway::Product;
use crate::id::{OrderId, ProductId, ReservationId, SeededIds, SellerId, WriteSetId};
use crate::inventory::{ReservationStatus, StockChange, StockKey};
use crate::memory::{MemoryCatalogue, RecordingPublisher};
use crate::money::Money;
use crate::order::{Order, OrderStatus, Tender};
use crate::payment::{CaptureMode, PaymentMethod};
use crate::service::Engine;
use crate::store::{Store, WriteSet};
use crate::time::{Clock as _, Duration, ManualClock};

const GOODS: [(&str, &str, i64); 2] = [("tea", "north", 1_250), ("coffee", "south", 990)];

/// How often a patient caller makes a request.
pub(super) const MAX_TRIES: u32 = 8;

/// What a caller does when a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// It makes the same request again, until it has an answer.
    Repeats,
    /// It goes away and does nothing more.
    GivesUp,
}

/// How a story ended: what must be the same whatever went wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) status: Option<OrderStatus>,
    kept: i64,
    levels: Vec<(i64, i64, i64)>,
    reservation: Option<ReservationStatus>,
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answered {
    Order(Box<Order>),
    Reservation(ReservationId),
    Nothing,
}

/// Everything a story needs: an engine whose calls are counted, and the world around it.
pub(super) struct Stage<'a> {
    plan: Arc<FaultPlan>,
    pub(super) inner: Arc<dyn Store>,
    store: Arc<FaultStore>,
    pub(super) provider: Arc<dyn StandIn>,
    pub(super) house: &'a dyn ProviderHarness,
    heard: Arc<RecordingPublisher>,
    publisher: FaultPublisher,
    pub(super) clock: Arc<ManualClock>,
    pub(super) engine: Engine,
    pub(super) order: Option<OrderId>,
    pub(super) reservation: Option<ReservationId>,
    answered: Vec<(usize, Step, Answered)>,
    pub(super) trouble: Vec<String>,
}

impl<'a> Stage<'a> {
    pub(super) async fn new(
        inner: Arc<dyn Store>,
        plan: Arc<FaultPlan>,
        house: &'a dyn ProviderHarness,
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let ids = Arc::new(SeededIds::new(5));
        let mut goods = WriteSet::new(WriteSetId::new(&*ids, clock.now()), clock.now());
        for (product, ..) in GOODS {
            goods.change_stock(shelf(product), StockChange::adjust(10));
        }
        let _ = inner.commit(&goods).await.unwrap();
        let catalogue: MemoryCatalogue = GOODS
            .iter()
            .map(|(product, seller, minor)| {
                let price = Money::from_minor(*minor, house.currency());
                Product::new(
                    ProductId::new(product).unwrap(),
                    *product,
                    SellerId::new(seller).unwrap(),
                    price,
                )
            })
            .collect();
        let store = Arc::new(FaultStore::new(Arc::clone(&inner), Arc::clone(&plan)));
        let provider = house.open(Arc::clone(&plan), Arc::clone(&clock)).await;
        let heard: Arc<RecordingPublisher> = Arc::default();
        let publisher = FaultPublisher::new(heard.clone(), Arc::clone(&plan));
        let engine = Engine::builder(store.clone())
            .catalogue(Arc::new(catalogue))
            .payment_gateway(house.provider(), provider.gateway())
            .clock(clock.clone())
            .ids(ids)
            .build()
            .unwrap();
        let (answered, trouble) = (Vec::new(), Vec::new());
        let (order, reservation) = (None, None);
        Self {
            plan,
            inner,
            store,
            provider,
            house,
            heard,
            publisher,
            clock,
            engine,
            order,
            reservation,
            answered,
            trouble,
        }
    }

    /// How an order is paid, with the token that does what the simulated provider's does.
    pub(super) fn tender(&self, simulated: &str, capture: CaptureMode) -> Tender {
        let token = self.house.token(simulated);
        Tender { method: PaymentMethod::Card, provider: self.house.provider(), token, capture, amount: None }
    }

    pub(super) fn minor(&self, minor: i64) -> Money {
        Money::from_minor(minor, self.house.currency())
    }

    pub(super) fn calls(&self) -> u64 {
        self.plan.calls()
    }

    /// Plays a story.
    pub(super) async fn play(&mut self, story: &Story, caller: Caller) {
        for (index, step) in story.steps.iter().enumerate() {
            let mut tries = 0;
            loop {
                tries += 1;
                match self.step(index, *step, tries).await {
                    Ok(answered) => {
                        self.answered.push((index, *step, answered));
                        break;
                    }
                    Err(_) if caller == Caller::GivesUp => return,
                    Err(error) if tries == MAX_TRIES => {
                        // Where it matters who comes first, somebody may come too late.
                        if story.ends != Ends::Raced {
                            self.trouble.push(format!("{step:?} is not answered: {error:?}"));
                        }
                        return;
                    }
                    Err(_) => {
                        self.plan.revive();
                        self.clock.advance(Duration::seconds(20));
                        // Meanwhile the host runs its passes. What goes wrong with them is not this caller's concern.
                        let _ = self.passes().await;
                    }
                }
            }
        }
    }

    /// Nobody asks for anything more. What is late arrives, time goes on, the passes run; what goes wrong with them is over some
    /// time.
    pub(super) async fn recover(&mut self) {
        self.plan.revive();
        for minutes in [2, 10, 40, 120, 480, 480, 1_440, 1_440, 2_880] {
            self.clock.advance(Duration::minutes(minutes));
            if minutes == 40 {
                self.provider.deliver_late().await;
                self.store.deliver_late().await.unwrap();
            }
            let mut tries = 0;
            while let Err(error) = self.passes().await {
                self.plan.revive();
                tries += 1;
                if tries == MAX_TRIES {
                    self.trouble.push(format!("the passes go on failing: {error:?}"));
                    return;
                }
            }
        }
        self.plan.disarm();
    }

    /// How the story ended, or what does not hold.
    pub(super) async fn ending(&mut self) -> std::result::Result<Ending, Vec<String>> {
        self.ask_again().await;
        let stocked: BTreeMap<StockKey, i64> =
            GOODS.iter().map(|(product, ..)| (shelf(product), 10)).collect();
        let mut sold_elsewhere = BTreeMap::new();
        let mut reservation = None;
        if let Some(id) = self.reservation {
            let found = self.inner.find_reservation(id).await.unwrap();
            reservation = found.as_ref().map(|found| found.status);
            for line in found
                .iter()
                .filter(|found| found.status == ReservationStatus::Confirmed)
                .flat_map(|found| &found.lines)
            {
                sold_elsewhere.insert(line.key.clone(), i64::from(line.quantity));
            }
        }
        let evidence = Evidence {
            books: &self.provider.books(),
            stocked: &stocked,
            sold_elsewhere: &sold_elsewhere,
            heard: Some(&self.heard.events()),
            heard_stock: Some(&self.heard.stock_records()),
            is_at_rest: true,
            now: self.clock.now(),
        };
        let mut findings = check(&*self.inner, &evidence).await.unwrap();
        findings.append(&mut self.trouble);
        if !findings.is_empty() {
            return Err(findings);
        }
        let order = match self.order {
            Some(id) => self.inner.find_order(id).await.unwrap(),
            None => None,
        };
        let payments = order.iter().flat_map(|order| &order.payments);
        let products: Vec<ProductId> = stocked.keys().map(|key| key.product_id.clone()).collect();
        let levels = self.inner.stock_levels(&products).await.unwrap();
        Ok(Ending {
            status: order.as_ref().map(|order| order.status),
            kept: payments.map(|payment| payment.captured.minor() - payment.refunded.minor()).sum(),
            levels: levels.iter().map(|level| (level.on_hand, level.reserved, level.sold)).collect(),
            reservation,
        })
    }

    /// Makes every request that was answered again: the answer must be the same, and nothing may happen.
    async fn ask_again(&mut self) {
        for (index, step, answered) in self.answered.clone() {
            if matches!(step, Step::Fill(..) | Step::Act(_) | Step::Refresh | Step::Wait(_) | Step::Passes) {
                continue;
            }
            match self.step(index, step, MAX_TRIES).await {
                Ok(again) if again == answered => {}
                again => self.trouble.push(format!("{step:?} was answered {answered:?}, and then {again:?}")),
            }
        }
    }

    pub(super) async fn passes(&self) -> Result<()> {
        let passes = self.engine.passes();
        for _ in 0..20 {
            let report = passes.advance(100).await?;
            if report.failed > 0 {
                return Err(Error::Internal("an order can't be advanced"));
            }
            if report.found == 0 {
                break;
            }
        }
        passes.expire_reservations(100).await?;
        passes.clean_carts(100).await?;
        while passes.relay(&self.publisher, 100).await?.found > 0 {}
        passes.forget(100).await?;
        Ok(())
    }
}
