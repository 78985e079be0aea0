//! Disputes: what they mean, and which there are.
//!
//! A payment is asked for by its captures. A page of the books is not, as that would be a call for each of them: PayPal lists the
//! disputes that have changed since a time, and a dispute of a payment has changed after the payment began. That list does not say what
//! a dispute is about, so each is read once, and remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use order_core::gateway::GatewayError;
use order_core::payment::{DisputeStatus, ReportedDispute};
use order_core::time::{Duration, Timestamp};

use super::object::{Dispute, DisputePage};
use super::{PayPalGateway, reading, request, search};
use crate::provider::Call;

/// How far back PayPal lists disputes by time: 180 days, less an hour for the clocks.
const LONGEST_AGO: Duration = Duration::hours(180 * 24 - 1);

/// How much earlier than a payment a list of disputes begins, as nothing is said about its bounds.
const MARGIN: Duration = Duration::hours(1);

/// How many pages of a list are read: ten thousand disputes. A busier shop's question stays unknown.
const MAX_PAGES: u32 = 200;

/// Of how many disputes is remembered what they are about.
const MAX_REMEMBERED: usize = 10_000;

/// What PayPal says of a dispute; `None` when its amount can't be read.
pub(super) fn reported(dispute: &Dispute) -> Option<ReportedDispute> {
    let disputed = dispute.amount.as_ref().and_then(reading::money)?;
    let status = status(dispute);
    // A dispute that was lost may have cost a part only.
    let refunded = dispute.outcome.as_ref().and_then(|outcome| outcome.amount_refunded.as_ref());
    let refunded = refunded.and_then(reading::money).filter(|amount| {
        status == DisputeStatus::Lost && amount.is_positive() && amount.currency() == disputed.currency()
    });
    let time = |text: &Option<String>| text.as_deref().and_then(search::time);
    Some(ReportedDispute {
        reference: reading::reference(&dispute.id)?,
        amount: refunded.unwrap_or(disputed),
        status,
        reason: dispute.reason.clone(),
        opened_at: time(&dispute.create_time),
        changed_at: time(&dispute.update_time),
    })
}

/// How far a dispute is. One that is resolved in a way that is not known stays open: nobody can tell whose the money is.
fn status(dispute: &Dispute) -> DisputeStatus {
    if !is_resolved(dispute) {
        return DisputeStatus::Open;
    }
    let code = dispute.outcome.as_ref().and_then(|outcome| outcome.code.as_deref());
    match code {
        Some("RESOLVED_BUYER_FAVOUR" | "ACCEPTED") => DisputeStatus::Lost,
        // `NONE` gave way to another dispute of the same transaction; after `RESOLVED_WITH_PAYOUT` PayPal has paid.
        Some("RESOLVED_SELLER_FAVOUR" | "RESOLVED_WITH_PAYOUT" | "CANCELED_BY_BUYER" | "DENIED" | "NONE") => {
            DisputeStatus::Won
        }
        Some(_) | None => DisputeStatus::Open,
    }
}

fn is_resolved(dispute: &Dispute) -> bool {
    dispute.status == "RESOLVED"
}

/// Which captures disputes are about, as far as this process knows: that does not change. It only spares calls.
#[derive(Debug, Default)]
pub(super) struct Subjects(Mutex<HashMap<String, Vec<String>>>);

impl Subjects {
    fn get(&self, dispute: &str) -> Option<Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(dispute).cloned()
    }

    fn put(&self, dispute: &str, captures: Vec<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(dispute.to_owned(), captures);
    }
}

/// A dispute of a list.
struct Listed {
    captures: Vec<String>,
    dispute: Dispute,
}

/// The disputes that a page of the books may need. They are asked for when the first payment of it has brought money.
pub(super) struct Disputes<'a> {
    gateway: &'a PayPalGateway,
    since: Timestamp,
    listed: Option<Vec<Listed>>,
}

impl<'a> Disputes<'a> {
    /// Of payments that were begun since a time.
    pub(super) fn since(gateway: &'a PayPalGateway, since: Timestamp) -> Self {
        Self { gateway, since, listed: None }
    }

    /// Those of some captures.
    pub(super) async fn of(&mut self, captures: &[&str]) -> Result<Vec<ReportedDispute>, GatewayError> {
        if captures.is_empty() {
            return Ok(Vec::new());
        }
        let listed = match self.listed.take() {
            Some(listed) => listed,
            None => self.gateway.changed_since(self.since).await?,
        };
        let listed = self.listed.insert(listed);
        let mut found = Vec::new();
        for listed in listed {
            if captures.iter().any(|capture| listed.captures.iter().any(|id| id == capture)) {
                listed.dispute = self.gateway.whole(&listed.dispute).await?;
                found.push(listed.dispute.clone());
            }
        }
        self.gateway.told(&found)
    }
}

impl PayPalGateway {
    /// Whether the application may read disputes. Without that right (PayPal's dashboard, the app's features, *Disputes*) reports have
    /// none, and nobody is told otherwise: a host should ask this when it starts.
    ///
    /// # Errors
    /// [`GatewayError`] when PayPal does not answer.
    pub async fn may_read_disputes(&self) -> Result<bool, GatewayError> {
        Ok(self.dispute_page(&request::disputes_since(self.clock.now())).await?.is_some())
    }

    /// The disputes of some captures, asked for one by one.
    pub(super) async fn disputes_of(&self, captures: &[&str]) -> Result<Vec<ReportedDispute>, GatewayError> {
        let mut found: Vec<Dispute> = Vec::new();
        for capture in captures {
            for dispute in self.list_disputes(request::disputes_of(capture)).await? {
                // One may be about several captures.
                if found.iter().all(|known| known.id != dispute.id) {
                    found.push(self.whole(&dispute).await?);
                }
            }
        }
        self.told(&found)
    }

    fn told(&self, disputes: &[Dispute]) -> Result<Vec<ReportedDispute>, GatewayError> {
        let told: Option<Vec<ReportedDispute>> = disputes.iter().map(reported).collect();
        let mut told = told.ok_or_else(|| self.unreadable())?;
        told.sort_by(|one, other| one.reference.cmp(&other.reference));
        // A list that grows while it is read tells the last of a page again.
        told.dedup_by(|one, other| one.reference == other.reference);
        Ok(told)
    }

    async fn changed_since(&self, since: Timestamp) -> Result<Vec<Listed>, GatewayError> {
        let since = (since - MARGIN).max(self.clock.now() - LONGEST_AGO);
        let mut listed = Vec::new();
        for dispute in self.list_disputes(request::disputes_since(since)).await? {
            listed.push(self.placed(dispute).await?);
        }
        Ok(listed)
    }

    /// A dispute of a list, and what it is about.
    async fn placed(&self, listed: Dispute) -> Result<Listed, GatewayError> {
        if let Some(captures) = self.subjects.get(&listed.id) {
            return Ok(Listed { captures, dispute: listed });
        }
        let dispute = self.read_dispute(&listed).await?;
        let captures = dispute.transactions.iter().filter_map(|transaction| transaction.id.clone());
        let captures: Vec<String> = captures.collect();
        if !captures.is_empty() {
            self.subjects.put(&dispute.id, captures.clone());
        }
        Ok(Listed { captures, dispute })
    }

    /// The dispute with its outcome, which a list does not tell.
    async fn whole(&self, dispute: &Dispute) -> Result<Dispute, GatewayError> {
        if is_resolved(dispute) && dispute.outcome.is_none() {
            return self.read_dispute(dispute).await;
        }
        Ok(dispute.clone())
    }

    /// Reads a dispute of a list. One that is not there any more is what the list said.
    async fn read_dispute(&self, listed: &Dispute) -> Result<Dispute, GatewayError> {
        let found: Option<Dispute> = self.link.get(&request::read_dispute(&listed.id)).await?;
        Ok(found.unwrap_or_else(|| listed.clone()))
    }

    /// Every page of a list; nothing without the right to read it.
    async fn list_disputes(&self, first: Call) -> Result<Vec<Dispute>, GatewayError> {
        let mut found = Vec::new();
        let mut call = first;
        for _ in 0..MAX_PAGES {
            let Some(page) = self.dispute_page(&call).await? else { return Ok(found) };
            let is_empty = page.items.is_empty();
            found.extend(page.items);
            let next = page.links.iter().find(|link| link.rel == "next").and_then(request::next_disputes);
            match next {
                Some(next) if !is_empty => call = next,
                Some(_) | None => return Ok(found),
            }
        }
        Err(GatewayError::unknown(self.link.service()))
    }

    /// A page of a list; `None` without the right to read it.
    async fn dispute_page(&self, call: &Call) -> Result<Option<DisputePage>, GatewayError> {
        let reply = self.link.send(call).await?;
        reply.if_granted(self.link.service())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::object::HateoasLink;
    use super::*;

    fn euros(value: &str) -> Value {
        json!({ "currency_code": "EUR", "value": value })
    }

    #[test]
    fn every_outcome_of_a_dispute_has_its_meaning() {
        for (status, code, refunded, meaning) in [
            ("OPEN", None, None, (DisputeStatus::Open, 1_000)),
            ("WAITING_FOR_BUYER_RESPONSE", None, None, (DisputeStatus::Open, 1_000)),
            ("WAITING_FOR_SELLER_RESPONSE", None, None, (DisputeStatus::Open, 1_000)),
            ("UNDER_REVIEW", Some("RESOLVED_BUYER_FAVOUR"), None, (DisputeStatus::Open, 1_000)),
            ("OTHER", None, None, (DisputeStatus::Open, 1_000)),
            ("RESOLVED", None, None, (DisputeStatus::Open, 1_000)),
            ("RESOLVED", Some("AN_OUTCOME_OF_TOMORROW"), None, (DisputeStatus::Open, 1_000)),
            ("RESOLVED", Some("RESOLVED_BUYER_FAVOUR"), None, (DisputeStatus::Lost, 1_000)),
            ("RESOLVED", Some("RESOLVED_BUYER_FAVOUR"), Some(euros("4.00")), (DisputeStatus::Lost, 400)),
            ("RESOLVED", Some("RESOLVED_BUYER_FAVOUR"), Some(euros("0.00")), (DisputeStatus::Lost, 1_000)),
            ("RESOLVED", Some("ACCEPTED"), None, (DisputeStatus::Lost, 1_000)),
            ("RESOLVED", Some("RESOLVED_SELLER_FAVOUR"), None, (DisputeStatus::Won, 1_000)),
            ("RESOLVED", Some("RESOLVED_WITH_PAYOUT"), Some(euros("4.00")), (DisputeStatus::Won, 1_000)),
            ("RESOLVED", Some("CANCELED_BY_BUYER"), None, (DisputeStatus::Won, 1_000)),
            ("RESOLVED", Some("DENIED"), None, (DisputeStatus::Won, 1_000)),
            ("RESOLVED", Some("NONE"), None, (DisputeStatus::Won, 1_000)),
        ] {
            let mut wire = json!({
                "dispute_id": "PP-D-1", "status": status, "reason": "UNAUTHORISED", "dispute_amount": euros("10.00"),
                "create_time": "2026-01-01T00:00:00.000Z", "update_time": "2026-02-01T00:00:00.000Z", "tomorrow": [1],
            });
            if let Some(code) = code {
                wire["dispute_outcome"] = json!({ "outcome_code": code, "amount_refunded": refunded });
            }
            let found: Dispute = serde_json::from_value(wire).unwrap();
            let told = reported(&found).unwrap();
            assert_eq!((told.status, told.amount.minor()), meaning, "{status} {code:?}");
            assert_eq!((told.reference.as_str(), told.reason.as_deref()), ("PP-D-1", Some("UNAUTHORISED")));
            assert_eq!(told.opened_at, Some("2026-01-01T00:00:00Z".parse().unwrap()));
            assert_eq!(told.changed_at, Some("2026-02-01T00:00:00Z".parse().unwrap()));
        }
        let without =
            json!({ "dispute_id": "PP-D-1", "status": "OPEN", "dispute_asset": { "asset_symbol": "BTC" } });
        assert_eq!(reported(&serde_json::from_value(without).unwrap()), None);
    }

    /// A link that PayPal gives says which page; where PayPal is and what is asked there, it does not say.
    #[test]
    fn the_next_page_of_disputes_is_asked_for_where_the_first_one_was() {
        let next = |href: &str| {
            let link = HateoasLink { href: href.to_owned(), rel: "next".to_owned() };
            request::next_disputes(&link).map(|call| call.target)
        };
        let list = "/v1/customer/disputes";
        let told = next("https://api.paypal.com/v1/customer/disputes?page_size=50&next_page_token=a%2Bb%3D");
        assert_eq!(told, Some(format!("{list}?page_size=50&next_page_token=a%2Bb%3D")));
        assert_eq!(next("https://evil.example/v1/payouts?x=1#y"), Some(format!("{list}?x=1%23y")));
        assert_eq!(next("https://api.paypal.com/v1/customer/disputes"), None);
        assert_eq!(
            request::disputes_of("2GG&x=1").target,
            format!("{list}?disputed_transaction_id=2GGx1&page_size=50")
        );
        let since = request::disputes_since("2026-01-01T00:00:00Z".parse().unwrap()).target;
        assert_eq!(since, format!("{list}?update_time_after=2026-01-01T00%3A00%3A00.000Z&page_size=50"));
    }
}
