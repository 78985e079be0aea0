//! Samples: carts, orders and write-sets, made by the real decisions, so that what a case stores is what the engine stores.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::address::Address;
use crate::cart::{Cart, CartItem, CartOwner};
use crate::error::Result;
use crate::gateway::{Notice, NoticeKind};
use crate::id::{
    CartId, CustomerId, GuestToken, IdempotencyKey, LineId, LocationId, OrderNumber, ProductId, ProviderId,
    ReservationId, SeededIds, SellerId, WriteSetId,
};
use crate::inbox::InboxEntry;
use crate::inventory::{Reservation, ReservationLine, StockChange, StockEntry, StockEvent, StockKey};
use crate::money::{Currency, Money};
use crate::order::{Actor, Contact, Context, Draft, NewLine, NewOrder, Order, OrderPolicy, Tender, answer};
use crate::payment::{Answer, CaptureMode, OperationStatus, PaymentMethod, ProviderToken};
use crate::pricing::{Basket, BasketLine, Pricing};
use crate::store::{CartPut, IdempotencyPut, IdempotencyRecord, ReservationPut, WriteSet};
use crate::time::{Clock, Duration, ManualClock, Timestamp};

/// Texts that a store must keep as they are.
pub const HARD_TEXTS: [&str; 8] = [
    "plain",
    "O'Brien \"quoted\" \\ back/slash",
    "100 % _under_ [set] {brace} $1 ?",
    "Grüße aus Köln — ÀÉÎ",
    "日本語のお茶 🍵👩‍👩‍👧",
    "e\u{301} and é, שלום, \u{200f}",
    "  leading and trailing  ",
    "line\nbreak\tand tab",
];

/// Where the samples' stock is kept.
pub fn shelf(product: &str) -> StockKey {
    StockKey::new(ProductId::new(product).unwrap(), LocationId::new("main").unwrap())
}

/// A customer.
pub fn customer(name: &str) -> CustomerId {
    CustomerId::new(name).unwrap()
}

/// The cart owner who is that customer.
pub fn customer_cart(name: &str) -> CartOwner {
    CartOwner::Customer(customer(name))
}

/// The cart owner who is that guest.
pub fn guest_cart(token: &str) -> CartOwner {
    CartOwner::Guest(GuestToken::new(token).unwrap())
}

/// An address.
pub fn address() -> Address {
    Address {
        line1: "12 Harbour Street".into(),
        line2: Some("c/o Mäkinen".into()),
        city: "Cork".into(),
        state: None,
        postal_code: "T12 X70A".into(),
        country: "IE".into(),
        contact_name: Some("Aoife Ní Bhriain".into()),
        contact_phone: Some("+353 21 555 0100".into()),
    }
}

/// A tender by card, captured at once.
pub fn card() -> Tender {
    Tender {
        method: PaymentMethod::Card,
        provider: ProviderId::new("simulated").unwrap(),
        token: Some(ProviderToken::new("sim_approve").unwrap()),
        capture: CaptureMode::Automatic,
        amount: None,
    }
}

/// Makes samples. Its ids and its clock are its own, so the same calls make the same samples.
#[derive(Debug)]
pub struct Sampler {
    /// Where ids come from.
    pub ids: SeededIds,
    /// The time. Every sample moves it by one millisecond.
    pub clock: ManualClock,
    /// The policy decisions are made by.
    pub policy: OrderPolicy,
    count: AtomicU64,
}

impl Sampler {
    /// A sampler.
    pub fn new(seed: u64) -> Self {
        Self::starting_at(seed, ManualClock::default().now())
    }

    /// A sampler whose clock starts at an instant.
    pub fn starting_at(seed: u64, start: Timestamp) -> Self {
        Self {
            ids: SeededIds::new(seed),
            clock: ManualClock::starting_at(start),
            policy: OrderPolicy::default(),
            count: AtomicU64::new(0),
        }
    }

    /// The present, which is later than the last one.
    pub fn now(&self) -> Timestamp {
        self.clock.advance(Duration::milliseconds(1));
        self.clock.now()
    }

    /// A number that was not there before.
    pub fn count(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// A context of the engine itself.
    pub fn context(&self) -> Context<'_> {
        Context::new(self.now(), &self.ids, Actor::Engine, Some("sample".into()))
    }

    /// A write-set that changes nothing yet.
    pub fn set(&self) -> WriteSet {
        let now = self.now();
        WriteSet::new(WriteSetId::new(&self.ids, now), now)
    }

    /// A write-set by which goods are received.
    pub fn receive(&self, goods: &[(&str, i64)]) -> WriteSet {
        let mut set = self.set();
        for (product, units) in goods {
            set.change_stock(shelf(product), StockChange::adjust(*units));
        }
        set
    }

    /// An entry for the journal of a stock level, by the staff.
    pub fn entry(&self, event: StockEvent) -> StockEntry {
        let reason = Some(format!("sample {}", self.count()));
        StockEntry::new(event, Actor::Staff(customer("staff")), reason, Some("sample".into()))
    }

    /// A line in euros, of a seller that goes with the product.
    pub fn line(&self, product: &str, minor: i64, quantity: u32) -> NewLine {
        self.line_of("north", product, Money::from_minor(minor, Currency::EUR), quantity)
    }

    /// A line.
    pub fn line_of(&self, seller: &str, product: &str, unit_price: Money, quantity: u32) -> NewLine {
        NewLine {
            id: LineId::new(&self.ids, self.now()),
            product_id: ProductId::new(product).unwrap(),
            seller_id: SellerId::new(seller).unwrap(),
            name: format!("Sample of {product}"),
            image: None,
            unit_price,
            quantity,
        }
    }

    /// Everything a new order is made of; its units come from the [`shelf`].
    pub fn new_order(&self, customer_name: &str, lines: Vec<NewLine>) -> NewOrder {
        let basket: Vec<BasketLine> = lines
            .iter()
            .map(|line| {
                let (product, seller) = (line.product_id.clone(), line.seller_id.clone());
                BasketLine::new(line.id, product, seller, line.unit_price, line.quantity)
            })
            .collect();
        let currency = lines[0].unit_price.currency();
        let held = lines
            .iter()
            .map(|line| ReservationLine::new(Some(line.id), shelf(line.product_id.as_str()), line.quantity))
            .collect();
        NewOrder {
            number: OrderNumber::new(format!("N-{}", self.count())).unwrap(),
            customer_id: customer(customer_name),
            contact: Contact::default(),
            cart_id: None,
            quote: Pricing::default().quote(&Basket::new(currency, &basket)).unwrap(),
            lines,
            held,
            shipping_address: address(),
            tender: card(),
            coupons: Vec::new(),
            notes: None,
        }
    }

    /// A placed order with its write-set.
    pub fn place(&self, new: NewOrder) -> (WriteSet, Order) {
        new.place(&self.policy, &self.context()).unwrap().into_write_set()
    }

    /// A placed order of one unit of a product.
    pub fn order(&self, customer_name: &str, product: &str) -> (WriteSet, Order) {
        self.place(self.new_order(customer_name, vec![self.line(product, 1_250, 1)]))
    }

    /// An order after a decision, with the write-set.
    pub fn change(
        &self,
        order: &Order,
        decide: impl FnOnce(&mut Draft, &Context<'_>) -> Result<()>,
    ) -> (WriteSet, Order) {
        let context = self.context();
        let mut draft = Draft::change(order.clone(), &context);
        decide(&mut draft, &context).unwrap();
        draft.into_write_set()
    }

    /// An order after the provider has approved everything that is under way.
    pub fn approve(&self, order: &Order) -> (WriteSet, Order) {
        self.change(order, |draft, context| {
            let open: Vec<_> = draft
                .order()
                .payments
                .iter()
                .flat_map(|payment| &payment.operations)
                .filter(|operation| operation.status == OperationStatus::Calling)
                .map(|operation| (operation.id, operation.amount))
                .collect();
            for (id, amount) in open {
                answer(draft, id, Answer::Succeeded { amount, reference: None }, &self.policy, context)?;
            }
            Ok(())
        })
    }

    /// A cart that was changed once.
    pub fn cart(&self, owner: CartOwner) -> Cart {
        let now = self.now();
        let mut cart = Cart::new(CartId::new(&self.ids, now), owner, now);
        self.fill(&mut cart, "tea", 1);
        cart
    }

    /// Puts units into a cart: one change.
    pub fn fill(&self, cart: &mut Cart, product: &str, quantity: u32) {
        let price = Money::from_minor(1_250, Currency::EUR);
        let product = ProductId::new(product).unwrap();
        let name = format!("Sample of {product}");
        let item = CartItem::new(product, SellerId::new("north").unwrap(), name, price, 10_000);
        let now = self.now();
        cart.add(LineId::new(&self.ids, now), item, quantity, now).unwrap();
    }

    /// A write-set that writes a cart.
    pub fn put_cart(&self, expected: u64, cart: &Cart) -> WriteSet {
        let mut set = self.set();
        set.carts.push(CartPut { expected, cart: cart.clone() });
        set
    }

    /// A reservation that belongs to no order, and holds units until a time.
    pub fn reservation(&self, product: &str, quantity: u32, expires_at: Timestamp) -> Reservation {
        let now = self.now();
        let lines = vec![ReservationLine::new(None, shelf(product), quantity)];
        Reservation::new(ReservationId::new(&self.ids, now), lines, expires_at, now)
    }

    /// A write-set that writes a reservation.
    pub fn put_reservation(&self, is_new: bool, reservation: &Reservation) -> WriteSet {
        let mut set = self.set();
        set.reservations.push(ReservationPut { is_new, reservation: reservation.clone() });
        set
    }

    /// A provider's event that has just come in, and that anybody may attend to.
    pub fn incoming(&self, provider: &str, event: &str) -> InboxEntry {
        let (provider, now) = (ProviderId::new(provider).unwrap(), self.now());
        let notice = Notice::new(provider, event, NoticeKind::Payment, "payment.changed", now);
        InboxEntry::received(notice, now, now)
    }

    /// An idempotency record without an answer.
    pub fn record(&self, scope: &str, key: &str) -> IdempotencyRecord {
        let key = IdempotencyKey::new(key).unwrap();
        let subject = crate::id::IdSource::next(&self.ids, self.now());
        IdempotencyRecord::new(scope.into(), key, "fingerprint".into(), subject, self.now())
    }

    /// A write-set that writes an idempotency record.
    pub fn put_record(&self, is_new: bool, record: &IdempotencyRecord) -> WriteSet {
        let mut set = self.set();
        set.idempotency = Some(IdempotencyPut { is_new, record: record.clone() });
        set
    }
}
