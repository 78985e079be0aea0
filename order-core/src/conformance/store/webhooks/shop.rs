use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::conformance::Subject;
use crate::conformance::sample::{Sampler, address, card, customer};
use crate::gateway::{BooksPage, BooksWindow, GatewayError, PaymentRef, Product, ProviderBooks};
use crate::id::{OrderId, PaymentId, ProductId, ProviderId, SeededIds, SellerId};
use crate::inbox::{InboxEntry, InboxStatus};
use crate::memory::{MemoryCatalogue, SimulatedDelivery, SimulatedGateway, SimulatedWebhooks};
use crate::money::{Currency, Money};
use crate::order::{Actor, EventRecord, Order, Tender};
use crate::payment::{DisputeStatus, PaymentReport, ProviderToken};
use crate::service::{Engine, OrderItem, PlaceOrder, Request};
use crate::time::{Clock as _, Duration, ManualClock};

pub(super) const SECRET: &str = "sim_secret";

/// A shop on the store of a case, and its provider.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    pub(super) subject: Subject,
    pub(super) engine: Engine,
    pub(super) provider: Arc<SimulatedGateway>,
    pub(super) books: Arc<Books>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) samples: Arc<Sampler>,
}

/// The provider's books, which may be out of reach.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) provider: Arc<SimulatedGateway>,
    pub(super) is_away: AtomicBool,
}

#[async_trait]
impl ProviderBooks for Books {
    async fn report(&self, payment: &PaymentRef) -> Result<Option<PaymentReport>, GatewayError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(GatewayError::NotSent { service: "the books", source: Some("no route\0".into()) });
        }
        self.provider.report(payment).await
    }

    async fn list(&self, window: &BooksWindow, cursor: Option<&str>) -> Result<BooksPage, GatewayError> {
        self.provider.list(window, cursor).await
    }
}

pub(super) fn simulated() -> ProviderId {
    ProviderId::new("simulated").unwrap()
}

impl Shop {
    pub(super) async fn open(subject: Subject, seed: u64, has_books: bool) -> Self {
        let samples = Sampler::new(seed);
        subject.apply(&samples.receive(&[("tea", 1_000)])).await;
        let webhooks = SimulatedWebhooks::new(simulated(), [SECRET]).unwrap();
        let provider = Arc::new(SimulatedGateway::with_webhooks(webhooks.clone()));
        let books = Arc::new(Books { provider: provider.clone(), is_away: AtomicBool::new(false) });
        let clock = Arc::new(ManualClock::starting_at(samples.now()));
        let price = Money::from_minor(1_250, Currency::EUR);
        let tea = Product::new(ProductId::new("tea").unwrap(), "Tea", SellerId::new("north").unwrap(), price);
        let mut builder = Engine::builder(subject.store.clone())
            .catalogue(Arc::new(MemoryCatalogue::from_iter([tea])))
            .payment_gateway(simulated(), provider.clone())
            .notice_reader(simulated(), Arc::new(webhooks))
            .clock(clock.clone())
            .ids(Arc::new(SeededIds::new(seed)));
        if has_books {
            builder = builder.provider_books(simulated(), books.clone());
        }
        let engine = builder.build().unwrap();
        Self { subject, engine, provider, books, clock, samples: Arc::new(samples) }
    }

    /// Places an order of two units; what the provider tells of it meanwhile is thrown away.
    pub(super) async fn place(&self, token: &str) -> Order {
        let order = self.order_two(token).await;
        drop(self.sent());
        order
    }

    pub(super) async fn order_two(&self, token: &str) -> Order {
        let buyer = customer("c-1");
        let items = vec![OrderItem { product_id: ProductId::new("tea").unwrap(), quantity: 2, price: None }];
        let command = PlaceOrder {
            items: Some(items),
            shipping_address: address(),
            tender: Tender { token: ProviderToken::new(token).ok(), ..card() },
            expected_total: None,
            coupons: Vec::new(),
            notes: None,
        };
        self.engine.orders().place(command, &Request::by(Actor::Customer(buyer))).await.unwrap().value
    }

    /// What the provider sends now.
    pub(super) fn sent(&self) -> Vec<SimulatedDelivery> {
        self.provider.take_webhooks(self.clock.now())
    }

    /// A webhook arrives, and whoever receives it attends to it.
    pub(super) async fn deliver(&self, delivery: &SimulatedDelivery) -> Option<InboxStatus> {
        let webhooks = self.engine.webhooks();
        let receipt = webhooks.receive(&simulated(), &delivery.arriving(self.clock.now())).await.unwrap();
        webhooks.attend(&receipt).await.unwrap()
    }

    pub(super) async fn order(&self, id: OrderId) -> Order {
        self.subject.store.find_order(id).await.unwrap().unwrap()
    }

    pub(super) async fn inbox(&self) -> Vec<InboxEntry> {
        let staff = Actor::Staff(customer("staff"));
        self.engine.webhooks().list(None, None, 100, &staff).await.unwrap().items
    }

    /// The events in the outbox.
    pub(super) async fn waiting(&self) -> Vec<EventRecord> {
        let now = self.clock.now();
        let claimed = self.subject.store.claim_outbox(now, now + Duration::seconds(1), 100).await.unwrap();
        claimed.into_iter().map(|message| message.record).collect()
    }

    /// A round of the pass, so much later.
    pub(super) async fn attend_after(&self, wait: Duration) -> (u32, u32) {
        self.clock.advance(wait);
        let report = self.engine.passes().attend(100).await.unwrap();
        (report.done, report.failed)
    }
}

pub(super) fn disputes(order: &Order) -> Vec<DisputeStatus> {
    let reported = order.payments[0].reported.iter();
    reported.flat_map(|report| &report.disputes).map(|dispute| dispute.status).collect()
}

pub(super) fn payment(order: &Order) -> PaymentId {
    order.payments[0].id
}
