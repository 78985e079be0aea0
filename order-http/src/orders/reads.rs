use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use order_core::Error;
use order_core::id::CustomerId;
use order_core::machine::Names as _;
use order_core::order::{Actor, ORDER_TABLE, Order};
use order_core::service::Done;
use order_core::store::{OrderFilter, PageRequest};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::OrderRef;
use super::body::{OrderBody, SellerBody, TimestampsBody, answer_order};
use crate::api::Api;
use crate::auth::{Owner, Readers, Staff};
use crate::call::{answer, answer_sized};
use crate::list::{ListParams, read_list};
use crate::names::OrderStatusName;
use crate::params::{Id, Params};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get_order))
        .routes(routes!(list_of_user))
        .routes(routes!(list_for_staff))
        .routes(routes!(tracking))
        .routes(routes!(transitions))
}

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPage)]
#[serde(deny_unknown_fields)]
struct OrderPageBody<'a> {
    items: Vec<OrderBody<'a>>,
    /// Where the next page begins, if there is one.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

async fn page(
    api: &Api,
    filter: &OrderFilter,
    page: PageRequest,
    actor: &Actor,
) -> Result<Response, Problem> {
    let page = api.engine().orders().list(filter, page, actor).await?;
    let body = OrderPageBody {
        items: page.items.iter().map(|order| OrderBody::of(order, actor)).collect::<Result<_, Error>>()?,
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    };
    let size = body.items.iter().map(OrderBody::size).sum();
    Ok(answer_sized(StatusCode::OK, &body, size, None, false))
}

/// Orders: a customer's own, a seller's with their part, all for the staff.
#[utoipa::path(get, operation_id = "list_orders", path = "/orders", tag = "orders", params(ListParams),
    responses((status = 200, body = OrderPageBody)), security(("bearer" = []), ("service_key" = [])))]
async fn list(State(api): State<Api>, Readers(actors): Readers, params: Params) -> Result<Response, Problem> {
    let (filter, request) = read_list(params)?;
    // Who buys and sells sees what they bought, unless they ask for what they sell.
    let is_wanted =
        |actor: &&Actor| matches!(actor, Actor::Seller(id) if filter.seller_id.as_ref() == Some(id));
    let actor = actors.iter().find(is_wanted).or(actors.first());
    let actor = actor.ok_or(Error::Internal("a caller is nobody"))?;
    page(&api, &filter, request, actor).await
}

/// The orders of a user.
#[utoipa::path(get, operation_id = "list_orders_of_user", path = "/orders/user/{user_id}", tag = "orders",
    params(("user_id" = String, Path), ListParams),
    responses((status = 200, body = OrderPageBody)), security(("bearer" = []), ("service_key" = [])))]
async fn list_of_user(
    State(api): State<Api>,
    Owner(actor): Owner,
    Id(user): Id<CustomerId>,
    params: Params,
) -> Result<Response, Problem> {
    let (mut filter, request) = read_list(params)?;
    if filter.customer_id.replace(user.clone()).is_some_and(|other| other != user) {
        return Err(Problem::bad_parameter("user_id", "conflicting", "must be the user of the path"));
    }
    page(&api, &filter, request, &actor).await
}

/// Orders, for the staff.
#[utoipa::path(get, operation_id = "list_all_orders", path = "/admin/orders", tag = "admin", params(ListParams),
    responses((status = 200, body = OrderPageBody)), security(("bearer" = [])))]
async fn list_for_staff(
    State(api): State<Api>,
    Staff(actor): Staff,
    params: Params,
) -> Result<Response, Problem> {
    let (filter, request) = read_list(params)?;
    page(&api, &filter, request, &actor).await
}

/// One order, by its id or its number.
#[utoipa::path(get, operation_id = "get_order", path = "/orders/{id}", tag = "orders", params(("id" = String, Path)),
    responses((status = 200, body = OrderBody)), security(("bearer" = []), ("service_key" = [])))]
async fn get_order(
    State(api): State<Api>,
    Readers(actors): Readers,
    Id(reference): Id<OrderRef>,
) -> Result<Response, Problem> {
    let (order, actor) = reference.get_as_any(&api, actors).await?;
    Ok(answer_order(StatusCode::OK, &Done::now(order), &actor)?)
}

/// Where everything is that belongs to an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tracking)]
#[serde(deny_unknown_fields)]
struct TrackingBody<'a> {
    order_id: Uuid,
    number: &'a str,
    status: OrderStatusName,
    sellers: Vec<SellerBody<'a>>,
    timestamps: TimestampsBody,
}

/// Where everything is: one view over all sellers and parcels.
#[utoipa::path(get, operation_id = "get_order_tracking", path = "/orders/{id}/tracking", tag = "orders", params(("id" = String, Path)),
    responses((status = 200, body = TrackingBody)), security(("bearer" = []), ("service_key" = [])))]
async fn tracking(
    State(api): State<Api>,
    Readers(actors): Readers,
    Id(reference): Id<OrderRef>,
) -> Result<Response, Problem> {
    let (order, actor) = reference.get_as_any(&api, actors).await?;
    let body = TrackingBody {
        order_id: order.id.uuid(),
        number: order.number.as_str(),
        status: OrderStatusName(order.status),
        sellers: SellerBody::seen(&order, &actor),
        timestamps: TimestampsBody::of(&order.timestamps, order.created_at),
    };
    Ok(answer(StatusCode::OK, &body, Some(order.version), false))
}

/// What an order may become.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transitions)]
#[serde(deny_unknown_fields)]
struct TransitionsBody {
    status: OrderStatusName,
    allowed: Vec<TransitionBody>,
}

/// A move that an order's table allows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transition)]
#[serde(deny_unknown_fields)]
struct TransitionBody {
    /// By what: `ship`.
    by: String,
    /// What the order becomes: `shipped`.
    to: OrderStatusName,
}

impl TransitionsBody {
    fn of(order: &Order) -> Self {
        let moves = ORDER_TABLE.moves(order.status);
        Self {
            status: OrderStatusName(order.status),
            allowed: moves
                .map(|edge| TransitionBody { by: edge.event.name().to_owned(), to: OrderStatusName(edge.to) })
                .collect(),
        }
    }
}

/// What an order may become now.
#[utoipa::path(get, operation_id = "get_order_transitions", path = "/orders/{id}/transitions", tag = "orders", params(("id" = String, Path)),
    responses((status = 200, body = TransitionsBody)), security(("bearer" = []), ("service_key" = [])))]
async fn transitions(
    State(api): State<Api>,
    Owner(actor): Owner,
    Id(reference): Id<OrderRef>,
) -> Result<Response, Problem> {
    let order = reference.get(&api, &actor).await?;
    Ok(answer(StatusCode::OK, &TransitionsBody::of(&order), Some(order.version), false))
}
