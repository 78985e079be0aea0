use order_core::id::OrderId;
use order_core::machine::Names as _;
use order_core::order::OrderStatus;
use order_core::store::{OrderFilter, PageRequest, SortOrder};
use sqlx::{Encode, Postgres, QueryBuilder, Type};

use super::orders::whole_order;
use super::schema::Schema;
use super::values::searchable;
use crate::listed::branches;

/// A page of orders, and one more if there is one.
///
/// Each branch has the order of ids and stops when it has enough: one of the customer or the seller, if one is asked for, else one of
/// each status, else one of all. There is an index for each of them that has that order ([`Walk`]), and one plan for any values, as to
/// make a plan takes longer than to find the orders of a page.
pub(super) fn list(schema: &Schema, filter: &OrderFilter, page: PageRequest) -> QueryBuilder<Postgres> {
    let order = match page.order {
        SortOrder::NewestFirst => " DESC",
        SortOrder::OldestFirst => " ASC",
    };
    let wanted = page.limit() + 1;
    let enough = wanted + page.skip;
    let is_told = page.skip == 0;
    let mut query = QueryBuilder::new("");
    query.push(schema.sql(whole_order!("(")).0);
    for (index, status) in branches(filter).into_iter().enumerate() {
        query.push(if index == 0 { "(" } else { " UNION ALL (" });
        let walk = Walk::of(filter, status);
        branch(&mut query, schema, filter, &walk, page);
        query.push(" ORDER BY ");
        if let Some((column, _)) = walk.within {
            query.push(column).push(order).push(", ");
        }
        query.push(walk.id).push(order).push(" LIMIT ");
        push_number(&mut query, enough, is_told);
        query.push(")");
    }
    query.push(") AS o ORDER BY o.id").push(order).push(" LIMIT ");
    push_number(&mut query, wanted, is_told);
    query.push(" OFFSET ");
    push_number(&mut query, page.skip, is_told);
    query
}

/// Pushes how many orders are wanted, which the planner may be told. Of a parameter it believes that it may be a tenth of all there are;
/// what it is told is good for one plan for all. But numbers of orders to leave out would be as many statements.
fn push_number(query: &mut QueryBuilder<Postgres>, number: u32, is_told: bool) {
    if is_told {
        query.push(number);
    } else {
        query.push_bind(i64::from(number));
    }
}

/// Pushes a value. The planner does not see it: it would make a plan for each value of which it knows that there are few.
fn push_value<T>(query: &mut QueryBuilder<Postgres>, value: T)
where
    T: for<'q> Encode<'q, Postgres> + Type<Postgres>,
{
    query.push("(SELECT ").push_bind(value).push(")");
}

/// Which index is walked. The planner has to take it, as it is asked for the rows between two ends of it, in its order, which no other one
/// has. An equation would leave a choice: for what most orders have in common it would rather walk through all of them, and, with one plan
/// for any values, do so for what few have.
struct Walk<'a> {
    tables: &'static str,
    /// The first column of the index, and what is wanted of it.
    within: Option<(&'static str, &'a str)>,
    /// Its last one, the order's id.
    id: &'static str,
}

impl<'a> Walk<'a> {
    fn of(filter: &'a OrderFilter, status: Option<OrderStatus>) -> Self {
        let by_seller = "{schema}.order_sellers AS s JOIN {schema}.orders AS o ON o.id = s.order_id";
        let orders = "{schema}.orders AS o";
        let (tables, within, id) = match (&filter.customer_id, &filter.seller_id, status) {
            (Some(customer), _, _) => (orders, Some(("o.customer_id", customer.as_str())), "o.id"),
            (None, Some(seller), _) => (by_seller, Some(("s.seller_id", seller.as_str())), "s.order_id"),
            (None, None, Some(status)) => (orders, Some(("o.status", status.name())), "o.id"),
            (None, None, None) => (orders, None, "o.id"),
        };
        Self { tables, within, id }
    }

    /// Pushes the condition of one end: the id of an order there, if it is not the end of the index.
    fn push_end(&self, query: &mut QueryBuilder<Postgres>, sides: [&str; 2], id: Option<OrderId>) {
        let [of_index, of_id] = sides;
        match (self.within, id.map(OrderId::uuid)) {
            (Some((column, name)), Some(id)) => {
                query.push(format_args!(" AND ({column}, {}){of_id}(", self.id));
                push_value(query, name.to_owned());
                query.push(", ");
                push_value(query, id);
                query.push(")");
            }
            (Some((column, name)), None) => {
                query.push(" AND ").push(column).push(of_index);
                push_value(query, name.to_owned());
            }
            (None, Some(id)) => {
                query.push(" AND ").push(self.id).push(of_id);
                push_value(query, id);
            }
            (None, None) => {}
        }
    }
}

fn branch(
    query: &mut QueryBuilder<Postgres>,
    schema: &Schema,
    filter: &OrderFilter,
    walk: &Walk<'_>,
    page: PageRequest,
) {
    query.push("SELECT o.id, o.body, o.body_version, o.version FROM ");
    query.push(schema.sql(walk.tables).0).push(" WHERE true");
    let (from, before) = filter.span(&page);
    walk.push_end(query, [" >= ", " >= "], from);
    walk.push_end(query, [" <= ", " < "], before);
    if let (Some(_), Some(seller)) = (&filter.customer_id, &filter.seller_id) {
        query.push(" AND ");
        push_value(query, seller.as_str().to_owned());
        query.push(" = ANY (o.sellers)");
    }
    if filter.customer_id.is_some() || filter.seller_id.is_some() {
        let names: Vec<&str> = filter.statuses.iter().map(|status| status.name()).collect();
        if !names.is_empty() {
            query.push(" AND o.status = ANY (");
            push_value(query, names);
            query.push("::text[])");
        }
    }
    if let Some(text) = &filter.text {
        query.push(" AND strpos(o.search, ").push_bind(searchable(&text.to_lowercase())).push(") > 0");
    }
}
