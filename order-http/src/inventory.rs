//! The routes of stock and reservations.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::id::{CustomerId, LocationId, ProductId, ReservationId};
use order_core::inventory::{Demand, MAX_UNITS, Reservation, StockLevel};
use order_core::money::Money;
use order_core::service::ReserveStock;
use order_core::time::Duration;
use order_core::{Error, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::Api;
use crate::auth::{OnlyService, Operator};
use crate::call::{Call, answer, once};
use crate::cart::read_id;
use crate::json::{Json, OptionalJson};
use crate::money::MoneyBody;
use crate::names::ReservationStatusName;
use crate::params::Id;
use crate::problem::{Problem, ShortageBody};

/// Where stock is kept when nobody says.
const DEFAULT_LOCATION: &str = "main";

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(stock, set_stock))
        .routes(routes!(adjust_stock))
        .routes(routes!(check))
        .routes(routes!(reserve))
        .routes(routes!(reservation))
        .routes(routes!(confirm))
        .routes(routes!(release))
}

/// How many units of a product there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stock)]
#[serde(deny_unknown_fields)]
struct StockBody {
    sku: String,
    /// Units on the shelf.
    on_hand: i64,
    /// Units on the shelf that are held for somebody.
    reserved: i64,
    /// Units that can be sold.
    available: i64,
    /// Units that were sold and not put back.
    sold: i64,
    locations: Vec<ShelfBody>,
}

/// How many units of a product there are at one location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shelf)]
#[serde(deny_unknown_fields)]
struct ShelfBody {
    location: String,
    on_hand: i64,
    reserved: i64,
    available: i64,
    sold: i64,
}

impl StockBody {
    fn of(product: &ProductId, levels: &[StockLevel]) -> Self {
        let sum = |units: fn(&StockLevel) -> i64| {
            levels.iter().fold(0_i64, |sum, level| sum.saturating_add(units(level)))
        };
        let shelf = |level: &StockLevel| ShelfBody {
            location: level.key.location.to_string(),
            on_hand: level.on_hand,
            reserved: level.reserved,
            available: level.available(),
            sold: level.sold,
        };
        Self {
            sku: product.to_string(),
            on_hand: sum(|level| level.on_hand),
            reserved: sum(|level| level.reserved),
            available: sum(StockLevel::available),
            sold: sum(|level| level.sold),
            locations: levels.iter().map(shelf).collect(),
        }
    }
}

async fn answer_stock(api: &Api, product: ProductId) -> Result<Response, Problem> {
    let products = [product];
    let levels = api.engine().inventory().levels(&products).await?;
    let [product] = products;
    if levels.is_empty() {
        return Err(Error::NotFound { what: "stock" }.into());
    }
    Ok(answer(StatusCode::OK, &StockBody::of(&product, &levels), None, false))
}

/// The stock of a product, at all locations.
#[utoipa::path(get, operation_id = "get_stock", path = "/inventory/stock/{sku}", tag = "inventory", params(("sku" = String, Path)),
    responses((status = 200, body = StockBody)), security(("bearer" = []), ("service_key" = [])))]
async fn stock(
    State(api): State<Api>,
    Operator(_): Operator,
    Id(product): Id<ProductId>,
) -> Result<Response, Problem> {
    answer_stock(&api, product).await
}

/// What was counted.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SetStock)]
#[serde(deny_unknown_fields)]
struct SetStockBody {
    /// Units on the shelf.
    on_hand: u32,
    /// Where. Without it, at `main`.
    #[schema(min_length = 1, max_length = 64)]
    location: Option<String>,
}

fn read_location(location: Option<String>, invalid: &mut Invalid) -> Option<LocationId> {
    let name = location.unwrap_or_else(|| DEFAULT_LOCATION.to_owned());
    read_id(LocationId::new(name), "/location", invalid)
}

fn must(location: Option<LocationId>, invalid: Invalid) -> Result<LocationId, Problem> {
    invalid.into_result()?;
    Ok(location.ok_or(Error::Internal("a location was lost"))?)
}

/// Sets how many units there are at a location, as they were counted.
#[utoipa::path(put, operation_id = "set_stock", path = "/inventory/stock/{sku}", tag = "inventory", request_body = SetStockBody,
    params(("sku" = String, Path)),
    responses((status = 200, body = StockBody)), security(("bearer" = []), ("service_key" = [])))]
async fn set_stock(
    State(api): State<Api>,
    Operator(actor): Operator,
    Id(product): Id<ProductId>,
    call: Call,
    body: Json<SetStockBody>,
) -> Result<Response, Problem> {
    let mut invalid = Invalid::default();
    let location = read_location(body.value.location, &mut invalid);
    let location = must(location, invalid)?;
    let request = call.request(actor, &body.canonical);
    api.engine().inventory().set(product.clone(), location, body.value.on_hand, &request).await?;
    answer_stock(&api, product).await
}

/// Units that came or went.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AdjustStock)]
#[serde(deny_unknown_fields)]
struct AdjustStockBody {
    /// How many came; below zero, how many went.
    by: i64,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// Where. Without it, at `main`.
    #[schema(min_length = 1, max_length = 64)]
    location: Option<String>,
}

/// The longest reason, in bytes: as for every other command.
const MAX_REASON: usize = order_core::service::CancelOrder::MAX_REASON;

/// Changes how many units there are at a location: received, lost, found.
#[utoipa::path(post, operation_id = "adjust_stock", path = "/inventory/stock/{sku}/adjust", tag = "inventory", request_body = AdjustStockBody,
    params(("sku" = String, Path)),
    responses((status = 200, body = StockBody)), security(("bearer" = []), ("service_key" = [])))]
async fn adjust_stock(
    State(api): State<Api>,
    Operator(actor): Operator,
    Id(product): Id<ProductId>,
    call: Call,
    body: Json<AdjustStockBody>,
) -> Result<Response, Problem> {
    let AdjustStockBody { by, reason, location } = body.value;
    let mut invalid = Invalid::default();
    let location = read_location(location, &mut invalid);
    if by == 0 || by.unsigned_abs() > MAX_UNITS.unsigned_abs() {
        invalid.push("/by", "out_of_range", format!("must not be 0, nor beyond {MAX_UNITS}"));
    }
    if reason.is_empty() || reason.len() > MAX_REASON {
        invalid.push("/reason", "out_of_range", format!("must be 1 to {MAX_REASON} bytes"));
    }
    let location = must(location, invalid)?;
    let request = call.request(actor, &body.canonical);
    tracing::info!(sku = %product, by, reason, actor = ?request.actor, "stock adjusted");
    api.engine().inventory().adjust(product.clone(), location, by, &request).await?;
    answer_stock(&api, product).await
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
