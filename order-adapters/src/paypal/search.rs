//! The transaction search: the only list that PayPal has. It tells of a transaction up to three hours late.

use order_core::gateway::GatewayError;
use order_core::time::{Duration, Timestamp};

use super::link::Link;
use super::object::{Authorization, Capture, Order, Transaction, TransactionPage};
use super::request;

/// The longest time that PayPal searches at once.
pub(super) const LONGEST: Duration = Duration::days(31);

/// How many transactions a page has at most.
pub(super) const MAX_PAGE_SIZE: u32 = 500;

/// How many pages of a time are read: PayPal gives ten thousand transactions. A busier shop's question stays unknown.
const MAX_PAGES: u32 = 20;

/// How far PayPal's clock and ours may be apart.
const CLOCKS_APART: Duration = Duration::hours(1);

/// One page of the transactions of a time, and whether there are more.
pub(super) async fn page(
    link: &Link,
    (since, until): (Timestamp, Timestamp),
    page: u32,
    page_size: u32,
) -> Result<(Vec<Transaction>, bool), GatewayError> {
    let call = request::search(since, until, page, page_size);
    let found: Option<TransactionPage> = link.get(&call).await?;
    let found = found.ok_or_else(|| GatewayError::unknown(link.service()))?;
    let has_more = page < found.total_pages;
    Ok((found.transaction_details.into_iter().map(|detail| detail.transaction_info).collect(), has_more))
}

/// The order that carries a name of ours, among those with which something was done since a time.
pub(super) async fn find(
    link: &Link,
    custom_id: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<Order>, GatewayError> {
    let mut from = since - CLOCKS_APART;
    while from < now {
        let until = now.min(from + LONGEST);
        let mut number = 1;
        loop {
            let (transactions, has_more) = page(link, (from, until), number, MAX_PAGE_SIZE).await?;
            let is_ours = |transaction: &&Transaction| transaction.custom_field.as_deref() == Some(custom_id);
            for transaction in transactions.iter().filter(is_ours) {
                if let Some(order) = order_of(link, transaction).await? {
                    return Ok(Some(order));
                }
            }
            match has_more {
                false => break,
                true if number == MAX_PAGES => return Err(GatewayError::unknown(link.service())),
                true => number += 1,
            }
        }
        from = until;
    }
    Ok(None)
}

/// The order that a transaction belongs to. The search does not tell it: the capture, or the authorisation, does.
pub(super) async fn order_of(link: &Link, transaction: &Transaction) -> Result<Option<Order>, GatewayError> {
    let id = transaction.id.as_str();
    let order = if is_authorization(transaction) {
        let found: Option<Authorization> = link.get(&request::read_authorization(id)).await?;
        found.and_then(|found| found.order_id().map(str::to_owned))
    } else if is_payment(transaction) {
        let found: Option<Capture> = link.get(&request::read_capture(id)).await?;
        found.and_then(|found| found.order_id().map(str::to_owned))
    } else {
        None
    };
    match order {
        Some(order) => link.order(&order).await,
        None => Ok(None),
    }
}

/// A payment received. Refunds, reversals, fees and payouts have other codes.
pub(super) fn is_payment(transaction: &Transaction) -> bool {
    transaction.event_code.starts_with("T00")
}

/// An authorisation. A later word about one (renewed, voided) has another code.
pub(super) fn is_authorization(transaction: &Transaction) -> bool {
    transaction.event_code == "T1300"
}

/// When a transaction was made.
pub(super) fn made_at(transaction: &Transaction) -> Option<Timestamp> {
    time(&transaction.initiation_date)
}

/// Reads a time. The search leaves the colon out of the offset, which RFC 3339 asks for.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z").ok().map(|at| at.to_utc())
}
