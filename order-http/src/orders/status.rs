use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use order_core::fulfilment::Tracking;
use order_core::id::{OrderId, SellerId};
use order_core::order::{Actor, ORDER_TABLE, Order, OrderStatus};
use order_core::service::{CancelOrder, Done, RefundTarget, Request, ShipOrder};
use order_core::{Error, Invalid};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::OrderRef;
use super::body::{OrderBody, answer_order};
use crate::api::Api;
use crate::auth::Fulfiller;
use crate::call::{Call, once};
use crate::cart::read_id;
use crate::json::Json;
use crate::list::read_date;
use crate::names::OrderStatusName;
use crate::params::Id;
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(set_status))
}

/// What an order is to become. It is done, not only written: `paid` records money taken outside, `shipped` ships what is left,
/// `cancelled` lets go what is held and gives back what is paid, `refunded` gives back all that is left.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SetStatus)]
#[serde(deny_unknown_fields)]
struct StatusBody {
    status: OrderStatusName,
    /// Why. With `processing`, the seller's notes.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Whose part: with `processing`, `shipped` and `delivered`. A seller moves their own.
    #[schema(min_length = 1, max_length = 128)]
    seller_id: Option<String>,
    /// With `shipped`.
    #[schema(min_length = 1, max_length = 128)]
    tracking_number: Option<String>,
    /// With `shipped`.
    #[schema(min_length = 1, max_length = 128)]
    carrier: Option<String>,
    /// With `shipped`: a date, or a time in RFC 3339.
    estimated_delivery: Option<String>,
}

/// What the status asks for.
#[derive(Debug, Clone)]
struct Wish {
    status: OrderStatus,
    reason: Option<String>,
    seller_id: Option<SellerId>,
    tracking: Tracking,
}

impl StatusBody {
    fn read(self) -> Result<Wish, Invalid> {
        let Self {
            status: OrderStatusName(status),
            reason,
            seller_id,
            tracking_number,
            carrier,
            estimated_delivery,
        } = self;
        let mut invalid = Invalid::default();
        let is_fulfilment =
            matches!(status, OrderStatus::Processing | OrderStatus::Shipped | OrderStatus::Delivered);
        let mut only = |pointer: &str, is_given: bool, is_used: bool| {
            if is_given && !is_used {
                invalid.push(pointer, "not_applicable", "has no meaning for this status");
            }
        };
        only("/seller_id", seller_id.is_some(), is_fulfilment);
        let is_shipping = status == OrderStatus::Shipped;
        only("/tracking_number", tracking_number.is_some(), is_shipping);
        only("/carrier", carrier.is_some(), is_shipping);
        only("/estimated_delivery", estimated_delivery.is_some(), is_shipping);
        let seller_id = seller_id.and_then(|id| read_id(SellerId::new(id), "/seller_id", &mut invalid));
        let estimated_delivery =
            estimated_delivery.and_then(|text| read_date(&text, "/estimated_delivery", &mut invalid));
        invalid.into_result()?;
        let tracking = Tracking { carrier, tracking_number, estimated_delivery };
        Ok(Wish { status, reason, seller_id, tracking })
    }
}

async fn fulfil(api: &Api, id: OrderId, wish: Wish, request: &Request) -> Result<Done<Order>, Error> {
    let (orders, payments) = (api.engine().orders(), api.engine().payments());
    let Wish { status, reason, seller_id, tracking } = wish;
    match status {
        OrderStatus::Paid => payments.record(id, None, request).await,
        OrderStatus::Processing => orders.process(id, seller_id, reason, request).await,
        OrderStatus::Shipped => {
            orders.ship(id, ShipOrder { seller_id, items: Vec::new(), tracking }, request).await
        }
        OrderStatus::Delivered => orders.deliver(id, seller_id, request).await,
        OrderStatus::Cancelled => orders.cancel(id, CancelOrder { reason, items: Vec::new() }, request).await,
        OrderStatus::Refunded => payments.refund(RefundTarget::Order(id), None, reason, request).await,
        OrderStatus::Pending | OrderStatus::Confirmed => Err(refuse(api, id, status, &request.actor).await?),
    }
}

/// The engine alone makes an order pending or confirmed.
async fn refuse(api: &Api, id: OrderId, to: OrderStatus, actor: &Actor) -> Result<Error, Error> {
    let order = api.engine().orders().get(id, actor).await?;
    let allowed = ORDER_TABLE.moves(order.status).map(|edge| edge.to).collect();
    Ok(Error::IllegalTransition { order_id: id, from: order.status, to, allowed })
}

/// Moves an order on. A seller moves their own part.
#[utoipa::path(put, operation_id = "set_order_status", path = "/orders/{id}/status", tag = "orders", request_body = StatusBody,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderBody)), security(("bearer" = []), ("service_key" = [])))]
async fn set_status(
    State(api): State<Api>,
    Fulfiller(actor): Fulfiller,
    Id(reference): Id<OrderRef>,
    call: Call,
    body: Json<StatusBody>,
) -> Result<Response, Problem> {
    let wish = body.value.read()?;
    let request = call.request(actor.clone(), &body.canonical);
    let id = reference.id(&api, &actor).await?;
    let done = once!(&api, fulfil(&api, id, wish.clone(), &request))?;
    Ok(answer_order(StatusCode::OK, &done, &actor)?)
}
