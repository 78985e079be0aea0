use std::fmt::Debug;

use super::world::{Difference, PRODUCTS, World};
use crate::cart::Cart;
use crate::conformance::sample::{customer_cart, guest_cart};
use crate::id::{CartId, IdempotencyKey, OrderId, ProductId};
use crate::inbox::InboxEntry;
use crate::inventory::{Reservation, StockLevel, StockRecord};
use crate::order::{EventRecord, Order};
use crate::store::{IdempotencyRecord, OrderFilter, OutboxMessage, PageRequest, Store};
use crate::time::{Clock as _, Duration};

/// Everything that can be read from a store about a world.
#[derive(Debug, Default)]
pub(super) struct Picture {
    orders: Vec<Option<Order>>,
    by_number: Vec<Option<OrderId>>,
    by_payment: Vec<Option<OrderId>>,
    histories: Vec<Vec<EventRecord>>,
    listed: Vec<OrderId>,
    due: Vec<Vec<OrderId>>,
    carts: Vec<Option<Cart>>,
    open_carts: Vec<Option<Cart>>,
    expired_carts: Vec<(CartId, u64)>,
    levels: Vec<StockLevel>,
    journals: Vec<StockRecord>,
    stuck_records: Vec<OutboxMessage<StockRecord>>,
    reservations: Vec<Option<Reservation>>,
    expired_reservations: Vec<Vec<Reservation>>,
    records: Vec<Option<IdempotencyRecord>>,
    stuck: Vec<OutboxMessage>,
    waiting: u64,
    waiting_records: u64,
    by_reference: Vec<Option<OrderId>>,
    inbox: Vec<InboxEntry>,
}

impl Picture {
    pub(super) async fn of(world: &World, store: &dyn Store) -> Self {
        let mut picture = Self::default();
        let now = world.samples.clock.now();
        for versions in &world.orders {
            let order = versions.last().unwrap();
            picture.orders.push(store.find_order(order.id).await.unwrap());
            let found = store.find_order_by_number(&order.number).await.unwrap();
            picture.by_number.push(found.map(|found| found.id));
            for payment in &order.payments {
                let found = store.find_order_by_payment(payment.id).await.unwrap();
                picture.by_payment.push(found.map(|found| found.id));
                if let Some(reference) = &payment.reference {
                    let found = store.find_order_by_reference(&payment.provider, reference).await.unwrap();
                    picture.by_reference.push(found.map(|found| found.id));
                }
            }
            picture.histories.push(store.history(order.id).await.unwrap());
        }
        let all = store.list_orders(&OrderFilter::default(), PageRequest::first(100)).await.unwrap();
        picture.listed = all.items.iter().map(|order| order.id).collect();
        for (later, limit) in [(0, 3), (20, 100), (600, 100)] {
            picture.due.push(store.due_orders(now + Duration::minutes(later), limit).await.unwrap());
        }
        picture.look_at_carts(world, store).await;
        picture.look_at_stock(world, store).await;
        for key in 0..5 {
            let key = IdempotencyKey::new(format!("key-{key}")).unwrap();
            picture.records.push(store.find_idempotency("scope", &key).await.unwrap());
        }
        picture.inbox = store.list_inbox(None, None, 100).await.unwrap().items;
        picture.stuck = store.stuck_outbox(1, 100).await.unwrap();
        picture.waiting = store.outbox_len().await.unwrap();
        picture.stuck_records = store.stuck_stock_outbox(1, 100).await.unwrap();
        picture.waiting_records = store.stock_outbox_len().await.unwrap();
        picture
    }

    async fn look_at_carts(&mut self, world: &World, store: &dyn Store) {
        for cart in &world.carts {
            self.carts.push(store.find_cart(cart.id).await.unwrap());
        }
        for owner in 0..4 {
            let name = format!("c-{owner}");
            self.open_carts.push(store.find_open_cart(&customer_cart(&name)).await.unwrap());
            self.open_carts.push(store.find_open_cart(&guest_cart(&name)).await.unwrap());
        }
        let later = world.samples.clock.now() + Duration::days(40);
        self.expired_carts = store.expired_carts(later, 100).await.unwrap();
    }

    async fn look_at_stock(&mut self, world: &World, store: &dyn Store) {
        let products = PRODUCTS.map(|product| ProductId::new(product).unwrap());
        self.levels = store.stock_levels(&products).await.unwrap();
        for product in &products {
            let page = store.stock_records(product, None, None, 100).await.unwrap();
            self.journals.extend(page.items);
        }
        for reservation in &world.reservations {
            self.reservations.push(store.find_reservation(reservation.id).await.unwrap());
        }
        let later = world.samples.clock.now() + Duration::minutes(20);
        for products in [&products[..0], &products[1..3]] {
            for limit in [2, 100] {
                let found = store.expired_reservations(later, products, limit).await.unwrap();
                self.expired_reservations.push(found);
            }
        }
    }

    /// Tells the first part in which the other one differs.
    pub(super) fn compare(&self, other: &Self) -> Result<(), Difference> {
        same("orders", &self.orders, &other.orders)?;
        same("orders by number", &self.by_number, &other.by_number)?;
        same("orders by payment", &self.by_payment, &other.by_payment)?;
        same("orders by a payment's name", &self.by_reference, &other.by_reference)?;
        same("the inbox", &self.inbox, &other.inbox)?;
        same("histories", &self.histories, &other.histories)?;
        same("the list", &self.listed, &other.listed)?;
        same("due orders", &self.due, &other.due)?;
        same("carts", &self.carts, &other.carts)?;
        same("open carts", &self.open_carts, &other.open_carts)?;
        same("expired carts", &self.expired_carts, &other.expired_carts)?;
        same("levels", &self.levels, &other.levels)?;
        same("journals", &self.journals, &other.journals)?;
        same("stuck records", &self.stuck_records, &other.stuck_records)?;
        same("how many records wait", &[self.waiting_records], &[other.waiting_records])?;
        same("reservations", &self.reservations, &other.reservations)?;
        same("expired reservations", &self.expired_reservations, &other.expired_reservations)?;
        same("idempotency records", &self.records, &other.records)?;
        same("stuck events", &self.stuck, &other.stuck)?;
        same("how many events wait", &[self.waiting], &[other.waiting])
    }
}

/// Compares two lists, and shows the first rows that differ.
fn same<T: PartialEq + Debug>(what: &str, expected: &[T], found: &[T]) -> Result<(), Difference> {
    let rows = expected.len().max(found.len());
    match (0..rows).find(|row| expected.get(*row) != found.get(*row)) {
        None => Ok(()),
        Some(row) => Err(format!(
            "{what}, row {row}: memory has {:?}, the store {:?}",
            expected.get(row),
            found.get(row)
        )),
    }
}
