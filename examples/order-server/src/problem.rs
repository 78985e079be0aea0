//! Problems of the server's own routes, in the form that the interface has everywhere; and what is logged of an error.

use std::error::Error as StdError;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use order_core::Error;
use order_http::Problem;

/// A refusal.
pub(crate) fn answer(status: StatusCode, code: &str, detail: &str) -> Response {
    Problem::new(status, code, detail).into_response()
}

/// Something does not answer; it may later.
pub(crate) fn unavailable(code: &str) -> Response {
    Problem::unavailable(code, "Try again later, with the same idempotency key.").into_response()
}

/// An error of the engine.
pub(crate) fn of(error: Error) -> Response {
    Problem::from(error).into_response()
}

/// An error with all its causes: for the log and for whoever started the server, never for a client.
pub fn causes(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
