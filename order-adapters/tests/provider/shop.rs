//! An engine on a provider's stand-in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use order_core::Engine;
use order_core::conformance::sample::{address, customer};
use order_core::gateway::{Delivery, Product};
use order_core::id::{LocationId, PaymentId, ProductId, SellerId};
use order_core::inbox::InboxStatus;
use order_core::memory::{MemoryCatalogue, MemoryStore};
use order_core::money::{Currency, Money};
use order_core::order::{Actor, Order, Tender};
use order_core::payment::{CaptureMode, DisputeStatus, Payment, PaymentMethod};
use order_core::service::{
    NoticeReceipt, OrderItem, PlaceOrder, ReconcileBooks, ReconciliationPage, Request,
};
use order_core::time::{Clock as _, Duration, ManualClock};

use super::{Provider, provider, token};

/// A shop that sells tea, and hears of its payments only what is delivered to it.
pub(crate) struct Shop<P: Provider> {
    pub(crate) stand_in: P,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    delivered: AtomicUsize,
}

impl<P: Provider> Shop<P> {
    pub(crate) async fn open(currency: Currency) -> Self {
        let clock: Arc<ManualClock> = Arc::default();
        let stand_in = P::start(clock.clone()).await.unwrap();
        let gateway = Arc::new(P::build(stand_in.builder(clock.clone())));
        let tea = ProductId::new("tea").unwrap();
        let price = Money::from_minor(1_230, currency);
        let product = Product::new(tea.clone(), "Tea", SellerId::new("north").unwrap(), price);
        let engine = Engine::builder(Arc::new(MemoryStore::default()))
            .catalogue(Arc::new(MemoryCatalogue::from_iter([product])))
            .payment_gateway(provider::<P>(), gateway.clone())
            .provider_books(provider::<P>(), gateway)
            .notice_reader(provider::<P>(), stand_in.reader())
            .clock(clock.clone())
            .build()
            .unwrap();
        let shelf = LocationId::new("main").unwrap();
        engine.inventory().set(tea, shelf, 100, None, &Request::by(Actor::Engine)).await.unwrap();
        Self { stand_in, engine, clock, delivered: AtomicUsize::new(0) }
    }

    /// An order of two pieces, which costs 24.60.
    pub(crate) async fn buy(&self, capture: CaptureMode) -> Order {
        let method = PaymentMethod::Card;
        let token = Some(token(P::APPROVED));
        let tender = Tender { method, provider: provider::<P>(), token, capture, amount: None };
        let item = OrderItem { product_id: ProductId::new("tea").unwrap(), quantity: 2, price: None };
        let wish = PlaceOrder { items: Some(vec![item]), ..PlaceOrder::from_cart(address(), tender) };
        self.clock.advance(Duration::seconds(1));
        let ann = Request::by(Actor::Customer(customer("ann")));
        self.engine.orders().place(wish, &ann).await.unwrap().value
    }

    /// The payment of an order, as it is stored.
    pub(crate) async fn payment(&self, order: &Order) -> Payment {
        let id = order.payments[0].id;
        let order = self.engine.store().find_order_by_payment(id).await.unwrap().unwrap();
        order.payment(id).unwrap().clone()
    }

    /// The webhooks that have not been delivered yet are received. Nobody attends to them.
    pub(crate) async fn receive(&self) -> Vec<NoticeReceipt> {
        let letters = self.stand_in.letters(self.delivered.load(Ordering::Relaxed));
        self.delivered.fetch_add(letters.len(), Ordering::Relaxed);
        let mut receipts = Vec::new();
        for letter in &letters {
            let (headers, body) = (&letter.headers, letter.body.as_bytes());
            let delivery = Delivery { headers, body, received_at: self.clock.now() };
            receipts.push(self.engine.webhooks().receive(&provider::<P>(), &delivery).await.unwrap());
        }
        receipts
    }

    /// They are received, and attended to at once. Gives how many.
    pub(crate) async fn deliver(&self) -> usize {
        let receipts = self.receive().await;
        for receipt in &receipts {
            let status = self.engine.webhooks().attend(receipt).await.unwrap();
            assert_eq!(status, Some(InboxStatus::Attended), "{receipt:?}");
        }
        receipts.len()
    }

    /// Every page of a repair of the last days, so many payments at a time.
    pub(crate) async fn repair(&self) -> Vec<ReconciliationPage> {
        let to = self.clock.now();
        let from = to - Duration::days(3);
        let mut window = ReconcileBooks { provider: provider::<P>(), from, to, cursor: None, limit: 2 };
        let mut pages = Vec::new();
        loop {
            let staff = Request::by(Actor::Staff(customer("boss")));
            let page = self.engine.reconciliation().repair(&window, &staff).await.unwrap();
            window.cursor.clone_from(&page.next);
            pages.push(page);
            if window.cursor.is_none() {
                return pages;
            }
        }
    }
}

/// What is known of the disputes of a payment: each with its amount and status.
pub(crate) fn recorded(payment: &Payment) -> Vec<(&str, i64, DisputeStatus)> {
    let disputes = payment.reported.iter().flat_map(|report| &report.disputes);
    disputes.map(|dispute| (dispute.reference.as_str(), dispute.amount.minor(), dispute.status)).collect()
}

/// What the provider's books call an order's payment.
pub(crate) fn id_of(order: &Order) -> PaymentId {
    order.payments[0].id
}
