//! Disputes: what they mean, and which there are.
//!
//! A payment does not name its disputes, and Square lists them by location and by state, by nothing else. So all of them are read: once
//! for a page of the books, once for a payment that is asked for, and only where money was taken.

use order_core::gateway::GatewayError;
use order_core::payment::{DisputeStatus, ReportedDispute};

use super::gateway::MAX_PAGES;
use super::object::{Dispute, DisputePage, Payment};
use super::{SquareGateway, reading, request};

/// What Square says of a dispute. One in a currency that can't be told exactly is left out.
pub(super) fn reported(dispute: &Dispute) -> Option<ReportedDispute> {
    Some(ReportedDispute {
        reference: reading::reference(&dispute.id)?,
        amount: dispute.amount_money.as_ref().and_then(reading::money)?,
        status: match dispute.state.as_deref() {
            // An inquiry has moved no money; one that the bank takes further is open again, or another one.
            Some("WON" | "INQUIRY_CLOSED") => DisputeStatus::Won,
            Some("LOST" | "ACCEPTED") => DisputeStatus::Lost,
            // What waits for evidence or for the bank, and whatever Square may think of.
            Some(_) | None => DisputeStatus::Open,
        },
        reason: dispute.reason.clone(),
        opened_at: dispute.created_at,
        changed_at: dispute.updated_at,
    })
}

/// The disputes of the location. They are read when the first payment with money asks for its own.
pub(super) struct Disputes<'a> {
    gateway: &'a SquareGateway,
    all: Option<Vec<Dispute>>,
}

impl<'a> Disputes<'a> {
    pub(super) fn new(gateway: &'a SquareGateway) -> Self {
        Self { gateway, all: None }
    }

    /// Those of a payment, sorted by reference.
    pub(super) async fn of(&mut self, payment: &Payment) -> Result<Vec<ReportedDispute>, GatewayError> {
        if payment.status != "COMPLETED" {
            return Ok(Vec::new());
        }
        let all = match self.all.take() {
            Some(all) => all,
            None => self.gateway.disputes().await?,
        };
        let is_of_it = |dispute: &&Dispute| {
            let disputed = dispute.disputed_payment.as_ref();
            disputed.and_then(|disputed| disputed.payment_id.as_ref()) == Some(&payment.id)
        };
        let own = self.all.insert(all).iter().filter(is_of_it);
        let mut own: Vec<ReportedDispute> = own.filter_map(reported).collect();
        own.sort_by(|one, other| one.reference.cmp(&other.reference));
        // A list that grows while it is read may tell one again.
        own.dedup_by(|one, other| one.reference == other.reference);
        Ok(own)
    }
}

impl SquareGateway {
    /// Whether the access token may read disputes (`DISPUTES_READ`). Without that permission reports have none, and nobody is told
    /// otherwise: a host should ask this when it starts.
    ///
    /// # Errors
    /// [`GatewayError`] when Square does not answer.
    pub async fn may_read_disputes(&self) -> Result<bool, GatewayError> {
        Ok(self.dispute_page(None).await?.is_some())
    }

    /// All disputes of the location; none without the permission to read them.
    async fn disputes(&self) -> Result<Vec<Dispute>, GatewayError> {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let Some(page) = self.dispute_page(cursor.as_deref()).await? else { return Ok(found) };
            found.extend(page.disputes);
            cursor = page.cursor.filter(|cursor| !cursor.is_empty());
            if cursor.is_none() {
                return Ok(found);
            }
        }
        Err(GatewayError::unknown(self.service()))
    }

    /// A page of disputes; `None` without the permission to read them.
    async fn dispute_page(&self, cursor: Option<&str>) -> Result<Option<DisputePage>, GatewayError> {
        let reply = self.send(request::list_disputes(&self.settings.location_id, cursor)).await?;
        reply.if_granted(self.service())
    }
}
