//! The routes of findings: what a person should look at about an order's money.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::Invalid;
use order_core::id::FindingId;
use order_core::money::Money;
use order_core::order::{Finding, FindingKind, FindingStatus, Resolution};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::Api;
use crate::auth::Staff;
use crate::call::{Call, answer, once};
use crate::json::Json;
use crate::money::MoneyBody;
use crate::names::{FindingKindName, FindingStatusName, ResolutionName};
use crate::orders::{ActorBody, OrderBody, OrderRef, answer_order};
use crate::params::Id;
use crate::problem::Problem;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(resolve))
}

/// Something about an order's money that a person should look at, or has looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
#[serde(deny_unknown_fields)]
struct FindingBody {
    id: Uuid,
    #[schema(value_type = FindingKindName)]
    kind: FindingKind,
    #[schema(value_type = FindingStatusName)]
    status: FindingStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<Uuid>,
    /// The provider's object.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// What we have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneyBody>)]
    ours: Option<Money>,
    /// What the provider has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneyBody>)]
    theirs: Option<Money>,
    since: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_at: Option<DateTime<Utc>>,
    /// The engine itself, when the matter is no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_by: Option<ActorBody>,
    /// What was done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl FindingBody {
    fn of(finding: &Finding, viewer: &order_core::order::Actor) -> Self {
        Self {
            id: finding.id.uuid(),
            kind: finding.kind,
            status: finding.status,
            payment_id: finding.payment_id.map(order_core::id::PaymentId::uuid),
            operation_id: finding.operation_id.map(order_core::id::OperationId::uuid),
            reference: finding.reference.as_ref().map(ToString::to_string),
            ours: finding.ours,
            theirs: finding.theirs,
            since: finding.since,
            resolved_at: finding.resolved_at,
            resolved_by: finding.resolved_by.as_ref().map(|actor| ActorBody::of(actor, viewer)),
            note: finding.note.clone(),
        }
    }
}

/// The findings of an order, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FindingList)]
#[serde(deny_unknown_fields)]
struct FindingListBody {
    items: Vec<FindingBody>,
}

/// The findings of an order.
#[utoipa::path(get, operation_id = "list_findings", path = "/orders/{id}/findings", tag = "payments", params(("id" = String, Path)),
    responses((status = 200, body = FindingListBody)), security(("bearer" = [])))]
async fn list(
    State(api): State<Api>,
    Staff(actor): Staff,
    Id(reference): Id<OrderRef>,
) -> Result<Response, Problem> {
    let order = reference.get(&api, &actor).await?;
    let items = order.findings.iter().map(|finding| FindingBody::of(finding, &actor)).collect();
    Ok(answer(StatusCode::OK, &FindingListBody { items }, Some(order.version), false))
}

/// What somebody says about a finding.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ResolveRequest)]
#[serde(deny_unknown_fields)]
struct ResolveBody {
    #[schema(value_type = Uuid)]
    finding_id: String,
    /// `dismiss`: nothing has to be booked. `accept_provider`: the provider's amount is the right one, and is booked.
    #[schema(value_type = ResolutionName)]
    resolution: Resolution,
    /// What was done about it.
    #[schema(min_length = 1, max_length = 500)]
    note: String,
}

/// Resolves a finding.
#[utoipa::path(post, operation_id = "resolve_finding", path = "/orders/{id}/findings/resolve", tag = "payments",
    request_body = ResolveBody,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderBody)), security(("bearer" = [])))]
async fn resolve(
    State(api): State<Api>,
    Staff(actor): Staff,
    Id(reference): Id<OrderRef>,
    call: Call,
    body: Json<ResolveBody>,
) -> Result<Response, Problem> {
    let ResolveBody { finding_id, resolution, note } = body.value;
    let finding: FindingId = finding_id
        .parse()
        .map_err(|_| Invalid::field("/finding_id", "invalid_id", "must be the id of a finding"))?;
    let request = call.request(actor.clone(), &body.canonical);
    let id = reference.id(&api, &actor).await?;
    let done = once!(&api, api.engine().payments().resolve(id, finding, resolution, &note, &request))?;
    Ok(answer_order(StatusCode::OK, &done, &actor)?)
}
