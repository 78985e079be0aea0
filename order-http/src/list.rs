//! Lists: which page, of what.

use chrono::{DateTime, Datelike as _, NaiveDate, SubsecRound as _, Utc};
use order_core::Invalid;
use order_core::id::{CustomerId, SellerId};
use order_core::machine::Names as _;
use order_core::order::OrderStatus;
use order_core::store::{Cursor, OrderFilter, PageRequest, SortOrder};
use order_core::time::{Duration, Timestamp};
use utoipa::IntoParams;

use crate::names::OrderStatusName;
use crate::params::Params;
use crate::problem::Problem;

/// How many items a page has when nobody says.
pub(crate) const DEFAULT_LIMIT: u32 = 20;

/// What a list of orders takes. It is here for the document: [`read_list`] reads it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ListParams {
    /// How many orders at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// Where the page begins: the `next_cursor` of the page before.
    cursor: Option<String>,
    /// How many orders are left out first. Not together with `cursor`; its cost grows with it.
    #[param(minimum = 0, maximum = 10000)]
    skip: Option<u32>,
    /// The newest first (`-created_at`) or the oldest.
    #[param(pattern = "^-?created_at$", default = "-created_at")]
    sort: Option<String>,
    /// With one of these statuses. May be repeated.
    #[param(style = Form, explode)]
    status: Option<Vec<OrderStatusName>>,
    /// Of this user.
    user_id: Option<String>,
    /// With something of this seller.
    seller_id: Option<String>,
    /// Placed at or after this: a date, or a time in RFC 3339.
    start_date: Option<String>,
    /// Placed at or before this; a date counts to its end.
    end_date: Option<String>,
    /// With this text in the number, the user's id, or an item's product or name.
    #[param(min_length = 1, max_length = 128)]
    q: Option<String>,
}

/// Reads which orders are wanted.
///
/// # Errors
/// Everything that is wrong with the query.
pub(crate) fn read_list(mut params: Params) -> Result<(OrderFilter, PageRequest), Problem> {
    let page = read_page(&mut params);
    let filter = OrderFilter {
        customer_id: params
            .read("user_id", "invalid_id", "must be a user's id", |text| CustomerId::new(text).ok()),
        statuses: read_statuses(&mut params),
        seller_id: params
            .read("seller_id", "invalid_id", "must be a seller's id", |text| SellerId::new(text).ok()),
        placed_from: params.read("start_date", "invalid_date", DATE, |text| read_time(text, Edge::Start)),
        placed_before: params.read("end_date", "invalid_date", DATE, |text| read_time(text, Edge::End)),
        text: params.read("q", "out_of_range", "must be 1 to 128 bytes", |text| {
            (1..=OrderFilter::MAX_TEXT).contains(&text.len()).then(|| text.to_owned())
        }),
    };
    params.finish()?;
    Ok((filter, page))
}

/// Reads how many items a page has at most.
pub(crate) fn read_limit(params: &mut Params) -> u32 {
    let limit = params.read("limit", "out_of_range", "must be a whole number from 1 to 100", |text| {
        text.parse().ok().filter(|limit| (1..=PageRequest::MAX_LIMIT).contains(limit))
    });
    limit.unwrap_or(DEFAULT_LIMIT)
}

fn read_page(params: &mut Params) -> PageRequest {
    let limit = read_limit(params);
    let skip = params.read("skip", "out_of_range", "must be a whole number from 0 to 10000", |text| {
        text.parse().ok().filter(|skip| *skip <= PageRequest::MAX_SKIP)
    });
    let cursor =
        params.read("cursor", "invalid_cursor", "must be the next_cursor of a page of this list", |text| {
            text.parse::<Cursor>().ok()
        });
    if skip.is_some() && cursor.is_some() {
        params.refuse("skip", "conflicting", "must not be given together with cursor");
    }
    let sort = params.read("sort", "unknown_value", "must be -created_at or created_at", |text| match text {
        "-created_at" => Some(SortOrder::NewestFirst),
        "created_at" => Some(SortOrder::OldestFirst),
        _ => None,
    });
    PageRequest::first(limit).after(cursor).skip(skip.unwrap_or(0)).sorted(sort.unwrap_or_default())
}

fn read_statuses(params: &mut Params) -> Vec<OrderStatus> {
    let mut statuses = Vec::new();
    for text in params.all("status") {
        match OrderStatus::ALL.iter().find(|status| status.name() == text) {
            Some(status) => statuses.push(*status),
            None => params.refuse("status", "unknown_value", "must be a status of an order"),
        }
    }
    statuses
}

const DATE: &str = "must be a date (2026-01-31) or a time in RFC 3339 (2026-01-31T12:00:00Z)";

/// Which end of a span of time a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// Everything from it on.
    Start,
    /// Everything up to it, itself included: the first instant that is not in it.
    End,
}

fn read_time(text: &str, edge: Edge) -> Option<Timestamp> {
    let (time, length) = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) => (date.and_hms_opt(0, 0, 0)?.and_utc(), Duration::days(1)),
        Err(_) => (read_instant(text)?, Duration::milliseconds(1)),
    };
    if !is_in_range(time) {
        return None;
    }
    match edge {
        Edge::Start => Some(time),
        Edge::End => time.checked_add_signed(length),
    }
}

/// Reads a date or a time of a body; what is wrong with it is noted.
pub(crate) fn read_date(text: &str, pointer: &str, invalid: &mut Invalid) -> Option<Timestamp> {
    let time = read_time(text, Edge::Start);
    if time.is_none() {
        invalid.push(pointer, "invalid_date", DATE);
    }
    time
}

/// Reads the last date or time of a span of a body: the first instant that is not in it. What is wrong with it is noted.
pub(crate) fn read_last_date(text: &str, pointer: &str, invalid: &mut Invalid) -> Option<Timestamp> {
    let time = read_time(text, Edge::End);
    if time.is_none() {
        invalid.push(pointer, "invalid_date", DATE);
    }
    time
}

/// Reads from when a list is wanted.
pub(crate) fn read_begin(params: &mut Params, name: &str) -> Option<Timestamp> {
    params.read(name, "invalid_date", DATE, |text| read_time(text, Edge::Start))
}

/// Reads until when a list is wanted: the first instant that is not in it.
pub(crate) fn read_end(params: &mut Params, name: &str) -> Option<Timestamp> {
    params.read(name, "invalid_date", DATE, |text| read_time(text, Edge::End))
}

/// Reads a time in RFC 3339. A `+` that the query's encoding has made a blank is taken for what it was.
pub(crate) fn read_instant(text: &str) -> Option<Timestamp> {
    let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?;
    Some(time.with_timezone(&Utc).trunc_subsecs(3)).filter(|time| is_in_range(*time))
}

/// Years of four digits: what every store keeps and every client reads.
fn is_in_range(time: Timestamp) -> bool {
    (1..=9998).contains(&time.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_counts_to_its_end() {
        let start = read_time("2026-01-31", Edge::Start).unwrap();
        let end = read_time("2026-01-31", Edge::End).unwrap();
        assert_eq!(
            (start.to_rfc3339(), end.to_rfc3339()),
            ("2026-01-31T00:00:00+00:00".to_owned(), "2026-02-01T00:00:00+00:00".to_owned())
        );
        let instant = read_time("2026-01-31T12:00:00 02:00", Edge::End).unwrap();
        assert_eq!(instant.to_rfc3339(), "2026-01-31T10:00:00.001+00:00");
        for text in [
            "",
            "2026-13-01",
            "2026-02-30",
            "yesterday",
            "2026-01-31T25:00:00Z",
            "99999-01-01",
            "2026-01-31T12:00:00",
        ] {
            assert_eq!(read_time(text, Edge::Start), None, "{text}");
        }
    }
}
