use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::certificate::Authority;
use super::order::time;

/// An event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    id: String,
    kind: &'static str,
    resource_type: &'static str,
    resource: Value,
    created: i64,
}

/// A webhook as PayPal sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedNotice {
    /// The event's type.
    pub kind: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Event {
    pub(super) fn new(id: String, kind: &'static str, resource: Value, created: i64) -> Self {
        let resource_type = match kind.split('.').nth(1) {
            Some("AUTHORIZATION") => "authorization",
            Some("REFUND") => "refund",
            Some("CAPTURE") if kind.ends_with("REFUNDED") => "refund",
            Some("CAPTURE") => "capture",
            Some("DISPUTE") => "dispute",
            _ => "checkout-order",
        };
        Self { id, kind, resource_type, resource, created }
    }

    pub(super) fn body(&self) -> String {
        json!({
            "id": self.id,
            "event_version": "1.0",
            "create_time": time(self.created),
            "resource_type": self.resource_type,
            "resource_version": "2.0",
            "event_type": self.kind,
            "summary": format!("An event of the kind {}", self.kind),
            "resource": self.resource,
            "links": [],
        })
        .to_string()
    }

    /// The event as it is sent at a time, signed for a webhook.
    pub(super) fn signed(
        &self,
        authority: &Authority,
        certificate_url: &str,
        webhook_id: &str,
        now: i64,
    ) -> std::io::Result<SignedNotice> {
        let body = self.body();
        let transmission = format!("fake-{}-{now}", self.id);
        let headers = authority.headers(&body, webhook_id, &transmission, &time(now), certificate_url)?;
        Ok(SignedNotice { kind: self.kind.to_owned(), headers, body })
    }
}

impl Authority {
    /// The headers of a webhook that this authority signs
    /// (developer.paypal.com/api/rest/webhooks/rest/#verify-webhook-signature).
    ///
    /// # Errors
    /// When the key can't sign.
    pub fn headers(
        &self,
        body: &str,
        webhook_id: &str,
        transmission_id: &str,
        transmission_time: &str,
        certificate_url: &str,
    ) -> std::io::Result<Vec<(String, String)>> {
        let sum = crc32fast::hash(body.as_bytes());
        let message = format!("{transmission_id}|{transmission_time}|{webhook_id}|{sum}");
        let signature = STANDARD.encode(self.sign(message.as_bytes())?);
        let headers = [
            ("paypal-transmission-id", transmission_id),
            ("paypal-transmission-time", transmission_time),
            ("paypal-transmission-sig", &signature),
            ("paypal-cert-url", certificate_url),
            ("paypal-auth-algo", "SHA256withRSA"),
        ];
        Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }
}
