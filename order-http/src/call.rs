//! What comes with a request besides its body: the version the caller saw, the idempotency key, the request's id.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use order_core::id::IdempotencyKey;
use order_core::order::Actor;
use order_core::service;
use order_core::{Error, Result};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use crate::api::Api;
use crate::problem::{self, Problem};

/// The header with a request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest request id that is taken over from a caller, in bytes.
const MAX_REQUEST_ID: usize = 128;
/// The room that is made for an answer of which nothing is known, in bytes.
const ANSWER_BYTES: usize = 1024;
/// How often somebody else's request with the same key is looked at again.
const IN_FLIGHT_PAUSE: Duration = Duration::from_millis(25);

/// What comes with a request besides its body.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    /// The path, with that of the host.
    pub(crate) path: String,
    key: Option<IdempotencyKey>,
    /// The version the caller saw.
    pub(crate) if_version: Option<u64>,
    correlation: Option<RequestId>,
}

/// The id of a request: the caller's, or one of ours.
#[derive(Debug, Clone)]
struct RequestId(String);

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Problem> {
        let path = match OriginalUri::from_request_parts(parts, state).await {
            Ok(OriginalUri(uri)) => uri.path().to_owned(),
            Err(never) => match never {},
        };
        Ok(Self {
            method: parts.method.clone(),
            path,
            key: read_key(&parts.headers)?,
            if_version: read_if_match(&parts.headers)?,
            correlation: parts.extensions.get::<RequestId>().cloned(),
        })
    }
}

impl Call {
    /// The engine's view of the request. The same caller, method, path and content make the same request.
    pub(crate) fn request(&self, actor: Actor, canonical_body: &str) -> service::Request {
        let who = format!("{actor:?}");
        let mut request = service::Request::by(actor).if_version(self.if_version);
        if let Some(key) = &self.key {
            let mut digest = Sha256::new();
            for part in [self.method.as_str(), &self.path, &who, canonical_body] {
                digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                digest.update(part.as_bytes());
            }
            request = request.idempotent(key.clone(), hex(&digest.finalize()));
        }
        match &self.correlation {
            Some(id) => request.correlated(id.0.clone()),
            None => request,
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a text can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn read_key(headers: &HeaderMap) -> std::result::Result<Option<IdempotencyKey>, Problem> {
    let refuse = |detail: &str| Problem::bad_parameter("Idempotency-Key", "invalid_key", detail);
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse("must be given only once"));
    }
    let text = value.to_str().map_err(|_| refuse("must be visible ASCII"))?;
    IdempotencyKey::new(text.trim()).map(Some).map_err(|error| refuse(error.problem))
}

/// Reads `If-Match`: none, any (`*`), or one of our own entity tags.
fn read_if_match(headers: &HeaderMap) -> std::result::Result<Option<u64>, Problem> {
    let malformed =
        || Problem::bad_parameter("If-Match", "malformed", "must be * or one entity tag in quotation marks");
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed());
    }
    let text = value.to_str().map_err(|_| malformed())?.trim();
    if text == "*" {
        return Ok(None);
    }
    let (is_weak, text) = text.strip_prefix("W/").map_or((false, text), |text| (true, text));
    let tag = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(malformed)?;
    if tag.contains('"') {
        return Err(malformed());
    }
    let is_ours = !is_weak && !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_digit());
    match tag.parse().ok().filter(|_| is_ours) {
        Some(version) => Ok(Some(version)),
        None => Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "stale_version",
            "The entity tag is not one of the present version.",
        )),
    }
}

/// Does a thing, and waits for another request with the same key that is doing it.
macro_rules! once {
    ($api:expr, $attempt:expr) => {{
        let waiting = $crate::call::Waiting::begin($api);
        loop {
            let outcome = $attempt.await;
            match waiting.pause(&outcome) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => break outcome,
            }
        }
    }};
}
pub(crate) use once;

/// How long a request waits for another one with the same key.
#[derive(Debug)]
pub(crate) struct Waiting {
    deadline: tokio::time::Instant,
}

impl Waiting {
    /// Begins to wait.
    pub(crate) fn begin(api: &Api) -> Self {
        Self { deadline: tokio::time::Instant::now() + api.idempotency_wait() }
    }

    /// How long to wait before the next attempt; `None` when this was the last one.
    pub(crate) fn pause<T>(&self, outcome: &Result<T>) -> Option<Duration> {
        let is_in_flight = matches!(outcome, Err(Error::InFlight));
        (is_in_flight && tokio::time::Instant::now() < self.deadline).then_some(IN_FLIGHT_PAUSE)
    }
}

/// An answer with its body, its version and whether it is a repeated one.
pub(crate) fn answer<T: Serialize>(
    status: StatusCode,
    body: &T,
    version: Option<u64>,
    replayed: bool,
) -> Response {
    answer_sized(status, body, ANSWER_BYTES, version, replayed)
}

/// The same, for a body that takes about so many bytes: a long page is written into one buffer that never has to grow.
pub(crate) fn answer_sized<T: Serialize>(
    status: StatusCode,
    body: &T,
    bytes: usize,
    version: Option<u64>,
    replayed: bool,
) -> Response {
    let mut written = Vec::with_capacity(bytes);
    if let Err(error) = serde_json::to_writer(&mut written, body) {
        tracing::error!(%error, "an answer can't be written");
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong.")
            .into_response();
    }
    let mut response = Response::new(Body::from(written));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(version) = version
        && let Ok(tag) = HeaderValue::try_from(format!("\"{version}\""))
    {
        headers.insert(header::ETAG, tag);
    }
    if replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Gives every request an id and a span, and every problem its path.
pub(crate) async fn trace(
    State(api): State<Api>,
    OriginalUri(uri): OriginalUri,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .map_or_else(|| api.new_request_id(), str::to_owned);
    let route = request.extensions().get::<axum::extract::MatchedPath>().map_or("", |path| path.as_str());
    let span = tracing::info_span!(
        "request",
        http.method = %request.method(),
        http.route = route,
        request_id = %id,
        http.status = tracing::field::Empty,
    );
    request.extensions_mut().insert(RequestId(id.clone()));
    let response = next.run(request).instrument(span.clone()).await;
    let mut response = problem::name_instance(&uri, response);
    span.record("http.status", response.status().as_u16());
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
