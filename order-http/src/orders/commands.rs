use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use order_core::fulfilment::Tracking;
use order_core::id::{LineId, ProductId, SellerId};
use order_core::order::{Actor, Units};
use order_core::service::{CancelOrder, OrderItem, PlaceOrder, ShipOrder};
use order_core::{Error, Invalid};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::OrderRef;
use super::body::{OrderBody, answer_order};
use crate::address::AddressBody;
use crate::api::Api;
use crate::auth::{Buyer, Fulfiller, Owner};
use crate::call::{Call, once};
use crate::cart::{read_coupons, read_id};
use crate::json::{Json, OptionalJson};
use crate::list::read_date;
use crate::money::MoneyBody;
use crate::params::Id;
use crate::payments::TenderBody;
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(place))
        .routes(routes!(cancel))
        .routes(routes!(delete_order))
        .routes(routes!(ship))
}

/// An order that is to be placed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PlaceOrder)]
#[serde(deny_unknown_fields)]
struct PlaceBody {
    /// What is ordered. Without it, what is in the cart.
    #[schema(min_items = 1, max_items = 100)]
    items: Option<Vec<PlaceItemBody>>,
    shipping_address: AddressBody,
    payment: TenderBody,
    /// The total the customer has agreed to. The order is not placed when it is another one now.
    expected_total: Option<MoneyBody>,
    #[serde(default)]
    #[schema(max_items = 10)]
    coupons: Vec<String>,
    /// The customer's wishes.
    #[schema(max_length = 2000)]
    notes: Option<String>,
}

/// A product that is to be ordered.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PlaceItem)]
#[serde(deny_unknown_fields)]
struct PlaceItemBody {
    #[schema(min_length = 1, max_length = 128)]
    product_id: String,
    #[schema(minimum = 1, maximum = 9999)]
    quantity: u32,
    /// The price the customer saw. The order is not placed when it is another one now.
    price: Option<MoneyBody>,
}

impl PlaceItemBody {
    fn read(&self, pointer: &str, invalid: &mut Invalid) -> Option<OrderItem> {
        let product_id = read_id(ProductId::new(&self.product_id), &format!("{pointer}/product_id"), invalid);
        let price = self.price.as_ref().and_then(|price| price.read(&format!("{pointer}/price"), invalid));
        Some(OrderItem { product_id: product_id?, quantity: self.quantity, price })
    }
}

impl PlaceBody {
    fn read(self, api: &Api) -> Result<PlaceOrder, Problem> {
        let mut invalid = Invalid::default();
        let items = self.items.map(|items| {
            if items.is_empty() {
                invalid.push("/items", "required", "must hold at least one item");
            }
            let read =
                |(index, item): (usize, &PlaceItemBody)| item.read(&format!("/items/{index}"), &mut invalid);
            items.iter().enumerate().filter_map(read).collect()
        });
        let tender = self.payment.read(api, "/payment", &mut invalid);
        let expected_total =
            self.expected_total.and_then(|total| total.read("/expected_total", &mut invalid));
        let coupons = read_coupons(&self.coupons, &mut invalid);
        let shipping_address = self.shipping_address.into();
        if let Err(address) = order_core::address::Address::check(&shipping_address) {
            invalid.nest("/shipping_address", address);
        }
        invalid.into_result()?;
        let tender = tender.ok_or(Error::Internal("a tender was lost"))?;
        Ok(PlaceOrder { items, shipping_address, tender, expected_total, coupons, notes: self.notes })
    }
}

/// Places an order. Where the customer must act, `payment.action` says how.
#[utoipa::path(post, operation_id = "place_order", path = "/orders", tag = "orders", request_body = PlaceBody,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = OrderBody)), security(("bearer" = [])))]
async fn place(
    State(api): State<Api>,
    Buyer(customer): Buyer,
    call: Call,
    body: Json<PlaceBody>,
) -> Result<Response, Problem> {
    let actor = Actor::Customer(customer);
    let request = call.request(actor.clone(), &body.canonical);
    let command = body.value.read(&api)?;
    let done = once!(&api, api.engine().orders().place(command.clone(), &request))?;
    let mut response = answer_order(StatusCode::CREATED, &done, &actor)?;
    if let Ok(location) = HeaderValue::try_from(format!("{}/{}", call.path, done.value.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Why an order is cancelled, and which units; without them, all of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = CancelOrder)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    #[schema(max_length = 500)]
    reason: Option<String>,
    #[schema(min_items = 1)]
    items: Option<Vec<UnitsRequestBody>>,
}

/// Units of an item.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UnitsRequest)]
#[serde(deny_unknown_fields)]
struct UnitsRequestBody {
    #[schema(value_type = Uuid)]
    item_id: String,
    #[schema(minimum = 1)]
    quantity: u32,
}

/// Reads units. A list that is empty is refused: it would mean all there is.
fn read_units(items: Option<Vec<UnitsRequestBody>>, invalid: &mut Invalid) -> Vec<Units> {
    let Some(items) = items else { return Vec::new() };
    if items.is_empty() {
        invalid.push("/items", "required", "must hold at least one item; leave it out for all");
    }
    let read = |(index, item): (usize, &UnitsRequestBody)| {
        let id = read_id(item.item_id.parse::<LineId>(), &format!("/items/{index}/item_id"), invalid);
        id.map(|line_id| Units { line_id, quantity: item.quantity })
    };
    items.iter().enumerate().filter_map(read).collect()
}

/// Cancels an order, or some units of it: what is held is let go, what is paid goes back.
#[utoipa::path(post, operation_id = "cancel_order", path = "/orders/{id}/cancel", tag = "orders", request_body = Option<CancelBody>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderBody)), security(("bearer" = []), ("service_key" = [])))]
async fn cancel(
    State(api): State<Api>,
    Owner(actor): Owner,
    Id(reference): Id<OrderRef>,
    call: Call,
    OptionalJson(body): OptionalJson<CancelBody>,
) -> Result<Response, Problem> {
    let mut invalid = Invalid::default();
    let items = read_units(body.value.items, &mut invalid);
    invalid.into_result()?;
    let command = CancelOrder { reason: body.value.reason, items };
    let request = call.request(actor.clone(), &body.canonical);
    let id = reference.id(&api, &actor).await?;
    let done = once!(&api, api.engine().orders().cancel(id, command.clone(), &request))?;
    Ok(answer_order(StatusCode::OK, &done, &actor)?)
}

/// Cancels an order: the same as `POST /orders/{id}/cancel`.
#[utoipa::path(delete, operation_id = "delete_order", path = "/orders/{id}", tag = "orders", request_body = Option<CancelBody>,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderBody)), security(("bearer" = []), ("service_key" = [])))]
async fn delete_order(
    state: State<Api>,
    owner: Owner,
    id: Id<OrderRef>,
    call: Call,
    body: OptionalJson<CancelBody>,
) -> Result<Response, Problem> {
    cancel(state, owner, id, call, body).await
}

/// A parcel that leaves.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ShipOrder)]
#[serde(deny_unknown_fields)]
struct ShipBody {
    /// Whose part is shipped. A seller ships their own.
    #[schema(min_length = 1, max_length = 128)]
    seller_id: Option<String>,
    /// What is in it. Without it, all that is left.
    #[schema(min_items = 1)]
    items: Option<Vec<UnitsRequestBody>>,
    #[schema(min_length = 1, max_length = 128)]
    carrier: Option<String>,
    #[schema(min_length = 1, max_length = 128)]
    tracking_number: Option<String>,
    /// When it should arrive: a date, or a time in RFC 3339.
    estimated_delivery: Option<String>,
}

/// Ships units of an order.
#[utoipa::path(post, operation_id = "ship_order", path = "/orders/{id}/shipments", tag = "orders", request_body = ShipBody,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 201, body = OrderBody)), security(("bearer" = []), ("service_key" = [])))]
async fn ship(
    State(api): State<Api>,
    Fulfiller(actor): Fulfiller,
    Id(reference): Id<OrderRef>,
    call: Call,
    body: Json<ShipBody>,
) -> Result<Response, Problem> {
    let ShipBody { seller_id, items, carrier, tracking_number, estimated_delivery } = body.value;
    let mut invalid = Invalid::default();
    let seller_id = seller_id.and_then(|id| read_id(SellerId::new(id), "/seller_id", &mut invalid));
    let items = read_units(items, &mut invalid);
    let estimated_delivery =
        estimated_delivery.and_then(|text| read_date(&text, "/estimated_delivery", &mut invalid));
    invalid.into_result()?;
    let tracking = Tracking { carrier, tracking_number, estimated_delivery };
    let command = ShipOrder { seller_id, items, tracking };
    let request = call.request(actor.clone(), &body.canonical);
    let id = reference.id(&api, &actor).await?;
    let done = once!(&api, api.engine().orders().ship(id, command.clone(), &request))?;
    Ok(answer_order(StatusCode::CREATED, &done, &actor)?)
}
