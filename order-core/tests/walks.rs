//! Random walks through an order's life: whatever is asked for, and whatever providers answer, the tables are followed, the books
//! add up, the history folds to the state, and the money ends where it belongs.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by it"
)]

use std::collections::BTreeMap;

use order_core::address::Address;
use order_core::fulfilment::{ShippedItem, Tracking};
use order_core::id::{
    CustomerId, LineId, LocationId, OrderNumber, ProductId, ProviderId, SeededIds, SellerId,
};
use order_core::inventory::{ReservationLine, ReservationStatus, StockKey, StockLevel};
use order_core::machine::Names as _;
use order_core::money::{BasisPoints, Currency, Money};
use order_core::order::{
    self, Actor, Contact, Context, Draft, EventRecord, NewLine, NewOrder, ORDER_TABLE, Order, OrderEvent,
    OrderMove, OrderPolicy, OrderStatus, Tender,
};
use order_core::payment::{
    Answer, CaptureMode, Decline, Operation, OperationKind, OperationStatus, PaymentAction, PaymentMethod,
};
use order_core::pricing::{Basket, BasketLine, Coupons, FlatShipping, FlatTax, Pricing};
use order_core::time::{Clock as _, Duration, ManualClock};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Command {
    Answer(usize, u8),
    Cancel,
    CancelUnits(usize, u32),
    Refund(Option<i64>),
    Capture(Option<i64>),
    Void,
    PayAgain(bool),
    Record,
    Process(Option<usize>),
    Ship(Option<usize>, u32),
    Deliver(Option<usize>),
    Wait(i64),
    Expire,
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (0_usize..6, 0_u8..7).prop_map(|(index, said)| Command::Answer(index, said)),
        1 => Just(Command::Cancel),
        2 => (0_usize..4, 1_u32..4).prop_map(|(line, units)| Command::CancelUnits(line, units)),
        2 => prop::option::of(1_i64..3000).prop_map(Command::Refund),
        1 => prop::option::of(1_i64..3000).prop_map(Command::Capture),
        1 => Just(Command::Void),
        1 => any::<bool>().prop_map(Command::PayAgain),
        1 => Just(Command::Record),
        2 => prop::option::of(0_usize..3).prop_map(Command::Process),
        2 => (prop::option::of(0_usize..3), 0_u32..3).prop_map(|(seller, units)| Command::Ship(seller, units)),
        2 => prop::option::of(0_usize..3).prop_map(Command::Deliver),
        1 => (1_i64..4000).prop_map(Command::Wait),
        1 => Just(Command::Expire),
    ]
}

struct World {
    clock: ManualClock,
    ids: SeededIds,
    policy: OrderPolicy,
    order: Order,
    history: Vec<EventRecord>,
    stock: BTreeMap<StockKey, StockLevel>,
}

const ON_HAND: i64 = 1_000;

fn new_lines(currency: Currency, lines: &[(i64, u32, u8)], ids: &SeededIds) -> Vec<NewLine> {
    let now = ManualClock::default().now();
    lines
        .iter()
        .enumerate()
        .map(|(index, (price, quantity, seller))| NewLine {
            id: LineId::new(ids, now),
            product_id: ProductId::new(format!("product-{index}")).unwrap(),
            seller_id: SellerId::new(format!("seller-{seller}")).unwrap(),
            name: format!("Product {index}"),
            image: None,
            unit_price: Money::from_minor(*price, currency),
            quantity: *quantity,
        })
        .collect()
}

fn key(product: &ProductId) -> StockKey {
    StockKey::new(product.clone(), LocationId::new("main").unwrap())
}

fn new_order(currency: Currency, lines: Vec<NewLine>, tender: Tender) -> NewOrder {
    let basket: Vec<_> = lines
        .iter()
        .map(|line| {
            let (product, seller) = (line.product_id.clone(), line.seller_id.clone());
            BasketLine::new(line.id, product, seller, line.unit_price, line.quantity)
        })
        .collect();
    let coupons = ["TEN".parse().unwrap()];
    let quote = Pricing::default()
        .with_discount(Coupons::new().percent("TEN".parse().unwrap(), BasisPoints::new(1_000)))
        .with_shipping(FlatShipping::new(Money::from_minor(499, currency)))
        .with_tax(FlatTax::on_top(BasisPoints::new(1_900)))
        .quote(&Basket::new(currency, &basket).with_coupons(&coupons))
        .unwrap();
    let held =
        lines.iter().map(|line| ReservationLine::new(Some(line.id), key(&line.product_id), line.quantity));
    NewOrder {
        number: OrderNumber::new("1").unwrap(),
        customer_id: CustomerId::new("ada").unwrap(),
        contact: Contact::default(),
        cart_id: None,
        held: held.collect(),
        quote,
        shipping_address: Address {
            line1: "1 Main Street".into(),
            line2: None,
            city: "Berlin".into(),
            state: None,
            postal_code: "10115".into(),
            country: "DE".into(),
            contact_name: None,
            contact_phone: None,
        },
        tender,
        coupons: coupons.to_vec(),
        notes: None,
        lines,
    }
}

impl World {
    fn place(currency: Currency, lines: &[(i64, u32, u8)], tender: Tender) -> Self {
        let (clock, ids) = (ManualClock::default(), SeededIds::new(7));
        let lines = new_lines(currency, lines, &ids);
        let stock = lines.iter().map(|line| key(&line.product_id));
        let stock = stock.map(|key| (key.clone(), StockLevel::new(key, ON_HAND, 0, 0))).collect();
        let policy = OrderPolicy::default();
        let context = Context::new(clock.now(), &ids, Actor::Engine, None);
        let draft = new_order(currency, lines, tender).place(&policy, &context).unwrap();
        let order = draft.order().clone();
        let mut world = Self { clock, ids: SeededIds::new(8), policy, order, history: Vec::new(), stock };
        world.commit(draft);
        world
    }

    fn commit(&mut self, draft: Draft) {
        let (set, order) = draft.into_write_set();
        for (key, change) in &set.stock {
            let level = self.stock.get_mut(key).unwrap();
            *level = level.after(change).expect("the stock has every unit that is asked for");
        }
        self.history.extend(set.events);
        self.order = order;
        self.check();
    }

    /// What must hold after every commit.
    fn check(&self) {
        let order = &self.order;
        assert_eq!(Order::fold(&self.history).unwrap(), *order, "the history folds to the state");
        let stored = serde_json::to_string(&(order, self.history.last())).unwrap();
        assert!(!stored.contains(":null"), "what there is none of is left out: {stored}");
        let read: (Order, Option<EventRecord>) = serde_json::from_str(&stored).unwrap();
        assert_eq!((&read.0, read.1.as_ref()), (order, self.history.last()));
        let is_sent_again = matches!(self.history.last().unwrap().event, OrderEvent::OperationResent { .. });
        assert!(is_sent_again || self.is_settled(), "something follows that was not done: {order:#?}");
        assert!(order::totals_add_up(order).unwrap());
        assert!(order.refundable().unwrap().minor() >= 0);
        assert!(order.refunded().unwrap().minor() <= order.captured().unwrap().minor());
        let mut status = OrderStatus::Pending;
        for record in &self.history {
            if let OrderEvent::Moved { by, .. } = record.event {
                status = ORDER_TABLE.next(status, by).expect("the history follows the table");
            }
        }
        assert_eq!(status, order.status);
        let hold = order.hold.as_ref().unwrap();
        for (key, level) in &self.stock {
            let units: u32 =
                hold.lines.iter().filter(|line| line.key == *key).map(|line| line.quantity).sum();
            let (reserved, sold) = match hold.status {
                ReservationStatus::Active => (i64::from(units), 0),
                ReservationStatus::Confirmed => (0, i64::from(units)),
                ReservationStatus::Expired | ReservationStatus::Cancelled => (0, 0),
            };
            assert_eq!((level.reserved, level.sold), (reserved, sold), "{key:?} of {order:#?}");
            assert_eq!(level.on_hand + level.sold, ON_HAND);
        }
    }

    /// Whether everything is done that follows from what happened.
    fn is_settled(&self) -> bool {
        let context = Context::new(self.clock.now(), &self.ids, Actor::Engine, None);
        let mut draft = Draft::change(self.order.clone(), &context);
        order::settle(&mut draft, &self.policy, &context).unwrap();
        draft.is_empty()
    }

    fn decide(
        &mut self,
        decide: impl FnOnce(&mut Draft, &OrderPolicy, &Context<'_>) -> order_core::Result<()>,
    ) -> bool {
        let context = Context::new(self.clock.now(), &self.ids, Actor::Engine, None);
        let mut draft = Draft::change(self.order.clone(), &context);
        let done = decide(&mut draft, &self.policy, &context);
        if let Err(order_core::Error::Internal(message)) = &done {
            panic!("{message}");
        }
        let is_done = done.is_ok() && !draft.is_empty();
        if is_done {
            self.commit(draft);
        }
        is_done
    }

    fn operations(&self) -> Vec<Operation> {
        self.order.payments.iter().flat_map(|payment| payment.operations.clone()).collect()
    }

    fn answer(&mut self, index: usize, said: u8) {
        let operations = self.operations();
        let Some(operation) = operations.get(index % operations.len().max(1)) else { return };
        let first = matches!(operation.kind, OperationKind::Charge | OperationKind::Authorise);
        let answer = match said {
            0 | 1 => Answer::Succeeded { amount: operation.amount, reference: None },
            2 => Answer::Declined(Decline::new("no", "No")),
            4 => Answer::Absent,
            6 if first => Answer::Approved,
            5 if first => Answer::ActionRequired {
                action: PaymentAction::Redirect { url: "/".into() },
                reference: None,
            },
            _ => Answer::Unknown,
        };
        if matches!(answer, Answer::Succeeded { .. }) && !self.can_succeed(operation) {
            return;
        }
        let id = operation.id;
        self.decide(|draft, policy, context| order::answer(draft, id, answer, policy, context));
    }

    /// A provider does not do what it cannot: give back more than it has, void what it has captured.
    fn can_succeed(&self, operation: &Operation) -> bool {
        let (payment, _) = self.order.operation(operation.id).unwrap();
        let within = |done: Money, most: Money| done.minor() + operation.amount.minor() <= most.minor();
        match operation.kind {
            OperationKind::Charge | OperationKind::Authorise => !payment.is_voided(),
            OperationKind::Capture => !payment.is_voided() && within(payment.captured, payment.authorised),
            OperationKind::Void => payment.captured.is_zero() || payment.authorised != payment.captured,
            OperationKind::Refund => within(payment.refunded, payment.captured),
        }
    }

    fn nth_seller(&self, index: Option<usize>) -> Option<SellerId> {
        index.map(|index| self.order.sellers[index % self.order.sellers.len()].seller_id.clone())
    }

    fn run(&mut self, command: &Command) {
        let currency = self.order.currency;
        let money = |minor: Option<i64>| minor.map(|minor| Money::from_minor(minor, currency));
        let payment = self.order.payments.first().map(|payment| payment.id);
        match command {
            Command::Answer(index, said) => self.answer(*index, *said),
            Command::Cancel => {
                self.decide(|draft, policy, context| order::cancel(draft, None, &[], policy, context));
            }
            Command::CancelUnits(index, quantity) => {
                let line_id = self.order.lines[index % self.order.lines.len()].id;
                let units = [ShippedItem { line_id, quantity: *quantity }];
                self.decide(|draft, policy, context| order::cancel(draft, None, &units, policy, context));
            }
            Command::Refund(amount) => {
                let amount = money(*amount);
                self.decide(|draft, policy, context| {
                    order::refund(draft, None, amount, None, policy, context)
                });
            }
            Command::Capture(amount) => {
                let (amount, Some(id)) = (money(*amount), payment) else { return };
                self.decide(|draft, policy, context| {
                    order::capture(draft, id, amount, None, policy, context)
                });
            }
            Command::Void => {
                let Some(id) = payment else { return };
                self.decide(|draft, policy, context| order::void(draft, id, None, policy, context));
            }
            Command::PayAgain(manual) => {
                let tender = tender(PaymentMethod::Card, *manual);
                self.decide(|draft, policy, context| order::pay(draft, &tender, policy, context).map(drop));
            }
            Command::Record => {
                self.decide(|draft, policy, context| order::record_payment(draft, None, policy, context));
            }
            Command::Process(index) => {
                let seller = self.nth_seller(*index);
                self.decide(|draft, policy, context| {
                    order::process(draft, seller.as_ref(), None, policy, context)
                });
            }
            Command::Ship(index, units) => self.ship_some(*index, *units),
            Command::Deliver(index) => {
                let seller = self.nth_seller(*index);
                self.decide(|draft, policy, context| order::deliver(draft, seller.as_ref(), policy, context));
            }
            Command::Wait(seconds) => self.clock.advance(Duration::seconds(*seconds)),
            Command::Expire => {
                self.decide(order::expire);
            }
        }
    }

    fn ship_some(&mut self, index: Option<usize>, quantity: u32) {
        let seller = self.nth_seller(index);
        let line =
            self.order.lines.iter().find(|line| seller.as_ref().is_none_or(|id| line.seller_id == *id));
        let units: Vec<_> = line
            .filter(|_| quantity > 0)
            .map(|line| ShippedItem { line_id: line.id, quantity })
            .into_iter()
            .collect();
        self.decide(|draft, policy, context| {
            order::ship(draft, seller.as_ref(), &units, &Tracking::default(), policy, context)
        });
    }

    /// Every provider answers, and refused refunds are tried again, until nothing is open.
    fn drain(&mut self) {
        for _ in 0..400 {
            self.clock.advance(Duration::hours(7));
            let operations = self.operations();
            let is_waiting = |operation: &&Operation| operation.status == OperationStatus::AwaitingCustomer;
            let open = operations.iter().find(|operation| operation.is_live() && !is_waiting(operation));
            let moved = if let Some(operation) = open {
                let answer = if self.can_succeed(operation) {
                    Answer::Succeeded { amount: operation.amount, reference: None }
                } else {
                    Answer::Declined(Decline::new("impossible", "Impossible"))
                };
                self.decide(|draft, policy, context| {
                    order::answer(draft, operation.id, answer, policy, context)
                })
            } else if let Some(operation) = operations.iter().find(is_waiting) {
                let answer = Answer::Declined(Decline::new("given_up", "Given up"));
                self.decide(|draft, policy, context| {
                    order::answer(draft, operation.id, answer, policy, context)
                })
            } else {
                self.decide(order::settle) || self.decide(order::expire)
            };
            if !moved {
                return;
            }
        }
        panic!("the order does not come to rest: {:#?}", self.order);
    }
}

fn tender(method: PaymentMethod, manual: bool) -> Tender {
    Tender {
        method,
        provider: ProviderId::new("simulated").unwrap(),
        token: None,
        capture: if manual { CaptureMode::Manual } else { CaptureMode::Automatic },
        amount: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_happens_the_books_add_up(
        currency in prop::sample::select(vec![Currency::EUR, Currency::JPY, Currency::KWD]),
        lines in prop::collection::vec((1_i64..5_000, 1_u32..6, 0_u8..3), 1..5),
        cod in prop::bool::weighted(0.15),
        manual in prop::bool::weighted(0.3),
        commands in prop::collection::vec(command(), 0..40),
    ) {
        let method = if cod { PaymentMethod::Cod } else { PaymentMethod::Card };
        let mut world = World::place(currency, &lines, tender(method, manual));
        for command in &commands {
            world.run(command);
        }
        world.drain();
        let order = &world.order;
        let net = order.captured().unwrap().minus(order.refunded().unwrap()).unwrap();
        prop_assert!(net.minor() <= order.payable().unwrap().minor(), "nothing more than what is owed is kept");
        prop_assert!(order.excess().unwrap().is_zero());
        prop_assert_eq!(order.refunding().unwrap().minor(), 0);
        if matches!(order.status, OrderStatus::Cancelled | OrderStatus::Refunded) {
            prop_assert!(net.is_zero(), "an order that is over keeps no money");
            prop_assert!(!order.has_live_money(), "and none may come for it");
        }
        prop_assert!(order.cancellation.is_none(), "a cancellation comes to its end");
        prop_assert_ne!(order.status, OrderStatus::Pending, "an unpaid order does not wait for ever");
    }

    /// Any sequence of refunds and partial cancellations that uses an order up ends at exactly what was paid.
    #[test]
    fn refunds_and_cancellations_end_at_what_was_paid(
        currency in prop::sample::select(vec![Currency::EUR, Currency::JPY, Currency::KWD]),
        lines in prop::collection::vec((1_i64..5_000, 1_u32..6, 0_u8..3), 1..5),
        parts in prop::collection::vec((any::<bool>(), 0_usize..5, 1_u32..4, 1_i64..800), 0..30),
    ) {
        let mut world = World::place(currency, &lines, tender(PaymentMethod::Card, false));
        world.answer(0, 0);
        prop_assert_eq!(world.order.status, OrderStatus::Paid);
        let paid = world.order.captured().unwrap();
        prop_assert_eq!(paid, world.order.totals.total);
        for (cancel, line, units, amount) in parts {
            let command = if cancel { Command::CancelUnits(line, units) } else { Command::Refund(Some(amount)) };
            world.run(&command);
        }
        world.run(&Command::Cancel);
        if world.order.status != OrderStatus::Cancelled {
            world.run(&Command::Refund(None));
        }
        world.drain();
        prop_assert_eq!(world.order.refunded().unwrap(), paid);
        prop_assert!(matches!(world.order.status, OrderStatus::Cancelled | OrderStatus::Refunded));
    }
}

#[test]
fn the_table_is_the_one_of_the_design() {
    let expected = "\
| from | event → to |
|---|---|
| pending | confirm → confirmed, pay → paid, cancel → cancelled |
| confirmed | pay → paid, process → processing, cancel → cancelled |
| paid | process → processing, cancel → cancelled, refund → refunded |
| processing | ship → shipped, cancel → cancelled, refund → refunded |
| shipped | deliver → delivered, refund → refunded |
| delivered | refund → refunded |
| cancelled | — |
| refunded | — |
";
    assert_eq!(ORDER_TABLE.markdown(), expected);
    for from in OrderStatus::ALL {
        for by in OrderMove::ALL {
            let listed = ORDER_TABLE.moves(*from).any(|edge| edge.event == *by);
            assert_eq!(ORDER_TABLE.next(*from, *by).is_some(), listed, "{from} × {}", by.name());
        }
    }
    assert!(ORDER_TABLE.mermaid().contains("pending --> paid : pay"));
    assert!(ORDER_TABLE.dot().contains("paid -> refunded"));
}
