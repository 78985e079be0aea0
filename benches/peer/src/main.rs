//! The flow of `load` on stateset-embedded, by the calls its documentation gives for a checkout: a new cart with its lines,
//! address, shipping and payment method, checked out with stock reserved, then a payment recorded and completed.
//!
//! Usage: peer flow|flow-at-once PATH|URL CLIENTS SECONDS. With `flow-at-once`, the cart is created with its lines. PATH is a file that
//! does not exist yet; `STATESET_SQLITE_SYNCHRONOUS` is NORMAL or FULL, as its own documentation says. URL is a server of PostgreSQL,
//! where it makes a database of its own, and removes it.

mod database;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use serde_json::json;
use stateset_embedded::{
    AddCartItem, CartAddress, Commerce, CreateCart, CreateCustomer, CreateInventoryItem, CreatePayment,
    CustomerId, PaymentMethodType, SetCartPayment, SetCartShipping,
};

use crate::database::Database;

const PRODUCTS: usize = 300;
const LINES: usize = 3;
const WARM_UP: Duration = Duration::from_secs(1);

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scenario, place, clients, seconds] = arguments.as_slice() else {
        return Err("usage: peer flow|flow-at-once PATH|URL CLIENTS SECONDS".into());
    };
    let is_at_once = match scenario.as_str() {
        "flow" => false,
        "flow-at-once" => true,
        _ => return Err(format!("there is no scenario {scenario}").into()),
    };
    let (clients, seconds) = (clients.parse::<usize>()?, seconds.parse::<u64>()?);
    // One of its calls may take several connections, and fails after 30 s when others hold them: enough for all.
    let connections = u32::try_from(clients)?.saturating_mul(4).max(5);
    let line = if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        let database = Database::create(place)?;
        let line = Commerce::postgres_pool(&database.url, connections)
            .map_err(Into::into)
            .and_then(|commerce| measure(commerce, "postgres", None, clients, seconds, is_at_once));
        // Also when it failed: nothing is left behind.
        database.remove()?;
        line?
    } else {
        let synchronous =
            std::env::var("STATESET_SQLITE_SYNCHRONOUS").unwrap_or_else(|_| "NORMAL".to_owned());
        let commerce = Commerce::sqlite_pool(place, connections)?;
        measure(commerce, "sqlite", Some(synchronous.to_lowercase()), clients, seconds, is_at_once)?
    };
    println!("{line}");
    Ok(())
}

/// Fills the shop, lets the customers in, and says what they saw.
fn measure(
    commerce: Commerce,
    store: &str,
    synchronous: Option<String>,
    clients: usize,
    seconds: u64,
    is_at_once: bool,
) -> Outcome<serde_json::Value> {
    let commerce = Arc::new(commerce);
    for index in 0..PRODUCTS {
        commerce.inventory().create_item(CreateInventoryItem {
            sku: sku(index),
            name: format!("Product number {index}"),
            initial_quantity: Some(Decimal::from(1_000_000)),
            ..Default::default()
        })?;
    }
    let customers: Vec<CustomerId> =
        (0..clients).map(|client| customer(&commerce, client)).collect::<Outcome<_>>()?;

    let begin = Instant::now();
    let (counts_from, end) = (begin + WARM_UP, begin + WARM_UP + Duration::from_secs(seconds));
    let threads: Vec<_> = customers
        .into_iter()
        .enumerate()
        .map(|(client, customer)| {
            let commerce = Arc::clone(&commerce);
            std::thread::spawn(move || visit(&commerce, client, customer, is_at_once, counts_from, end))
        })
        .collect();
    let (mut micros, mut orders, mut errors, mut error) = (Vec::new(), 0_u64, 0_u64, None);
    for thread in threads {
        let visit = thread.join().map_err(|_| "a client panicked")?;
        micros.extend(visit.micros);
        orders += visit.orders;
        errors += visit.errors;
        error = error.or(visit.error);
    }
    let elapsed = counts_from.elapsed().as_secs_f64();
    micros.sort_unstable();

    let mut taken = Decimal::ZERO;
    for index in 0..PRODUCTS {
        let level = commerce.inventory().get_stock(&sku(index))?.ok_or("a product is gone")?;
        taken += Decimal::from(1_000_000) - level.total_available;
    }
    let ordered = Decimal::from(orders) * Decimal::from(LINES);
    // A call that failed may have taken its units all the same.
    let adds_up = taken == ordered || (errors > 0 && taken > ordered);
    let percentile = |percent: usize| {
        let rank = (micros.len() * percent).div_ceil(100).max(1);
        micros.get(rank - 1).map_or(0.0, |micros: &u64| *micros as f64 / 1000.0)
    };
    Ok(json!({
        "engine": "stateset-embedded 1.40.0", "scenario": if is_at_once { "flow-at-once" } else { "flow" }, "store": store, "synchronous": synchronous,
        "clients": clients, "lines": LINES, "seconds": elapsed, "ops": micros.len(),
        "ops_per_s": micros.len() as f64 / elapsed, "p50_ms": percentile(50), "p95_ms": percentile(95),
        "p99_ms": percentile(99), "errors": errors, "error": error, "findings": u8::from(!adds_up),
    }))
}

fn sku(index: usize) -> String {
    format!("SKU-{index:05}")
}

fn customer(commerce: &Commerce, client: usize) -> Outcome<CustomerId> {
    let customer = commerce.customers().create(CreateCustomer {
        email: format!("customer-{client}@example.com"),
        first_name: "Aoife".to_owned(),
        last_name: "Byrne".to_owned(),
        ..Default::default()
    })?;
    Ok(customer.id)
}

#[derive(Default)]
struct Visit {
    micros: Vec<u64>,
    orders: u64,
    errors: u64,
    error: Option<String>,
}

fn visit(
    commerce: &Commerce,
    client: usize,
    customer: CustomerId,
    is_at_once: bool,
    counts_from: Instant,
    end: Instant,
) -> Visit {
    let mut visit = Visit::default();
    let mut chance = (client as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    loop {
        let begin = Instant::now();
        if begin >= end {
            return visit;
        }
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match buy(commerce, customer, (chance >> 33) as usize, is_at_once) {
            Ok(()) => {
                visit.orders += 1;
                if begin >= counts_from {
                    visit.micros.push(begin.elapsed().as_micros() as u64);
                }
            }
            Err(error) => {
                visit.errors += 1;
                visit.error.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

fn buy(commerce: &Commerce, customer: CustomerId, first: usize, is_at_once: bool) -> Outcome {
    let carts = commerce.carts();
    let mut items: Vec<AddCartItem> =
        (0..LINES).map(|line| item(first.wrapping_add(line) % PRODUCTS)).collect();
    let at_once = is_at_once.then(|| std::mem::take(&mut items));
    let cart = carts.create(CreateCart {
        customer_id: Some(customer),
        customer_email: Some("aoife@example.com".to_owned()),
        customer_name: Some("Aoife Byrne".to_owned()),
        items: at_once,
        ..Default::default()
    })?;
    for item in items {
        carts.add_item(cart.id, item)?;
    }
    // Sets the address as well.
    carts.set_shipping(
        cart.id,
        SetCartShipping {
            shipping_address: address(),
            shipping_method: Some("standard".to_owned()),
            shipping_carrier: None,
            shipping_amount: Some(Decimal::ZERO),
        },
    )?;
    carts.set_payment(
        cart.id,
        SetCartPayment { payment_method: "credit_card".to_owned(), ..Default::default() },
    )?;
    let checkout = carts.complete(cart.id)?;
    let payment = commerce.payments().create(CreatePayment {
        order_id: Some(checkout.order_id),
        customer_id: Some(customer),
        payment_method: PaymentMethodType::CreditCard,
        amount: checkout.total_charged,
        currency: Some(checkout.currency),
        ..Default::default()
    })?;
    commerce.payments().mark_completed(payment.id)?;
    Ok(())
}

/// One unit of a product.
fn item(index: usize) -> AddCartItem {
    AddCartItem {
        sku: sku(index),
        name: format!("Product number {index}"),
        quantity: 1,
        unit_price: Decimal::new((index as i64 % 50) * 100 + 995, 2),
        ..Default::default()
    }
}

fn address() -> CartAddress {
    CartAddress {
        first_name: "Aoife".to_owned(),
        last_name: "Byrne".to_owned(),
        line1: "12 Harbour Street".to_owned(),
        city: "Cork".to_owned(),
        postal_code: "T12 X70A".to_owned(),
        country: "IE".to_owned(),
        ..Default::default()
    }
}
