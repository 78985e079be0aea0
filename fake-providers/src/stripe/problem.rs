use serde_json::{Value, json};

use crate::wire::WireReply;

/// Why Stripe does not do something.
#[derive(Debug, Clone)]
pub(super) struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: u16,
    kind: &'static str,
    code: String,
    decline_code: Option<&'static str>,
    message: String,
    param: Option<String>,
    intent: Option<Value>,
    is_kept: bool,
}

impl Problem {
    fn new(status: u16, kind: &'static str, code: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            status,
            kind,
            code: code.to_owned(),
            decline_code: None,
            message: message.into(),
            param: None,
            intent: None,
            is_kept: false,
        }))
    }

    /// A parameter is wrong: nothing was begun.
    pub(super) fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", code, message)
    }

    /// There is no such object.
    pub(super) fn missing(what: &str, id: &str) -> Self {
        Self::new(404, "invalid_request_error", "resource_missing", format!("No such {what}: '{id}'"))
            .param("id")
    }

    /// The object's state does not allow it.
    pub(super) fn state(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", code, message).kept()
    }

    /// The card is refused.
    pub(super) fn card(code: &str, decline_code: Option<&'static str>, message: &str) -> Self {
        let mut problem = Self::new(402, "card_error", code, message).kept();
        problem.0.decline_code = decline_code;
        problem
    }

    pub(super) fn wrong_key() -> Self {
        Self::new(401, "invalid_request_error", "", "Invalid API Key provided")
    }

    pub(super) fn key_in_use() -> Self {
        Self::new(
            409,
            "idempotency_error",
            "idempotency_key_in_use",
            "There is currently another in-progress request using this idempotent key",
        )
    }

    pub(super) fn key_reused() -> Self {
        Self::new(
            400,
            "idempotency_error",
            "",
            "Keys for idempotent requests can only be used with the same parameters they were first used with",
        )
    }

    pub(super) fn limited() -> Self {
        Self::new(429, "invalid_request_error", "rate_limit", "Too many requests in too short a time")
    }

    pub(super) fn crashed() -> Self {
        Self::new(500, "api_error", "", "An error occurred on our side").kept()
    }

    fn kept(mut self) -> Self {
        self.0.is_kept = true;
        self
    }

    /// Whether the request had begun to be carried out, so that the answer is kept under its key.
    pub(super) fn is_kept(&self) -> bool {
        self.0.is_kept
    }

    pub(super) fn param(mut self, name: &str) -> Self {
        self.0.param = Some(name.to_owned());
        self
    }

    /// The error that an intent remembers.
    pub(super) fn remembered(&self) -> Value {
        let mut error = json!({ "type": self.0.kind, "message": self.0.message });
        if let Some(fields) = error.as_object_mut() {
            if !self.0.code.is_empty() {
                fields.insert("code".to_owned(), self.0.code.clone().into());
            }
            if let Some(code) = self.0.decline_code {
                fields.insert("decline_code".to_owned(), code.into());
            }
            if let Some(param) = &self.0.param {
                fields.insert("param".to_owned(), param.clone().into());
            }
        }
        error
    }

    /// The same, with the intent as it is now.
    pub(super) fn about(mut self, intent: Value) -> Self {
        self.0.intent = Some(intent);
        self
    }

    pub(super) fn reply(&self) -> WireReply {
        let mut error = self.remembered();
        if let (Some(fields), Some(intent)) = (error.as_object_mut(), &self.0.intent) {
            fields.insert("payment_intent".to_owned(), intent.clone());
        }
        WireReply::json(self.0.status, &json!({ "error": error }))
    }
}
