//! A look at everything that the guards of write-sets ask for, in one snapshot.

use std::collections::HashSet;

use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::{ClientSession, Database};
use order_core::StoreError;
use order_core::inventory::StockKey;
use uuid::Uuid;

use super::documents::{CARTS, IDEMPOTENCY, ORDERS, RESERVATIONS, STOCK, WRITE_SETS};
use super::inventory::level;
use super::link::unsent;
use super::values::{Rows, inner, missing, number, parsed, text};
use crate::group_commit::{Failed, Picture, Trouble};

/// Looks, in the session's transaction: its snapshot is of what is committed now, also of what a majority does not have yet.
pub(super) async fn look(
    database: &Database,
    session: &mut ClientSession,
    sets: &[&Rows],
) -> Result<Picture, Failed> {
    let mut picture = Picture::default();
    for (collection, filter, fields, add) in questions(sets) {
        let documents = database.collection::<Document>(collection);
        let finding = documents.find(filter).projection(fields).session(&mut *session);
        let mut cursor = finding.await.map_err(unsent)?;
        while let Some(document) = cursor.next(session).await {
            let document = document.map_err(unsent)?;
            add(&mut picture, &document).map_err(|error| Failed::Sent(Trouble::Defect, error.into()))?;
        }
    }
    Ok(picture)
}

/// A collection, what of it is asked for, and where it goes.
type Question = (&'static str, Document, Document, fn(&mut Picture, &Document) -> Result<(), StoreError>);

fn questions(sets: &[&Rows]) -> Vec<Question> {
    let applied = any("sets", ids(sets.iter().map(|set| set.id)));
    let mut questions: Vec<Question> = vec![(WRITE_SETS, applied, doc! { "sets": 1 }, write_sets)];
    let requests: Vec<Bson> = sets
        .iter()
        .filter_map(|set| set.request.as_ref())
        .map(|request| Bson::from(doc! { "scope": &request.scope, "key": &request.key }))
        .collect();
    if !requests.is_empty() {
        questions.push((IDEMPOTENCY, any("_id", requests), doc! { "answered_version": 1 }, request));
    }
    let orders = orders(sets);
    if !orders.is_empty() {
        let fields = doc! { "version": 1, "last_sequence": 1, "number": 1, "cart_id": 1 };
        questions.push((ORDERS, doc! { "$or": orders }, fields, order));
    }
    let carts = carts(sets);
    if !carts.is_empty() {
        questions.push((CARTS, doc! { "$or": carts }, doc! { "version": 1, "owner": 1, "status": 1 }, cart));
    }
    let holds = ids(sets.iter().flat_map(|set| &set.holds).map(|hold| hold.id));
    if !holds.is_empty() {
        questions.push((RESERVATIONS, any("_id", holds), doc! { "status": 1 }, hold));
    }
    let shelves: HashSet<&StockKey> = sets.iter().flat_map(|set| &set.stock).map(|(key, _)| key).collect();
    if !shelves.is_empty() {
        let ids = shelves
            .into_iter()
            .map(|key| {
                let (product, location) = (key.product_id.as_str(), key.location.as_str());
                Bson::from(doc! { "product_id": product, "location": location })
            })
            .collect();
        questions.push((STOCK, any("_id", ids), Document::new(), shelf));
    }
    questions
}

fn ids(ids: impl Iterator<Item = Uuid>) -> Vec<Bson> {
    ids.map(|id| Bson::from(id.to_string())).collect()
}

fn any(field: &str, values: Vec<Bson>) -> Document {
    doc! { field: { "$in": values } }
}

/// Orders by their ids, numbers and carts.
fn orders(sets: &[&Rows]) -> Vec<Document> {
    let puts = || sets.iter().flat_map(|set| &set.orders);
    let read = sets.iter().flat_map(|set| &set.read_orders).map(|(id, _)| *id);
    let events = sets.iter().flat_map(|set| &set.chapters).map(|chapter| chapter.order);
    let by_id: HashSet<Uuid> = puts().map(|order| order.id).chain(read).chain(events).collect();
    let numbers: Vec<Bson> = puts().map(|order| Bson::from(order.number.as_str())).collect();
    let carts = ids(puts().filter_map(|order| order.cart));
    branches([("_id", ids(by_id.into_iter())), ("number", numbers), ("cart_id", carts)])
}

/// Carts by their ids, and open ones by their owners.
fn carts(sets: &[&Rows]) -> Vec<Document> {
    let puts = || sets.iter().flat_map(|set| &set.carts);
    let others =
        sets.iter().flat_map(|set| set.read_carts.iter().chain(&set.removed_carts)).map(|(id, _)| *id);
    let by_id: HashSet<Uuid> = puts().map(|cart| cart.id).chain(others).collect();
    let owners: Vec<Bson> = puts().map(|cart| Bson::from(cart.owner.as_str())).collect();
    let mut carts = branches([("_id", ids(by_id.into_iter()))]);
    if !owners.is_empty() {
        carts.push(doc! { "owner": { "$in": owners }, "status": "open" });
    }
    carts
}

fn branches<const N: usize>(branches: [(&str, Vec<Bson>); N]) -> Vec<Document> {
    let asked = branches.into_iter().filter(|(_, values)| !values.is_empty());
    asked.map(|(field, values)| any(field, values)).collect()
}

fn write_sets(picture: &mut Picture, document: &Document) -> Result<(), StoreError> {
    let missing = || missing(WRITE_SETS, "sets");
    for id in document.get_array("sets").map_err(|_| missing())? {
        let id = id.as_str().and_then(|id| id.parse().ok());
        picture.applied.insert(id.ok_or_else(missing)?);
    }
    Ok(())
}

fn request(picture: &mut Picture, document: &Document) -> Result<(), StoreError> {
    let id = inner(IDEMPOTENCY, document, "_id")?;
    let key = (text(IDEMPOTENCY, id, "scope")?.to_owned(), text(IDEMPOTENCY, id, "key")?.to_owned());
    picture.requests.insert(key, document.contains_key("answered_version"));
    Ok(())
}

fn order(picture: &mut Picture, document: &Document) -> Result<(), StoreError> {
    let id: Uuid = parsed(ORDERS, document, "_id")?;
    picture.order_versions.insert(id, number(ORDERS, document, "version")?);
    picture.histories.insert(id, number(ORDERS, document, "last_sequence")?);
    picture.numbers.insert(text(ORDERS, document, "number")?.to_owned(), id);
    if document.contains_key("cart_id") {
        picture.orders_of_carts.insert(parsed(ORDERS, document, "cart_id")?, id);
    }
    Ok(())
}

fn cart(picture: &mut Picture, document: &Document) -> Result<(), StoreError> {
    let id: Uuid = parsed(CARTS, document, "_id")?;
    picture.cart_versions.insert(id, number(CARTS, document, "version")?);
    if text(CARTS, document, "status")? == "open" {
        picture.owners.insert(text(CARTS, document, "owner")?.to_owned(), id);
    }
    Ok(())
}

fn hold(picture: &mut Picture, document: &Document) -> Result<(), StoreError> {
    let is_active = text(RESERVATIONS, document, "status")? == "active";
    picture.holds.insert(parsed(RESERVATIONS, document, "_id")?, is_active);
    Ok(())
}

fn shelf(picture: &mut Picture, document: &Document) -> Result<(), StoreError> {
    let level = level(document)?;
    picture.stock.insert(level.key.clone(), level);
    Ok(())
}
