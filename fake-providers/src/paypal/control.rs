//! What tests may do with PayPal, and read of it.

use std::time::Duration;

use serde_json::json;

use super::amount::Amount;
use super::order::Order;
use super::service::PayPal;
use super::{Account, SignedNotice};

impl PayPal {
    pub(super) fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    pub(super) fn delay_search(&self, delay: Duration) {
        self.state().search_delay_seconds = i64::try_from(delay.as_secs()).unwrap_or(i64::MAX);
    }

    pub(super) fn serve_certificate(&self, chain_pem: &str) {
        self.state().other_certificate = Some(chain_pem.to_owned());
    }

    pub(super) fn allow_repeated_invoices(&self) {
        self.state().books.repeats_invoices = true;
    }

    pub(super) fn complete(&self, order: &str, approve: bool) -> bool {
        let now = self.now();
        let mut state = self.state();
        state.books.expire(now);
        let is_meant = |found: &&Order| {
            let has_name = found.custom_id.as_ref().is_some_and(|custom_id| custom_id.contains(order));
            let is_asked = found.status == "PAYER_ACTION_REQUIRED";
            found.is_open() && (found.id == order || (has_name && is_asked))
        };
        let Some(id) = state.books.orders.values().find(is_meant).map(|found| found.id.clone()) else {
            return false;
        };
        // A payer who cancels changes nothing: PayPal waits until the time is over.
        !approve || state.books.approve(&id, now)
    }

    pub(super) fn settle(&self, payment: &str, succeed: bool) -> bool {
        let now = self.now();
        let mut state = self.state();
        let is_meant = |id: &String, custom_id: Option<&String>| {
            id == payment || custom_id.is_some_and(|custom_id| custom_id.contains(payment))
        };
        let mut refunds = state.books.orders.values().flat_map(|order| &order.refunds);
        let refund = refunds.find(|refund| is_meant(&refund.id, refund.custom_id.as_ref()));
        if let Some(id) = refund.map(|refund| refund.id.clone()) {
            return state.books.settle_refund(&id, succeed, now);
        }
        let orders = state.books.orders.values();
        let captures = orders.flat_map(|order| order.captures.iter().map(move |capture| (order, capture)));
        let capture = captures
            .filter(|(order, capture)| is_meant(&capture.id, order.custom_id.as_ref()))
            .find(|(_, capture)| capture.status == "PENDING");
        let Some(id) = capture.map(|(_, capture)| capture.id.clone()) else { return false };
        state.books.settle_capture(&id, succeed, now)
    }

    pub(super) fn refund_by_hand(&self, order: &str, units: i64) -> bool {
        let now = self.now();
        let mut state = self.state();
        let found = state.books.orders.get(order).and_then(|order| order.captures.first());
        let Some(capture) = found.cloned() else { return false };
        let amount = Amount::of(units, &capture.amount.currency).json();
        state.books.give_back(&capture.id, &json!({ "amount": amount }), now).is_ok()
    }

    pub(super) fn open_dispute(&self, order: &str, units: i64) -> Option<String> {
        let now = self.now();
        self.state().books.open_dispute(order, units, now)
    }

    pub(super) fn close_dispute(&self, dispute: &str, is_won: bool) -> bool {
        let now = self.now();
        self.state().books.close_dispute(dispute, is_won, now)
    }

    pub(super) fn forbid_disputes(&self) {
        self.state().forbids_disputes = true;
    }

    pub(super) fn accounts(&self) -> Vec<Account> {
        let now = self.now();
        let mut state = self.state();
        state.books.expire(now);
        let accounts = state.books.orders.values().map(|order| {
            let held = order.authorization.as_ref().filter(|held| held.status != "DENIED");
            let captured = order.taken();
            Account {
                order: order.id.clone(),
                custom_id: order.custom_id.clone(),
                currency: order.amount.currency.clone(),
                authorised: held.map_or(captured, |held| held.amount.units),
                open: held
                    .filter(|held| matches!(held.status, "CREATED" | "PARTIALLY_CAPTURED"))
                    .map_or(0, |held| held.amount.units.saturating_sub(captured).max(0)),
                captured,
                refunded: order.back(),
            }
        });
        accounts.filter(|account| account.authorised > 0).collect()
    }

    pub(super) fn webhooks(&self, known: usize, webhook_id: &str) -> std::io::Result<Vec<SignedNotice>> {
        let now = self.now();
        self.state().signed(known, webhook_id, now)
    }
}
