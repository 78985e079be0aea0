use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// An `Event`.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    kind: String,
    object: Value,
    created: i64,
}

/// A webhook as Stripe sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedEvent {
    /// The event's type.
    pub kind: String,
    /// The header `Stripe-Signature`.
    pub signature: String,
    /// The body.
    pub body: String,
}

impl Event {
    pub(super) fn new(id: String, kind: &str, object: Value, created: i64) -> Self {
        Self { id, kind: kind.to_owned(), object, created }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": self.created,
            "data": { "object": self.object },
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": self.kind,
        })
    }

    /// The event as it is sent at a time, signed with every secret that is live.
    pub(super) fn signed(&self, secrets: &[&str], now: i64) -> SignedEvent {
        let body = self.json().to_string();
        SignedEvent { kind: self.kind.clone(), signature: sign(&body, secrets, now), body }
    }
}

/// The header `Stripe-Signature` of a body (docs.stripe.com/webhooks/signature). As Stripe does in test mode, it adds a signature of
/// a scheme that nobody must believe.
pub fn sign(body: &str, secrets: &[&str], unix_seconds: i64) -> String {
    let mut header = format!("t={unix_seconds}");
    for secret in secrets {
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { continue };
        let mac = mac.chain_update(format!("{unix_seconds}.{body}"));
        header.push_str(",v1=");
        for byte in mac.finalize().into_bytes() {
            // Writing to a text does not fail.
            let _ = write!(header, "{byte:02x}");
        }
    }
    header.push_str(",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39");
    header
}
