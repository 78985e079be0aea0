use order_core::machine::Names as _;
use order_core::order::OrderStatus;
use order_core::store::{OrderFilter, PageRequest, SortOrder};
use sqlx::{QueryBuilder, Sqlite};

use super::orders::text;
use super::values::blob;
use crate::listed::branches;

/// What stands before the parameter of a limit, here and in every other statement. Without the `+` SQLite would compile the statement
/// anew whenever it is run: its plan could depend on how many rows are wanted.
const LIMIT: &str = " LIMIT +";

/// What stands between the orders of a page. Nothing that is written as JSON has it in it.
pub(super) const BETWEEN_ORDERS: char = '\u{1e}';

/// All orders that are found, as one text: each row for itself would be handed over, and waited for, by itself.
const PAGE: &str =
    concat!("SELECT group_concat(found, char(0x1e)) FROM (SELECT ", text!(), " AS found FROM ");

/// A page of orders, and one more if there is one.
///
/// Each branch walks one index in the order of ids and stops when it has enough: that of the customer or the seller, if one is
/// asked for, else that of each status, else the ids. A `+` keeps the planner from other indexes. What is found by several branches is
/// found by its id first, and read when it is known to be wanted.
pub(super) fn list(filter: &OrderFilter, page: PageRequest) -> QueryBuilder<Sqlite> {
    let order = match page.order {
        SortOrder::NewestFirst => " DESC",
        SortOrder::OldestFirst => " ASC",
    };
    let wanted = i64::from(page.limit()) + 1;
    let enough = wanted + i64::from(page.skip);
    let mut query = QueryBuilder::new(PAGE);
    match branches(filter).as_slice() {
        [status] => {
            branch(&mut query, filter, *status, page);
            query.push(" ORDER BY ").push(key(filter));
        }
        branches => {
            query.push("orders AS o WHERE o.id IN (");
            for (index, status) in branches.iter().enumerate() {
                query
                    .push(if index == 0 { "" } else { " UNION ALL " })
                    .push("SELECT * FROM (SELECT o.id FROM ");
                branch(&mut query, filter, *status, page);
                query
                    .push(" ORDER BY ")
                    .push(key(filter))
                    .push(order)
                    .push(LIMIT)
                    .push_bind(enough)
                    .push(")");
            }
            query.push(") ORDER BY o.id");
        }
    }
    query
        .push(order)
        .push(LIMIT)
        .push_bind(wanted)
        .push(" OFFSET ")
        .push_bind(i64::from(page.skip))
        .push(")");
    query
}

/// The column by whose order an index is walked.
fn key(filter: &OrderFilter) -> &'static str {
    if walks_sellers(filter) { "s.order_id" } else { "o.id" }
}

fn walks_sellers(filter: &OrderFilter) -> bool {
    filter.seller_id.is_some() && filter.customer_id.is_none()
}

fn branch(
    query: &mut QueryBuilder<Sqlite>,
    filter: &OrderFilter,
    status: Option<OrderStatus>,
    page: PageRequest,
) {
    if let Some(seller) = filter.seller_id.as_ref().filter(|_| walks_sellers(filter)) {
        query.push("order_sellers AS s CROSS JOIN orders AS o ON o.id = s.order_id");
        query.push(" WHERE s.seller_id = ").push_bind(seller.as_str().to_owned());
    } else {
        query.push("orders AS o WHERE true");
    }
    if let Some(customer) = &filter.customer_id {
        query.push(" AND o.customer_id = ").push_bind(customer.as_str().to_owned());
        if let Some(seller) = &filter.seller_id {
            query.push(
                " AND EXISTS (SELECT 1 FROM order_sellers AS s WHERE s.order_id = o.id AND s.seller_id = ",
            );
            query.push_bind(seller.as_str().to_owned()).push(")");
        }
    }
    if let Some(status) = status {
        query.push(" AND o.status = ").push_bind(status.name());
    } else if !filter.statuses.is_empty() {
        query.push(" AND +o.status IN (");
        let mut names = query.separated(", ");
        for status in &filter.statuses {
            names.push_bind(status.name());
        }
        query.push(")");
    }
    if let Some(text) = &filter.text {
        query.push(" AND instr(o.search, ").push_bind(text.to_lowercase()).push(") > 0");
    }
    let (from, before) = filter.span(&page);
    for (side, id) in [(" >= ", from), (" < ", before)] {
        if let Some(id) = id {
            query.push(" AND ").push(key(filter)).push(side).push_bind(blob(id.uuid()));
        }
    }
}
