//! What went wrong, as RFC 9457 problem details.

use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use order_core::error::{FieldError, PriceChange, Shortage};
use order_core::gateway::Rejected;
use order_core::machine::Names as _;
use order_core::money::Money;
use order_core::order::OrderStatus;
use order_core::{Error, ErrorKind, Invalid};
use serde::Serialize;
use utoipa::ToSchema;

use crate::money::MoneyBody;
use crate::names::OrderStatusName;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// How long a caller is asked to wait before it tries again, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// An answer that is not the one the caller hoped for: `application/problem+json`, with a stable `code`.
///
/// A host may answer with it from routes of its own.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    body: Box<ProblemBody>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of a problem.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = Problem)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProblemBody {
    /// What kind of problem it is, as a URI: `urn:order-engine:problem:` and the code.
    #[schema(format = "uri")]
    r#type: String,
    /// The kind, in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened, for a reader. Never to be parsed.
    detail: String,
    /// The kind, for machines: `out_of_stock`, `illegal_transition` … It never changes its meaning.
    code: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Everything that is wrong with the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem>,
    /// `out_of_stock`: the products of which there is not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    shortages: Option<Vec<ShortageBody>>,
    /// `total_changed`: the total the customer agreed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneyBody>)]
    expected_total: Option<Money>,
    /// `total_changed`: the total now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneyBody>)]
    actual_total: Option<Money>,
    /// `total_changed`: the items whose price changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<PriceChangeBody>>,
    /// `illegal_transition`: the order's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<OrderStatusName>,
    /// `illegal_transition`: the status that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<OrderStatusName>,
    /// `illegal_transition`: what the order may become.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<Vec<OrderStatusName>>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = FieldProblem)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldProblem {
    /// Where, as a JSON pointer into the body; `/` and the name for a parameter or a header.
    pointer: String,
    /// What, for machines.
    code: String,
    /// What, for a reader.
    detail: String,
}

/// A product of which there is not enough.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Shortage)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShortageBody {
    product_id: String,
    /// How many units were wanted.
    requested: u32,
    /// How many there were.
    available: u32,
}

impl ShortageBody {
    pub(crate) fn of(shortage: &Shortage) -> Self {
        Self {
            product_id: shortage.product_id.to_string(),
            requested: shortage.requested,
            available: shortage.available,
        }
    }
}

/// An item whose price is not the one the customer saw.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PriceChange)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceChangeBody {
    product_id: String,
    /// The price the customer saw.
    #[schema(value_type = MoneyBody)]
    old: Money,
    /// The price now.
    #[schema(value_type = MoneyBody)]
    new: Money,
}

impl PriceChangeBody {
    fn of(change: &PriceChange) -> Self {
        Self { product_id: change.product_id.to_string(), old: change.old, new: change.new }
    }
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let body = ProblemBody {
            r#type: format!("urn:order-engine:problem:{code}"),
            title: title(code),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            ..ProblemBody::default()
        };
        Self { status, body: Box::new(body), headers: Vec::new() }
    }

    /// A request with something wrong in its fields.
    pub(crate) fn invalid(status: StatusCode, invalid: &Invalid) -> Self {
        let mut problem = Self::new(status, "invalid", format!("The request is invalid. {invalid}"));
        problem.body.errors = invalid.errors().iter().map(FieldProblem::of).collect();
        problem
    }

    /// A request with one thing wrong in its path, its query or its headers.
    pub(crate) fn bad_parameter(name: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, &Invalid::field(format!("/{name}"), code, detail))
    }

    /// The caller may not do this.
    pub(crate) fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// The caller is not known.
    pub(crate) fn unauthenticated(code: &str, detail: &str) -> Self {
        let challenge = if code == "invalid_credentials" {
            HeaderValue::from_static("Bearer error=\"invalid_token\"")
        } else {
            HeaderValue::from_static("Bearer")
        };
        Self::new(StatusCode::UNAUTHORIZED, code, detail).with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// Something does not answer; it may later: 503, and after how many seconds it is worth another try.
    pub fn unavailable(code: &str, detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_later()
    }

    /// The answer of a status nobody has said more about.
    fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("no_route", "There is no such resource."),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "The resource does not have this method.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "The body is too large."),
            StatusCode::REQUEST_TIMEOUT => ("request_timeout", "The request took too long."),
            StatusCode::TOO_MANY_REQUESTS => ("too_many_requests", "Too many requests."),
            _ if status.is_client_error() => ("bad_request", "The request can't be understood."),
            _ => ("internal", "Something went wrong."),
        };
        Self::new(status, code, detail)
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Asks the caller to wait a little.
    pub(crate) fn retry_later(self) -> Self {
        self.with_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS)
    }

    fn render(&self) -> Body {
        serde_json::to_vec(&self.body).map_or_else(|_| Body::empty(), Body::from)
    }
}

/// `out_of_stock` becomes `Out of stock`.
fn title(code: &str) -> String {
    let text = code.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl FieldProblem {
    fn of(error: &FieldError) -> Self {
        Self { pointer: error.pointer.clone(), code: error.code.to_owned(), detail: error.detail.clone() }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = (status_of(&error), error.code());
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %chain(&error), "internal error");
            return Self::new(status, "internal", "Something went wrong.");
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(error = %chain(&error), "unavailable");
            return Self::unavailable(code, "Try again later, with the same idempotency key.");
        }
        if let Error::Invalid(invalid) = &error {
            return Self::invalid(status, invalid);
        }
        if let Error::IllegalTransition { from, to, allowed, .. } = &error {
            return Self::illegal_transition(*from, *to, allowed);
        }
        let mut problem = Self::new(status, code, error.to_string());
        if let Error::OutOfStock(shortages) = &error {
            problem.body.shortages = Some(shortages.iter().map(ShortageBody::of).collect());
        } else if let Error::TotalChanged { expected, actual, changes } = &error {
            problem.body.expected_total = Some(*expected);
            problem.body.actual_total = Some(*actual);
            problem.body.changes = Some(changes.iter().map(PriceChangeBody::of).collect());
        } else if matches!(error, Error::InFlight) {
            return problem.retry_later();
        }
        problem
    }
}

impl Problem {
    /// A move that the order's table does not have.
    fn illegal_transition(from: OrderStatus, to: OrderStatus, allowed: &[OrderStatus]) -> Self {
        let detail = format!("An order that is {} cannot become {}.", from.name(), to.name());
        let mut problem = Self::new(StatusCode::CONFLICT, "illegal_transition", detail);
        problem.body.from = Some(OrderStatusName(from));
        problem.body.to = Some(OrderStatusName(to));
        problem.body.allowed = Some(allowed.iter().copied().map(OrderStatusName).collect());
        problem
    }
}

fn status_of(error: &Error) -> StatusCode {
    if let Error::Rejected(rejected) = error
        && error.kind() == ErrorKind::Invalid
    {
        let is_large = matches!(rejected, Rejected::TooLarge);
        return if is_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
    }
    match error.kind() {
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Stale => StatusCode::PRECONDITION_FAILED,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal | _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error with all its sources: for the log, never for the caller.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(StatusCode::UNPROCESSABLE_ENTITY, &invalid)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.render());
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Names the path in every problem, and makes problems of the refusals that the framework answers itself.
pub(crate) fn name_instance(uri: &Uri, mut response: Response) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = response.extensions_mut().remove::<Problem>();
    let mut problem = problem.unwrap_or_else(|| Problem::of_status(status));
    problem.body.instance = Some(uri.path().to_owned());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    *response.body_mut() = problem.render();
    response
}

/// Answers that there is no such resource, as a problem: for the fallback of a host.
pub async fn not_found(OriginalUri(uri): OriginalUri) -> Problem {
    let mut problem = Problem::of_status(StatusCode::NOT_FOUND);
    problem.body.instance = Some(uri.path().to_owned());
    problem
}
