//! Micro benchmarks: what a decision costs without a database. `cargo bench -p order-benches`.

#![expect(clippy::expect_used, reason = "a benchmark that can't be made must end, and nobody relies on it")]

use std::sync::Arc;

use divan::{Bencher, black_box};
use order_benches::{Shop, address, order_of, product, simulated};
use order_core::id::{CustomerId, IdSource, LineId, LocationId, SeededIds, SystemIds};
use order_core::inventory::{ReservationLine, StockKey};
use order_core::machine::Names as _;
use order_core::memory::MemoryStore;
use order_core::money::Currency;
use order_core::order::{
    Actor, Contact, Context, NewLine, NewOrder, NumberStrategy as _, ORDER_TABLE, Order, OrderMove,
    OrderPolicy, OrderStatus, RandomNumbers, Tender,
};
use order_core::pricing::{Basket, BasketLine, Pricing, Quote};
use order_core::store::WriteSet;
use order_core::time::{Clock as _, ManualClock, Timestamp};

/// The orders that are measured: a usual one, and the largest that is allowed.
const LINES: [usize; 2] = [3, 100];

fn main() {
    divan::main();
}

fn now() -> Timestamp {
    ManualClock::default().now()
}

/// What the services have of an order when they have asked the catalogue.
#[derive(Clone)]
struct Wanted {
    customer: CustomerId,
    location: LocationId,
    lines: Vec<NewLine>,
    tender: Tender,
}

impl Wanted {
    fn new(lines: usize) -> Self {
        let line = |index| {
            let product = product(index).expect("an id");
            NewLine {
                id: LineId::new(&SystemIds, now()),
                product_id: product.id,
                seller_id: product.seller_id,
                name: product.name,
                image: product.image,
                unit_price: product.price,
                quantity: 2,
            }
        };
        Self {
            customer: CustomerId::new("alice").expect("an id"),
            location: LocationId::new("main").expect("an id"),
            lines: (0..lines).map(line).collect(),
            tender: Tender::card(simulated().expect("an id"), None),
        }
    }

    fn basket(&self) -> Vec<BasketLine> {
        let line = |line: &NewLine| {
            let (product, seller) = (line.product_id.clone(), line.seller_id.clone());
            BasketLine::new(line.id, product, seller, line.unit_price, line.quantity)
        };
        self.lines.iter().map(line).collect()
    }

    /// Prices it, decides, and makes the write-set of it: everything between reading and committing.
    fn decide(self, pricing: &Pricing, policy: &OrderPolicy, ids: &dyn IdSource) -> (WriteSet, Order) {
        let context = Context::new(now(), ids, Actor::Customer(self.customer.clone()), None);
        let quote = pricing.quote(&Basket::new(Currency::EUR, &self.basket())).expect("a price");
        let hold = |line: &NewLine| {
            let key = StockKey::new(line.product_id.clone(), self.location.clone());
            ReservationLine::new(Some(line.id), key, line.quantity)
        };
        let new = NewOrder {
            number: RandomNumbers.next(ids, context.now).expect("a number"),
            contact: Contact::default(),
            cart_id: None,
            held: self.lines.iter().map(hold).collect(),
            customer_id: self.customer,
            lines: self.lines,
            quote,
            shipping_address: address(),
            tender: self.tender,
            coupons: Vec::new(),
            notes: None,
        };
        new.place(policy, &context).expect("an order").into_write_set()
    }
}

/// Pricing a basket, without discounts, shipping and tax.
#[divan::bench(args = LINES)]
fn quote(bencher: Bencher<'_, '_>, lines: usize) {
    let (pricing, basket) = (Pricing::default(), Wanted::new(lines).basket());
    bencher.bench_local(|| -> Quote {
        pricing.quote(black_box(&Basket::new(Currency::EUR, &basket))).expect("a price")
    });
}

/// One look into the order's status table.
#[divan::bench]
fn transition() -> Option<OrderStatus> {
    ORDER_TABLE.next(black_box(OrderStatus::Shipped), black_box(OrderMove::Deliver))
}

/// Every look into the order's status table, legal or not.
#[divan::bench]
fn transitions() -> usize {
    let moves = |from: &OrderStatus| {
        let next = |event: &&OrderMove| ORDER_TABLE.next(black_box(*from), black_box(**event)).is_some();
        OrderMove::ALL.iter().filter(next).count()
    };
    OrderStatus::ALL.iter().map(moves).sum()
}

/// One new id, from the operating system's randomness.
#[divan::bench]
fn id() -> LineId {
    LineId::new(&SystemIds, now())
}

/// Pricing, deciding and the write-set of an order that is paid by card. Its six ids are counted, not drawn: [`id`] says what
/// the operating system takes for each of them.
#[divan::bench(args = LINES, sample_size = 20)]
fn decide(bencher: Bencher<'_, '_>, lines: usize) {
    decide_with(bencher, lines, &SeededIds::new(1));
}

/// The same with the ids of production.
#[divan::bench(args = LINES, sample_size = 20)]
fn decide_with_system_ids(bencher: Bencher<'_, '_>, lines: usize) {
    decide_with(bencher, lines, &SystemIds);
}

fn decide_with(bencher: Bencher<'_, '_>, lines: usize, ids: &dyn IdSource) {
    let (pricing, policy, wanted) = (Pricing::default(), OrderPolicy::default(), Wanted::new(lines));
    bencher.with_inputs(|| wanted.clone()).bench_local_values(|wanted| wanted.decide(&pricing, &policy, ids));
}

/// Placing an order, from the request to the commit, on the store in memory.
#[divan::bench(args = LINES, sample_size = 20)]
fn place_in_memory(bencher: Bencher<'_, '_>, lines: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let customer = CustomerId::new("alice").expect("an id");
    let opened = Shop::open(Arc::new(MemoryStore::default()), lines, u32::MAX);
    let shop = runtime.block_on(opened).expect("a shop");
    let products: Vec<usize> = (0..lines).collect();
    let request = order_core::service::Request::by(Actor::Customer(customer));
    bencher.with_inputs(|| order_of(&products).expect("an order")).bench_local_values(|order| {
        runtime.block_on(shop.engine().orders().place(order, &request)).expect("an order")
    });
}
