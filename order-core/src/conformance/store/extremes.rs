//! The largest and the strangest values.

use crate::cart::{Cart, CartItem};
use crate::conformance::Subject;
use crate::conformance::sample::{HARD_TEXTS, Sampler, customer_cart, guest_cart, shelf};
use crate::id::{
    CartId, CouponCode, CustomerId, GuestToken, LineId, LocationId, OrderNumber, ProductId,
    ProviderReference, SellerId,
};
use crate::inventory::{MAX_UNITS, StockChange, StockKey, StockLevel};
use crate::money::{Currency, Money};
use crate::order::{Draft, Order};
use crate::payment::{Answer, Decline, PaymentAction};
use crate::pricing::{MAX_PRICE_DIGITS, MAX_QUANTITY};
use crate::time::{Clock as _, Duration};

/// The dearest unit price.
const DEAREST: i64 = 10_i64.pow(MAX_PRICE_DIGITS) - 1;

async fn place(subject: &Subject, samples: &Sampler, new: crate::order::NewOrder) -> Order {
    let mut receive = samples.set();
    for held in &new.held {
        receive.change_stock(held.key.clone(), StockChange::adjust(i64::from(held.quantity)));
    }
    subject.apply(&receive).await;
    let (set, order) = samples.place(new);
    subject.apply(&set).await;
    assert_eq!(subject.store.find_order(order.id).await.unwrap().as_ref(), Some(&order));
    let history = subject.store.history(order.id).await.unwrap();
    assert_eq!(history, set.events);
    let reservation = order.hold.as_ref().map(|hold| hold.reservation_id).unwrap();
    let found = subject.store.find_reservation(reservation).await.unwrap();
    assert_eq!(found.as_ref(), set.reservations.first().map(|put| &put.reservation));
    order
}

/// The largest order: every line, unit and digit there may be; sold, and half of it cancelled.
pub async fn largest_order(subject: Subject) {
    let samples = Sampler::new(61);
    let lines = (0..Order::MAX_LINES)
        .map(|index| {
            let price = Money::from_minor(DEAREST, Currency::EUR);
            let (seller, product) = (format!("seller-{index}"), format!("product-{index}"));
            samples.line_of(&seller, &product, price, MAX_QUANTITY)
        })
        .collect();
    let order = place(&subject, &samples, samples.new_order("c-1", lines)).await;
    let (set, order) = samples.approve(&order);
    subject.apply(&set).await;
    let units: Vec<_> = order
        .lines
        .iter()
        .map(|line| crate::order::Units { line_id: line.id, quantity: MAX_QUANTITY / 2 })
        .collect();
    let (set, order) = samples
        .change(&order, |draft, context| crate::order::cancel(draft, None, &units, &samples.policy, context));
    subject.apply(&set).await;
    assert_eq!(subject.store.find_order(order.id).await.unwrap().as_ref(), Some(&order));
    let products: Vec<ProductId> = order.lines.iter().map(|line| line.product_id.clone()).collect();
    let levels = subject.store.stock_levels(&products).await.unwrap();
    let half = i64::from(MAX_QUANTITY / 2);
    assert!(levels.iter().all(|level| level.on_hand == half && level.sold == i64::from(MAX_QUANTITY) - half));
}

/// The largest cart.
pub async fn largest_cart(subject: Subject) {
    let samples = Sampler::new(62);
    let now = samples.now();
    let mut cart = Cart::new(CartId::new(&samples.ids, now), customer_cart("c-1"), now);
    for index in 0..crate::cart::MAX_LINES {
        let product = ProductId::new(format!("{index:0>128}")).unwrap();
        let seller = SellerId::new("s".repeat(SellerId::MAX_BYTES)).unwrap();
        let price = Money::from_minor(DEAREST, Currency::JPY);
        let item = CartItem::new(product, seller, "名".repeat(crate::cart::MAX_NAME), price, u32::MAX)
            .with_image("x".repeat(crate::cart::MAX_IMAGE));
        cart.add(LineId::new(&samples.ids, now), item, MAX_QUANTITY, now).unwrap();
    }
    subject.apply(&samples.put_cart(0, &cart)).await;
    assert_eq!(subject.store.find_cart(cart.id).await.unwrap().as_ref(), Some(&cart));
    assert_eq!(subject.store.find_open_cart(&cart.owner).await.unwrap(), Some(cart));
}

/// Every currency keeps its decimals.
pub async fn every_kind_of_currency(subject: Subject) {
    let samples = Sampler::new(63);
    for code in ["JPY", "EUR", "KWD", "CLF", "ISK", "INR"] {
        let currency = Currency::from_code(code).unwrap();
        let mut new = samples.new_order(
            "c-1",
            vec![samples.line_of("north", code, Money::from_minor(1_234_567, currency), 3)],
        );
        new.tender.amount = Some(Money::from_minor(1, currency));
        let order = place(&subject, &samples, new).await;
        let (set, paid) = samples.approve(&order);
        subject.apply(&set).await;
        assert_eq!(subject.store.find_order(order.id).await.unwrap(), Some(paid), "{code}");
    }
}

/// Amounts at the ends of their range are kept to the last unit.
pub async fn largest_amounts(subject: Subject) {
    let samples = Sampler::new(64);
    let (_, placed) = samples.order("c-1", "tea");
    for (index, minor) in [i64::MAX, i64::MAX - 1, (1 << 53) + 1, 0, -1, i64::MIN + 1].into_iter().enumerate()
    {
        let mut order = placed.clone();
        order.id = crate::id::OrderId::new(&samples.ids, samples.now());
        order.number = OrderNumber::new(format!("L-{index}")).unwrap();
        order.payments.clear();
        order.hold = None;
        order.version = 1;
        order.totals.total = Money::from_minor(minor, Currency::EUR);
        order.granted = order.totals.total;
        order.lines[0].unit_price = order.totals.total;
        let (set, order) = Draft::place(order, &samples.context()).unwrap().into_write_set();
        subject.apply(&set).await;
        assert_eq!(subject.store.find_order(order.id).await.unwrap(), Some(order), "{minor}");
    }
}

/// Texts of every kind are kept as they are, and found.
pub async fn hard_texts(subject: Subject) {
    let samples = Sampler::new(65);
    for (index, text) in HARD_TEXTS.into_iter().enumerate() {
        let one_line = text.replace(char::is_control, " ");
        let mut line = samples.line_of(&one_line, &one_line, Money::from_minor(5, Currency::EUR), 1);
        line.name.clone_from(&one_line);
        line.image = Some(one_line.clone());
        let mut new = samples.new_order(&one_line, vec![line]);
        new.number =
            OrderNumber::new(one_line.get(..6).unwrap_or("fits").to_owned() + &index.to_string()).unwrap();
        new.notes = Some(text.to_owned());
        new.coupons = vec![CouponCode::new(&one_line).unwrap()];
        new.contact.name = Some(one_line.clone());
        new.contact.email = Some(String::new());
        new.shipping_address.city.clone_from(&one_line);
        let order = place(&subject, &samples, new).await;
        let found = subject.store.find_order_by_number(&order.number).await.unwrap();
        assert_eq!(found.as_ref(), Some(&order));
        let id = order.payments[0].operations[0].id;
        let answers = [
            Answer::ActionRequired {
                action: PaymentAction::Redirect { url: text.to_owned() },
                reference: Some(ProviderReference::new(&one_line).unwrap()),
            },
            Answer::Declined(Decline::new(text, text)),
        ];
        let mut order = order;
        for said in answers {
            let (set, changed) = samples.change(&order, |draft, context| {
                crate::order::answer(draft, id, said, &samples.policy, context)
            });
            subject.apply(&set).await;
            assert_eq!(subject.store.find_order(order.id).await.unwrap().as_ref(), Some(&changed));
            order = changed;
        }
        let cart = samples.cart(guest_cart(&one_line));
        subject.apply(&samples.put_cart(0, &cart)).await;
        assert_eq!(subject.store.find_open_cart(&cart.owner).await.unwrap(), Some(cart));
    }
}

/// The longest names.
pub async fn longest_names(subject: Subject) {
    let samples = Sampler::new(66);
    let longest = |bytes: usize| "名".repeat(bytes / 3) + &"x".repeat(bytes % 3);
    let product = longest(ProductId::MAX_BYTES);
    let line =
        samples.line_of(&longest(SellerId::MAX_BYTES), &product, Money::from_minor(5, Currency::EUR), 1);
    let mut new = samples.new_order(&longest(CustomerId::MAX_BYTES), vec![line]);
    new.number = OrderNumber::new(longest(OrderNumber::MAX_BYTES)).unwrap();
    new.notes = Some("ü".repeat(crate::order::NewOrder::MAX_NOTES / 2));
    let location = LocationId::new(longest(LocationId::MAX_BYTES)).unwrap();
    new.held[0].key = StockKey::new(ProductId::new(&product).unwrap(), location);
    let order = place(&subject, &samples, new).await;
    assert_eq!(subject.store.find_order_by_number(&order.number).await.unwrap(), Some(order));
    let cart = samples.cart(guest_cart(&longest(GuestToken::MAX_BYTES)));
    subject.apply(&samples.put_cart(0, &cart)).await;
    assert_eq!(subject.store.find_open_cart(&cart.owner).await.unwrap(), Some(cart));
}

/// The fullest shelf.
pub async fn fullest_shelf(subject: Subject) {
    let samples = Sampler::new(67);
    subject.apply(&samples.receive(&[("tea", MAX_UNITS)])).await;
    let mut set = samples.set();
    set.change_stock(shelf("tea"), StockChange::reserve(u32::MAX));
    subject.apply(&set).await;
    let levels = subject.store.stock_levels(&[shelf("tea").product_id]).await.unwrap();
    assert_eq!(levels, [StockLevel::new(shelf("tea"), MAX_UNITS, i64::from(u32::MAX), 0)]);
}

/// Instants are kept to the millisecond, in any century.
pub async fn every_millisecond(subject: Subject) {
    let samples = Sampler::new(68);
    for (index, days) in [0_i64, 1, 36_525, 365_250, -36_525].into_iter().enumerate() {
        let mut cart = samples.cart(guest_cart(&format!("guest-{index}")));
        cart.created_at = samples.clock.now() - Duration::milliseconds(1);
        cart.updated_at = cart.created_at + Duration::milliseconds(998);
        cart.expires_at = cart.created_at + Duration::days(days) + Duration::milliseconds(1);
        subject.apply(&samples.put_cart(0, &cart)).await;
        let found = subject.store.expired_carts(cart.expires_at, 10).await.unwrap();
        assert!(found.contains(&(cart.id, 1)), "{days}");
        assert_eq!(subject.store.find_cart(cart.id).await.unwrap(), Some(cart), "{days}");
    }
}
