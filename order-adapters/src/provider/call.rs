use std::fmt;

use order_core::id::OperationId;
use order_core::time::Timestamp;

/// How a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    #[cfg(feature = "paypal")]
    Patch,
    #[cfg(feature = "square")]
    Put,
}

/// One request to a provider, as a value: what an adapter's mapping makes, and the transport sends.
///
/// Credentials are no part of it. Tokens of customers may be in the body, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, beginning with `/`.
    pub(crate) target: String,
    /// Headers besides those of the endpoint, names in lower case.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body with its content type.
    pub(crate) body: Option<(&'static str, String)>,
}

impl Call {
    /// Reads something.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::Get, target: path.into(), headers: Vec::new(), body: None }
    }

    /// Does something, without a body.
    #[cfg(feature = "square")]
    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self { method: Method::Post, ..Self::get(path) }
    }

    /// Replaces something, with a JSON document.
    #[cfg(feature = "square")]
    pub(crate) fn put_json(path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self { method: Method::Put, ..Self::post_json(path, body) }
    }

    /// Does something, with a form.
    #[cfg(any(feature = "paypal", feature = "stripe"))]
    pub(crate) fn post_form(path: impl Into<String>, form: Form) -> Self {
        let body = Some(("application/x-www-form-urlencoded", form.encoded()));
        Self { method: Method::Post, target: path.into(), headers: Vec::new(), body }
    }

    /// Does something, with a JSON document.
    #[cfg(any(feature = "paypal", feature = "square"))]
    pub(crate) fn post_json(path: impl Into<String>, document: &serde_json::Value) -> Self {
        let body = Some(("application/json", document.to_string()));
        Self { method: Method::Post, target: path.into(), headers: Vec::new(), body }
    }

    /// Changes something, with a JSON document.
    #[cfg(feature = "paypal")]
    pub(crate) fn patch_json(path: impl Into<String>, document: &serde_json::Value) -> Self {
        Self { method: Method::Patch, ..Self::post_json(path, document) }
    }

    /// Adds a query.
    pub(crate) fn query(mut self, query: Form) -> Self {
        self.target.push('?');
        self.target.push_str(&query.encoded());
        self
    }

    /// Adds a header, its name in lower case.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.method, self.target)
    }
}

/// Fields of a form or a query, in their order.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Adds a field.
    pub(crate) fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// Adds a field that may be missing.
    #[cfg(any(feature = "square", feature = "stripe"))]
    pub(crate) fn optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    fn encoded(self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.0).finish()
    }
}

/// An id as a segment of a path. The providers' ids are letters, digits, underscores and hyphens; anything else would lead elsewhere.
pub(crate) fn segment(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()
}

/// When an operation began: its id tells.
pub(crate) fn made_at(key: OperationId) -> Option<Timestamp> {
    let (seconds, nanos) = key.uuid().get_timestamp()?.to_unix();
    Timestamp::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}
