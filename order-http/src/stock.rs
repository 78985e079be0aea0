//! The routes of stock levels and their journals: for the staff and for services.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::id::{LocationId, ProductId};
use order_core::inventory::{StockEvent, StockLevel, StockRecord};
use order_core::order::Actor;
use order_core::service::Done;
use order_core::store::StockCursor;
use order_core::{Error, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::auth::Operator;
use crate::call::{Call, answer};
use crate::cart::read_id;
use crate::json::Json;
use crate::list::read_limit;
use crate::orders::ActorBody;
use crate::params::{Id, Params};
use crate::problem::Problem;

/// Where stock is kept when nobody says.
const DEFAULT_LOCATION: &str = "main";

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(stock, set_stock))
        .routes(routes!(adjust_stock))
        .routes(routes!(receive_stock))
        .routes(routes!(set_threshold))
        .routes(routes!(records))
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
    /// The stock is low when no more than so many units are available.
    #[serde(skip_serializing_if = "Option::is_none")]
    low_at: Option<i64>,
}

impl ShelfBody {
    fn of(level: &StockLevel) -> Self {
        Self {
            location: level.key.location.to_string(),
            on_hand: level.on_hand,
            reserved: level.reserved,
            available: level.available(),
            sold: level.sold,
            low_at: level.low_at,
        }
    }
}

impl StockBody {
    fn of(product: &ProductId, levels: &[StockLevel]) -> Self {
        let sum = |units: fn(&StockLevel) -> i64| {
            levels.iter().fold(0_i64, |sum, level| sum.saturating_add(units(level)))
        };
        Self {
            sku: product.to_string(),
            on_hand: sum(|level| level.on_hand),
            reserved: sum(|level| level.reserved),
            available: sum(StockLevel::available),
            sold: sum(|level| level.sold),
            locations: levels.iter().map(ShelfBody::of).collect(),
        }
    }
}

async fn answer_stock(api: &Api, product: ProductId, replayed: bool) -> Result<Response, Problem> {
    let products = [product];
    let levels = api.engine().inventory().levels(&products).await?;
    let [product] = products;
    if levels.is_empty() {
        return Err(Error::NotFound { what: "stock" }.into());
    }
    Ok(answer(StatusCode::OK, &StockBody::of(&product, &levels), None, replayed))
}

/// The stock of a product, at all locations.
#[utoipa::path(get, operation_id = "get_stock", path = "/inventory/stock/{sku}", tag = "inventory", params(("sku" = String, Path)),
    responses((status = 200, body = StockBody)), security(("bearer" = []), ("service_key" = [])))]
async fn stock(
    State(api): State<Api>,
    Operator(_): Operator,
    Id(product): Id<ProductId>,
) -> Result<Response, Problem> {
    answer_stock(&api, product, false).await
}

fn read_location(location: Option<String>) -> Result<LocationId, Problem> {
    let mut invalid = Invalid::default();
    let name = location.unwrap_or_else(|| DEFAULT_LOCATION.to_owned());
    let location = read_id(LocationId::new(name), "/location", &mut invalid);
    invalid.into_result()?;
    Ok(location.ok_or(Error::Internal("a location was lost"))?)
}

/// What was counted.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SetStock)]
#[serde(deny_unknown_fields)]
struct SetStockBody {
    /// Units on the shelf.
    on_hand: u32,
    /// Why.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Where. Without it, at `main`.
    #[schema(min_length = 1, max_length = 64)]
    location: Option<String>,
}

/// Sets how many units there are at a location, as they were counted.
#[utoipa::path(put, operation_id = "set_stock", path = "/inventory/stock/{sku}", tag = "inventory", request_body = SetStockBody,
    params(("sku" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = StockBody)), security(("bearer" = []), ("service_key" = [])))]
async fn set_stock(
    State(api): State<Api>,
    Operator(actor): Operator,
    Id(product): Id<ProductId>,
    call: Call,
    body: Json<SetStockBody>,
) -> Result<Response, Problem> {
    let SetStockBody { on_hand, reason, location } = body.value;
    let location = read_location(location)?;
    let request = call.request(actor, &body.canonical);
    let inventory = api.engine().inventory();
    let Done { replayed, .. } = inventory.set(product.clone(), location, on_hand, reason, &request).await?;
    answer_stock(&api, product, replayed).await
}

/// Units that were found or lost.
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

/// Changes how many units there are at a location: found, lost, broken.
#[utoipa::path(post, operation_id = "adjust_stock", path = "/inventory/stock/{sku}/adjust", tag = "inventory", request_body = AdjustStockBody,
    params(("sku" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = StockBody)), security(("bearer" = []), ("service_key" = [])))]
async fn adjust_stock(
    State(api): State<Api>,
    Operator(actor): Operator,
    Id(product): Id<ProductId>,
    call: Call,
    body: Json<AdjustStockBody>,
) -> Result<Response, Problem> {
    let AdjustStockBody { by, reason, location } = body.value;
    let location = read_location(location)?;
    let request = call.request(actor, &body.canonical);
    let inventory = api.engine().inventory();
    let Done { replayed, .. } = inventory.adjust(product.clone(), location, by, reason, &request).await?;
    answer_stock(&api, product, replayed).await
}

/// Goods that came in.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ReceiveStock)]
#[serde(deny_unknown_fields)]
struct ReceiveStockBody {
    /// How many units.
    #[schema(minimum = 1)]
    units: u32,
    /// Why: the delivery, say.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Where. Without it, at `main`.
    #[schema(min_length = 1, max_length = 64)]
    location: Option<String>,
}

/// Puts goods that came in on the shelf of a location.
#[utoipa::path(post, operation_id = "receive_stock", path = "/inventory/stock/{sku}/receive", tag = "inventory", request_body = ReceiveStockBody,
    params(("sku" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = StockBody)), security(("bearer" = []), ("service_key" = [])))]
async fn receive_stock(
    State(api): State<Api>,
    Operator(actor): Operator,
    Id(product): Id<ProductId>,
    call: Call,
    body: Json<ReceiveStockBody>,
) -> Result<Response, Problem> {
    let ReceiveStockBody { units, reason, location } = body.value;
    let location = read_location(location)?;
    let request = call.request(actor, &body.canonical);
    let inventory = api.engine().inventory();
    let Done { replayed, .. } = inventory.receive(product.clone(), location, units, reason, &request).await?;
    answer_stock(&api, product, replayed).await
}

/// What is low.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SetThreshold)]
#[serde(deny_unknown_fields)]
struct ThresholdBody {
    /// The stock is low when no more than so many units are available; `null`: it never is.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    low_at: Option<u32>,
    /// Why.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Where. Without it, at `main`.
    #[schema(min_length = 1, max_length = 64)]
    location: Option<String>,
}

/// Says from how many available units on the stock at a location is low.
#[utoipa::path(put, operation_id = "set_stock_threshold", path = "/inventory/stock/{sku}/threshold", tag = "inventory", request_body = ThresholdBody,
    params(("sku" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = StockBody)), security(("bearer" = []), ("service_key" = [])))]
async fn set_threshold(
    State(api): State<Api>,
    Operator(actor): Operator,
    Id(product): Id<ProductId>,
    call: Call,
    body: Json<ThresholdBody>,
) -> Result<Response, Problem> {
    let ThresholdBody { low_at, reason, location } = body.value;
    let location = read_location(location)?;
    let request = call.request(actor, &body.canonical);
    let inventory = api.engine().inventory();
    let Done { replayed, .. } =
        inventory.set_low_at(product.clone(), location, low_at, reason, &request).await?;
    answer_stock(&api, product, replayed).await
}

/// A page of what happened to the stock of a product, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StockRecordPage)]
#[serde(deny_unknown_fields)]
struct RecordPageBody {
    items: Vec<RecordBody>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<String>,
}

/// Something that happened to the stock of a product at a location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StockRecord)]
#[serde(deny_unknown_fields)]
struct RecordBody {
    /// Its place in the journal of this product at this location: 1, 2, 3 …
    sequence: u64,
    at: DateTime<Utc>,
    /// What happened: `inventory.received`, `inventory.adjusted`, `inventory.counted`, `inventory.threshold_set`,
    /// `inventory.low_stock`, `inventory.out_of_stock`, `inventory.back_in_stock`, `inventory.replenished`.
    name: String,
    /// How many units came; below zero, how many went.
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<i64>,
    /// The stock as it was afterwards.
    after: ShelfBody,
    /// Who did it; nobody in particular when the stock became low, or is there again.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<ActorBody>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What ties it to a request: its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
}

impl RecordBody {
    fn of(record: StockRecord, viewer: &Actor) -> Self {
        let units = match record.event {
            StockEvent::Adjusted { units } | StockEvent::Received { units } => Some(units),
            StockEvent::Counted { difference, .. } => Some(difference),
            StockEvent::ThresholdSet { .. } | StockEvent::Alert { .. } | _ => None,
        };
        Self {
            sequence: record.sequence,
            at: record.at,
            name: record.event.name().to_owned(),
            units,
            after: ShelfBody::of(&record.after),
            actor: record.by.as_ref().map(|by| ActorBody::of(by, viewer)),
            reason: record.reason,
            correlation: record.correlation,
        }
    }
}

/// What happened to the stock of a product, newest first: what the staff did and why, and when it became low or empty.
#[utoipa::path(get, operation_id = "list_stock_records", path = "/inventory/stock/{sku}/records", tag = "inventory",
    params(("sku" = String, Path),
        ("location" = Option<String>, Query, min_length = 1, max_length = 64, description = "At this location only."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many records at most; 20 when it is not said."),
        ("cursor" = Option<String>, Query, description = "Where the page begins: the `next_cursor` of the page before.")),
    responses((status = 200, body = RecordPageBody)), security(("bearer" = []), ("service_key" = [])))]
async fn records(
    State(api): State<Api>,
    Operator(viewer): Operator,
    Id(product): Id<ProductId>,
    mut params: Params,
) -> Result<Response, Problem> {
    let limit = read_limit(&mut params);
    let cursor =
        params.read("cursor", "invalid_cursor", "must be the next_cursor of a page of this list", |text| {
            text.parse::<StockCursor>().ok()
        });
    let location =
        params.read("location", "invalid_id", "must be a location", |text| LocationId::new(text).ok());
    params.finish()?;
    let page = api.engine().inventory().records(&product, location.as_ref(), cursor.as_ref(), limit).await?;
    let body = RecordPageBody {
        next_cursor: page.next.map(|cursor| cursor.to_string()),
        items: page.items.into_iter().map(|record| RecordBody::of(record, &viewer)).collect(),
    };
    Ok(answer(StatusCode::OK, &body, None, false))
}
