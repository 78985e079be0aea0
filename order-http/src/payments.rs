//! The routes of payments.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::error::FieldError;
use order_core::id::{PaymentId, ProviderId};
use order_core::money::Money;
use order_core::order::{Order, Tender};
use order_core::payment::{
    CaptureMode, DisputeStatus, Operation, Origin, Payment, PaymentMethod, ProviderToken, ReportedDispute,
};
use order_core::service::RefundTarget;
use order_core::{Error, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::action::PaymentActionBody;
use crate::api::Api;
use crate::auth::{Owner, Staff};
use crate::call::{Call, answer, once};
use crate::cart::read_id;
use crate::json::{Json, OptionalJson};
use crate::money::MoneyBody;
use crate::names::{
    CaptureModeName, DisputeStatusName, OperationKindName, OperationStatusName, OriginName,
    PaymentMethodName, PaymentStatusName,
};
use crate::orders::{OrderBody, OrderRef, answer_order};
use crate::params::Id;
use crate::problem::Problem;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, pay))
        .routes(routes!(capture))
        .routes(routes!(void))
        .routes(routes!(refund))
}

/// How somebody wants to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PaymentRequest)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenderBody {
    #[schema(value_type = PaymentMethodName)]
    method: PaymentMethod,
    /// Through whom: `stripe`, `paypal`, `square`, `simulated`. Without it, through the shop's own choice.
    #[schema(min_length = 1, max_length = 32)]
    provider: Option<String>,
    /// The provider's token. Never a card number.
    #[schema(min_length = 1, max_length = 2048)]
    token: Option<String>,
    /// Whether the money is captured at once (`automatic`, the default) or by a later command of the staff.
    #[serde(default)]
    #[schema(value_type = Option<CaptureModeName>)]
    capture: CaptureMode,
    /// How much, when it is not all that is owed.
    amount: Option<MoneyBody>,
}

impl TenderBody {
    /// Reads it; what is wrong with it is noted below `pointer`.
    pub(crate) fn read(self, api: &Api, pointer: &str, invalid: &mut Invalid) -> Option<Tender> {
        let provider = match self.provider {
            Some(name) => read_id(ProviderId::new(name), &format!("{pointer}/provider"), invalid),
            None if self.method.is_offline() => ProviderId::new("offline").ok(),
            None => {
                let provider = api.default_provider().cloned();
                if provider.is_none() {
                    invalid.push(format!("{pointer}/provider"), "required", "is required");
                }
                provider
            }
        };
        let token = self.token.and_then(|token| match ProviderToken::new(token) {
            Ok(token) => Some(token),
            Err(problem) => {
                invalid.nest(&format!("{pointer}/token"), problem);
                None
            }
        });
        let amount = self.amount.and_then(|amount| amount.read(&format!("{pointer}/amount"), invalid));
        Some(Tender { method: self.method, provider: provider?, token, capture: self.capture, amount })
    }
}

/// What an order shows of its last payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentSummary)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaymentSummaryBody<'a> {
    id: Uuid,
    #[schema(value_type = PaymentMethodName)]
    method: PaymentMethod,
    provider: &'a str,
    status: PaymentStatusName,
    /// What the customer must do, while they must.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<PaymentActionBody>,
}

impl<'a> PaymentSummaryBody<'a> {
    pub(crate) fn of(payment: &'a Payment) -> Self {
        Self {
            id: payment.id.uuid(),
            method: payment.method,
            provider: payment.provider.as_str(),
            status: payment.status().into(),
            action: payment.action.as_ref().and_then(PaymentActionBody::of),
        }
    }
}

/// A payment of an order, with everything that was done with it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
#[serde(deny_unknown_fields)]
struct PaymentBody {
    id: Uuid,
    order_id: Uuid,
    user_id: String,
    #[schema(value_type = PaymentMethodName)]
    method: PaymentMethod,
    provider: String,
    /// The provider's object.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    status: PaymentStatusName,
    #[schema(value_type = CaptureModeName)]
    capture: CaptureMode,
    /// How much it is meant to bring.
    #[schema(value_type = MoneyBody)]
    amount: Money,
    /// How much is or was set aside.
    #[schema(value_type = MoneyBody)]
    authorized: Money,
    /// How much was taken.
    #[schema(value_type = MoneyBody)]
    captured: Money,
    /// How much went back.
    #[schema(value_type = MoneyBody)]
    refunded: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<PaymentActionBody>,
    /// What was done with it, oldest first.
    operations: Vec<OperationBody>,
    /// What the customer's bank wants back, or has taken.
    disputes: Vec<DisputeBody>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// One call to a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Operation)]
#[serde(deny_unknown_fields)]
struct OperationBody {
    id: Uuid,
    kind: OperationKindName,
    status: OperationStatusName,
    #[schema(value_type = MoneyBody)]
    amount: Money,
    /// How often the provider was called or asked.
    tries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Why it was refused: `card_declined`.
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_message: Option<String>,
    /// Something a person should look at: `amount_mismatch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<String>,
    /// Whose doing it is.
    #[schema(value_type = OriginName)]
    origin: Origin,
    started_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<DateTime<Utc>>,
}

impl OperationBody {
    fn of(operation: &Operation) -> Self {
        Self {
            id: operation.id.uuid(),
            kind: operation.kind.into(),
            status: OperationStatusName(operation.status),
            amount: operation.amount,
            tries: operation.tries,
            reference: operation.reference.as_ref().map(ToString::to_string),
            decline_code: operation.decline.as_ref().map(|decline| decline.code.clone()),
            decline_message: operation.decline.as_ref().map(|decline| decline.message.clone()),
            finding: operation.finding.clone(),
            origin: operation.origin,
            started_at: operation.started_at,
            settled_at: operation.settled_at,
        }
    }
}

/// A dispute of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dispute)]
#[serde(deny_unknown_fields)]
struct DisputeBody {
    /// The provider's object.
    reference: String,
    #[schema(value_type = MoneyBody)]
    amount: Money,
    #[schema(value_type = DisputeStatusName)]
    status: DisputeStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<DateTime<Utc>>,
}

impl DisputeBody {
    fn of(dispute: &ReportedDispute) -> Self {
        Self {
            reference: dispute.reference.to_string(),
            amount: dispute.amount,
            status: dispute.status,
            reason: dispute.reason.clone(),
            opened_at: dispute.opened_at,
        }
    }
}

impl PaymentBody {
    fn of(order: &Order, payment: &Payment) -> Self {
        Self {
            id: payment.id.uuid(),
            order_id: order.id.uuid(),
            user_id: order.customer_id.to_string(),
            method: payment.method,
            provider: payment.provider.to_string(),
            reference: payment.reference.as_ref().map(ToString::to_string),
            status: payment.status().into(),
            capture: payment.capture,
            amount: payment.amount,
            authorized: payment.authorised,
            captured: payment.captured,
            refunded: payment.refunded,
            action: payment.action.as_ref().and_then(PaymentActionBody::of),
            operations: payment.operations.iter().map(OperationBody::of).collect(),
            disputes: payment
                .reported
                .iter()
                .flat_map(|report| &report.disputes)
                .map(DisputeBody::of)
                .collect(),
            created_at: payment.created_at,
            updated_at: payment.updated_at,
        }
    }
}

/// The payments of an order, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentList)]
#[serde(deny_unknown_fields)]
struct PaymentListBody {
    items: Vec<PaymentBody>,
}

/// The payments of an order.
#[utoipa::path(get, operation_id = "list_payments", path = "/orders/{id}/payments", tag = "payments", params(("id" = String, Path)),
    responses((status = 200, body = PaymentListBody)), security(("bearer" = []), ("service_key" = [])))]
async fn list(
    State(api): State<Api>,
    Owner(actor): Owner,
    Id(reference): Id<OrderRef>,
) -> Result<Response, Problem> {
    let order = reference.get(&api, &actor).await?;
    let items = order.payments.iter().map(|payment| PaymentBody::of(&order, payment)).collect();
    Ok(answer(StatusCode::OK, &PaymentListBody { items }, Some(order.version), false))
}

/// Pays an order again, or what is still owed on it.
#[utoipa::path(post, operation_id = "pay_order", path = "/orders/{id}/payments", tag = "payments", request_body = TenderBody,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 201, body = OrderBody)), security(("bearer" = []), ("service_key" = [])))]
async fn pay(
    State(api): State<Api>,
    Owner(actor): Owner,
    Id(reference): Id<OrderRef>,
    call: Call,
    body: Json<TenderBody>,
) -> Result<Response, Problem> {
    let mut invalid = Invalid::default();
    let tender = body.value.read(&api, "", &mut invalid);
    invalid.into_result()?;
    let tender = tender.ok_or(Error::Internal("a tender was lost"))?;
    let request = call.request(actor.clone(), &body.canonical);
    let id = reference.id(&api, &actor).await?;
    let done = once!(&api, api.engine().payments().pay(id, tender.clone(), &request)).map_err(lift)?;
    Ok(answer_order(StatusCode::CREATED, &done, &actor)?)
}

/// The engine names a tender's fields below `/payment`; here the tender is the whole body.
fn lift(error: Error) -> Error {
    let Error::Invalid(invalid) = error else { return error };
    let mut lifted = Invalid::default();
    for FieldError { pointer, code, detail, .. } in invalid.errors() {
        lifted.push(pointer.strip_prefix("/payment").unwrap_or(pointer), code, detail);
    }
    lifted.into()
}

/// How much, and why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = AmountRequest)]
#[serde(deny_unknown_fields)]
struct AmountBody {
    /// Without it, all that is left.
    amount: Option<MoneyBody>,
    #[schema(max_length = 500)]
    reason: Option<String>,
}

impl AmountBody {
    fn amount(&self) -> Result<Option<Money>, Invalid> {
        let mut invalid = Invalid::default();
        let amount = self.amount.as_ref().and_then(|amount| amount.read("/amount", &mut invalid));
        invalid.into_result().map(|()| amount)
    }
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ReasonRequest)]
#[serde(deny_unknown_fields)]
struct ReasonBody {
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Captures money that is set aside.
#[utoipa::path(post, operation_id = "capture_payment", path = "/payments/{id}/capture", tag = "payments", request_body = Option<AmountBody>,
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderBody)), security(("bearer" = [])))]
async fn capture(
    State(api): State<Api>,
    Staff(actor): Staff,
    Id(id): Id<PaymentId>,
    call: Call,
    OptionalJson(body): OptionalJson<AmountBody>,
) -> Result<Response, Problem> {
    let amount = body.value.amount()?;
    let reason = body.value.reason;
    let request = call.request(actor.clone(), &body.canonical);
    let done = once!(&api, api.engine().payments().capture(id, amount, reason.clone(), &request))?;
    Ok(answer_order(StatusCode::OK, &done, &actor)?)
}

/// Gives up what is set aside, or what the customer still had to do.
#[utoipa::path(post, operation_id = "void_payment", path = "/payments/{id}/void", tag = "payments", request_body = Option<ReasonBody>,
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OrderBody)), security(("bearer" = [])))]
async fn void(
    State(api): State<Api>,
    Staff(actor): Staff,
    Id(id): Id<PaymentId>,
    call: Call,
    OptionalJson(body): OptionalJson<ReasonBody>,
) -> Result<Response, Problem> {
    let reason = body.value.reason;
    let request = call.request(actor.clone(), &body.canonical);
    let done = once!(&api, api.engine().payments().void(id, reason.clone(), &request))?;
    Ok(answer_order(StatusCode::OK, &done, &actor)?)
}

/// Gives back money that was taken.
#[utoipa::path(post, operation_id = "refund_payment", path = "/payments/{id}/refunds", tag = "payments", request_body = Option<AmountBody>,
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 201, body = OrderBody)), security(("bearer" = [])))]
async fn refund(
    State(api): State<Api>,
    Staff(actor): Staff,
    Id(id): Id<PaymentId>,
    call: Call,
    OptionalJson(body): OptionalJson<AmountBody>,
) -> Result<Response, Problem> {
    let amount = body.value.amount()?;
    let (target, reason) = (RefundTarget::Payment(id), body.value.reason);
    let request = call.request(actor.clone(), &body.canonical);
    let payments = api.engine().payments();
    let done = once!(&api, payments.refund(target, amount, reason.clone(), &request))?;
    Ok(answer_order(StatusCode::CREATED, &done, &actor)?)
}
