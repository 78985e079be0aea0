use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::amount::Amount;

/// How long money stays set aside: 29 days.
pub(super) const HOLD_SECONDS: i64 = 29 * 24 * 3600;

/// How long a payer may take to agree.
pub(super) const APPROVAL_SECONDS: i64 = 3 * 3600;

/// An order, with one purchase unit.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) is_charge: bool,
    pub(super) status: &'static str,
    pub(super) reference_id: String,
    pub(super) amount: Amount,
    pub(super) breakdown: Option<Value>,
    pub(super) custom_id: Option<String>,
    pub(super) invoice_id: Option<String>,
    pub(super) description: Option<String>,
    pub(super) return_url: Option<String>,
    pub(super) cancel_url: Option<String>,
    /// Whether the payer was named: PayPal's link has another name then.
    pub(super) has_source: bool,
    /// What it is paid with.
    pub(super) vault: Option<String>,
    pub(super) authorization: Option<Authorization>,
    pub(super) captures: Vec<Capture>,
    pub(super) refunds: Vec<Refund>,
}

/// Money set aside.
#[derive(Debug, Clone)]
pub(super) struct Authorization {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) status: &'static str,
    pub(super) amount: Amount,
}

/// Money taken, or tried to take.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) status: &'static str,
    pub(super) amount: Amount,
    pub(super) invoice_id: Option<String>,
    pub(super) is_final: bool,
}

/// Money given back.
#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) status: &'static str,
    pub(super) capture: String,
    pub(super) amount: Amount,
    pub(super) custom_id: Option<String>,
    pub(super) invoice_id: Option<String>,
}

pub(super) fn time(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn link(base: &str, path: &str, rel: &str, method: &str) -> Value {
    json!({ "href": format!("{base}{path}"), "rel": rel, "method": method })
}

/// Adds what is there.
pub(super) fn add(object: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(fields), Some(value)) = (object.as_object_mut(), value) {
        fields.insert(name.to_owned(), value.into());
    }
}

impl Order {
    /// Whether the payer may still agree.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status, "CREATED" | "PAYER_ACTION_REQUIRED")
    }

    /// How much was taken, whatever went back later.
    pub(super) fn taken(&self) -> i64 {
        let taken = self.captures.iter().filter(|capture| capture.is_taken());
        taken.map(|capture| capture.amount.units).sum()
    }

    /// How much went back, or is on its way.
    pub(super) fn back(&self) -> i64 {
        self.refunds.iter().filter(|refund| refund.counts()).map(|refund| refund.amount.units).sum()
    }

    /// How much of a capture went back.
    pub(super) fn back_of(&self, capture: &str) -> i64 {
        let of_it = self.refunds.iter().filter(|refund| refund.counts() && refund.capture == capture);
        of_it.map(|refund| refund.amount.units).sum()
    }

    /// The page on which the payer agrees.
    pub(super) fn page(&self, base: &str) -> String {
        format!("{base}/fake/checkoutnow/{}", self.id)
    }

    /// As PayPal writes it.
    pub(super) fn json(&self, base: &str) -> Value {
        let mut amount = self.amount.json();
        add(&mut amount, "breakdown", self.breakdown.clone());
        let mut unit = json!({ "reference_id": self.reference_id, "amount": amount });
        add(&mut unit, "custom_id", self.custom_id.clone());
        add(&mut unit, "invoice_id", self.invoice_id.clone());
        add(&mut unit, "description", self.description.clone());
        let mut payments = Map::new();
        let mut insert = |name: &str, list: Vec<Value>| {
            if !list.is_empty() {
                payments.insert(name.to_owned(), list.into());
            }
        };
        insert(
            "authorizations",
            self.authorization.iter().map(|held| held.json(self, base, false)).collect(),
        );
        insert("captures", self.captures.iter().map(|capture| capture.json(self, base, false)).collect());
        insert("refunds", self.refunds.iter().map(|refund| refund.json(base)).collect());
        add(&mut unit, "payments", Some(payments).filter(|payments| !payments.is_empty()));
        let mut order = self.minimal(base);
        add(&mut order, "intent", Some(if self.is_charge { "CAPTURE" } else { "AUTHORIZE" }));
        add(&mut order, "purchase_units", Some(vec![unit]));
        add(&mut order, "create_time", Some(time(self.created)));
        add(&mut order, "update_time", Some(time(self.updated)));
        if self.has_source {
            add(&mut order, "payment_source", Some(json!({ "paypal": {} })));
        }
        order
    }

    /// As PayPal writes it unless the whole is asked for.
    pub(super) fn minimal(&self, base: &str) -> Value {
        let path = format!("/v2/checkout/orders/{}", self.id);
        let mut links = vec![link(base, &path, "self", "GET")];
        if self.is_open() {
            let rel = if self.has_source { "payer-action" } else { "approve" };
            links.push(json!({ "href": self.page(base), "rel": rel, "method": "GET" }));
        }
        if !matches!(self.status, "COMPLETED" | "VOIDED") {
            links.push(link(base, &path, "update", "PATCH"));
            let step = if self.is_charge { "capture" } else { "authorize" };
            links.push(link(base, &format!("{path}/{step}"), step, "POST"));
        }
        json!({ "id": self.id, "status": self.status, "links": links })
    }
}

/// To which order a payment belongs: told where it is read by itself.
fn related(object: &mut Value, order: &Order, is_alone: bool) {
    if is_alone {
        let ids = json!({ "related_ids": { "order_id": order.id } });
        add(object, "supplementary_data", Some(ids));
    }
}

impl Authorization {
    pub(super) fn json(&self, order: &Order, base: &str, is_alone: bool) -> Value {
        let path = format!("/v2/payments/authorizations/{}", self.id);
        let mut links = vec![link(base, &path, "self", "GET")];
        if matches!(self.status, "CREATED" | "PARTIALLY_CAPTURED") {
            links.push(link(base, &format!("{path}/capture"), "capture", "POST"));
            links.push(link(base, &format!("{path}/void"), "void", "POST"));
        }
        links.push(link(base, &format!("/v2/checkout/orders/{}", order.id), "up", "GET"));
        let mut object = json!({
            "id": self.id,
            "status": self.status,
            "amount": self.amount.json(),
            "seller_protection": { "status": "NOT_ELIGIBLE" },
            "expiration_time": time(self.created.saturating_add(HOLD_SECONDS)),
            "create_time": time(self.created),
            "update_time": time(self.updated),
            "links": links,
        });
        add(&mut object, "custom_id", order.custom_id.clone());
        add(&mut object, "invoice_id", order.invoice_id.clone());
        related(&mut object, order, is_alone);
        object
    }
}

impl Capture {
    /// Whether the money is or was here.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.status, "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED")
    }

    pub(super) fn json(&self, order: &Order, base: &str, is_alone: bool) -> Value {
        let path = format!("/v2/payments/captures/{}", self.id);
        let up = match &order.authorization {
            Some(held) => format!("/v2/payments/authorizations/{}", held.id),
            None => format!("/v2/checkout/orders/{}", order.id),
        };
        let mut object = json!({
            "id": self.id,
            "status": self.status,
            "amount": self.amount.json(),
            "final_capture": self.is_final,
            "seller_protection": { "status": "NOT_ELIGIBLE" },
            "create_time": time(self.created),
            "update_time": time(self.updated),
            "links": [
                link(base, &path, "self", "GET"),
                link(base, &format!("{path}/refund"), "refund", "POST"),
                link(base, &up, "up", "GET"),
            ],
        });
        add(&mut object, "custom_id", order.custom_id.clone());
        add(&mut object, "invoice_id", self.invoice_id.clone());
        if self.status == "DECLINED" {
            // Insufficient funds, in the processor's words.
            add(&mut object, "processor_response", Some(json!({ "response_code": "5120" })));
        }
        if self.status == "PENDING" {
            add(&mut object, "status_details", Some(json!({ "reason": "PENDING_REVIEW" })));
        }
        related(&mut object, order, is_alone);
        object
    }
}

impl Refund {
    /// Whether the money goes, or went, back.
    pub(super) fn counts(&self) -> bool {
        !matches!(self.status, "FAILED" | "CANCELLED")
    }

    pub(super) fn json(&self, base: &str) -> Value {
        let mut object = json!({
            "id": self.id,
            "status": self.status,
            "amount": self.amount.json(),
            "create_time": time(self.created),
            "update_time": time(self.updated),
            "links": [
                link(base, &format!("/v2/payments/refunds/{}", self.id), "self", "GET"),
                link(base, &format!("/v2/payments/captures/{}", self.capture), "up", "GET"),
            ],
        });
        add(&mut object, "custom_id", self.custom_id.clone());
        add(&mut object, "invoice_id", self.invoice_id.clone());
        object
    }
}
