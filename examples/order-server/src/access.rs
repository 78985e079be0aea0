//! What is done about every request: one line in the log, with the id that its caller is told; and an end to its waiting.

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use order_core::Engine;

use crate::problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names a request that has no id, lets it be answered in the longest time there is, and logs it. The query is left out: it may name
/// people.
pub(crate) async fn log(
    State((engine, longest)): State<(Engine, Duration)>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(REQUEST_ID) {
        let id = engine.ids().next(engine.clock().now()).to_string();
        if let Ok(value) = HeaderValue::try_from(id) {
            request.headers_mut().insert(REQUEST_ID, value);
        }
    }
    let given = request.headers().get(REQUEST_ID).cloned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = Instant::now();
    let mut response = end_waiting(longest, next.run(request)).await;
    // The interface answers with the id it has taken; for the server's own routes it is the one that came.
    if let Some(given) = given.filter(|_| !response.headers().contains_key(REQUEST_ID)) {
        response.headers_mut().insert(REQUEST_ID, given);
    }
    let id = response.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (status, micros) =
        (response.status().as_u16(), u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
    tracing::info!(target: "order_server::access", request_id = id, %method, path, status, micros, "answered");
    response
}

/// Answers a request that has waited too long. What it has begun is finished as if the server had died: by whoever repeats the
/// request, or by the passes.
async fn end_waiting(longest: Duration, answer: impl Future<Output = Response>) -> Response {
    let answered = tokio::time::timeout(longest, answer).await;
    answered.unwrap_or_else(|_| problem::unavailable("request_timeout"))
}
