//! A shop in one currency, with a provider whose books can be read.

use std::sync::Arc;

use order_core::Engine;
use order_core::address::Address;
use order_core::gateway::{Instruction, PaymentGateway, Product, ProviderBooks};
use order_core::id::{
    CustomerId, LocationId, OperationId, OrderId, PaymentId, ProductId, ProviderId, SeededIds, SellerId,
};
use order_core::memory::{MemoryCatalogue, MemoryStore, SimulatedAccount, SimulatedGateway};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Order, Tender};
use order_core::payment::{CaptureMode, PaymentMethod, ProviderToken};
use order_core::reconciliation::Difference;
use order_core::service::{OrderItem, PlaceOrder, ReconcileBooks, ReconciliationPage, Request};
use order_core::store::{OrderFilter, PageRequest, SortOrder};
use order_core::time::{Clock as _, Duration, ManualClock};

pub(crate) struct Shop {
    pub(crate) engine: Engine,
    pub(crate) provider: Arc<SimulatedGateway>,
    pub(crate) clock: Arc<ManualClock>,
}

/// Everything that a reconciliation has told, over all its pages.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) compared: u32,
    pub(crate) in_flight: u32,
    pub(crate) differences: Vec<Difference>,
    pub(crate) repaired: Vec<Difference>,
    pub(crate) failed: usize,
    pub(crate) pages: u32,
}

pub(crate) fn staff() -> Request {
    Request::by(Actor::Staff(CustomerId::new("boss").unwrap())).correlated("check-1")
}

pub(crate) fn simulated() -> ProviderId {
    ProviderId::new("simulated").unwrap()
}

pub(crate) fn card(token: &str, capture: CaptureMode) -> Tender {
    let token = Some(ProviderToken::new(token).unwrap());
    Tender { method: PaymentMethod::Card, provider: simulated(), token, capture, amount: None }
}

impl Shop {
    pub(crate) async fn open(currency: Currency) -> Self {
        let provider = Arc::new(SimulatedGateway::default());
        Self::with(currency, provider.clone(), provider.clone(), provider).await
    }

    /// A shop that speaks to its provider, or reads its books, through something else.
    pub(crate) async fn with(
        currency: Currency,
        provider: Arc<SimulatedGateway>,
        gateway: Arc<dyn PaymentGateway>,
        books: Arc<dyn ProviderBooks>,
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let tea = ProductId::new("tea").unwrap();
        let price = Money::from_minor(1_230, currency);
        let product = Product::new(tea.clone(), "Tea", SellerId::new("north").unwrap(), price);
        let engine = Engine::builder(Arc::new(MemoryStore::default()))
            .catalogue(Arc::new(MemoryCatalogue::from_iter([product])))
            .payment_gateway(simulated(), gateway)
            .provider_books(simulated(), books)
            .clock(clock.clone())
            .ids(Arc::new(SeededIds::new(5)))
            .build()
            .unwrap();
        engine
            .inventory()
            .set(tea, LocationId::new("main").unwrap(), 1_000, None, &Request::by(Actor::Engine))
            .await
            .unwrap();
        Self { engine, provider, clock }
    }

    /// A customer orders two pounds of tea.
    pub(crate) async fn buy(&self, token: &str, capture: CaptureMode) -> Order {
        let tender = card(token, capture);
        let address = Address {
            line1: "12 Harbour Street".to_owned(),
            line2: None,
            city: "Cork".to_owned(),
            state: None,
            postal_code: "T12 X70A".to_owned(),
            country: "IE".to_owned(),
            contact_name: None,
            contact_phone: None,
        };
        let item = OrderItem { product_id: ProductId::new("tea").unwrap(), quantity: 2, price: None };
        let wish = PlaceOrder { items: Some(vec![item]), ..PlaceOrder::from_cart(address, tender) };
        let ann = Request::by(Actor::Customer(CustomerId::new("ann").unwrap()));
        self.clock.advance(Duration::seconds(1));
        self.engine.orders().place(wish, &ann).await.unwrap().value
    }

    pub(crate) async fn order(&self, id: OrderId) -> Order {
        self.engine.orders().get(id, &Actor::Engine).await.unwrap()
    }

    /// Every order, oldest first.
    pub(crate) async fn orders(&self) -> Vec<Order> {
        let page = PageRequest::first(100).sorted(SortOrder::OldestFirst);
        let page = self.engine.orders().list(&OrderFilter::default(), page, &Actor::Engine).await.unwrap();
        page.items.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    pub(crate) fn account(&self, payment: PaymentId) -> Option<SimulatedAccount> {
        self.provider.books().into_iter().find(|account| account.payment_id == payment)
    }

    /// The last ten days, so many at a time.
    pub(crate) fn window(&self, limit: u32) -> ReconcileBooks {
        let to = self.clock.now();
        ReconcileBooks { provider: simulated(), from: to - Duration::days(10), to, cursor: None, limit }
    }

    async fn all_pages(&self, repairs: bool) -> Told {
        let mut told = Told::default();
        let mut window = self.window(3);
        // Longer than any life here takes.
        window.from = window.to - Duration::days(60);
        loop {
            let reconciliation = self.engine.reconciliation();
            let page: ReconciliationPage = if repairs {
                reconciliation.repair(&window, &staff()).await.unwrap()
            } else {
                reconciliation.compare(&window, &staff().actor).await.unwrap()
            };
            told.compared += page.compared;
            told.in_flight += page.in_flight;
            told.failed += page.failed.len();
            told.differences.extend(page.differences);
            told.repaired.extend(page.repaired);
            told.pages += 1;
            assert!(told.pages < 1_000, "it has no end");
            let Some(next) = page.next else { return told };
            // A cursor is a text for whoever goes on later.
            window.cursor = Some(next.to_string().parse().unwrap());
        }
    }

    pub(crate) async fn compare(&self) -> Told {
        self.all_pages(false).await
    }

    pub(crate) async fn repair(&self) -> Told {
        self.all_pages(true).await
    }

    /// Time passes, and the passes run now and then.
    pub(crate) async fn wait(&self, time: Duration) {
        for _ in 0..12 {
            self.clock.advance(time / 12);
            let report = self.engine.passes().advance(100).await.unwrap();
            assert_eq!(report.failed, 0, "{:?}", self.engine.passes().setbacks());
        }
    }

    /// The provider is told something for an order that was never stored.
    pub(crate) async fn lose_an_order(&self, capture: CaptureMode) -> PaymentId {
        let like = self.buy("sim_approve", capture).await;
        let payment = &like.payments[0];
        let mut instruction = Instruction::new(&like, payment, &payment.operations[0]);
        let id = |ids: &Engine| ids.ids().next(self.clock.now());
        instruction.payment_id = PaymentId::from_uuid(id(&self.engine));
        instruction.order_id = OrderId::from_uuid(id(&self.engine));
        instruction.key = OperationId::from_uuid(id(&self.engine));
        instruction.first_key = instruction.key;
        instruction.reference = None;
        self.provider.execute(&instruction).await.unwrap();
        instruction.payment_id
    }
}
