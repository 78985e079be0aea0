//! Problems of the server's own routes, in the form that the interface has everywhere.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use order_core::Error;
use order_http::Problem;

/// A refusal.
pub(crate) fn answer(status: StatusCode, code: &str, detail: &str) -> Response {
    Problem::new(status, code, detail).into_response()
}

/// An error of the engine.
pub(crate) fn of(error: Error) -> Response {
    Problem::from(error).into_response()
}
