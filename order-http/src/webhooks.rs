//! The routes of webhooks: payment providers deliver them, the staff sees what has become of them.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use order_core::gateway::{Delivery, NoticeKind};
use order_core::id::{OperationId, OrderId, PaymentId, ProviderId};
use order_core::inbox::{InboxEntry, InboxStatus, NoticeKey};
use order_core::machine::Names as _;
use order_core::money::Money;
use order_core::order::Actor;
use order_core::service::Webhooks;
use order_core::store::InboxCursor;
use serde::Serialize;
use tracing::Instrument as _;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::Api;
use crate::auth::Staff;
use crate::call::answer;
use crate::list::read_limit;
use crate::money::MoneyBody;
use crate::names::{InboxStatusName, NoticeKindName};
use crate::orders::ActorBody;
use crate::params::{Id, Params};
use crate::problem::Problem;

/// How long a provider waits for its answer while what it tells is attended to. It is stored before that, and attended to
/// whether anybody waits or not; and no provider gives up so soon.
const ATTEND_PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn routes() -> OpenApiRouter<Api> {
    // Providers, and not the host, decide how large their webhooks are.
    let receive =
        OpenApiRouter::new().routes(routes!(receive)).layer(DefaultBodyLimit::max(Webhooks::MAX_BODY));
    OpenApiRouter::new().merge(receive).routes(routes!(list)).routes(routes!(retry))
}

/// A webhook that is stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReceipt)]
#[serde(deny_unknown_fields)]
struct ReceiptBody {
    /// The provider's name for the event.
    event_id: String,
    /// Whether it was not there before. A repeated one is answered as the first one was, and changes nothing.
    is_new: bool,
}

/// Takes in what a payment provider tells of its own accord. The signature is checked over the body as it was sent; the answer
/// comes when it is stored. A webhook that is not believed is refused with 400: `webhook_unsigned`, `webhook_wrong_signature`,
/// `webhook_outside_window` or `webhook_unreadable`.
#[utoipa::path(post, operation_id = "receive_webhook", path = "/webhooks/{provider}", tag = "webhooks",
    request_body(content = String, content_type = "*/*", description = "Whatever the provider sends."),
    params(("provider" = String, Path, description = "The provider: `stripe`, for example.")),
    responses((status = 200, body = ReceiptBody)))]
async fn receive(
    State(api): State<Api>,
    Id(provider): Id<ProviderId>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let engine = api.engine();
    let delivery = Delivery { headers: &headers, body: &body, received_at: engine.clock().now() };
    let receipt = engine.webhooks().receive(&provider, &delivery).await?;
    let body = ReceiptBody { event_id: receipt.key.event_id.clone(), is_new: receipt.is_new };
    if receipt.is_new {
        let engine = engine.clone();
        let attending = async move {
            if let Err(error) = engine.webhooks().attend(&receipt).await {
                let (key, error) = (&receipt.key, error.with_sources());
                tracing::warn!(%key, error, "a webhook is stored, and attended to later");
            }
        };
        // A task of its own: it goes on when the provider does not wait, and what it has begun is not cut off.
        let attending = tokio::spawn(attending.in_current_span());
        drop(tokio::time::timeout(ATTEND_PATIENCE, attending).await);
    }
    Ok(answer(StatusCode::OK, &body, None, false))
}

/// Something a payment provider told, and what has become of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
#[serde(deny_unknown_fields)]
struct WebhookBody {
    provider: String,
    /// The provider's name for the event.
    event_id: String,
    #[schema(value_type = InboxStatusName)]
    status: InboxStatusName,
    #[schema(value_type = NoticeKindName)]
    kind: NoticeKind,
    /// The provider's own word for the kind.
    event_type: String,
    /// The order it was about, or says that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<Uuid>,
    /// What the provider calls the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneyBody>)]
    amount: Option<Money>,
    /// When it happened, by the provider's clock.
    created_at: DateTime<Utc>,
    /// When it was taken in first.
    received_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    /// When it is attended to next, while it has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
    /// How often it could not be attended to.
    attempts: u32,
    /// Why it is parked, or ignored; or what was done, where no order is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Who of the staff has decided it, where it is no provider's.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<ActorBody>,
    /// Why they have.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl WebhookBody {
    fn of(entry: InboxEntry, viewer: &Actor) -> Self {
        let notice = entry.notice;
        let by = notice.decision.as_ref().map(|decision| ActorBody::of(&decision.by, viewer));
        Self {
            provider: notice.provider.to_string(),
            event_id: notice.event_id,
            status: InboxStatusName(entry.status),
            kind: notice.kind,
            event_type: notice.event_type,
            order_id: entry.order_id.or(notice.order_id).map(OrderId::uuid),
            payment_id: notice.payment_id.map(PaymentId::uuid),
            operation_id: notice.operation_id.map(OperationId::uuid),
            reference: notice.reference.map(|reference| reference.to_string()),
            amount: notice.amount,
            created_at: notice.created_at,
            received_at: entry.received_at,
            changed_at: entry.changed_at,
            due_at: entry.due_at,
            attempts: entry.attempts,
            reason: entry.reason,
            by,
            note: notice.decision.map(|decision| decision.note),
        }
    }
}

/// A page of the inbox, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookPage)]
#[serde(deny_unknown_fields)]
struct WebhookPageBody {
    items: Vec<WebhookBody>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<String>,
}

/// What payment providers told, and what the staff has decided about money there that no order stands for, newest first: with `status=parked` what waits, and why.
#[utoipa::path(get, operation_id = "list_webhooks", path = "/admin/webhooks", tag = "admin",
    params(("status" = Option<InboxStatusName>, Query, description = "With this status only."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many at most; 20 when it is not said."),
        ("cursor" = Option<String>, Query, description = "Where the page begins: the `next_cursor` of the page before.")),
    responses((status = 200, body = WebhookPageBody)), security(("bearer" = [])))]
async fn list(State(api): State<Api>, Staff(actor): Staff, mut params: Params) -> Result<Response, Problem> {
    let limit = read_limit(&mut params);
    let cursor =
        params.read("cursor", "invalid_cursor", "must be the next_cursor of a page of this list", |text| {
            text.parse::<InboxCursor>().ok()
        });
    let status = params.read("status", "unknown_value", "must be a status of a webhook", |text| {
        InboxStatus::ALL.iter().find(|status| status.name() == text).copied()
    });
    params.finish()?;
    let page = api.engine().webhooks().list(status, cursor.as_ref(), limit, &actor).await?;
    let body = WebhookPageBody {
        next_cursor: page.next.map(|cursor| cursor.to_string()),
        items: page.items.into_iter().map(|entry| WebhookBody::of(entry, &actor)).collect(),
    };
    Ok(answer(StatusCode::OK, &body, None, false))
}

/// Attends to a webhook now, whatever has become of it before.
#[utoipa::path(post, operation_id = "retry_webhook", path = "/admin/webhooks/{provider}/{event_id}/retry", tag = "admin",
    params(("provider" = String, Path), ("event_id" = String, Path)),
    responses((status = 200, body = WebhookBody)), security(("bearer" = [])))]
async fn retry(State(api): State<Api>, Staff(actor): Staff, Named(key): Named) -> Result<Response, Problem> {
    let entry = api.engine().webhooks().retry(&key, &actor).await?;
    Ok(answer(StatusCode::OK, &WebhookBody::of(entry, &actor), None, false))
}

/// The webhook that the end of the path names: its provider and its event.
#[derive(Debug)]
struct Named(NoticeKey);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unreadable = || Problem::bad_parameter("event_id", "invalid_id", "the path is not UTF-8");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| unreadable())?;
        // A host may nest the routes below parameters of its own: they come before ours.
        let values: Vec<&str> = params.iter().map(|(_, value)| value).collect();
        let [.., provider, event_id] = values.as_slice() else { return Err(unreadable()) };
        let provider = ProviderId::new(provider)
            .map_err(|error| Problem::bad_parameter("provider", "invalid_id", error.to_string()))?;
        if event_id.len() > InboxEntry::MAX_EVENT_ID || event_id.contains(char::is_control) {
            return Err(Problem::bad_parameter("event_id", "invalid_id", "must be the name of an event"));
        }
        Ok(Self(NoticeKey::new(provider, *event_id)))
    }
}
