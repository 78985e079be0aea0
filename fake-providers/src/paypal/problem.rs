use serde_json::{Value, json};

use crate::wire::WireReply;

/// Why PayPal does not do something. The documents tell for each status one name and one message.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: u16,
    issue: String,
    field: Option<&'static str>,
    /// Where the payer has to go.
    page: Option<String>,
}

impl Problem {
    fn new(status: u16, issue: &str) -> Self {
        Self { status, issue: issue.to_owned(), field: None, page: None }
    }

    /// A field is missing or wrong: 400.
    pub(super) fn invalid(issue: &str, field: &'static str) -> Self {
        Self { field: Some(field), ..Self::new(400, issue) }
    }

    /// It is understood, and can't be done: 422.
    pub(super) fn unprocessable(issue: &str) -> Self {
        Self::new(422, issue)
    }

    /// There is no such object: 404.
    pub(super) fn missing() -> Self {
        Self::new(404, "INVALID_RESOURCE_ID")
    }

    /// The same request is being carried out: 409.
    pub(super) fn in_progress() -> Self {
        Self::new(409, "PREVIOUS_REQUEST_IN_PROGRESS")
    }

    pub(super) fn unauthorised() -> Self {
        Self::new(401, "")
    }

    /// The application has not the right: 403.
    pub(super) fn forbidden() -> Self {
        Self::new(403, "")
    }

    pub(super) fn limited() -> Self {
        Self::new(429, "")
    }

    pub(super) fn crashed() -> Self {
        Self::new(500, "")
    }

    /// The same, with the page on which the payer goes on.
    pub(super) fn at(mut self, page: String) -> Self {
        self.page = Some(page);
        self
    }

    pub(super) fn reply(&self) -> WireReply {
        let (name, message) = match self.status {
            401 => (
                "AUTHENTICATION_FAILURE",
                "Authentication failed due to missing authorization header, or invalid authentication credentials.",
            ),
            403 => ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
            404 => ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
            409 => ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
            422 => (
                "UNPROCESSABLE_ENTITY",
                "The requested action could not be performed, semantically incorrect, or failed business validation.",
            ),
            429 => ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
            500 => ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
            _ => (
                "INVALID_REQUEST",
                "Request is not well-formed, syntactically incorrect, or violates schema.",
            ),
        };
        let mut problem = json!({ "name": name, "message": message, "debug_id": "fake0debug0id" });
        let mut add = |name: &str, value: Value| {
            if let Some(fields) = problem.as_object_mut() {
                fields.insert(name.to_owned(), value);
            }
        };
        if !self.issue.is_empty() {
            let mut detail = json!({ "issue": self.issue });
            if let (Some(fields), Some(field)) = (detail.as_object_mut(), self.field) {
                fields.insert("field".to_owned(), field.into());
            }
            add("details", json!([detail]));
        }
        let page =
            self.page.as_ref().map(|page| json!({ "href": page, "rel": "payer-action", "method": "GET" }));
        add("links", Value::Array(page.into_iter().collect()));
        WireReply::json(self.status, &problem)
    }
}
