use serde_json::{Value, json};

use crate::wire::WireReply;

/// Why Square does not do something.
#[derive(Debug, Clone)]
pub(super) struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: u16,
    category: &'static str,
    code: &'static str,
    detail: String,
    field: Option<String>,
    payment: Option<Value>,
}

impl Problem {
    fn new(status: u16, category: &'static str, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details { status, category, code, detail: detail.into(), field: None, payment: None }))
    }

    /// The request is wrong, or the object's state does not allow it.
    pub(super) fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(400, "INVALID_REQUEST_ERROR", code, detail)
    }

    /// There is no such object.
    pub(super) fn missing(what: &str, id: &str) -> Self {
        Self::new(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", format!("Could not find {what} with id: {id}"))
    }

    /// The source is refused.
    pub(super) fn source(code: &'static str) -> Self {
        Self::new(402, "PAYMENT_METHOD_ERROR", code, format!("Authorization error: '{code}'"))
    }

    /// The source is refused, with the status of missing rights.
    pub(super) fn forbidden_source(code: &'static str) -> Self {
        Self::new(403, "PAYMENT_METHOD_ERROR", code, format!("Authorization error: '{code}'"))
    }

    /// Money can't go back.
    pub(super) fn refund(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(400, "REFUND_ERROR", code, detail)
    }

    /// It went wrong at Square, in the category of refusals.
    pub(super) fn temporary() -> Self {
        Self::new(400, "PAYMENT_METHOD_ERROR", "TEMPORARY_ERROR", "A temporary internal error occurred.")
    }

    pub(super) fn wrong_token() -> Self {
        Self::new(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", "This request could not be authorized.")
    }

    /// The token may not do that.
    pub(super) fn no_permission() -> Self {
        let detail = "The merchant has not given your application sufficient permissions to do that.";
        Self::new(403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES", detail)
    }

    pub(super) fn key_in_use() -> Self {
        Self::new(
            409,
            "INVALID_REQUEST_ERROR",
            "CONFLICT",
            "Another request with this key is being processed.",
        )
    }

    pub(super) fn key_reused() -> Self {
        Self::invalid(
            "IDEMPOTENCY_KEY_REUSED",
            "Different request parameters used for the same idempotency_key.",
        )
        .field("idempotency_key")
    }

    /// Square's documents name the code; its OpenAPI file does so in texts only.
    pub(super) fn outdated() -> Self {
        Self::new(
            409,
            "INVALID_REQUEST_ERROR",
            "VERSION_MISMATCH",
            "The version does not match the latest version of the payment.",
        )
        .field("version_token")
    }

    pub(super) fn limited() -> Self {
        Self::new(429, "RATE_LIMIT_ERROR", "RATE_LIMITED", "Your request rate is too high.")
    }

    pub(super) fn crashed() -> Self {
        Self::new(500, "API_ERROR", "INTERNAL_SERVER_ERROR", "An internal error has occurred.")
    }

    pub(super) fn field(mut self, name: &str) -> Self {
        self.0.field = Some(name.to_owned());
        self
    }

    /// The same, with the payment that failed.
    pub(super) fn about(mut self, payment: Value) -> Self {
        self.0.payment = Some(payment);
        self
    }

    /// The error alone.
    pub(super) fn error(&self) -> Value {
        let mut error = json!({ "category": self.0.category, "code": self.0.code, "detail": self.0.detail });
        if let (Some(fields), Some(field)) = (error.as_object_mut(), &self.0.field) {
            fields.insert("field".to_owned(), field.clone().into());
        }
        error
    }

    pub(super) fn reply(&self) -> WireReply {
        let mut body = json!({ "errors": [self.error()] });
        if let (Some(fields), Some(payment)) = (body.as_object_mut(), &self.0.payment) {
            fields.insert("payment".to_owned(), payment.clone());
        }
        WireReply::json(self.0.status, &body)
    }
}
