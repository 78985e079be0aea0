//! Which guard refuses a write-set, found out by looking after the statement was refused: keys first, then versions, then
//! what the trade forbids. The guards themselves are in the statement and in the schema.

use std::collections::{HashMap, HashSet};

use order_core::StoreError;
use order_core::id::{CartId, LocationId, OrderId, ProductId, ReservationId};
use order_core::inventory::{StockKey, StockLevel};
use order_core::store::{Aggregate, Refusal, StockShort, Unchanged, UniqueKey};
use sqlx::SqlStr;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::rows::Rows;
use super::statement::{Query, call};
use super::values::{column, corrupt};

/// Everything that the guards of some write-sets ask for, as it is at one moment.
#[derive(Debug, Default)]
pub(super) struct Picture {
    applied: HashSet<Uuid>,
    /// Whether it was answered.
    requests: HashMap<(String, String), bool>,
    order_versions: HashMap<Uuid, i64>,
    numbers: HashMap<String, Uuid>,
    orders_of_carts: HashMap<Uuid, Uuid>,
    cart_versions: HashMap<Uuid, i64>,
    owners: HashMap<String, Uuid>,
    histories: HashMap<Uuid, i64>,
    /// Whether it is active.
    holds: HashMap<Uuid, bool>,
    stock: HashMap<StockKey, StockLevel>,
}

/// The text of the statement that looks.
pub(super) fn look_sql() -> String {
    call("* FROM", "look", 12)
}

/// The statement that looks at what the guards of write-sets ask for.
pub(super) fn look<'q>(sql: SqlStr, sets: &[&'q Rows]) -> Query<'q> {
    let requests = || sets.iter().filter_map(|set| set.request.as_ref());
    let orders = || sets.iter().flat_map(|set| &set.orders);
    let carts = || sets.iter().flat_map(|set| &set.carts);
    let stock = || sets.iter().flat_map(|set| &set.stock);
    let read_orders = sets.iter().flat_map(|set| &set.read_orders).map(|(id, _)| *id);
    let other_carts =
        sets.iter().flat_map(|set| set.read_carts.iter().chain(&set.removed_carts)).map(|(id, _)| *id);
    let histories: HashSet<Uuid> = sets.iter().flat_map(|set| &set.events).map(|event| event.order).collect();
    sqlx::query(sql)
        .bind(sets.iter().map(|set| set.id).collect::<Vec<_>>())
        .bind(requests().map(|request| request.scope.as_str()).collect::<Vec<_>>())
        .bind(requests().map(|request| request.key.as_str()).collect::<Vec<_>>())
        .bind(orders().map(|order| order.id).chain(read_orders).collect::<Vec<_>>())
        .bind(orders().map(|order| order.number.as_str()).collect::<Vec<_>>())
        .bind(orders().filter_map(|order| order.cart).collect::<Vec<_>>())
        .bind(carts().map(|cart| cart.id).chain(other_carts).collect::<Vec<_>>())
        .bind(carts().map(|cart| cart.owner.as_str()).collect::<Vec<_>>())
        .bind(histories.into_iter().collect::<Vec<_>>())
        .bind(sets.iter().flat_map(|set| &set.holds).map(|hold| hold.id).collect::<Vec<_>>())
        .bind(stock().map(|(key, _)| key.product_id.as_str()).collect::<Vec<_>>())
        .bind(stock().map(|(key, _)| key.location.as_str()).collect::<Vec<_>>())
}

const TABLE: &str = "look";

impl Picture {
    /// The picture in the rows of the statement.
    pub(super) fn of(rows: &[PgRow]) -> Result<Self, StoreError> {
        let mut picture = Self::default();
        for row in rows {
            picture.add(row)?;
        }
        Ok(picture)
    }

    fn add(&mut self, row: &PgRow) -> Result<(), StoreError> {
        let id = || column::<Uuid>(TABLE, row, 1);
        let name = || column::<String>(TABLE, row, 3);
        let number = || column::<i64>(TABLE, row, 5);
        match column::<i16>(TABLE, row, 0)? {
            1 => drop(self.applied.insert(id()?)),
            2 => drop(self.requests.insert((name()?, column(TABLE, row, 4)?), number()? != 0)),
            3 => drop(self.order_versions.insert(id()?, number()?)),
            4 => drop(self.numbers.insert(name()?, id()?)),
            5 => drop(self.orders_of_carts.insert(id()?, column(TABLE, row, 2)?)),
            6 => drop(self.cart_versions.insert(id()?, number()?)),
            7 => drop(self.owners.insert(name()?, id()?)),
            8 => drop(self.histories.insert(id()?, number()?)),
            9 => drop(self.holds.insert(id()?, number()? != 0)),
            10 => {
                let product = ProductId::new(name()?).map_err(|source| corrupt("stock", source))?;
                let location = LocationId::new(column::<&str>(TABLE, row, 4)?)
                    .map_err(|source| corrupt("stock", source))?;
                let key = StockKey::new(product, location);
                let (reserved, sold) = (column(TABLE, row, 6)?, column(TABLE, row, 7)?);
                let level = StockLevel::new(key.clone(), number()?, reserved, sold);
                self.stock.insert(key, level);
            }
            kind => return Err(corrupt(TABLE, format!("a row of kind {kind}"))),
        }
        Ok(())
    }

    /// Whether a write-set was applied.
    pub(super) fn is_applied(&self, set: &Rows) -> bool {
        self.applied.contains(&set.id)
    }

    pub(super) fn level(&self, key: &StockKey) -> StockLevel {
        self.stock.get(key).cloned().unwrap_or_else(|| StockLevel::empty(key.clone()))
    }

    /// The first guard that refuses a write-set.
    pub(super) fn refusal(&self, set: &Rows) -> Option<Refusal> {
        self.request_refusal(set)
            .or_else(|| self.order_key_refusal(set))
            .or_else(|| self.owner_refusal(set))
            .or_else(|| self.cart_version_refusal(set))
            .or_else(|| self.order_version_refusal(set))
            .or_else(|| self.event_refusal(set))
            .or_else(|| self.read_refusal(set))
            .or_else(|| self.hold_refusal(set))
            .or_else(|| (!set.is_refundable).then_some(Refusal::Refundable))
            .or_else(|| self.stock_refusal(set))
    }

    fn request_refusal(&self, set: &Rows) -> Option<Refusal> {
        let request = set.request.as_ref()?;
        let fits = match self.requests.get(&(request.scope.clone(), request.key.clone())) {
            None => request.is_new,
            Some(is_answered) => !request.is_new && !is_answered,
        };
        (!fits).then_some(Refusal::IdempotencyKey)
    }

    fn order_key_refusal(&self, set: &Rows) -> Option<Refusal> {
        let earlier = |index: usize| set.orders.iter().take(index);
        for (index, order) in set.orders.iter().enumerate() {
            let other = self.numbers.get(&order.number).is_some_and(|id| *id != order.id);
            if other || earlier(index).any(|other| other.number == order.number) {
                return Some(Refusal::Taken(UniqueKey::OrderNumber));
            }
        }
        for (index, order) in set.orders.iter().enumerate() {
            let Some(cart) = order.cart else { continue };
            let other = self.orders_of_carts.get(&cart).is_some_and(|id| *id != order.id);
            if other || earlier(index).any(|other| other.cart == Some(cart)) {
                return Some(Refusal::Taken(UniqueKey::OrderCart));
            }
        }
        None
    }

    /// An owner may have another open cart only if this write-set writes or removes it.
    fn owner_refusal(&self, set: &Rows) -> Option<Refusal> {
        let taken = set.carts.iter().filter(|cart| cart.is_open).any(|cart| {
            let twice = set
                .carts
                .iter()
                .any(|other| other.is_open && other.id != cart.id && other.owner == cart.owner);
            let stays = self.owners.get(&cart.owner).is_some_and(|open| {
                !set.carts.iter().any(|put| put.id == *open)
                    && !set.removed_carts.iter().any(|(removed, _)| removed == open)
            });
            twice || stays
        });
        taken.then_some(Refusal::Taken(UniqueKey::CartOwner))
    }

    fn cart_version(&self, id: Uuid) -> i64 {
        self.cart_versions.get(&id).copied().unwrap_or(0)
    }

    fn order_version(&self, id: Uuid) -> i64 {
        self.order_versions.get(&id).copied().unwrap_or(0)
    }

    fn cart_version_refusal(&self, set: &Rows) -> Option<Refusal> {
        let puts = set.carts.iter().map(|cart| (cart.id, Some(cart.expected)));
        // What is not there can't be removed, whatever its version would be.
        let removed =
            set.removed_carts.iter().map(|(id, expected)| (*id, Some(*expected).filter(|it| *it > 0)));
        puts.chain(removed)
            .find(|(id, expected)| *expected != Some(self.cart_version(*id)))
            .map(|(id, _)| stale_cart(CartId::from_uuid(id)))
    }

    fn order_version_refusal(&self, set: &Rows) -> Option<Refusal> {
        let stale = set.orders.iter().find(|order| self.order_version(order.id) != order.expected)?;
        Some(stale_order(OrderId::from_uuid(stale.id)))
    }

    fn event_refusal(&self, set: &Rows) -> Option<Refusal> {
        for (index, event) in set.events.iter().enumerate() {
            let before = set.events.iter().take(index).rev().find(|earlier| earlier.order == event.order);
            let last = before.map_or_else(
                || self.histories.get(&event.order).copied().unwrap_or(0),
                |earlier| earlier.sequence,
            );
            if event.sequence != last.saturating_add(1) {
                let key = format!("{}/{}", OrderId::from_uuid(event.order), event.sequence);
                return Some(Refusal::Version { aggregate: Aggregate::Event, key });
            }
        }
        None
    }

    fn read_refusal(&self, set: &Rows) -> Option<Refusal> {
        let version = |version: u64| i64::try_from(version).unwrap_or(i64::MAX);
        set.read.iter().find_map(|read| match *read {
            Unchanged::Cart(id, read) => {
                (self.cart_version(id.uuid()) != version(read)).then(|| stale_cart(id))
            }
            Unchanged::Order(id, read) => {
                (self.order_version(id.uuid()) != version(read)).then(|| stale_order(id))
            }
        })
    }

    fn hold_refusal(&self, set: &Rows) -> Option<Refusal> {
        let over = set.holds.iter().find(|hold| match self.holds.get(&hold.id) {
            None => !hold.is_new,
            Some(is_active) => hold.is_new || !is_active,
        })?;
        Some(Refusal::ReservationEnded(ReservationId::from_uuid(over.id)))
    }

    fn stock_refusal(&self, set: &Rows) -> Option<Refusal> {
        let mut short = Vec::new();
        for (key, change) in &set.stock {
            let level = self.level(key);
            if level.after(change).is_none() {
                short.push(StockShort::new(key.clone(), level.available()));
            }
        }
        (!short.is_empty()).then_some(Refusal::Stock(short))
    }
}

fn stale_cart(id: CartId) -> Refusal {
    Refusal::Version { aggregate: Aggregate::Cart, key: id.to_string() }
}

fn stale_order(id: OrderId) -> Refusal {
    Refusal::Version { aggregate: Aggregate::Order, key: id.to_string() }
}
