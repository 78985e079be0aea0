use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::error::Error;
use crate::id::{CartId, CustomerId, GuestToken, LineId, OrderId, ProductId, SellerId};
use crate::machine::Names;
use crate::money::{Currency, Money};
use crate::time::{Clock, ManualClock, Timestamp};

fn start() -> Timestamp {
    ManualClock::default().now()
}

fn line_id(number: u128) -> LineId {
    LineId::from_uuid(Uuid::from_u128(number))
}

fn order_id() -> OrderId {
    OrderId::from_uuid(Uuid::from_u128(7))
}

fn customer() -> Cart {
    let owner = CartOwner::Customer(CustomerId::new("c").unwrap());
    Cart::new(CartId::from_uuid(Uuid::from_u128(1)), owner, start())
}

fn guest() -> Cart {
    let owner = CartOwner::Guest(GuestToken::new("g").unwrap());
    Cart::new(CartId::from_uuid(Uuid::from_u128(2)), owner, start())
}

fn item(product: &str, minor: i64, available: u32) -> CartItem {
    CartItem::new(
        ProductId::new(product).unwrap(),
        SellerId::new("s").unwrap(),
        product,
        Money::from_minor(minor, Currency::EUR),
        available,
    )
}

fn in_yen(product: &str) -> CartItem {
    CartItem { unit_price: Money::from_minor(100, Currency::JPY), ..item(product, 1, 10) }
}

/// Makes a change that must be refused with `code`, and leave the cart as it is.
fn refused(cart: &mut Cart, code: &str, change: impl FnOnce(&mut Cart) -> Result<(), Error>) {
    let before = cart.clone();
    assert_eq!(change(cart).unwrap_err().code(), code);
    assert_eq!(*cart, before);
}

#[test]
fn the_same_product_adds_up_and_is_refreshed() {
    let (mut cart, now) = (customer(), start());
    assert_eq!((cart.version, cart.totals().unwrap()), (0, None));
    cart.add(line_id(1), item("TEA", 100, 10), 2, now).unwrap();
    let later = now + Duration::hours(1);
    let dearer = CartItem { name: "Tea".into(), ..item("TEA", 120, 7).with_image("https://img/tea") };
    cart.add(line_id(2), dearer, 3, later).unwrap();
    let [line] = &cart.lines[..] else { panic!("one line") };
    assert_eq!((line.id, line.quantity, line.available, line.added_at), (line_id(1), 5, 7, now));
    assert_eq!((line.name.as_str(), line.image.as_deref()), ("Tea", Some("https://img/tea")));
    assert_eq!(cart.totals().unwrap().unwrap().total.minor(), 600);
    assert_eq!((cart.version, cart.updated_at, cart.expires_at), (2, later, later + CART_LIFETIME));
    let json = serde_json::to_string(&cart).unwrap();
    assert!(json.contains(r#""owner":{"kind":"customer","id":"c"},"status":"open""#), "{json}");
    assert_eq!(serde_json::from_str::<Cart>(&json).unwrap(), cart);
}

#[test]
fn several_products_are_added_as_one_change_or_not_at_all() {
    let (mut cart, now) = (customer(), start());
    cart.add(line_id(1), item("TEA", 100, 10), 2, now).unwrap();
    let later = now + Duration::hours(1);
    let items = |cups| [(line_id(2), item("TEA", 100, 10), 3), (line_id(3), item("CUP", 50, 4), cups)];
    let (before, refused) = (cart.clone(), cart.add_all(items(5), later).unwrap_err());
    assert_eq!((refused.0, refused.1.code(), &cart), (1, "out_of_stock", &before));
    cart.add_all(items(4), later).unwrap();
    let quantities: Vec<_> = cart.lines.iter().map(|line| (line.id, line.quantity)).collect();
    assert_eq!(quantities, [(line_id(1), 5), (line_id(3), 4)]);
    assert_eq!((cart.version, cart.expires_at), (2, later + CART_LIFETIME));
    cart.add_all([], later).unwrap();
    assert_eq!(cart.version, 2, "nothing is no change");
}

#[test]
fn what_breaks_a_limit_changes_nothing() {
    let (mut cart, now) = (customer(), start());
    cart.add(line_id(1), item("TEA", 100, 10), 2, now).unwrap();
    refused(&mut cart, "invalid", |cart| cart.add(line_id(2), item("CUP", 0, 10), 1, now));
    refused(&mut cart, "invalid", |cart| cart.add(line_id(2), item("CUP", -1, 10), 1, now));
    refused(&mut cart, "invalid", |cart| cart.add(line_id(2), item("CUP", 10_000_000_000, 10), 1, now));
    refused(&mut cart, "invalid", |cart| cart.add(line_id(2), item("CUP", 1, 10), 0, now));
    refused(&mut cart, "invalid", |cart| cart.add(line_id(2), item("CUP", 1, u32::MAX), 10_000, now));
    refused(&mut cart, "invalid", |cart| cart.add(line_id(2), item("TEA", 1, u32::MAX), 9_998, now));
    refused(&mut cart, "invalid", |cart| {
        cart.add(line_id(2), CartItem { name: "x".repeat(MAX_NAME + 1), ..item("CUP", 1, 10) }, 1, now)
    });
    refused(&mut cart, "out_of_stock", |cart| cart.add(line_id(2), item("TEA", 100, 10), 9, now));
    refused(&mut cart, "currency_mismatch", |cart| cart.add(line_id(2), in_yen("CUP"), 1, now));
    refused(&mut cart, "internal", |cart| cart.add(line_id(1), item("CUP", 1, 10), 1, now));
    refused(&mut cart, "invalid", |cart| cart.set_quantity(line_id(1), 0, 10, now));
    refused(&mut cart, "out_of_stock", |cart| cart.set_quantity(line_id(1), 11, 10, now));
    refused(&mut cart, "not_found", |cart| cart.set_quantity(line_id(9), 1, 10, now));
    refused(&mut cart, "not_found", |cart| cart.remove(line_id(9), now));
    let mut full = customer();
    for number in 0..100 {
        full.add(line_id(number), item(&format!("P{number}"), 1, 1), 1, now).unwrap();
    }
    refused(&mut full, "cart_full", |cart| cart.add(line_id(100), item("MORE", 1, 1), 1, now));
}

#[test]
fn two_sellers_of_a_product_share_its_stock() {
    let (mut cart, now) = (customer(), start());
    let other = || CartItem { seller_id: SellerId::new("t").unwrap(), ..item("TEA", 90, 5) };
    cart.add(line_id(1), item("TEA", 100, 9), 3, now).unwrap();
    cart.add(line_id(2), other(), 2, now).unwrap();
    assert_eq!(cart.lines.iter().map(|line| line.available).collect::<Vec<_>>(), [5, 5]);
    match cart.add(line_id(3), other(), 1, now) {
        Err(Error::OutOfStock(shortages)) => {
            assert_eq!((shortages[0].requested, shortages[0].available), (6, 5));
        }
        result => panic!("{result:?}"),
    }
    refused(&mut cart, "out_of_stock", |cart| cart.set_quantity(line_id(1), 4, 5, now));
}

#[test]
fn a_cart_without_lines_has_no_currency() {
    let (mut cart, now) = (customer(), start());
    cart.add(line_id(1), item("TEA", 100, 10), 1, now).unwrap();
    cart.remove(line_id(1), now).unwrap();
    cart.add(line_id(2), in_yen("TEA"), 1, now).unwrap();
    assert_eq!(cart.currency, Some(Currency::JPY));
    cart.clear(now).unwrap();
    assert_eq!((cart.currency, cart.totals().unwrap(), cart.version), (None, None, 4));
}

#[test]
fn a_cart_expires_at_a_full_hour() {
    let (mut cart, now) = (customer(), start());
    let mut expiries = Vec::new();
    for minutes in [1, 59, 60, 61] {
        cart.add(line_id(1), item("TEA", 100, 10), 1, now + Duration::minutes(minutes)).unwrap();
        expiries.push((cart.expires_at - now - CART_LIFETIME).num_minutes());
    }
    assert_eq!(expiries, [60, 60, 60, 120]);
    let last = Timestamp::MAX_UTC;
    assert_eq!(Cart::new(cart.id, cart.owner, last).expires_at, last, "there is nothing to round up to");
}

#[test]
fn an_expired_cart_counts_as_empty() {
    let (mut cart, now) = (customer(), start());
    cart.add(line_id(1), item("TEA", 100, 10), 1, now).unwrap();
    let last = now + CART_LIFETIME - Duration::milliseconds(1);
    let late = now + CART_LIFETIME;
    assert!(!cart.is_expired(last) && cart.is_expired(late));
    assert_eq!((cart.lines_at(last).len(), cart.lines_at(late).len()), (1, 0));
    refused(&mut cart, "not_found", |cart| cart.set_quantity(line_id(1), 2, 10, late));
    refused(&mut cart, "cart_empty", |cart| cart.mark_ordered(order_id(), late));
    cart.add(line_id(2), in_yen("CUP"), 1, late).unwrap();
    assert_eq!(cart.lines.iter().map(|line| line.id).collect::<Vec<_>>(), [line_id(2)]);
    assert!(!cart.is_expired(late));
}

#[test]
fn a_closed_cart_refuses_every_change() {
    let now = start();
    let mut ordered = customer();
    refused(&mut ordered, "cart_empty", |cart| cart.mark_ordered(order_id(), now));
    ordered.add(line_id(1), item("TEA", 100, 10), 1, now).unwrap();
    ordered.mark_ordered(order_id(), now).unwrap();
    assert_eq!(
        (ordered.status, ordered.order_id, ordered.lines.len()),
        (CartStatus::Ordered, Some(order_id()), 1)
    );
    let (merged, _) = merge(guest(), customer(), now).unwrap();
    let late = now + CART_LIFETIME;
    for mut cart in [ordered.clone(), merged] {
        assert!(!cart.is_expired(late));
        refused(&mut cart, "cart_closed", |cart| cart.add(line_id(2), item("TEA", 100, 10), 1, late));
        refused(&mut cart, "cart_closed", |cart| cart.set_quantity(line_id(1), 2, 10, now));
        refused(&mut cart, "cart_closed", |cart| cart.remove(line_id(1), now));
        refused(&mut cart, "cart_closed", |cart| cart.clear(now));
        refused(&mut cart, "cart_closed", |cart| cart.mark_ordered(order_id(), now));
    }
    assert_eq!(merge(guest(), ordered, now).unwrap_err().code(), "cart_closed");
    for status in CartStatus::ALL {
        assert_eq!(CART_TABLE.is_final(*status), *status != CartStatus::Open);
    }
}

#[test]
fn only_a_guest_s_cart_is_merged_and_only_into_a_customer_s() {
    let now = start();
    let code = |guest, customer| merge(guest, customer, now).unwrap_err().code();
    assert_eq!(code(customer(), customer()), "not_a_guest_cart");
    assert_eq!(code(guest(), guest()), "not_a_customer_cart");
    let (mut euro, mut yen) = (guest(), customer());
    euro.add(line_id(1), item("TEA", 100, 10), 1, now).unwrap();
    yen.add(line_id(2), in_yen("CUP"), 1, now).unwrap();
    assert_eq!(code(euro.clone(), yen.clone()), "currency_mismatch");
    let late = yen.expires_at;
    euro.clear(late).unwrap();
    euro.add(line_id(1), item("TEA", 100, 10), 1, late).unwrap();
    let (_, fresh) = merge(euro, yen, late).unwrap();
    assert_eq!((fresh.currency, fresh.lines.len()), (Some(Currency::EUR), 1));
    let mut full = customer();
    for number in 0..100 {
        full.add(line_id(number), item(&format!("P{number}"), 1, 1), 1, now).unwrap();
    }
    let mut one = guest();
    one.add(line_id(200), item("MORE", 1, 1), 1, now).unwrap();
    assert_eq!(code(one, full), "cart_full");
}

#[test]
fn a_merge_takes_what_was_seen_last() {
    let (now, later) = (start(), start() + Duration::days(1));
    let (mut old, mut new) = (customer(), guest());
    old.add(line_id(1), item("TEA", 100, 10), 4, now).unwrap();
    new.add(line_id(2), item("TEA", 120, 5), 3, later).unwrap();
    let (_, merged) = merge(new, old, later).unwrap();
    let line = &merged.lines[0];
    assert_eq!((line.id, line.unit_price.minor(), line.available, line.added_at), (line_id(1), 120, 5, now));
    assert_eq!(line.quantity, 5, "no more than there is");

    let (mut new, mut old) = (customer(), guest());
    old.add(line_id(2), item("TEA", 120, 5), 5, now).unwrap();
    new.add(line_id(1), item("TEA", 100, 3), 3, later).unwrap();
    let (_, merged) = merge(old, new, later).unwrap();
    assert_eq!(merged.lines[0].unit_price.minor(), 100);
    assert_eq!(merged.lines[0].quantity, 5, "never fewer than one of the carts had");
}

#[derive(Debug, Clone)]
enum Command {
    Add { product: usize, seller: bool, minor: i64, quantity: u32, available: u32, yen: bool },
    Set { line: u128, quantity: u32, available: u32 },
    Remove { line: u128 },
    Clear,
    Order,
    Wait { minutes: i64 },
}

fn quantities() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..20, 1 => 9_990_u32..10_010, 1 => any::<u32>()]
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let add =
        (0_usize..5, any::<bool>(), -1_i64..1_000, quantities(), quantities(), prop::bool::weighted(0.05));
    let command = prop_oneof![
        12 => add.prop_map(|(product, seller, minor, quantity, available, yen)| {
            Command::Add { product, seller, minor, quantity, available, yen }
        }),
        4 => (0_u128..20, quantities(), quantities())
            .prop_map(|(line, quantity, available)| Command::Set { line, quantity, available }),
        2 => (0_u128..20).prop_map(|line| Command::Remove { line }),
        1 => Just(Command::Clear),
        1 => Just(Command::Order),
        2 => (0_i64..40 * 24 * 60).prop_map(|minutes| Command::Wait { minutes }),
    ];
    prop::collection::vec(command, 0..40)
}

fn run(cart: &mut Cart, step: u128, command: &Command, now: Timestamp) -> Result<(), Error> {
    match *command {
        Command::Add { product, seller, minor, quantity, available, yen } => {
            let currency = if yen { Currency::JPY } else { Currency::EUR };
            let item = CartItem {
                seller_id: SellerId::new(if seller { "s" } else { "t" }).unwrap(),
                unit_price: Money::from_minor(minor, currency),
                ..item(&format!("P{product}"), 1, available)
            };
            cart.add(line_id(step), item, quantity, now)
        }
        Command::Set { line, quantity, available } => {
            cart.set_quantity(line_id(line), quantity, available, now)
        }
        Command::Remove { line } => cart.remove(line_id(line), now),
        Command::Clear => cart.clear(now),
        Command::Order => cart.mark_ordered(order_id(), now),
        Command::Wait { .. } => Ok(()),
    }
}

fn assert_limits(cart: &Cart) {
    assert!(cart.lines.len() <= MAX_LINES);
    assert_eq!(cart.currency.is_some(), !cart.lines.is_empty());
    let mut keys = std::collections::HashSet::new();
    let mut ids = std::collections::HashSet::new();
    let mut sum = 0;
    for line in &cart.lines {
        assert!((1..=MAX_QUANTITY).contains(&line.quantity));
        assert!(line.unit_price.is_positive());
        assert_eq!(Some(line.unit_price.currency()), cart.currency);
        assert!(keys.insert((&line.product_id, &line.seller_id)), "a product of a seller has one line");
        assert!(ids.insert(line.id));
        sum += line.unit_price.minor() * i64::from(line.quantity);
    }
    let totals = cart.totals().unwrap();
    assert_eq!(totals.map(|totals| totals.total.minor()).unwrap_or_default(), sum);
    assert!(totals.is_none_or(|totals| totals.is_consistent() && totals.subtotal == totals.total));
}

fn filled(mut cart: Cart, first: u128, commands: &[Command]) -> Cart {
    for (step, command) in (first..).zip(commands) {
        if !matches!(command, Command::Order | Command::Clear) {
            let _ = run(&mut cart, step, command, start());
        }
    }
    cart
}

proptest! {
    #[test]
    fn any_sequence_of_commands_keeps_the_rules(commands in commands()) {
        let (mut cart, mut now) = (customer(), start());
        for (step, command) in (0_u128..).zip(&commands) {
            if let Command::Wait { minutes } = command {
                now += Duration::minutes(*minutes);
                continue;
            }
            let before = cart.clone();
            if run(&mut cart, step, command, now).is_err() {
                prop_assert_eq!(&cart, &before);
                continue;
            }
            prop_assert_eq!(before.status, CartStatus::Open);
            prop_assert_eq!(cart.version, before.version + 1);
            let (lives, full_hour) = (cart.expires_at - now, cart.expires_at.timestamp() % 3_600 == 0);
            prop_assert_eq!((cart.updated_at, full_hour), (now, true));
            prop_assert!(lives >= CART_LIFETIME && lives < CART_LIFETIME + Duration::hours(1));
            if let Command::Add { product, available, .. } = command {
                let product = format!("P{product}");
                let of_product = cart.lines.iter().filter(|line| line.product_id.as_str() == product);
                prop_assert!(of_product.map(|line| line.quantity).sum::<u32>() <= *available);
            }
            assert_limits(&cart);
        }
    }

    #[test]
    fn a_merge_loses_nothing_and_happens_once(of_guest in commands(), of_customer in commands(), days in 0_i64..40) {
        let now = start() + Duration::days(days);
        let (guest, customer) = (filled(guest(), 1_000, &of_guest), filled(customer(), 0, &of_customer));
        let Ok((closed, merged)) = merge(guest.clone(), customer.clone(), now) else {
            prop_assert_ne!(guest.currency, customer.currency);
            return Ok(());
        };
        assert_limits(&merged);
        prop_assert_eq!(closed.status, CartStatus::Merged);
        prop_assert!(closed.lines.is_empty() && closed.currency.is_none());
        prop_assert_eq!(closed.version, guest.version + 1);
        let (brought, own) = (guest.lines_at(now), customer.lines_at(now));
        if brought.is_empty() {
            prop_assert_eq!(&merged, &customer);
        } else {
            prop_assert_eq!(merged.version, customer.version + 1);
            prop_assert!(own.iter().zip(&merged.lines).all(|(before, after)| before.id == after.id));
            let of = |lines: &[CartLine], like: &CartLine| {
                lines.iter()
                    .find(|line| line.product_id == like.product_id && line.seller_id == like.seller_id)
                    .map_or(0, |line| line.quantity)
            };
            for line in brought.iter().chain(own) {
                let (left, right, after) = (of(brought, line), of(own, line), of(&merged.lines, line));
                prop_assert!(after >= left.max(right) && after <= left.saturating_add(right));
                let available = merged.lines.iter().find(|other| {
                    other.product_id == line.product_id && other.seller_id == line.seller_id
                }).unwrap().available;
                let capped = after == MAX_QUANTITY || after >= available;
                prop_assert!(after == left + right || capped, "units are only given up at a limit");
            }
            prop_assert!(merged.lines.iter().all(|line| of(brought, line) + of(own, line) > 0));
        }
        let again = merge(closed.clone(), merged.clone(), now + Duration::days(1)).unwrap();
        prop_assert_eq!(again, (closed, merged));
    }
}
