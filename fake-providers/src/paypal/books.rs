use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::amount::{self, Amount};
use super::dispute::Dispute;
use super::event::Event;
use super::order::{APPROVAL_SECONDS, Authorization, Capture, HOLD_SECONDS, Order};
use super::problem::Problem;

/// What a saved payment method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Approve,
    Decline,
    DeclineAtProcessor,
    Ask,
    Pend,
    PendRefunds,
}

impl Behaviour {
    pub(super) fn of(vault: Option<&str>) -> Result<Self, Problem> {
        Ok(match vault {
            // Whoever has agreed on PayPal's page pays.
            None | Some("vault_visa") => Self::Approve,
            Some("vault_declined") => Self::Decline,
            Some("vault_processor_declined") => Self::DeclineAtProcessor,
            Some("vault_asks") => Self::Ask,
            Some("vault_pending") => Self::Pend,
            Some("vault_pending_refund") => Self::PendRefunds,
            Some(_) => return Err(Problem::unprocessable("TOKEN_ID_NOT_FOUND")),
        })
    }
}

/// What happens to an order that is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Capture,
    Authorize,
}

/// Everything PayPal knows: its orders, and what may be done with them.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Where the payer's page is.
    pub(super) base: String,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) disputes: BTreeMap<String, Dispute>,
    pub(super) events: Vec<Event>,
    pub(super) paid_invoices: BTreeSet<String>,
    pub(super) repeats_invoices: bool,
    count: u64,
}

impl Books {
    pub(super) fn id(&mut self, prefix: char) -> String {
        self.count = self.count.saturating_add(1);
        format!("{prefix}FAKE{:012}", self.count)
    }

    pub(super) fn tell(&mut self, kind: &'static str, resource: Value, now: i64) {
        let id = self.id('W');
        self.events.push(Event::new(format!("WH-{id}"), kind, resource, now));
    }

    pub(super) fn order(&self, id: &str) -> Result<&Order, Problem> {
        self.orders.get(id).ok_or_else(Problem::missing)
    }

    pub(super) fn order_mut(&mut self, id: &str) -> Result<&mut Order, Problem> {
        self.orders.get_mut(id).ok_or_else(Problem::missing)
    }

    /// What was set aside for too long is released, and an order that nobody agreed to is forgotten.
    pub(super) fn expire(&mut self, now: i64) {
        self.orders.retain(|_, order| !order.is_open() || order.created + APPROVAL_SECONDS > now);
        let mut released = Vec::new();
        for order in self.orders.values_mut() {
            let Some(held) = &mut order.authorization else { continue };
            let is_held = matches!(held.status, "CREATED" | "PARTIALLY_CAPTURED");
            if is_held && held.created + HOLD_SECONDS <= now {
                (held.status, held.updated) = ("VOIDED", held.created + HOLD_SECONDS);
                released.push(order.id.clone());
            }
        }
        for id in released {
            self.tell_authorization("PAYMENT.AUTHORIZATION.VOIDED", &id, now);
        }
    }

    pub(super) fn tell_authorization(&mut self, kind: &'static str, order: &str, now: i64) {
        let told = self
            .orders
            .get(order)
            .and_then(|order| order.authorization.as_ref().map(|held| held.json(order, &self.base, true)));
        if let Some(told) = told {
            self.tell(kind, told, now);
        }
    }

    pub(super) fn tell_capture(&mut self, order: &str, capture: &str, now: i64) {
        let Some(order) = self.orders.get(order) else { return };
        let Some(found) = order.captures.iter().find(|found| found.id == capture) else { return };
        let kind = match found.status {
            "PENDING" => "PAYMENT.CAPTURE.PENDING",
            "DECLINED" => "PAYMENT.CAPTURE.DENIED",
            _ => "PAYMENT.CAPTURE.COMPLETED",
        };
        let told = found.json(order, &self.base, true);
        self.tell(kind, told, now);
    }

    /// Takes an invoice id for good.
    pub(super) fn take_invoice(&mut self, invoice: Option<&String>) -> Result<(), Problem> {
        let Some(invoice) = invoice else { return Ok(()) };
        if !self.repeats_invoices && !self.paid_invoices.insert(invoice.clone()) {
            return Err(Problem::unprocessable("DUPLICATE_INVOICE_ID"));
        }
        Ok(())
    }

    pub(super) fn create(&mut self, body: &Value, now: i64) -> Result<String, Problem> {
        let is_charge = match body.get("intent").and_then(Value::as_str) {
            Some("CAPTURE") => true,
            Some("AUTHORIZE") => false,
            Some(_) => return Err(Problem::invalid("INVALID_PARAMETER_VALUE", "/intent")),
            None => return Err(Problem::invalid("MISSING_REQUIRED_PARAMETER", "/intent")),
        };
        let units = body.get("purchase_units").and_then(Value::as_array);
        let Some([unit]) = units.map(Vec::as_slice) else {
            // PayPal takes up to ten; this stand-in takes one.
            return Err(Problem::invalid("INVALID_PARAMETER_VALUE", "/purchase_units"));
        };
        let missing = || Problem::invalid("MISSING_REQUIRED_PARAMETER", "/purchase_units/0/amount");
        let total = unit.get("amount").ok_or_else(missing)?;
        let amount = amount::total(total)?;
        let text = |name: &'static str, most: usize| match unit.get(name).and_then(Value::as_str) {
            Some(text) if text.is_empty() || text.chars().count() > most => {
                Err(Problem::invalid("INVALID_PARAMETER_VALUE", name))
            }
            found => Ok(found.map(str::to_owned)),
        };
        let source = body.get("payment_source");
        let context = |name: &str| {
            let paypal =
                source.and_then(|source| source.pointer(&format!("/paypal/experience_context/{name}")));
            let page = paypal.or_else(|| body.pointer(&format!("/application_context/{name}")));
            page.and_then(Value::as_str).map(str::to_owned)
        };
        let id = self.id('O');
        let order = Order {
            id: id.clone(),
            created: now,
            updated: now,
            is_charge,
            status: if source.is_some() { "PAYER_ACTION_REQUIRED" } else { "CREATED" },
            reference_id: text("reference_id", 256)?.unwrap_or_else(|| "default".to_owned()),
            amount,
            breakdown: total.get("breakdown").cloned(),
            custom_id: text("custom_id", 127)?,
            invoice_id: text("invoice_id", 127)?,
            description: text("description", 127)?,
            return_url: context("return_url"),
            cancel_url: context("cancel_url"),
            has_source: source.is_some(),
            vault: None,
            authorization: None,
            captures: Vec::new(),
            refunds: Vec::new(),
        };
        self.orders.insert(id.clone(), order);
        // A saved payment method that is named at once is used at once.
        if vault_of(body).is_some() {
            let step = if is_charge { Step::Capture } else { Step::Authorize };
            self.pay(&id, step, body, now)?;
        }
        Ok(id)
    }

    /// Captures or authorises an order.
    pub(super) fn pay(&mut self, id: &str, step: Step, body: &Value, now: i64) -> Result<(), Problem> {
        let base = self.base.clone();
        let order = self.order_mut(id)?;
        if order.status == "COMPLETED" {
            let is_capture = step == Step::Capture;
            let issue = if is_capture { "ORDER_ALREADY_CAPTURED" } else { "ORDER_ALREADY_AUTHORIZED" };
            return Err(Problem::unprocessable(issue));
        }
        if order.is_charge != (step == Step::Capture) {
            return Err(Problem::unprocessable("ACTION_DOES_NOT_MATCH_INTENT"));
        }
        let is_approved = order.status == "APPROVED";
        if !is_approved {
            let vault = vault_of(body).ok_or_else(|| Problem::unprocessable("ORDER_NOT_APPROVED"))?;
            Behaviour::of(Some(vault))?;
            order.vault = Some(vault.to_owned());
        }
        let behaviour = Behaviour::of(order.vault.as_deref())?;
        match behaviour {
            Behaviour::Ask if !is_approved => {
                (order.status, order.has_source, order.updated) = ("PAYER_ACTION_REQUIRED", true, now);
                return Err(Problem::unprocessable("PAYER_ACTION_REQUIRED").at(order.page(&base)));
            }
            Behaviour::Decline if step == Step::Capture => {
                return Err(Problem::unprocessable("INSTRUMENT_DECLINED"));
            }
            Behaviour::Decline => return Err(Problem::unprocessable("TRANSACTION_LIMIT_EXCEEDED")),
            Behaviour::Approve
            | Behaviour::Ask
            | Behaviour::DeclineAtProcessor
            | Behaviour::Pend
            | Behaviour::PendRefunds => {}
        }
        let (amount, invoice) = (order.amount.clone(), order.invoice_id.clone());
        if behaviour != Behaviour::DeclineAtProcessor {
            self.take_invoice(invoice.as_ref())?;
        }
        if step == Step::Capture {
            self.captured(id, behaviour, (amount, invoice, true), now)?;
        } else {
            self.authorised(id, behaviour, amount, now)?;
        }
        let order = self.order_mut(id)?;
        // Whatever became of the money: PayPal has done what it was asked to.
        (order.status, order.updated) = ("COMPLETED", now);
        Ok(())
    }

    /// Money is taken, or tried to take. Gives back the capture's id.
    pub(super) fn captured(
        &mut self,
        order: &str,
        behaviour: Behaviour,
        (amount, invoice_id, is_final): (Amount, Option<String>, bool),
        now: i64,
    ) -> Result<String, Problem> {
        let id = self.id('C');
        let status = match behaviour {
            Behaviour::DeclineAtProcessor => "DECLINED",
            Behaviour::Pend => "PENDING",
            Behaviour::Approve | Behaviour::Decline | Behaviour::Ask | Behaviour::PendRefunds => "COMPLETED",
        };
        let capture =
            Capture { id: id.clone(), created: now, updated: now, status, amount, invoice_id, is_final };
        self.order_mut(order)?.captures.push(capture);
        self.tell_capture(order, &id, now);
        Ok(id)
    }

    fn authorised(
        &mut self,
        order: &str,
        behaviour: Behaviour,
        amount: Amount,
        now: i64,
    ) -> Result<(), Problem> {
        let id = self.id('A');
        let status = match behaviour {
            Behaviour::DeclineAtProcessor => "DENIED",
            Behaviour::Approve
            | Behaviour::Decline
            | Behaviour::Ask
            | Behaviour::Pend
            | Behaviour::PendRefunds => "CREATED",
        };
        let held = Authorization { id, created: now, updated: now, status, amount };
        self.order_mut(order)?.authorization = Some(held);
        if status == "CREATED" {
            self.tell_authorization("PAYMENT.AUTHORIZATION.CREATED", order, now);
        }
        Ok(())
    }

    /// The payer agrees.
    pub(super) fn approve(&mut self, id: &str, now: i64) -> bool {
        let Some(order) = self.orders.get_mut(id).filter(|order| order.is_open()) else { return false };
        (order.status, order.updated) = ("APPROVED", now);
        let told = order.json(&self.base);
        self.tell("CHECKOUT.ORDER.APPROVED", told, now);
        true
    }

    /// Changes an order that was not paid: what is written on it.
    pub(super) fn patch(&mut self, id: &str, body: &Value, now: i64) -> Result<(), Problem> {
        let order = self.order_mut(id)?;
        if order.status == "COMPLETED" {
            return Err(Problem::unprocessable("ORDER_ALREADY_COMPLETED"));
        }
        let patches = body.as_array();
        let patches = patches.ok_or_else(|| Problem::invalid("INVALID_PARAMETER_VALUE", "/"))?;
        let prefix = format!("/purchase_units/@reference_id=='{}'/", order.reference_id);
        for patch in patches {
            let word = |name: &str| patch.get(name).and_then(Value::as_str);
            if word("path") == Some("/intent") {
                order.is_charge = match (word("op"), word("value")) {
                    (Some("replace"), Some("CAPTURE")) => true,
                    (Some("replace"), Some("AUTHORIZE")) => false,
                    _ => return Err(Problem::invalid("INVALID_PARAMETER_VALUE", "/value")),
                };
                continue;
            }
            let field = word("path").and_then(|path| path.strip_prefix(&prefix));
            let place = match field {
                Some("description") => &mut order.description,
                Some("custom_id") => &mut order.custom_id,
                Some("invoice_id") => &mut order.invoice_id,
                _ => return Err(Problem::invalid("FIELD_NOT_PATCHABLE", "/path")),
            };
            *place = match (word("op"), word("value")) {
                (Some("add" | "replace"), Some(value)) if value.chars().count() <= 127 => {
                    Some(value.to_owned())
                }
                (Some("remove"), _) => None,
                _ => return Err(Problem::invalid("INVALID_PARAMETER_VALUE", "/value")),
            };
        }
        order.updated = now;
        Ok(())
    }
}

/// The saved payment method that a request names.
fn vault_of(body: &Value) -> Option<&str> {
    let named = |kind: &str| body.pointer(&format!("/payment_source/{kind}/vault_id"));
    named("card").or_else(|| named("paypal")).and_then(Value::as_str)
}
