//! What happens at Stripe without the API: what a merchant does in the dashboard, what banks do, what time does.

use super::books::Books;
use super::charge::Dispute;
use super::intent::Refund;
use super::params::Params;

impl Books {
    /// Somebody refunds an intent in the dashboard: with no metadata. Gives what the refund is called.
    pub(super) fn refund_by_hand(&mut self, intent: &str, amount: i64, now: i64) -> Option<String> {
        let form = Params::of_form(&format!("payment_intent={intent}&amount={amount}"));
        let refund = self.refund(form, now).ok()?;
        refund.get("id").and_then(|id| id.as_str()).map(str::to_owned)
    }

    /// Somebody makes a payment in the dashboard, for nothing that we know of. Gives what it is called.
    pub(super) fn charge_by_hand(&mut self, amount: i64, currency: &str, now: i64) -> Option<String> {
        let form = format!("amount={amount}&currency={currency}&confirm=true&payment_method=pm_card_visa");
        let intent = self.create(Params::of_form(&form), now).ok()?;
        intent.get("id").and_then(|id| id.as_str()).map(str::to_owned)
    }

    /// The customer disputes an intent at their bank. Gives what the dispute is called.
    pub(super) fn open_dispute(&mut self, intent: &str, amount: i64, now: i64) -> Option<String> {
        let found = self.intents.get(intent).filter(|found| (1..=found.received).contains(&amount))?;
        let (charge, currency) = (found.charge_id(), found.currency.clone());
        let id = self.id("dp");
        let intent = intent.to_owned();
        let status = "needs_response";
        let dispute = Dispute { id: id.clone(), intent, charge, created: now, amount, currency, status };
        let object = dispute.json();
        self.disputes.insert(id.clone(), dispute);
        self.tell("charge.dispute.created", object, now);
        Some(id)
    }

    /// The bank decides a dispute.
    pub(super) fn close_dispute(&mut self, dispute: &str, is_won: bool, now: i64) -> bool {
        let open = self.disputes.get_mut(dispute).filter(|dispute| dispute.status == "needs_response");
        let Some(dispute) = open else { return false };
        dispute.status = if is_won { "won" } else { "lost" };
        let object = dispute.json();
        self.tell("charge.dispute.closed", object, now);
        true
    }

    /// Whether nothing may be given back of an intent, because the bank is about to, or has.
    pub(super) fn is_disputed(&self, intent: &str) -> bool {
        self.disputes.values().any(|dispute| dispute.intent == intent && dispute.holds_money())
    }

    /// The time of what is set aside is over.
    pub(super) fn expire(&mut self, id: &str, now: i64) -> bool {
        let held = self.intents.get_mut(id).filter(|intent| intent.status == "requires_capture");
        let Some(intent) = held else { return false };
        let rest = intent.capturable;
        intent.cancel("automatic", now);
        self.release(id, rest, now);
        self.tell_intent("payment_intent.canceled", id, now).is_ok()
    }

    /// What was set aside and not captured goes back: Stripe lists that as a refund.
    pub(super) fn release(&mut self, id: &str, rest: i64, now: i64) {
        let Some(intent) = self.intents.get(id).filter(|_| rest > 0) else { return };
        let (charge, currency) = (intent.charge_id(), intent.currency.clone());
        let refund = Refund {
            id: self.id("re"),
            intent: id.to_owned(),
            charge,
            created: now,
            amount: rest,
            currency,
            reason: None,
            status: "succeeded",
            failure_reason: None,
            is_release: true,
            metadata: std::collections::BTreeMap::new(),
        };
        self.refunds.insert(refund.id.clone(), refund);
    }
}
