//! A look at everything that the guards of write-sets ask for, in one statement.

use std::collections::HashSet;

use order_core::StoreError;
use order_core::id::{LocationId, ProductId};
use order_core::inventory::{StockKey, StockLevel};
use sqlx::SqlStr;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::statement::{Query, call};
use super::values::{Rows, column, corrupt};
use crate::group_commit::Picture;

/// The text of the statement that looks.
pub(super) fn look_sql() -> String {
    call("* FROM", "look", 14)
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
    let chapters = || sets.iter().flat_map(|set| &set.chapters);
    let histories: HashSet<Uuid> = chapters().map(|chapter| chapter.order).collect();
    sqlx::query(sql)
        .bind(sets.iter().map(|set| set.id).collect::<Vec<_>>())
        .bind(chapters().map(|chapter| chapter.order).collect::<Vec<_>>())
        .bind(chapters().map(|chapter| chapter.last).collect::<Vec<_>>())
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

/// The picture in the rows of the statement.
pub(super) fn picture(rows: &[PgRow]) -> Result<Picture, StoreError> {
    let mut picture = Picture::default();
    for row in rows {
        add(&mut picture, row)?;
    }
    Ok(picture)
}

fn add(picture: &mut Picture, row: &PgRow) -> Result<(), StoreError> {
    let id = || column::<Uuid>(TABLE, row, 1);
    let name = || column::<String>(TABLE, row, 3);
    let number = || column::<i64>(TABLE, row, 5);
    match column::<i16>(TABLE, row, 0)? {
        1 => drop(picture.applied.insert(id()?)),
        2 => drop(picture.requests.insert((name()?, column(TABLE, row, 4)?), number()? != 0)),
        3 => drop(picture.order_versions.insert(id()?, number()?)),
        4 => drop(picture.numbers.insert(name()?, id()?)),
        5 => drop(picture.orders_of_carts.insert(id()?, column(TABLE, row, 2)?)),
        6 => drop(picture.cart_versions.insert(id()?, number()?)),
        7 => drop(picture.owners.insert(name()?, id()?)),
        8 => drop(picture.histories.insert(id()?, number()?)),
        9 => drop(picture.holds.insert(id()?, number()? != 0)),
        10 => {
            let product = ProductId::new(name()?).map_err(|source| corrupt("stock", source))?;
            let location =
                LocationId::new(column::<&str>(TABLE, row, 4)?).map_err(|source| corrupt("stock", source))?;
            let key = StockKey::new(product, location);
            let (reserved, sold) = (column(TABLE, row, 6)?, column(TABLE, row, 7)?);
            let level = StockLevel::new(key.clone(), number()?, reserved, sold);
            picture.stock.insert(key, level);
        }
        kind => return Err(corrupt(TABLE, format!("a row of kind {kind}"))),
    }
    Ok(())
}
