use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::money::Money;
use order_core::order::{Actor, EventRecord, OrderEvent};
use order_core::payment::{Answer, Operation};
use order_core::service::Done;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::OrderRef;
use super::body::{OrderBody, ShipmentBody, UnitsBody, answer_order};
use crate::api::Api;
use crate::auth::Owner;
use crate::call::answer;
use crate::list::read_instant;
use crate::money::MoneyBody;
use crate::names::OperationKindName;
use crate::params::{Id, Params};
use crate::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(history))
}

/// What happened to an order, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = History)]
#[serde(deny_unknown_fields)]
struct HistoryBody<'a> {
    items: Vec<EventBody<'a>>,
}

/// The history of an order; or the order as it was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryOrOrder)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum HistoryOrOrder<'a> {
    History(HistoryBody<'a>),
    Order(Box<OrderBody<'a>>),
}

/// Something that happened to an order.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = OrderEvent)]
#[serde(deny_unknown_fields)]
struct EventBody<'a> {
    /// Its place in the history: 1, 2, 3 …
    sequence: u64,
    at: DateTime<Utc>,
    /// What happened: `order.placed`, `payment.operation_succeeded` …
    name: String,
    actor: ActorBody,
    /// What ties it to a request: its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneyBody>)]
    amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<OperationKindName>,
    /// Why a provider refused: `card_declined`.
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
    /// Something a person should look at: `amount_mismatch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seller_id: Option<String>,
    /// The seller's notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<UnitsBody>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment: Option<ShipmentBody<'a>>,
}

/// Who brought it about.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Actor)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActorBody {
    /// `customer`, `staff`, `seller`, `service` or `engine`.
    kind: String,
    /// A customer is not told who of the staff it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

impl ActorBody {
    pub(crate) fn of(actor: &Actor, viewer: &Actor) -> Self {
        let is_staff = !matches!(viewer, Actor::Customer(_) | Actor::Seller(_));
        let (kind, id) = match actor {
            Actor::Customer(id) => ("customer", Some(id.to_string())),
            Actor::Staff(id) => ("staff", Some(id.to_string()).filter(|_| is_staff)),
            Actor::Seller(id) => ("seller", Some(id.to_string())),
            Actor::Service(name) => ("service", Some(name.clone()).filter(|_| is_staff)),
            Actor::Engine | _ => ("engine", None),
        };
        Self { kind: kind.to_owned(), id }
    }
}

impl<'a> EventBody<'a> {
    fn of(record: &'a EventRecord, viewer: &Actor) -> Self {
        let mut body = Self {
            sequence: record.sequence,
            at: record.at,
            name: record.event.name().to_owned(),
            actor: ActorBody::of(&record.actor, viewer),
            correlation: record.correlation.clone(),
            ..Self::default()
        };
        body.tell(&record.event);
        body
    }

    /// Adds what an event tells. Tokens and secrets stay where they are.
    fn tell(&mut self, event: &'a OrderEvent) {
        match event {
            OrderEvent::Placed { order } => self.amount = Some(order.totals.total),
            OrderEvent::Moved { reason, .. } => self.reason.clone_from(reason),
            OrderEvent::PaymentAdded { payment } => {
                self.payment_id = Some(payment.id.uuid());
                self.amount = Some(payment.amount);
            }
            OrderEvent::OperationStarted { payment_id, operation, reason } => {
                self.reason.clone_from(reason);
                self.tell_operation(payment_id.uuid(), operation);
            }
            OrderEvent::OperationObserved { payment_id, operation } => {
                self.tell_operation(payment_id.uuid(), operation);
            }
            OrderEvent::OperationResent { operation_id, .. }
            | OrderEvent::OperationReversed { operation_id } => {
                self.operation_id = Some(operation_id.uuid());
            }
            OrderEvent::OperationAnswered { operation_id, answer, finding, .. } => {
                self.operation_id = Some(operation_id.uuid());
                self.finding.clone_from(finding);
                self.tell_answer(answer);
            }
            OrderEvent::PaymentReported { payment_id, .. } => self.payment_id = Some(payment_id.uuid()),
            OrderEvent::PaymentRecorded { payment_id, amount, operation_id } => {
                self.payment_id = Some(payment_id.uuid());
                self.operation_id = Some(operation_id.uuid());
                self.amount = Some(*amount);
            }
            OrderEvent::CancellationRequested { cancellation } => {
                self.reason.clone_from(&cancellation.reason);
            }
            OrderEvent::LinesCancelled { lines, reason } => {
                self.reason.clone_from(reason);
                let units = lines
                    .iter()
                    .map(|line| UnitsBody { item_id: line.line_id.uuid(), quantity: line.quantity });
                self.items = Some(units.collect());
            }
            OrderEvent::RefundGranted { amount, reason } => {
                self.amount = Some(*amount);
                self.reason.clone_from(reason);
            }
            OrderEvent::GroupMoved { seller_id, notes, .. } => {
                self.seller_id = Some(seller_id.to_string());
                self.notes.clone_from(notes);
            }
            OrderEvent::ParcelShipped { seller_id, shipment } => {
                self.seller_id = Some(seller_id.to_string());
                self.shipment = Some(ShipmentBody::of(shipment));
            }
            OrderEvent::HoldConfirmed
            | OrderEvent::HoldReleased
            | OrderEvent::HoldExpired
            | OrderEvent::HoldRenewed { .. }
            | OrderEvent::CancellationDropped
            | _ => {}
        }
    }

    fn tell_operation(&mut self, payment_id: Uuid, operation: &Operation) {
        self.payment_id = Some(payment_id);
        self.operation_id = Some(operation.id.uuid());
        self.operation = Some(operation.kind.into());
        self.amount = Some(operation.amount);
    }

    fn tell_answer(&mut self, answer: &Answer) {
        match answer {
            Answer::Succeeded { amount, .. } => self.amount = Some(*amount),
            Answer::Declined(decline) => {
                self.decline_code = Some(decline.code.clone());
                self.reason = Some(decline.message.clone());
            }
            Answer::ActionRequired { .. } | Answer::Unknown | Answer::Approved | Answer::Absent | _ => {}
        }
    }
}

/// What happened to an order; with `as_of`, the order as it was at that time.
#[utoipa::path(get, operation_id = "get_order_history", path = "/orders/{id}/history", tag = "orders",
    params(("id" = String, Path),
        ("as_of" = Option<String>, Query, format = DateTime, description = "A time in RFC 3339.")),
    responses((status = 200, body = HistoryOrOrder)), security(("bearer" = []), ("service_key" = [])))]
async fn history(
    State(api): State<Api>,
    Owner(actor): Owner,
    Id(reference): Id<OrderRef>,
    mut params: Params,
) -> Result<Response, Problem> {
    let as_of = params.read("as_of", "invalid_time", "must be a time in RFC 3339", read_instant);
    params.finish()?;
    let (orders, id) = (api.engine().orders(), reference.id(&api, &actor).await?);
    if let Some(at) = as_of {
        let order = orders.as_of(id, at, &actor).await?;
        return Ok(answer_order(StatusCode::OK, &Done::now(order), &actor)?);
    }
    let history = orders.history(id, &actor).await?;
    let items = history.iter().map(|record| EventBody::of(record, &actor)).collect();
    Ok(answer(StatusCode::OK, &HistoryBody { items }, None, false))
}
