use std::collections::BTreeMap;
use std::sync::Arc;

use super::scenario::{Step, Story};
use crate::conformance::faults::{FaultGateway, FaultPlan, FaultPublisher, FaultStore};
use crate::conformance::invariants::{Evidence, check};
use crate::conformance::sample::{address, card, customer, customer_cart, shelf};
use crate::error::{Error, Result};
use crate::fulfilment::Tracking;
use crate::gateway::Product;
use crate::id::{
    IdempotencyKey, OrderId, ProductId, ProviderId, ReservationId, SeededIds, SellerId, WriteSetId,
};
use crate::inventory::{Demand, ReservationStatus, StockChange, StockKey};
use crate::memory::{MemoryCatalogue, RecordingPublisher, SimulatedGateway};
use crate::money::{Currency, Money};
use crate::order::{Actor, Order, OrderStatus, Tender, Units};
use crate::payment::{CaptureMode, PaymentMethod, ProviderToken};
use crate::service::{
    AddItem, CancelOrder, Done, Engine, OrderItem, PlaceOrder, RefundTarget, Request, ReserveStock, ShipOrder,
};
use crate::store::{Store, WriteSet};
use crate::time::{Clock as _, Duration, ManualClock};

const GOODS: [(&str, &str, i64); 2] = [("tea", "north", 1_250), ("coffee", "south", 990)];

/// How often a patient caller makes a request.
const MAX_TRIES: u32 = 8;

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
enum Answered {
    Order(Box<Order>),
    Reservation(ReservationId),
    Nothing,
}

/// Everything a story needs: an engine whose calls are counted, and the world around it.
pub(super) struct Stage {
    plan: Arc<FaultPlan>,
    inner: Arc<dyn Store>,
    store: Arc<FaultStore>,
    provider: Arc<SimulatedGateway>,
    gateway: Arc<FaultGateway>,
    heard: Arc<RecordingPublisher>,
    publisher: FaultPublisher,
    clock: Arc<ManualClock>,
    engine: Engine,
    order: Option<OrderId>,
    reservation: Option<ReservationId>,
    answered: Vec<(usize, Step, Answered)>,
    trouble: Vec<String>,
}

impl Stage {
    pub(super) async fn new(inner: Arc<dyn Store>, plan: Arc<FaultPlan>) -> Self {
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
                let price = Money::from_minor(*minor, Currency::EUR);
                Product::new(
                    ProductId::new(product).unwrap(),
                    *product,
                    SellerId::new(seller).unwrap(),
                    price,
                )
            })
            .collect();
        let store = Arc::new(FaultStore::new(Arc::clone(&inner), Arc::clone(&plan)));
        let provider: Arc<SimulatedGateway> = Arc::default();
        let gateway = Arc::new(FaultGateway::new(provider.clone(), Arc::clone(&plan)));
        let heard: Arc<RecordingPublisher> = Arc::default();
        let publisher = FaultPublisher::new(heard.clone(), Arc::clone(&plan));
        let engine = Engine::builder(store.clone())
            .catalogue(Arc::new(catalogue))
            .payment_gateway(ProviderId::new("simulated").unwrap(), gateway.clone())
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
            gateway,
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
                        if story.has_one_end {
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
                self.gateway.deliver_late().await;
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

    async fn passes(&self) -> Result<()> {
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

    async fn step(&mut self, index: usize, step: Step, tries: u32) -> Result<Answered> {
        let request = |actor| {
            let key = IdempotencyKey::new(format!("key-{index}")).unwrap();
            Request::by(actor).idempotent(key, format!("{step:?}"))
        };
        let staff = || request(Actor::Staff(customer("staff")));
        let buyer = || request(Actor::Customer(customer("c-1")));
        let engine = self.engine.clone();
        match step {
            Step::Fill(product, quantity) => {
                // A cart is changed at the version that was seen: who repeats does not put in twice.
                let cart = engine.carts().get(&customer_cart("c-1")).await?;
                if cart.lines.iter().any(|line| line.product_id.as_str() == product) {
                    return Ok(Answered::Nothing);
                }
                let item =
                    AddItem { product_id: ProductId::new(product).unwrap(), quantity, seller_id: None };
                engine.carts().add_item(&customer_cart("c-1"), item, Some(cart.version)).await?;
                Ok(Answered::Nothing)
            }
            Step::Checkout(token) => self.place(None, tender(token, CaptureMode::Automatic), &buyer()).await,
            Step::OrderLater(token) => {
                self.place(Some(two_items()), tender(token, CaptureMode::Manual), &buyer()).await
            }
            Step::OrderCash => {
                let cash = Tender { method: PaymentMethod::Cod, token: None, ..card() };
                self.place(Some(two_items()), cash, &buyer()).await
            }
            Step::Pay(token) => {
                let tender = tender(token, CaptureMode::Automatic);
                answer(engine.payments().pay(self.id()?, tender, &buyer()).await)
            }
            Step::Act(approve) => self.act(approve, tries).await,
            Step::Refresh => {
                if let Some(payment) = self.payment().await {
                    engine.payments().refresh(payment).await?;
                }
                Ok(Answered::Nothing)
            }
            Step::Cancel => {
                answer(engine.orders().cancel(self.id()?, CancelOrder::default(), &buyer()).await)
            }
            Step::CancelOne => {
                let order = engine.orders().get(self.id()?, &Actor::Customer(customer("c-1"))).await?;
                let items = vec![Units { line_id: order.lines[0].id, quantity: 1 }];
                answer(engine.orders().cancel(order.id, CancelOrder { reason: None, items }, &buyer()).await)
            }
            Step::Reserve(units) => {
                let items = vec![Demand::new(None, ProductId::new("tea").unwrap(), units)];
                let wish = ReserveStock { customer_id: None, items, lifetime: None };
                let made = engine.inventory().reserve(wish, &staff()).await?.value;
                self.reservation = Some(made.id);
                Ok(Answered::Reservation(made.id))
            }
            Step::Confirm | Step::Release => self.end(step, &staff()).await,
            Step::Wait(minutes) => {
                self.clock.advance(Duration::minutes(minutes));
                Ok(Answered::Nothing)
            }
            Step::Passes => self.passes().await.map(|()| Answered::Nothing),
            Step::Capture(_)
            | Step::Void
            | Step::Record
            | Step::Refund(_)
            | Step::Process
            | Step::Ship
            | Step::Deliver => answer(self.work(step, &request(Actor::Staff(customer("staff")))).await),
        }
    }

    /// The customer does what the provider has asked for. While it has not, they wait.
    async fn act(&self, approve: bool, tries: u32) -> Result<Answered> {
        let payment = self.payment().await;
        if payment.is_some_and(|payment| !self.provider.complete(payment, approve)) && tries < MAX_TRIES {
            return Err(Error::conflict("nothing_to_do", "the provider has not asked for anything"));
        }
        Ok(Answered::Nothing)
    }

    /// What the staff does.
    async fn work(&self, step: Step, request: &Request) -> Result<Done<Order>> {
        let (orders, payments) = (self.engine.orders(), self.engine.payments());
        match step {
            Step::Capture(minor) => payments.capture(self.paid().await?, minor.map(euros), request).await,
            Step::Void => payments.void(self.paid().await?, request).await,
            Step::Record => payments.record(self.id()?, None, request).await,
            Step::Refund(minor) => {
                let target = RefundTarget::Order(self.id()?);
                payments.refund(target, minor.map(euros), None, request).await
            }
            Step::Process => orders.process(self.id()?, None, None, request).await,
            Step::Ship => {
                let all = ShipOrder { seller_id: None, items: Vec::new(), tracking: Tracking::default() };
                orders.ship(self.id()?, all, request).await
            }
            Step::Deliver => orders.deliver(self.id()?, None, request).await,
            Step::Fill(..)
            | Step::Checkout(_)
            | Step::OrderLater(_)
            | Step::OrderCash
            | Step::Pay(_)
            | Step::Act(_)
            | Step::Refresh
            | Step::Cancel
            | Step::CancelOne
            | Step::Reserve(_)
            | Step::Confirm
            | Step::Release
            | Step::Wait(_)
            | Step::Passes => Err(Error::Internal("this is not the staff's work")),
        }
    }

    async fn paid(&self) -> Result<crate::id::PaymentId> {
        self.payment().await.ok_or(Error::NotFound { what: "payment" })
    }

    async fn place(
        &mut self,
        items: Option<Vec<OrderItem>>,
        tender: Tender,
        request: &Request,
    ) -> Result<Answered> {
        let command = PlaceOrder {
            items,
            shipping_address: address(),
            tender,
            expected_total: None,
            coupons: Vec::new(),
            notes: None,
        };
        let done = self.engine.orders().place(command, request).await?;
        if self.order.is_some_and(|id| id != done.value.id) {
            self.trouble.push("one request placed two orders".to_owned());
        }
        self.order = Some(done.value.id);
        Ok(Answered::Order(Box::new(done.value)))
    }

    async fn end(&self, step: Step, request: &Request) -> Result<Answered> {
        let id = self.reservation.ok_or(Error::NotFound { what: "reservation" })?;
        let inventory = self.engine.inventory();
        let ended = if step == Step::Confirm {
            inventory.confirm(id, request).await?
        } else {
            inventory.release(id, request).await?
        };
        Ok(Answered::Reservation(ended.id))
    }

    fn id(&self) -> Result<OrderId> {
        self.order.ok_or(Error::NotFound { what: "order" })
    }

    /// The order's first payment, as the customer knows it: without a call.
    async fn payment(&self) -> Option<crate::id::PaymentId> {
        let order = self.inner.find_order(self.order?).await.unwrap()?;
        order.payments.first().map(|payment| payment.id)
    }
}

fn answer(done: Result<Done<Order>>) -> Result<Answered> {
    Ok(Answered::Order(Box::new(done?.value)))
}

fn tender(token: &str, capture: CaptureMode) -> Tender {
    Tender { token: Some(ProviderToken::new(token).unwrap()), capture, ..card() }
}

fn two_items() -> Vec<OrderItem> {
    let item = |product: &str, quantity| OrderItem {
        product_id: ProductId::new(product).unwrap(),
        quantity,
        price: None,
    };
    vec![item("tea", 1), item("coffee", 2)]
}

fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}
