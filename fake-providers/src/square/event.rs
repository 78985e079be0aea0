use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use order_core::time::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::payment::time;

/// An `Event`.
#[derive(Debug, Clone)]
pub(super) struct Event {
    id: String,
    kind: String,
    /// The name of what it is about: `payment`, `refund`, `dispute`.
    class: &'static str,
    object_id: String,
    object: Value,
    created: Timestamp,
}

/// A webhook as Square sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedEvent {
    /// The event's type.
    pub kind: String,
    /// The header `x-square-hmacsha256-signature`.
    pub signature: String,
    /// The body.
    pub body: String,
}

impl Event {
    pub(super) fn new(
        number: u64,
        class: &'static str,
        verb: &str,
        object: Value,
        created: Timestamp,
    ) -> Self {
        let object_id = object.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = format!("00000000-0000-4000-8000-{number:012}");
        Self { id, kind: format!("{class}.{verb}"), class, object_id, object, created }
    }

    pub(super) fn json(&self) -> Value {
        let mut object = serde_json::Map::new();
        object.insert(self.class.to_owned(), self.object.clone());
        json!({
            "merchant_id": "MLFAKE000001",
            "type": self.kind,
            "event_id": self.id,
            "created_at": time(self.created),
            "data": { "type": self.class, "id": self.object_id, "object": object },
        })
    }

    pub(super) fn signed(&self, key: &str, notification_url: &str) -> SignedEvent {
        let body = self.json().to_string();
        SignedEvent { kind: self.kind.clone(), signature: sign(&body, key, notification_url), body }
    }
}

/// The header `x-square-hmacsha256-signature` of a body (developer.squareup.com/docs/webhooks/step3validate).
pub fn sign(body: &str, key: &str, notification_url: &str) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    STANDARD.encode(mac.chain_update(notification_url).chain_update(body).finalize().into_bytes())
}
