use std::collections::BTreeMap;

use serde_json::Value;

use super::charge::Dispute;
use super::currency;
use super::event::Event;
use super::intent::{Behaviour, Intent, Refund};
use super::params::Params;
use super::problem::Problem;

/// How long money stays set aside: 7 days (docs.stripe.com/payments/place-a-hold-on-a-payment-method).
const HOLD_SECONDS: i64 = 7 * 24 * 3600;

const INITIAL: [&str; 3] = ["requires_payment_method", "requires_confirmation", "requires_action"];
const REASONS: [&str; 4] = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
const REFUND_REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];

/// Everything Stripe knows: its objects, and what may be done with them.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Where the page for the customer is.
    pub(super) base: String,
    pub(super) intents: BTreeMap<String, Intent>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) disputes: BTreeMap<String, Dispute>,
    pub(super) events: Vec<Event>,
    count: u64,
}

impl Books {
    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.count = self.count.saturating_add(1);
        format!("{prefix}_fake{:012}", self.count)
    }

    pub(super) fn tell(&mut self, kind: &str, object: Value, now: i64) {
        let id = self.id("evt");
        self.events.push(Event::new(id, kind, object, now));
    }

    pub(super) fn tell_intent(&mut self, kind: &str, id: &str, now: i64) -> Result<Value, Problem> {
        let object = self.intent(id)?.json(&self.base);
        self.tell(kind, object.clone(), now);
        Ok(object)
    }

    pub(super) fn intent(&self, id: &str) -> Result<&Intent, Problem> {
        self.intents.get(id).ok_or_else(|| Problem::missing("payment_intent", id))
    }

    fn intent_mut(&mut self, id: &str) -> Result<&mut Intent, Problem> {
        self.intents.get_mut(id).ok_or_else(|| Problem::missing("payment_intent", id))
    }

    /// Money that was set aside for too long is released.
    pub(super) fn release_expired(&mut self, now: i64) {
        let is_over = |intent: &&Intent| {
            intent.status == "requires_capture" && intent.authorised_at + HOLD_SECONDS <= now
        };
        let over: Vec<String> =
            self.intents.values().filter(is_over).map(|intent| intent.id.clone()).collect();
        for id in over {
            self.expire(&id, now);
        }
    }

    pub(super) fn create(&mut self, mut params: Params, now: i64) -> Result<Value, Problem> {
        let amount = params.integer("amount")?;
        let amount =
            amount.ok_or_else(|| Problem::invalid("parameter_missing", "Missing required param: amount."))?;
        let currency = params.required("currency")?.to_ascii_lowercase();
        currency::check(amount, &currency)?;
        let capture = params.word("capture_method", &["automatic", "automatic_async", "manual"])?;
        let method = params.take("payment_method");
        if let Some(method) = &method {
            Behaviour::of(method)?;
        }
        let automatic = params.below("automatic_payment_methods");
        let method_types: Vec<String> = params.below("payment_method_types").into_values().collect();
        let confirm = params.boolean("confirm")?;
        let return_url = params.take("return_url");
        if return_url.is_some() && !confirm {
            return Err(
                Problem::invalid("", "return_url can only be used with confirm=true").param("return_url")
            );
        }
        let description = params.take("description");
        let metadata = params.below("metadata");
        params.finish()?;
        let id = self.id("pi");
        let intent = Intent {
            id: id.clone(),
            created: now,
            amount,
            currency,
            is_manual: capture.as_deref() == Some("manual"),
            status: if method.is_some() { "requires_confirmation" } else { "requires_payment_method" },
            by_form: method.is_none(),
            method,
            has_automatic_methods: method_types.is_empty() || !automatic.is_empty(),
            method_types: if method_types.is_empty() { vec!["card".to_owned()] } else { method_types },
            description,
            metadata,
            return_url,
            authorised: 0,
            authorised_at: 0,
            capturable: 0,
            received: 0,
            refunded: 0,
            error: None,
            canceled_at: None,
            cancellation_reason: None,
        };
        self.intents.insert(id.clone(), intent);
        let made = self.tell_intent("payment_intent.created", &id, now)?;
        if confirm { self.run(&id, now) } else { Ok(made) }
    }

    pub(super) fn confirm(&mut self, id: &str, mut params: Params, now: i64) -> Result<Value, Problem> {
        let method = params.take("payment_method");
        if let Some(method) = &method {
            Behaviour::of(method)?;
        }
        let return_url = params.take("return_url");
        params.finish()?;
        let intent = self.intent_mut(id)?;
        if !matches!(intent.status, "requires_payment_method" | "requires_confirmation") {
            return Err(intent.unexpected("confirm"));
        }
        intent.method = method.or(intent.method.take());
        intent.return_url = return_url.or(intent.return_url.take());
        if intent.method.is_none() {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment method.";
            return Err(Problem::state("payment_intent_unexpected_state", message));
        }
        self.run(id, now)
    }

    /// The payment method does what it does.
    fn run(&mut self, id: &str, now: i64) -> Result<Value, Problem> {
        let intent = self.intent_mut(id)?;
        let method = intent.method.clone().unwrap_or_default();
        let event = match Behaviour::of(&method)? {
            Behaviour::Approve | Behaviour::PendRefunds => {
                intent.authorise(now);
                if intent.is_manual {
                    "payment_intent.amount_capturable_updated"
                } else {
                    "payment_intent.succeeded"
                }
            }
            Behaviour::Authenticate => {
                intent.status = "requires_action";
                intent.error = None;
                "payment_intent.requires_action"
            }
            Behaviour::Process => {
                intent.status = "processing";
                "payment_intent.processing"
            }
            Behaviour::Decline { code, decline_code, message } => {
                let problem = Problem::card(code, decline_code, message);
                intent.refuse(&problem);
                let object = self.tell_intent("payment_intent.payment_failed", id, now)?;
                return Err(problem.about(object));
            }
        };
        self.tell_intent(event, id, now)
    }

    pub(super) fn capture(&mut self, id: &str, mut params: Params, now: i64) -> Result<Value, Problem> {
        let amount = params.integer("amount_to_capture")?;
        let metadata = params.below("metadata");
        params.finish()?;
        let intent = self.intent_mut(id)?;
        if intent.status != "requires_capture" {
            return Err(intent.unexpected("capture"));
        }
        let amount = amount.unwrap_or(intent.capturable);
        if amount <= 0 || amount > intent.capturable {
            let message =
                format!("The amount to capture must be more than 0 and at most {}", intent.capturable);
            return Err(Problem::state("amount_too_large", message).param("amount_to_capture"));
        }
        let rest = intent.capturable.saturating_sub(amount);
        intent.received = amount;
        intent.capturable = 0;
        intent.status = "succeeded";
        intent.metadata.extend(metadata);
        self.release(id, rest, now);
        self.tell_intent("payment_intent.succeeded", id, now)
    }

    pub(super) fn cancel(&mut self, id: &str, mut params: Params, now: i64) -> Result<Value, Problem> {
        let reason = params.word("cancellation_reason", &REASONS)?;
        params.finish()?;
        let intent = self.intent_mut(id)?;
        if intent.status != "requires_capture" && !INITIAL.contains(&intent.status) {
            return Err(intent.unexpected("cancel"));
        }
        let rest = intent.capturable;
        intent.cancel(reason.as_deref().unwrap_or("abandoned"), now);
        self.release(id, rest, now);
        self.tell_intent("payment_intent.canceled", id, now)
    }

    pub(super) fn refund(&mut self, mut params: Params, now: i64) -> Result<Value, Problem> {
        let intent = match (params.take("payment_intent"), params.take("charge")) {
            (Some(intent), None) => intent,
            (None, Some(charge)) => charge.replacen("ch_", "pi_", 1),
            _ => {
                return Err(Problem::invalid(
                    "parameter_missing",
                    "One of payment_intent and charge is needed",
                ));
            }
        };
        let amount = params.integer("amount")?;
        let reason = params.word("reason", &REFUND_REASONS)?;
        let metadata = params.below("metadata");
        params.finish()?;
        let found = self.intent(&intent)?;
        let left = found.received.saturating_sub(found.refunded);
        if found.received == 0 {
            let message = "This PaymentIntent does not have a successful charge to refund.";
            return Err(Problem::state("payment_intent_unexpected_state", message));
        }
        if left == 0 {
            return Err(Problem::state("charge_already_refunded", "The charge has already been refunded."));
        }
        if self.is_disputed(&intent) {
            return Err(Problem::state("charge_disputed", "The charge has been charged back."));
        }
        let amount = amount.unwrap_or(left);
        if amount <= 0 || amount > left {
            let message =
                format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(Problem::state("", message).param("amount"));
        }
        let is_pending =
            matches!(found.method.as_deref().map(Behaviour::of), Some(Ok(Behaviour::PendRefunds)));
        let (charge, currency) = (found.charge_id(), found.currency.clone());
        let status = if is_pending { "pending" } else { "succeeded" };
        let id = self.id("re");
        let refund = Refund {
            id: id.clone(),
            intent: intent.clone(),
            charge,
            created: now,
            amount,
            currency,
            reason,
            status,
            failure_reason: None,
            is_release: false,
            metadata,
        };
        let object = refund.json();
        self.refunds.insert(id, refund);
        let found = self.intent_mut(&intent)?;
        found.refunded = found.refunded.saturating_add(amount);
        self.tell("refund.created", object.clone(), now);
        Ok(object)
    }

    /// What was under way comes to its end.
    pub(super) fn settle_intent(&mut self, id: &str, approve: bool, now: i64) -> bool {
        let Some(intent) = self.intents.get_mut(id) else { return false };
        if intent.waits_in_form() {
            // They have chosen a card.
            intent.method = Some("pm_card_visa".to_owned());
            intent.status = "requires_action";
        }
        let event = match (intent.status, approve) {
            ("requires_action" | "processing", true) => {
                intent.authorise(now);
                if intent.is_manual {
                    "payment_intent.amount_capturable_updated"
                } else {
                    "payment_intent.succeeded"
                }
            }
            ("requires_action", false) => {
                let message = "We are unable to authenticate your payment method.";
                intent.refuse(&Problem::card("payment_intent_authentication_failure", None, message));
                "payment_intent.payment_failed"
            }
            ("processing", false) => {
                intent.refuse(&Problem::card(
                    "payment_method_failed",
                    None,
                    "The payment did not go through.",
                ));
                "payment_intent.payment_failed"
            }
            _ => return false,
        };
        self.tell_intent(event, id, now).is_ok()
    }

    /// A refund that was pending, or had succeeded, comes to its end.
    pub(super) fn settle_refund(&mut self, id: &str, succeed: bool, now: i64) -> bool {
        let Some(refund) = self.refunds.get_mut(id) else { return false };
        if refund.status == "failed" || (succeed && refund.status == "succeeded") {
            return false;
        }
        refund.status = if succeed { "succeeded" } else { "failed" };
        refund.failure_reason = (!succeed).then_some("expired_or_canceled_card");
        let (amount, intent, object) = (refund.amount, refund.intent.clone(), refund.json());
        if !succeed && let Some(intent) = self.intents.get_mut(&intent) {
            intent.refunded = intent.refunded.saturating_sub(amount);
        }
        self.tell(if succeed { "refund.updated" } else { "refund.failed" }, object, now);
        true
    }
}
