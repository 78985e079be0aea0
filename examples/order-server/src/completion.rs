//! `POST /simulated/payments/{id}/complete`: stands for the page of the bank on which a customer confirms a payment.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use order_core::id::PaymentId;
use order_core::{Engine, Error};
use serde::Deserialize;
use serde_json::json;

use crate::problem;
use crate::simulated::SimulatedProvider;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Completion {
    #[serde(default = "yes")]
    approve: bool,
}

fn yes() -> bool {
    true
}

/// The route. Whoever knows the payment's id has been sent here.
pub fn routes(provider: SimulatedProvider, engine: Engine) -> Router {
    Router::new().route("/simulated/payments/{id}/complete", post(complete)).with_state((provider, engine))
}

async fn complete(
    State((provider, engine)): State<(SimulatedProvider, Engine)>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(id) = id.parse::<PaymentId>() else {
        return problem::of(Error::NotFound { what: "payment" });
    };
    let completion =
        if body.is_empty() { Ok(Completion { approve: true }) } else { serde_json::from_slice(&body) };
    let Ok(Completion { approve }) = completion else {
        let detail = "The body must be empty, or JSON like {\"approve\": false}.";
        return problem::answer(StatusCode::BAD_REQUEST, "malformed_body", detail);
    };
    let completed = match provider.complete(id, approve).await {
        Ok(completed) => completed,
        Err(error) => {
            tracing::warn!(error = problem::causes(&error), "the simulated provider does not answer");
            return problem::unavailable("provider_unavailable");
        }
    };
    // Whether or not it was completed just now: what the provider knows is taken in.
    match engine.payments().refresh(id).await {
        Ok(order) if completed => Json(json!({
            "payment_id": id,
            "order_id": order.id,
            "order_number": order.number,
            "status": order.status,
            "payment_status": order.payment_status().ok(),
        }))
        .into_response(),
        Ok(_) => {
            let detail = "The payment does not wait for its customer.";
            problem::answer(StatusCode::CONFLICT, "not_awaiting_customer", detail)
        }
        Err(error) => problem::of(error),
    }
}
