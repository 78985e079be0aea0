use order_core::machine::Names as _;
use order_core::order::OrderStatus;
use order_core::store::{Cursor, OrderFilter, PageRequest, SortOrder};
use sqlx::{Postgres, QueryBuilder};

use super::orders::whole_order;
use super::schema::Schema;
use super::values::searchable;

/// A page of orders, and one more if there is one.
///
/// Each branch is in the order of ids and stops when it has enough: one of the customer or the seller, if one is asked for,
/// else one of each status, else one of all. There is an index for each of them that has that order.
pub(super) fn list(schema: &Schema, filter: &OrderFilter, page: PageRequest) -> QueryBuilder<Postgres> {
    let order = match page.order {
        SortOrder::NewestFirst => " DESC",
        SortOrder::OldestFirst => " ASC",
    };
    let wanted = i64::from(page.limit()) + 1;
    let enough = wanted + i64::from(page.skip);
    let mut query = QueryBuilder::new("");
    query.push(schema.sql(whole_order!("(")).0);
    for (index, status) in branches(filter).into_iter().enumerate() {
        query.push(if index == 0 { "(" } else { " UNION ALL (" });
        branch(&mut query, schema, filter, status, page);
        query.push(" ORDER BY ").push(key(filter)).push(order).push(" LIMIT ").push_bind(enough).push(")");
    }
    query.push(") AS o ORDER BY o.id").push(order).push(" LIMIT ").push_bind(wanted);
    query.push(" OFFSET ").push_bind(i64::from(page.skip));
    query
}

/// One branch for each status that an index is walked for.
fn branches(filter: &OrderFilter) -> Vec<Option<OrderStatus>> {
    let has_owner = filter.customer_id.is_some() || filter.seller_id.is_some();
    if has_owner || filter.statuses.is_empty() {
        return vec![None];
    }
    let mut statuses = filter.statuses.clone();
    statuses.sort_unstable_by_key(|status| status.name());
    statuses.dedup();
    statuses.into_iter().map(Some).collect()
}

/// The column whose index is walked.
fn key(filter: &OrderFilter) -> &'static str {
    if walks_sellers(filter) { "s.order_id" } else { "o.id" }
}

fn walks_sellers(filter: &OrderFilter) -> bool {
    filter.seller_id.is_some() && filter.customer_id.is_none()
}

fn branch(
    query: &mut QueryBuilder<Postgres>,
    schema: &Schema,
    filter: &OrderFilter,
    status: Option<OrderStatus>,
    page: PageRequest,
) {
    query.push("SELECT o.id, o.body, o.body_version, o.version FROM ");
    if let Some(seller) = filter.seller_id.as_ref().filter(|_| walks_sellers(filter)) {
        let tables = "{schema}.order_sellers AS s JOIN {schema}.orders AS o ON o.id = s.order_id";
        query.push(schema.sql(tables).0).push(" WHERE s.seller_id = ").push_bind(seller.as_str().to_owned());
    } else {
        query.push(schema.sql("{schema}.orders AS o WHERE true").0);
    }
    if let Some(customer) = &filter.customer_id {
        query.push(" AND o.customer_id = ").push_bind(customer.as_str().to_owned());
        if let Some(seller) = &filter.seller_id {
            query.push(" AND ").push_bind(seller.as_str().to_owned()).push(" = ANY (o.sellers)");
        }
    }
    if let Some(status) = status {
        query.push(" AND o.status = ").push_bind(status.name());
    } else if !filter.statuses.is_empty() {
        let names: Vec<&str> = filter.statuses.iter().map(|status| status.name()).collect();
        query.push(" AND o.status = ANY (").push_bind(names).push(")");
    }
    if let Some(from) = filter.placed_from {
        query.push(" AND o.created_at >= ").push_bind(from.timestamp_millis());
    }
    if let Some(before) = filter.placed_before {
        query.push(" AND o.created_at < ").push_bind(before.timestamp_millis());
    }
    if let Some(text) = &filter.text {
        query.push(" AND strpos(o.search, ").push_bind(searchable(&text.to_lowercase())).push(") > 0");
    }
    if let Some(id) = page.after.map(Cursor::order_id) {
        let side = match page.order {
            SortOrder::NewestFirst => " < ",
            SortOrder::OldestFirst => " > ",
        };
        query.push(" AND ").push(key(filter)).push(side).push_bind(id.uuid());
    }
}
