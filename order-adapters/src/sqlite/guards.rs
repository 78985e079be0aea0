use order_core::StoreError;
use order_core::cart::CartStatus;
use order_core::id::{CartId, OrderId, OrderNumber, ReservationId, WriteSetId};
use order_core::inventory::{StockChange, StockKey, StockLevel};
use order_core::store::{Aggregate, Refusal, StockShort, Unchanged, UniqueKey, WriteSet};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::values::{blob, column, counter, failed, json, uuid};

/// What a write-set was refused by, told after it was rolled back and before anybody else may write.
///
/// The guards themselves are in the statements and in the schema; here is only which of them it was: keys first, then
/// versions, then what the trade forbids.
#[derive(Debug)]
pub(super) struct Guards {
    idempotency: Option<(String, String, bool)>,
    orders: Vec<OrderGuard>,
    carts: Vec<CartGuard>,
    removed: Vec<(CartId, u64)>,
    events: Vec<(OrderId, u64)>,
    unchanged: Vec<Unchanged>,
    reservations: Vec<(ReservationId, bool)>,
    is_refundable: bool,
    stock: Vec<(StockKey, StockChange)>,
    id: WriteSetId,
}

/// What the guards say about a write-set that broke a constraint.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was applied before.
    Repeated,
    /// One of them refuses it.
    Refused(Refusal),
    /// None of them does.
    Unexplained,
}

/// What `apply.sql` says when a stock level can't be changed: all other guards have let the write-set pass.
const SHORT_OF_STOCK: &str = "short of stock";

#[derive(Debug)]
struct OrderGuard {
    id: OrderId,
    number: OrderNumber,
    cart: Option<CartId>,
    expected: u64,
}

#[derive(Debug)]
struct CartGuard {
    id: CartId,
    owner: String,
    is_open: bool,
    expected: u64,
}

const CONTEXT: &str = "tell why a commit was refused";

impl Guards {
    /// The guards of a write-set.
    pub(super) fn of(set: &WriteSet) -> Self {
        let payments = set.orders.iter().flat_map(|put| &put.order.payments);
        Self {
            idempotency: set
                .idempotency
                .as_ref()
                .map(|put| (put.record.scope.clone(), put.record.key.as_str().to_owned(), put.is_new)),
            orders: set
                .orders
                .iter()
                .map(|put| OrderGuard {
                    id: put.order.id,
                    number: put.order.number.clone(),
                    cart: put.order.cart_id,
                    expected: put.expected,
                })
                .collect(),
            carts: set
                .carts
                .iter()
                .map(|put| CartGuard {
                    id: put.cart.id,
                    owner: put.cart.owner.key(),
                    is_open: put.cart.status == CartStatus::Open,
                    expected: put.expected,
                })
                .collect(),
            removed: set.removed_carts.clone(),
            events: set.events.iter().map(|record| (record.order_id, record.sequence)).collect(),
            unchanged: set.unchanged.clone(),
            reservations: set.reservations.iter().map(|put| (put.reservation.id, put.is_new)).collect(),
            is_refundable: payments
                .map(order_core::payment::Payment::refundable)
                .all(|left| left.is_ok_and(|left| !left.is_negative())),
            stock: set.stock.iter().map(|(key, change)| (key.clone(), *change)).collect(),
            id: set.id,
        }
    }

    /// Which guard it was that broke a constraint.
    pub(super) async fn verdict(
        &self,
        error: &sqlx::Error,
        connection: &mut SqliteConnection,
    ) -> Result<Verdict, StoreError> {
        let query = sqlx::query("SELECT 1 FROM write_sets WHERE id = ?").bind(blob(self.id.uuid()));
        if optional(query, connection).await?.is_some() {
            return Ok(Verdict::Repeated);
        }
        let is_short = error.as_database_error().is_some_and(|error| error.message() == SHORT_OF_STOCK);
        let refusal = self.refusal(is_short, connection).await?;
        Ok(refusal.map_or(Verdict::Unexplained, Verdict::Refused))
    }

    async fn refusal(
        &self,
        is_short: bool,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Refusal>, StoreError> {
        if !is_short {
            if let Some(refusal) = self.key_refusal(connection).await? {
                return Ok(Some(refusal));
            }
            if let Some(refusal) = self.version_refusal(connection).await? {
                return Ok(Some(refusal));
            }
            if let Some(id) = self.ended_reservation(connection).await? {
                return Ok(Some(Refusal::ReservationEnded(id)));
            }
            if !self.is_refundable {
                return Ok(Some(Refusal::Refundable));
            }
        }
        self.stock_refusal(connection).await
    }

    async fn key_refusal(&self, connection: &mut SqliteConnection) -> Result<Option<Refusal>, StoreError> {
        if let Some((scope, key, is_new)) = &self.idempotency {
            let query = sqlx::query(
                "SELECT answered_version IS NOT NULL FROM idempotency WHERE scope = ? AND key = ?",
            );
            let row = optional(query.bind(scope).bind(key), connection).await?;
            let fits = match row {
                None => *is_new,
                Some(row) => !is_new && !column::<bool>("idempotency", &row, 0)?,
            };
            if !fits {
                return Ok(Some(Refusal::IdempotencyKey));
            }
        }
        for (index, order) in self.orders.iter().enumerate() {
            let query = sqlx::query("SELECT 1 FROM orders WHERE number = ? AND id <> ?");
            let query = query.bind(order.number.as_str()).bind(blob(order.id.uuid()));
            let twice = self.orders.iter().take(index).any(|other| other.number == order.number);
            if twice || optional(query, connection).await?.is_some() {
                return Ok(Some(Refusal::Taken(UniqueKey::OrderNumber)));
            }
        }
        for (index, order) in self.orders.iter().enumerate() {
            let Some(cart) = order.cart else { continue };
            let query = sqlx::query("SELECT 1 FROM orders WHERE cart_id = ? AND id <> ?");
            let query = query.bind(blob(cart.uuid())).bind(blob(order.id.uuid()));
            let twice = self.orders.iter().take(index).any(|other| other.cart == Some(cart));
            if twice || optional(query, connection).await?.is_some() {
                return Ok(Some(Refusal::Taken(UniqueKey::OrderCart)));
            }
        }
        Ok(self.is_owner_taken(connection).await?.then_some(Refusal::Taken(UniqueKey::CartOwner)))
    }

    /// An owner may have another open cart only if this write-set writes or removes it.
    async fn is_owner_taken(&self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        for cart in self.carts.iter().filter(|cart| cart.is_open) {
            let twice = self
                .carts
                .iter()
                .any(|other| other.is_open && other.id != cart.id && other.owner == cart.owner);
            if twice {
                return Ok(true);
            }
            let query = sqlx::query("SELECT id FROM carts WHERE owner_key = ? AND status = 'open'");
            let Some(row) = optional(query.bind(&cart.owner), connection).await? else { continue };
            let other = CartId::from_uuid(uuid("carts", &row, 0)?);
            let stays = !self.carts.iter().any(|put| put.id == other)
                && !self.removed.iter().any(|(removed, _)| *removed == other);
            if stays {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn version_refusal(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Refusal>, StoreError> {
        let carts = self.carts.iter().map(|cart| (cart.id, Some(cart.expected)));
        // What is not there can't be removed, whatever its version would be.
        let removed = self.removed.iter().map(|(id, expected)| (*id, Some(*expected).filter(|it| *it > 0)));
        for (id, expected) in carts.chain(removed) {
            if Some(cart_version(id, connection).await?) != expected {
                return Ok(Some(stale(Aggregate::Cart, id.to_string())));
            }
        }
        for order in &self.orders {
            if order_version(order.id, connection).await? != order.expected {
                return Ok(Some(stale(Aggregate::Order, order.id.to_string())));
            }
        }
        for (index, (id, sequence)) in self.events.iter().enumerate() {
            let earlier = self.events.iter().take(index).rev().find(|(earlier, _)| earlier == id);
            let last = match earlier {
                Some((_, sequence)) => *sequence,
                None => history_len(*id, connection).await?,
            };
            if *sequence != last.saturating_add(1) {
                return Ok(Some(stale(Aggregate::Event, format!("{id}/{sequence}"))));
            }
        }
        for read in &self.unchanged {
            match *read {
                Unchanged::Cart(id, version) if cart_version(id, connection).await? != version => {
                    return Ok(Some(stale(Aggregate::Cart, id.to_string())));
                }
                Unchanged::Order(id, version) if order_version(id, connection).await? != version => {
                    return Ok(Some(stale(Aggregate::Order, id.to_string())));
                }
                Unchanged::Cart(..) | Unchanged::Order(..) => {}
            }
        }
        Ok(None)
    }

    async fn ended_reservation(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<ReservationId>, StoreError> {
        for (id, is_new) in &self.reservations {
            let query = sqlx::query("SELECT status = 'active' FROM reservations WHERE id = ?");
            let fits = match optional(query.bind(blob(id.uuid())), connection).await? {
                None => *is_new,
                Some(row) => !is_new && column::<bool>("reservations", &row, 0)?,
            };
            if !fits {
                return Ok(Some(*id));
            }
        }
        Ok(None)
    }

    async fn stock_refusal(&self, connection: &mut SqliteConnection) -> Result<Option<Refusal>, StoreError> {
        let keys: Vec<_> =
            self.stock.iter().map(|(key, _)| (key.product_id.as_str(), key.location.as_str())).collect();
        // One row for each key, in the order of the array.
        let query = sqlx::query(
            "SELECT coalesce(on_hand, 0), coalesce(reserved, 0), coalesce(sold, 0)
             FROM json_each(?) AS wanted
             LEFT JOIN stock ON product_id = wanted.value ->> 0 AND location = wanted.value ->> 1
             ORDER BY wanted.key",
        );
        let rows = query.bind(json(&keys)?).fetch_all(connection).await;
        let rows = rows.map_err(|error| failed(CONTEXT, error))?;
        let mut short = Vec::new();
        for ((key, change), row) in self.stock.iter().zip(&rows) {
            let level = StockLevel::new(
                key.clone(),
                column("stock", row, 0)?,
                column("stock", row, 1)?,
                column("stock", row, 2)?,
            );
            if level.after(change).is_none() {
                short.push(StockShort::new(key.clone(), level.available()));
            }
        }
        Ok((!short.is_empty()).then_some(Refusal::Stock(short)))
    }
}

fn stale(aggregate: Aggregate, key: String) -> Refusal {
    Refusal::Version { aggregate, key }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

async fn optional(
    query: Query<'_>,
    connection: &mut SqliteConnection,
) -> Result<Option<SqliteRow>, StoreError> {
    query.fetch_optional(connection).await.map_err(|error| failed(CONTEXT, error))
}

/// The number a statement finds for an id; 0 when there is none.
async fn number(sql: &'static str, id: Uuid, connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let row = optional(sqlx::query(sql).bind(blob(id)), connection).await?;
    row.map_or(Ok(0), |row| counter("version", &row, 0))
}

async fn cart_version(id: CartId, connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    number("SELECT version FROM carts WHERE id = ?", id.uuid(), connection).await
}

async fn order_version(id: OrderId, connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    number("SELECT version FROM orders WHERE id = ?", id.uuid(), connection).await
}

async fn history_len(id: OrderId, connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    number("SELECT coalesce(max(sequence), 0) FROM events WHERE order_id = ?", id.uuid(), connection).await
}
