//! The routes of availability and reservations: for services.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::Invalid;
use order_core::id::{CustomerId, ProductId, ReservationId};
use order_core::inventory::{Demand, Reservation};
use order_core::money::Money;
use order_core::service::ReserveStock;
use order_core::time::Duration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::Api;
use crate::auth::OnlyService;
use crate::call::{Call, answer, once};
use crate::cart::read_id;
use crate::json::{Json, OptionalJson};
use crate::money::MoneyBody;
use crate::names::ReservationStatusName;
use crate::params::Id;
use crate::problem::{Problem, ShortageBody};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(check))
        .routes(routes!(reserve))
        .routes(routes!(reservation))
        .routes(routes!(confirm))
        .routes(routes!(release))
}

/// Units of a product.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Demand)]
#[serde(deny_unknown_fields)]
struct DemandBody {
    #[schema(min_length = 1, max_length = 128)]
    product_id: String,
    #[schema(minimum = 1)]
    quantity: u32,
}

fn read_demand(items: &[DemandBody], invalid: &mut Invalid) -> Vec<Demand> {
    let read = |(index, item): (usize, &DemandBody)| {
        let id = read_id(ProductId::new(&item.product_id), &format!("/items/{index}/product_id"), invalid);
        id.map(|product_id| Demand::new(None, product_id, item.quantity))
    };
    items.iter().enumerate().filter_map(read).collect()
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CheckStock)]
#[serde(deny_unknown_fields)]
struct CheckBody {
    #[schema(min_items = 1, max_items = 500)]
    items: Vec<DemandBody>,
}

/// Whether it is there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Availability)]
#[serde(deny_unknown_fields)]
struct AvailabilityBody {
    /// Whether there is enough of everything.
    available: bool,
    /// Of what there is not enough.
    shortages: Vec<ShortageBody>,
}

/// Tells whether there is enough of everything. Nothing is reserved.
#[utoipa::path(post, operation_id = "check_stock", path = "/inventory/check", tag = "inventory", request_body = CheckBody,
    responses((status = 200, body = AvailabilityBody)), security(("service_key" = [])))]
async fn check(
    State(api): State<Api>,
    OnlyService(_): OnlyService,
    body: Json<CheckBody>,
) -> Result<Response, Problem> {
    let mut invalid = Invalid::default();
    let demand = read_demand(&body.value.items, &mut invalid);
    invalid.into_result()?;
    let shortages = api.engine().inventory().check(&demand).await?;
    let body = AvailabilityBody {
        available: shortages.is_empty(),
        shortages: shortages.iter().map(ShortageBody::of).collect(),
    };
    Ok(answer(StatusCode::OK, &body, None, false))
}

/// What is to be held.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ReserveStock)]
#[serde(deny_unknown_fields)]
struct ReserveBody {
    #[schema(min_items = 1, max_items = 500)]
    items: Vec<DemandBody>,
    /// For whom.
    #[schema(min_length = 1, max_length = 128)]
    customer_id: Option<String>,
    /// For how long. Without it, for 30 minutes.
    #[schema(minimum = 1, maximum = 604_800)]
    lifetime_seconds: Option<u32>,
}

/// A hold on stock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reservation)]
#[serde(deny_unknown_fields)]
struct ReservationBody {
    id: Uuid,
    status: ReservationStatusName,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    items: Vec<HeldBody>,
    /// What the held goods are worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneyBody>)]
    value: Option<Money>,
    expires_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Units of a product at a location that are held.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldUnits)]
#[serde(deny_unknown_fields)]
struct HeldBody {
    product_id: String,
    location: String,
    quantity: u32,
}

impl ReservationBody {
    fn of(reservation: &Reservation) -> Self {
        let held = |line: &order_core::inventory::ReservationLine| HeldBody {
            product_id: line.key.product_id.to_string(),
            location: line.key.location.to_string(),
            quantity: line.quantity,
        };
        Self {
            id: reservation.id.uuid(),
            status: ReservationStatusName(reservation.status),
            order_id: reservation.order_id.map(order_core::id::OrderId::uuid),
            customer_id: reservation.customer_id.as_ref().map(ToString::to_string),
            items: reservation.lines.iter().map(held).collect(),
            value: reservation.value,
            expires_at: reservation.expires_at,
            created_at: reservation.created_at,
            updated_at: reservation.updated_at,
        }
    }
}

/// Holds units of every product, or of none.
#[utoipa::path(post, operation_id = "reserve_stock", path = "/inventory/reservations", tag = "inventory", request_body = ReserveBody,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = ReservationBody)), security(("service_key" = [])))]
async fn reserve(
    State(api): State<Api>,
    OnlyService(actor): OnlyService,
    call: Call,
    body: Json<ReserveBody>,
) -> Result<Response, Problem> {
    let ReserveBody { items, customer_id, lifetime_seconds } = body.value;
    let mut invalid = Invalid::default();
    let items = read_demand(&items, &mut invalid);
    let customer_id = customer_id.and_then(|id| read_id(CustomerId::new(id), "/customer_id", &mut invalid));
    invalid.into_result()?;
    let lifetime = lifetime_seconds.map(|seconds| Duration::seconds(i64::from(seconds)));
    let command = ReserveStock { customer_id, items, lifetime };
    let request = call.request(actor, &body.canonical);
    let done = once!(&api, api.engine().inventory().reserve(command.clone(), &request))?;
    Ok(answer(StatusCode::CREATED, &ReservationBody::of(&done.value), None, done.replayed))
}

/// A reservation.
#[utoipa::path(get, operation_id = "get_reservation", path = "/inventory/reservations/{id}", tag = "inventory", params(("id" = Uuid, Path)),
    responses((status = 200, body = ReservationBody)), security(("service_key" = [])))]
async fn reservation(
    State(api): State<Api>,
    OnlyService(_): OnlyService,
    Id(id): Id<ReservationId>,
) -> Result<Response, Problem> {
    let reservation = api.engine().inventory().reservation(id).await?;
    Ok(answer(StatusCode::OK, &ReservationBody::of(&reservation), None, false))
}

/// Nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Empty)]
#[serde(deny_unknown_fields)]
struct EmptyBody {}

/// Sells the held units. Doing it again changes nothing.
#[utoipa::path(post, operation_id = "confirm_reservation", path = "/inventory/reservations/{id}/confirm", tag = "inventory",
    request_body = Option<EmptyBody>, params(("id" = Uuid, Path)),
    responses((status = 200, body = ReservationBody)), security(("service_key" = [])))]
async fn confirm(
    State(api): State<Api>,
    OnlyService(actor): OnlyService,
    Id(id): Id<ReservationId>,
    call: Call,
    OptionalJson(body): OptionalJson<EmptyBody>,
) -> Result<Response, Problem> {
    let request = call.request(actor, &body.canonical);
    let reservation = api.engine().inventory().confirm(id, &request).await?;
    Ok(answer(StatusCode::OK, &ReservationBody::of(&reservation), None, false))
}

/// Lets the held units go. Doing it again changes nothing.
#[utoipa::path(post, operation_id = "release_reservation", path = "/inventory/reservations/{id}/release", tag = "inventory",
    request_body = Option<EmptyBody>, params(("id" = Uuid, Path)),
    responses((status = 200, body = ReservationBody)), security(("service_key" = [])))]
async fn release(
    State(api): State<Api>,
    OnlyService(actor): OnlyService,
    Id(id): Id<ReservationId>,
    call: Call,
    OptionalJson(body): OptionalJson<EmptyBody>,
) -> Result<Response, Problem> {
    let request = call.request(actor, &body.canonical);
    let reservation = api.engine().inventory().release(id, &request).await?;
    Ok(answer(StatusCode::OK, &ReservationBody::of(&reservation), None, false))
}
