use order_core::machine::Names as _;
use order_core::order::OrderStatus;
use order_core::store::{OrderFilter, PageRequest, SortOrder};
use sqlx::{Postgres, QueryBuilder};

use super::orders::whole_order;
use super::schema::Schema;
use super::values::searchable;

/// A page of orders, and one more if there is one.
///
/// Each branch has the order of ids and stops when it has enough: one of the customer or the seller, if one is asked for, else one of
/// each status, else one of all. There is an index for each of them that has that order ([`Walk`]).
pub(super) fn list(schema: &Schema, filter: &OrderFilter, page: PageRequest) -> QueryBuilder<Postgres> {
    let order = match page.order {
        SortOrder::NewestFirst => " DESC",
        SortOrder::OldestFirst => " ASC",
    };
    let wanted = page.limit() + 1;
    let enough = wanted + page.skip;
    let put: fn(&mut QueryBuilder<Postgres>, u32) = if is_told(filter, page) { told } else { bound };
    let mut query = QueryBuilder::new("");
    query.push(schema.sql(whole_order!("(")).0);
    for (index, status) in branches(filter).into_iter().enumerate() {
        query.push(if index == 0 { "(" } else { " UNION ALL (" });
        let walk = Walk::of(filter, status);
        branch(&mut query, schema, filter, &walk, page);
        query.push(" ORDER BY ");
        if let Some((column, _)) = walk.within.filter(|_| walk.is_bound) {
            query.push(column).push(order).push(", ");
        }
        query.push(walk.id).push(order).push(" LIMIT ");
        put(&mut query, enough);
        query.push(")");
    }
    query.push(") AS o ORDER BY o.id").push(order).push(" LIMIT ");
    put(&mut query, wanted);
    query.push(" OFFSET ");
    put(&mut query, page.skip);
    query
}

fn is_of_a_time(filter: &OrderFilter) -> bool {
    filter.placed_from.is_some() || filter.placed_before.is_some()
}

/// Whether the planner is told how many orders are wanted. Of a parameter it believes that it may be a tenth of all there are, and plans
/// each page of a large shop anew, which takes longer than to find its orders; what it is told is good for one plan for all. But a
/// span of time is planned by how long it is, and numbers of orders to leave out would be as many statements.
fn is_told(filter: &OrderFilter, page: PageRequest) -> bool {
    page.skip == 0 && !is_of_a_time(filter)
}

fn told(query: &mut QueryBuilder<Postgres>, number: u32) {
    query.push(number);
}

fn bound(query: &mut QueryBuilder<Postgres>, number: u32) {
    query.push_bind(i64::from(number));
}

/// Which index is walked.
struct Walk<'a> {
    /// Its first column, and what is wanted of it.
    within: Option<(&'static str, &'a str)>,
    /// The order's id: its last one.
    id: &'static str,
    /// Whether the planner has to take it, as it is asked for the rows between two ends of it, in its order, which no other one has. An
    /// equation leaves a choice: for what most orders have in common it would rather walk through all of them, and, with one plan
    /// for all, do so for what few have. But of a time that is long ago it may find the orders by their times.
    is_bound: bool,
}

impl<'a> Walk<'a> {
    fn of(filter: &'a OrderFilter, status: Option<OrderStatus>) -> Self {
        let (within, id) = match (&filter.customer_id, &filter.seller_id, status) {
            (Some(customer), _, _) => (Some(("o.customer_id", customer.as_str())), "o.id"),
            (None, Some(seller), _) => (Some(("s.seller_id", seller.as_str())), "s.order_id"),
            (None, None, Some(status)) => (Some(("o.status", status.name())), "o.id"),
            (None, None, None) => (None, "o.id"),
        };
        Self { within, id, is_bound: !is_of_a_time(filter) }
    }

    /// Asks for what is wanted, from the cursor on.
    fn ask(&self, query: &mut QueryBuilder<Postgres>, page: PageRequest) {
        let (behind, from, until) = match page.order {
            SortOrder::NewestFirst => (" < ", " <= ", " >= "),
            SortOrder::OldestFirst => (" > ", " >= ", " <= "),
        };
        let mut compare = |column, comparison, name: &str| {
            query.push(" AND ").push(column).push(comparison).push_bind(name.to_owned());
        };
        let after = page.after.map(|cursor| cursor.order_id().uuid());
        match (self.within, after) {
            (Some((column, name)), Some(after)) if self.is_bound => {
                compare(column, until, name);
                query.push(" AND (").push(column).push(", ").push(self.id).push(")").push(behind);
                query.push("(").push_bind(name.to_owned()).push(", ").push_bind(after).push(")");
                return;
            }
            (Some((column, name)), _) if self.is_bound => {
                compare(column, until, name);
                compare(column, from, name);
            }
            (Some((column, name)), _) => compare(column, " = ", name),
            (None, _) => {}
        }
        if let Some(after) = after {
            query.push(" AND ").push(self.id).push(behind).push_bind(after);
        }
    }
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

fn branch(
    query: &mut QueryBuilder<Postgres>,
    schema: &Schema,
    filter: &OrderFilter,
    walk: &Walk<'_>,
    page: PageRequest,
) {
    let tables = if walk.id == "s.order_id" {
        "{schema}.order_sellers AS s JOIN {schema}.orders AS o ON o.id = s.order_id"
    } else {
        "{schema}.orders AS o"
    };
    query.push("SELECT o.id, o.body, o.body_version, o.version FROM ");
    query.push(schema.sql(tables).0).push(" WHERE true");
    walk.ask(query, page);
    if let (Some(_), Some(seller)) = (&filter.customer_id, &filter.seller_id) {
        query.push(" AND ").push_bind(seller.as_str().to_owned()).push(" = ANY (o.sellers)");
    }
    if filter.customer_id.is_some() || filter.seller_id.is_some() {
        let names: Vec<&str> = filter.statuses.iter().map(|status| status.name()).collect();
        if !names.is_empty() {
            query.push(" AND o.status = ANY (").push_bind(names).push(")");
        }
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
}
