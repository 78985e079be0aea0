//! Whether it runs, whether it can work.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use order_core::Error;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::call::answer;
use crate::problem::Problem;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready))
}

/// How it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
#[serde(deny_unknown_fields)]
struct HealthBody {
    /// `ok`.
    #[schema(value_type = String)]
    status: &'static str,
}

/// Whether the process runs. It asks nobody else: a failing dependency is no reason to start it anew.
#[utoipa::path(get, operation_id = "get_health", path = "/health", tag = "operations", responses((status = 200, body = HealthBody)))]
async fn health() -> Response {
    answer(StatusCode::OK, &HealthBody { status: "ok" }, None, false)
}

/// Whether it can work: the store answers.
#[utoipa::path(get, operation_id = "get_readiness", path = "/ready", tag = "operations", responses((status = 200, body = HealthBody)))]
async fn ready(State(api): State<Api>) -> Result<Response, Problem> {
    api.engine().store().ping().await.map_err(|error| {
        // Whatever is the matter with the store: it may be well again later.
        drop(Problem::from(Error::from(error)));
        Problem::unavailable("store_unavailable", "The store does not answer.")
    })?;
    Ok(answer(StatusCode::OK, &HealthBody { status: "ok" }, None, false))
}
