//! The routes of reconciliation: what payment providers' books and ours don't agree on.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::id::{OrderId, PaymentId, ProviderId};
use order_core::money::Money;
use order_core::reconciliation::{Difference, DifferenceKind, Remedy, Repair};
use order_core::service::{FailedComparison, ReconcileBooks, ReconciliationCursor, ReconciliationPage};
use order_core::{Error, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::Api;
use crate::auth::Staff;
use crate::call::{Call, answer};
use crate::cart::read_id;
use crate::json::Json;
use crate::list::{DEFAULT_LIMIT, read_begin, read_end, read_limit};
use crate::money::MoneyBody;
use crate::names::{DifferenceKindName, RemedyName, RepairName};
use crate::params::Params;
use crate::problem::Problem;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(compare)).routes(routes!(repair))
}

/// What the comparison takes. It is here for the document: [`read`] reads it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used")]
struct WindowParams {
    /// Whose books: `stripe`, `paypal`, `square`, `simulated`.
    #[param(min_length = 1, max_length = 32)]
    provider: String,
    /// Payments that were begun at or after this: a date, or a time in RFC 3339.
    from: String,
    /// And at or before this; a date counts to its end. Without it, up to the present. What was begun in the last five minutes,
    /// or as long as the host says, is left alone.
    to: Option<String>,
    /// How many payments are read at once.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// Where the page begins: the `next_cursor` of the page before, with the same window.
    #[param(max_length = 1024)]
    cursor: Option<String>,
}

const CURSOR: &str = "must be the next_cursor of a page of the same reconciliation";
const PROVIDER: &str = "must be a payment provider's name";

fn read(api: &Api, mut params: Params) -> Result<ReconcileBooks, Problem> {
    let provider = params.read("provider", "invalid_id", PROVIDER, |text| ProviderId::new(text).ok());
    let from = read_begin(&mut params, "from");
    let to = read_end(&mut params, "to").unwrap_or_else(|| api.engine().clock().now());
    let cursor = params.read("cursor", "invalid_cursor", CURSOR, |text| text.parse().ok());
    let limit = read_limit(&mut params);
    for (name, is_missing) in [("provider", provider.is_none()), ("from", from.is_none())] {
        let pointer = format!("/{name}");
        if is_missing && !params.invalid.errors().iter().any(|error| error.pointer == pointer) {
            params.refuse(name, "required", "is required");
        }
    }
    params.finish()?;
    let lost = || Problem::from(Error::Internal("a parameter was lost"));
    Ok(ReconcileBooks {
        provider: provider.ok_or_else(lost)?,
        from: from.ok_or_else(lost)?,
        to,
        cursor,
        limit,
    })
}

/// What differs between a payment provider's books and ours. Nothing is changed.
#[utoipa::path(get, operation_id = "compare_books", path = "/admin/reconciliation", tag = "admin", params(WindowParams),
    responses((status = 200, body = ReconciliationBody)), security(("bearer" = [])))]
async fn compare(State(api): State<Api>, Staff(actor): Staff, params: Params) -> Result<Response, Problem> {
    let window = read(&api, params)?;
    let page = api.engine().reconciliation().compare(&window, &actor).await.map_err(of_query)?;
    Ok(tell(&window, page))
}

/// What the engine finds wrong with parameters of the query.
fn of_query(error: Error) -> Problem {
    if let Error::Invalid(invalid) = &error {
        return Problem::invalid(StatusCode::BAD_REQUEST, invalid);
    }
    error.into()
}

/// Which part of a provider's books to repair ours by.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RepairRequest)]
#[serde(deny_unknown_fields)]
struct RepairBody {
    /// Whose books.
    #[schema(min_length = 1, max_length = 32)]
    provider: String,
    /// Payments that were begun at or after this: a date, or a time in RFC 3339.
    from: String,
    /// And at or before this; a date counts to its end. Without it, up to the present.
    to: Option<String>,
    /// How many payments are read at once.
    #[schema(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// Where the page begins: the `next_cursor` of the page before, with the same window.
    #[schema(max_length = 1024)]
    cursor: Option<String>,
}

impl RepairBody {
    fn read(self, api: &Api) -> Result<ReconcileBooks, Problem> {
        let mut invalid = Invalid::default();
        let provider = read_id(ProviderId::new(self.provider), "/provider", &mut invalid);
        let from = crate::list::read_date(&self.from, "/from", &mut invalid);
        let to = match self.to {
            Some(text) => crate::list::read_last_date(&text, "/to", &mut invalid),
            None => Some(api.engine().clock().now()),
        };
        let cursor: Option<ReconciliationCursor> = self.cursor.and_then(|text| {
            let cursor = text.parse().ok();
            if cursor.is_none() {
                invalid.push("/cursor", "invalid_cursor", CURSOR);
            }
            cursor
        });
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=100).contains(&limit) {
            invalid.push("/limit", "out_of_range", "must be a whole number from 1 to 100");
        }
        invalid.into_result()?;
        let lost = || Problem::from(Error::Internal("a field was lost"));
        Ok(ReconcileBooks {
            provider: provider.ok_or_else(lost)?,
            from: from.ok_or_else(lost)?,
            to: to.ok_or_else(lost)?,
            cursor,
            limit,
        })
    }
}

/// Takes in what a payment provider's books say, as far as that needs no person, and tells what still differs. Repeating it changes
/// nothing.
#[utoipa::path(post, operation_id = "repair_books", path = "/admin/reconciliation/repair", tag = "admin", request_body = RepairBody,
    responses((status = 200, body = ReconciliationBody)), security(("bearer" = [])))]
async fn repair(
    State(api): State<Api>,
    Staff(actor): Staff,
    call: Call,
    body: Json<RepairBody>,
) -> Result<Response, Problem> {
    let window = body.value.read(&api)?;
    let request = call.request(actor, &body.canonical);
    let page = api.engine().reconciliation().repair(&window, &request).await?;
    Ok(tell(&window, page))
}

/// A page of a reconciliation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reconciliation)]
#[serde(deny_unknown_fields)]
struct ReconciliationBody {
    provider: String,
    /// From when payments were compared, included.
    from: DateTime<Utc>,
    /// Until when, not included.
    to: DateTime<Utc>,
    /// How many payments were compared.
    compared: u32,
    /// How many were left alone, because a call about them is being made.
    in_flight: u32,
    /// What differs; after a repair, what still differs.
    items: Vec<DifferenceBody>,
    /// What was repaired.
    repaired: Vec<DifferenceBody>,
    /// What could not be compared or repaired now.
    failed: Vec<FailedBody>,
    /// Where the next page begins. A page may be empty and not be the last.
    next_cursor: Option<String>,
}

/// Something that a provider's books and ours don't agree on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Difference)]
#[serde(deny_unknown_fields)]
struct DifferenceBody {
    #[schema(value_type = DifferenceKindName)]
    kind: DifferenceKind,
    /// Who can repair it.
    #[schema(value_type = RepairName)]
    repair: Repair,
    /// How.
    #[schema(value_type = RemedyName)]
    remedy: Remedy,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    /// Our payment; also where only the provider knows of it.
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
}

impl DifferenceBody {
    fn of(difference: &Difference) -> Self {
        Self {
            kind: difference.kind,
            repair: difference.repair,
            remedy: difference.remedy(),
            order_id: difference.order_id.map(OrderId::uuid),
            payment_id: difference.payment_id.map(PaymentId::uuid),
            operation_id: difference.operation_id.map(order_core::id::OperationId::uuid),
            reference: difference.reference.as_ref().map(ToString::to_string),
            ours: difference.ours,
            theirs: difference.theirs,
        }
    }
}

/// A payment that could not be compared or repaired now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailedComparison)]
#[serde(deny_unknown_fields)]
struct FailedBody {
    order_id: Uuid,
    payment_id: Uuid,
    /// Why: the `code` of a problem.
    code: String,
}

impl FailedBody {
    fn of(failed: &FailedComparison) -> Self {
        Self {
            order_id: failed.order_id.uuid(),
            payment_id: failed.payment_id.uuid(),
            code: failed.code.to_owned(),
        }
    }
}

fn tell(window: &ReconcileBooks, page: ReconciliationPage) -> Response {
    for failed in &page.failed {
        let FailedComparison { order_id, payment_id, reason, .. } = failed;
        tracing::warn!(%order_id, %payment_id, error = %reason, "a payment could not be compared");
    }
    let body = ReconciliationBody {
        provider: window.provider.to_string(),
        from: page.from,
        to: page.to,
        compared: page.compared,
        in_flight: page.in_flight,
        items: page.differences.iter().map(DifferenceBody::of).collect(),
        repaired: page.repaired.iter().map(DifferenceBody::of).collect(),
        failed: page.failed.iter().map(FailedBody::of).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    };
    answer(StatusCode::OK, &body, None, false)
}
