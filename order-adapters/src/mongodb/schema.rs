//! The collections with their validators and indexes.
//!
//! A validator sees one document as it would become, whoever writes it.

use ::mongodb::Database;
use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::error::Error;
use order_core::cart::CartStatus;
use order_core::inbox::InboxStatus;
use order_core::inventory::{MAX_UNITS, ReservationStatus};
use order_core::machine::Names;
use order_core::order::OrderStatus;
use order_core::store::{IdempotencyRecord, WRITE_SET_MEMORY};

use super::OpenError;
use super::documents::{
    CARTS, EVENTS, IDEMPOTENCY, INBOX, ORDERS, RESERVATIONS, STOCK, STOCK_OUTBOX, STOCK_RECORDS, WRITE_SETS,
};
use super::values::{DUPLICATE_KEY, code};

/// The version of the schema that this library makes. It grows with every change of it.
pub(super) const VERSION: i64 = 6;

/// Where the version is written.
const SCHEMA: &str = "schema";

/// A collection, what its documents must be, and its indexes.
type Collection = (&'static str, Document, Vec<Document>);

fn collections() -> [Collection; 10] {
    [
        (ORDERS, order(), order_indexes()),
        (EVENTS, event(), Vec::new()),
        (CARTS, cart(), cart_indexes()),
        (STOCK, stock(), stock_indexes()),
        (STOCK_RECORDS, record(), record_indexes()),
        (STOCK_OUTBOX, waiting(), waiting_indexes()),
        (INBOX, notice(), inbox_indexes()),
        (RESERVATIONS, reservation(), reservation_indexes()),
        (IDEMPOTENCY, request(), idempotency_indexes()),
        (WRITE_SETS, write_sets(), write_set_indexes()),
    ]
}

/// Collections that are kept in the order of their ids, which need no index then. Those of before that have one do as well.
const IN_ORDER_OF_IDS: [&str; 1] = [RESERVATIONS];

/// Makes what is missing, or only looks whether the database is up to date. Doing it twice, or many at once, is doing it once.
pub(super) async fn migrate(database: &Database, may_change: bool) -> Result<(), OpenError> {
    let versions = database.collection::<Document>(SCHEMA);
    let found = versions.find_one(doc! { "_id": "version" }).await.map_err(OpenError::failed)?;
    let version = found.and_then(|found| found.get_i64("version").ok()).unwrap_or(0);
    if version > VERSION {
        return Err(OpenError::Newer { version });
    }
    if !may_change {
        return if version == VERSION { Ok(()) } else { Err(OpenError::Older { version }) };
    }
    if (1..VERSION).contains(&version) {
        from_earlier(database).await.map_err(OpenError::failed)?;
    }
    for (name, validator, indexes) in collections() {
        make(database, name, &validator, indexes).await.map_err(OpenError::failed)?;
    }
    if version < VERSION {
        let newest = doc! { "$max": { "version": VERSION } };
        let noted = versions.update_one(doc! { "_id": "version" }, newest).upsert(true).await;
        if let Err(error) = noted
            && code(&error) != Some(DUPLICATE_KEY)
        {
            return Err(OpenError::failed(error));
        }
    }
    Ok(())
}

/// Changes what earlier versions have left.
async fn from_earlier(database: &Database) -> Result<(), Error> {
    drop_index(database, WRITE_SETS, "write_sets_by_age").await?;
    drop_index(database, ORDERS, "orders_by_creation").await?;
    // Until version 4 each write-set had a document of its own.
    let alone = doc! { "sets": { "$exists": false } };
    let sets = vec![doc! { "$set": { "sets": ["$_id"] } }];
    database.collection::<Document>(WRITE_SETS).update_many(alone, sets).await?;
    Ok(())
}

async fn make(
    database: &Database,
    name: &str,
    validator: &Document,
    indexes: Vec<Document>,
) -> Result<(), Error> {
    const EXISTS: i32 = 48;
    let concern = doc! { "w": "majority", "j": true };
    let mut create = doc! { "create": name, "validator": validator, "writeConcern": &concern };
    if IN_ORDER_OF_IDS.contains(&name) {
        create.insert("clusteredIndex", doc! { "key": { "_id": 1 }, "unique": true });
    }
    match database.run_command(create).await {
        Err(error) if code(&error) == Some(EXISTS) => {
            let changed = doc! {
                "collMod": name, "validator": validator, "validationLevel": "strict",
                "validationAction": "error", "writeConcern": &concern,
            };
            database.run_command(changed).await?;
        }
        made => drop(made?),
    }
    if !indexes.is_empty() {
        let made = doc! { "createIndexes": name, "indexes": indexes, "writeConcern": &concern };
        database.run_command(made).await?;
    }
    Ok(())
}

/// Drops an index that an earlier version has made.
async fn drop_index(database: &Database, collection: &str, index: &str) -> Result<(), Error> {
    const NO_INDEX: i32 = 27;
    match database.collection::<Document>(collection).drop_index(index).await {
        Err(error) if code(&error) != Some(NO_INDEX) => Err(error),
        _ => Ok(()),
    }
}

/// An index of this name.
fn index(name: &str, key: Document) -> Document {
    doc! { "name": name, "key": key }
}

/// An index in which a key may stand once.
fn unique(name: &str, key: Document) -> Document {
    doc! { "name": name, "key": key, "unique": true }
}

/// An index of those documents only.
fn of(mut index: Document, only: Document) -> Document {
    index.insert("partialFilterExpression", only);
    index
}

/// An index by which the server removes documents so long after they were stored.
fn expiring(name: &str, lifetime: order_core::time::Duration) -> Document {
    doc! { "name": name, "key": { "stored_at": 1 }, "expireAfterSeconds": lifetime.num_seconds() }
}

fn order_indexes() -> Vec<Document> {
    let oldest = || doc! { "outbox.at": 1, "_id": 1 };
    vec![
        unique("orders_number", doc! { "number": 1 }),
        of(unique("orders_cart", doc! { "cart_id": 1 }), doc! { "cart_id": { "$exists": true } }),
        index("orders_by_payment", doc! { "payments.id": 1 }),
        of(
            index("orders_by_reference", doc! { "payments.reference": 1, "_id": 1 }),
            doc! { "payments.reference": { "$exists": true } },
        ),
        index("orders_by_customer", doc! { "customer_id": 1, "_id": 1 }),
        index("orders_by_seller", doc! { "sellers": 1, "_id": 1 }),
        index("orders_by_status", doc! { "status": 1, "_id": 1 }),
        of(index("orders_due", doc! { "due_at": 1, "_id": 1 }), doc! { "due_at": { "$exists": true } }),
        of(index("outbox_free", oldest()), doc! { "outbox.state": "free" }),
        of(
            index("outbox_busy", doc! { "outbox.at": 1, "_id": 1, "outbox.busy_until": 1 }),
            doc! { "outbox.state": "busy" },
        ),
        of(index("outbox_failing", oldest()), doc! { "outbox.attempts": { "$gt": 0 } }),
    ]
}

fn cart_indexes() -> Vec<Document> {
    let open = || doc! { "status": "open" };
    vec![
        of(unique("carts_open", doc! { "owner": 1 }), open()),
        of(index("carts_expiring", doc! { "expires_at": 1, "_id": 1 }), open()),
    ]
}

fn stock_indexes() -> Vec<Document> {
    vec![index("stock_by_product", doc! { "_id.product_id": 1, "_id.location": 1 })]
}

fn record_indexes() -> Vec<Document> {
    let key = doc! { "_id.product_id": 1, "at": 1, "_id.location": 1, "_id.sequence": 1 };
    vec![index("stock_records_by_time", key)]
}

fn waiting_indexes() -> Vec<Document> {
    let oldest = || doc! { "at": 1, "_id": 1 };
    vec![
        of(index("stock_outbox_free", oldest()), doc! { "state": "free" }),
        of(index("stock_outbox_busy", doc! { "at": 1, "_id": 1, "busy_until": 1 }), doc! { "state": "busy" }),
        of(index("stock_outbox_failing", oldest()), doc! { "attempts": { "$gt": 0 } }),
    ]
}

fn inbox_indexes() -> Vec<Document> {
    let exists = |field: &str| doc! { field: { "$exists": true } };
    vec![
        of(index("inbox_due", doc! { "due_at": 1, "_id": 1 }), exists("due_at")),
        of(index("inbox_settled", doc! { "settled_at": 1, "_id": 1 }), exists("settled_at")),
        index("inbox_by_receipt", doc! { "received_at": 1, "_id": 1 }),
        index("inbox_by_status", doc! { "status": 1, "received_at": 1, "_id": 1 }),
    ]
}

fn reservation_indexes() -> Vec<Document> {
    vec![of(index("reservations_expiring", doc! { "expires_at": 1, "_id": 1 }), doc! { "status": "active" })]
}

fn idempotency_indexes() -> Vec<Document> {
    vec![
        index("idempotency_by_age", doc! { "created_at": 1 }),
        expiring("idempotency_expiring", IdempotencyRecord::LIFETIME * 2),
    ]
}

fn write_set_indexes() -> Vec<Document> {
    vec![unique("write_sets_once", doc! { "sets": 1 }), expiring("write_sets_expiring", WRITE_SET_MEMORY * 2)]
}

/// Fields that must be there, as a JSON schema knows them.
fn fields(fields: Document) -> Document {
    let names: Vec<Bson> = fields.keys().map(|name| Bson::from(name.as_str())).collect();
    doc! { "bsonType": "object", "required": names, "properties": fields }
}

/// Fields that must be there, and no others.
fn exactly(of: Document) -> Document {
    let mut schema = fields(of);
    schema.insert("additionalProperties", false);
    schema
}

/// A whole number in a range. Other kinds of numbers are not exact.
fn whole(least: Option<i64>, most: Option<i64>) -> Document {
    let mut whole = doc! { "bsonType": ["int", "long"] };
    if let Some(least) = least {
        whole.insert("minimum", least);
    }
    if let Some(most) = most {
        whole.insert("maximum", most);
    }
    whole
}

fn counter() -> Document {
    whole(Some(0), None)
}

fn text() -> Document {
    doc! { "bsonType": "string" }
}

fn date() -> Document {
    doc! { "bsonType": "date" }
}

fn object() -> Document {
    doc! { "bsonType": "object" }
}

fn texts() -> Document {
    doc! { "bsonType": "array", "items": text() }
}

/// One of the names of a status.
fn one_of<S: Names>() -> Document {
    let names: Vec<Bson> = S::ALL.iter().map(|status| Bson::from(status.name())).collect();
    doc! { "enum": names }
}

/// An id of several fields, in this order: two ids with the same fields in another order would be two ids.
fn in_order<const N: usize>(names: [&str; N]) -> Document {
    let mut id = Document::new();
    for name in names {
        id.insert(name, format!("$_id.{name}"));
    }
    doc! { "$eq": ["$_id", id] }
}

fn order() -> Document {
    let payment = fields(doc! {
        "id": text(), "provider": text(), "captured_minor": counter(), "refunded_minor": counter(),
        "refunding_minor": counter(),
    });
    let mut schema = fields(doc! {
        "_id": text(), "number": text(), "customer_id": text(), "status": one_of::<OrderStatus>(),
        "version": counter(), "currency": { "bsonType": "string", "minLength": 3, "maxLength": 3 },
        "total_minor": whole(None, None), "created_at": date(), "sellers": texts(), "search": text(),
        "payments": { "bsonType": "array", "items": payment }, "last_sequence": counter(),
    });
    let chapter =
        fields(doc! { "sequence": whole(Some(1), None), "at": date(), "name": text(), "body": object() });
    let history = doc! { "bsonType": "array", "items": chapter };
    let outbox = fields(doc! {
        "state": { "enum": ["free", "busy"] }, "head": whole(Some(1), None), "at": date(), "attempts": counter(),
    });
    let optional = doc! {
        "cart_id": text(), "due_at": date(), "outbox": outbox, "history": history, "body": object(),
    };
    if let Ok(properties) = schema.get_document_mut("properties") {
        properties.extend(optional);
    }
    let left = doc! { "$subtract": ["$$payment.captured_minor", "$$payment.refunded_minor"] };
    let is_refundable = doc! {
        "$and": [
            { "$lte": ["$$payment.refunded_minor", "$$payment.captured_minor"] },
            { "$lte": ["$$payment.refunding_minor", left] },
        ],
    };
    let all = doc! { "$map": { "input": "$payments", "as": "payment", "in": is_refundable } };
    let waiting = doc! { "$lte": [{ "$ifNull": ["$outbox.head", 0] }, "$last_sequence"] };
    let is_written_out = doc! { "$eq": [{ "$type": "$body" }, "object"] };
    let is_told = doc! { "$gt": [{ "$size": { "$ifNull": ["$history", []] } }, 0] };
    let is_whole = doc! { "$or": [is_written_out, is_told] };
    doc! { "$jsonSchema": schema, "$expr": { "$and": [{ "$allElementsTrue": all }, waiting, is_whole] } }
}

fn event() -> Document {
    let id = exactly(doc! { "order_id": text(), "sequence": whole(Some(1), None) });
    let schema = fields(doc! { "_id": id, "at": date(), "name": text(), "body": object() });
    doc! { "$jsonSchema": schema, "$expr": in_order(["order_id", "sequence"]) }
}

fn cart() -> Document {
    let schema = fields(doc! {
        "_id": text(), "owner": text(), "status": one_of::<CartStatus>(), "version": counter(),
        "expires_at": date(), "body": object(),
    });
    doc! { "$jsonSchema": schema }
}

fn stock() -> Document {
    let mut schema = fields(doc! {
        "_id": exactly(doc! { "product_id": text(), "location": text() }),
        "on_hand": whole(Some(0), Some(MAX_UNITS)), "reserved": counter(), "sold": counter(),
    });
    // Levels of before the journals have none of these.
    let optional =
        doc! { "low_at": whole(Some(0), Some(MAX_UNITS)), "records": counter(), "changes": counter() };
    if let Ok(properties) = schema.get_document_mut("properties") {
        properties.extend(optional);
    }
    let never_oversold = doc! { "$lte": ["$reserved", "$on_hand"] };
    doc! {
        "$jsonSchema": schema,
        "$expr": { "$and": [never_oversold, in_order(["product_id", "location"])] },
    }
}

fn record() -> Document {
    let id = exactly(doc! { "product_id": text(), "location": text(), "sequence": whole(Some(1), None) });
    let schema = fields(doc! {
        "_id": id, "at": date(), "name": text(), "on_hand": counter(), "reserved": counter(), "sold": counter(),
        "body": object(),
    });
    doc! { "$jsonSchema": schema, "$expr": in_order(["product_id", "location", "sequence"]) }
}

fn waiting() -> Document {
    let schema = fields(doc! {
        "_id": exactly(doc! { "product_id": text(), "location": text() }),
        "state": { "enum": ["free", "busy"] }, "head": whole(Some(1), None), "last": whole(Some(1), None),
        "at": date(), "attempts": counter(),
    });
    let in_step = doc! { "$lte": ["$head", "$last"] };
    doc! { "$jsonSchema": schema, "$expr": { "$and": [in_step, in_order(["product_id", "location"])] } }
}

fn notice() -> Document {
    let mut schema = fields(doc! {
        "_id": exactly(doc! { "provider": text(), "event_id": text() }), "status": one_of::<InboxStatus>(),
        "received_at": date(), "changed_at": date(), "attempts": counter(), "body": object(),
    });
    let optional = doc! { "due_at": date(), "settled_at": date(), "reason": text(), "order_id": text() };
    if let Ok(properties) = schema.get_document_mut("properties") {
        properties.extend(optional);
    }
    let open: Vec<Bson> = InboxStatus::ALL
        .iter()
        .filter(|status| status.is_open())
        .map(|status| Bson::from(status.name()))
        .collect();
    let is_open = doc! { "$in": ["$status", open] };
    let has = |field: &str| doc! { "$eq": [{ "$type": field }, "date"] };
    let open_is_due = doc! { "$eq": [&is_open, has("$due_at")] };
    let settled_is_not = doc! { "$ne": [is_open, has("$settled_at")] };
    let in_order = in_order(["provider", "event_id"]);
    doc! { "$jsonSchema": schema, "$expr": { "$and": [open_is_due, settled_is_not, in_order] } }
}

fn reservation() -> Document {
    let schema = fields(doc! {
        "_id": text(), "status": one_of::<ReservationStatus>(), "expires_at": date(), "products": texts(),
        "body": object(),
    });
    doc! { "$jsonSchema": schema }
}

fn request() -> Document {
    let mut schema = fields(doc! {
        "_id": exactly(doc! { "scope": text(), "key": text() }), "fingerprint": text(), "subject": text(),
        "created_at": date(), "stored_at": date(),
    });
    if let Ok(properties) = schema.get_document_mut("properties") {
        properties.insert("answered_version", counter());
    }
    doc! { "$jsonSchema": schema, "$expr": in_order(["scope", "key"]) }
}

fn write_sets() -> Document {
    let mut sets = texts();
    sets.insert("minItems", 1);
    // The unique index compares documents; it does not see what stands twice in one.
    sets.insert("uniqueItems", true);
    doc! { "$jsonSchema": fields(doc! { "_id": text(), "sets": sets, "at": date(), "stored_at": date() }) }
}
