//! The route of orphans: money at a payment provider that no order stands for goes back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::id::{PaymentId, ProviderId, ProviderReference};
use order_core::money::Money;
use order_core::order::Actor;
use order_core::service::{OrphanReturn, OrphanStatus, ReturnOrphan};
use order_core::{Error, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::Api;
use crate::auth::Staff;
use crate::call::{Call, answer};
use crate::cart::read_id;
use crate::json::Json;
use crate::money::MoneyBody;
use crate::names::{OperationKindName, OrphanStatusName};
use crate::orders::ActorBody;
use crate::problem::Problem;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(give_back))
}

/// Money that goes back, as a reconciliation has told of it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ReturnOrphanRequest)]
#[serde(deny_unknown_fields)]
struct ReturnOrphanBody {
    /// Whose books.
    #[schema(min_length = 1, max_length = 32)]
    provider: String,
    /// The `payment_id` of the difference.
    #[schema(value_type = Uuid)]
    payment_id: String,
    /// The `reference` of the difference: what the provider calls the payment.
    #[schema(min_length = 1, max_length = 255)]
    reference: String,
    /// What is `theirs` in the difference. When it is another amount by now, nothing is done: `amount_changed`.
    amount: MoneyBody,
    /// Why it goes back.
    #[schema(min_length = 1, max_length = 500)]
    note: String,
}

impl ReturnOrphanBody {
    fn read(self) -> Result<ReturnOrphan, Problem> {
        let mut invalid = Invalid::default();
        let provider = read_id(ProviderId::new(self.provider), "/provider", &mut invalid);
        let payment_id = read_id(self.payment_id.parse::<PaymentId>(), "/payment_id", &mut invalid);
        let reference = read_id(ProviderReference::new(self.reference), "/reference", &mut invalid);
        let amount = self.amount.read("/amount", &mut invalid);
        invalid.into_result()?;
        let lost = || Problem::from(Error::Internal("a field was lost"));
        Ok(ReturnOrphan {
            provider: provider.ok_or_else(lost)?,
            payment_id: payment_id.ok_or_else(lost)?,
            reference: reference.ok_or_else(lost)?,
            amount: amount.ok_or_else(lost)?,
            note: self.note,
        })
    }
}

/// What somebody has decided about money that no order stands for, and what has become of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrphanReturn)]
#[serde(deny_unknown_fields)]
struct OrphanReturnBody {
    provider: String,
    /// What names it among the webhooks (`GET /admin/webhooks`).
    event_id: String,
    payment_id: Uuid,
    /// What the provider calls the payment.
    reference: String,
    /// The key under which the provider was told.
    operation_id: Uuid,
    /// `refund`: what was taken goes back. `void`: what is set aside is given up.
    kind: OperationKindName,
    #[schema(value_type = MoneyBody)]
    amount: Money,
    /// `open`: the provider has not said yet, and is asked until it does. `refused`: whoever asks once more tries once more.
    #[schema(value_type = OrphanStatusName)]
    status: OrphanStatus,
    /// What the provider said of it, or why nobody knows yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Who has decided it first.
    by: ActorBody,
    /// Why.
    note: String,
    decided_at: DateTime<Utc>,
}

impl OrphanReturnBody {
    fn of(done: OrphanReturn, viewer: &Actor) -> Self {
        Self {
            provider: done.key.provider.to_string(),
            event_id: done.key.event_id,
            payment_id: done.payment_id.uuid(),
            reference: done.reference.to_string(),
            operation_id: done.operation_id.uuid(),
            kind: done.kind.into(),
            amount: done.amount,
            status: done.status,
            reason: done.reason,
            by: ActorBody::of(&done.by, viewer),
            note: done.note,
            decided_at: done.decided_at,
        }
    }
}

/// Gives back money that a payment provider has for a payment of ours of which there is no order (`order_missing`), or gives up what
/// is only set aside. However often it is asked for, it is done once. Where there is an order it is refused: `order_exists`.
#[utoipa::path(post, operation_id = "return_orphan", path = "/admin/reconciliation/orphans/return", tag = "admin",
    request_body = ReturnOrphanBody,
    responses((status = 200, body = OrphanReturnBody)), security(("bearer" = [])))]
async fn give_back(
    State(api): State<Api>,
    Staff(actor): Staff,
    call: Call,
    body: Json<ReturnOrphanBody>,
) -> Result<Response, Problem> {
    let request = call.request(actor.clone(), &body.canonical);
    let wish = body.value.read()?;
    let done = api.engine().reconciliation().return_orphan(&wish, &request).await?;
    Ok(answer(StatusCode::OK, &OrphanReturnBody::of(done, &actor), None, false))
}
