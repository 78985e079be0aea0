//! Stands for the page of a bank, or of a provider, on which a customer confirms a payment; and for the simulated provider's dashboard.
//!
//! | route | what it is |
//! |---|---|
//! | `POST /simulated/payments/{id}/complete` | the customer does what was asked of them, or refuses to |
//! | `GET /simulated/pay/{id}` | development: the same as a page with two buttons |
//! | `GET /simulated/pay` | development: the payments that wait for their customers |
//! | `GET /simulated/back` | development: where a provider sends customers back to, unless the settings name a page |
//! | `POST /simulated/payments/{id}/refund` | development: somebody gives money back in the simulated provider's dashboard, of which we are not told |
//! | `GET /simulated/books/{provider}` | development: what the simulated provider or a stand-in has in its books |

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use order_core::gateway::GatewayError;
use order_core::id::PaymentId;
use order_core::money::Money;
use order_core::order::{Order, OrderStatus};
use order_core::payment::Payment;
use order_core::store::{OrderFilter, PageRequest};
use order_core::{Engine, Error};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Mode;
use crate::providers::SIMULATED;
use crate::providers::stand_in::{Account, StandIn};
use crate::simulated::SimulatedProvider;
use crate::{page, problem};

/// How many payments that wait are shown.
const SHOWN: u32 = 50;

/// Everybody here at whom a customer can complete a payment.
#[derive(Debug, Clone)]
pub struct Desk {
    engine: Engine,
    simulated: Option<SimulatedProvider>,
    stand_ins: Arc<[Arc<dyn StandIn>]>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Completion {
    #[serde(default = "yes")]
    approve: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundByHand {
    amount: Money,
}

fn yes() -> bool {
    true
}

impl Desk {
    /// The simulated provider, if there is one, and the stand-ins inside the server.
    pub fn new(engine: Engine, simulated: Option<SimulatedProvider>, stand_ins: &[Arc<dyn StandIn>]) -> Self {
        Self { engine, simulated, stand_ins: stand_ins.into() }
    }

    /// The routes. Whoever knows the payment's id has been sent here.
    pub fn routes(self, mode: Mode) -> Router {
        let completion = post(complete);
        let router = match mode {
            Mode::Development => Router::new()
                .route("/simulated/payments/{id}/complete", completion.get(to_page))
                .route("/simulated/payments/{id}/refund", post(refund_by_hand))
                .route("/simulated/pay", get(list))
                .route("/simulated/pay/{id}", get(show).post(press))
                .route("/simulated/back", get(back))
                .route("/simulated/books/{provider}", get(books)),
            Mode::Production => Router::new().route("/simulated/payments/{id}/complete", completion),
        };
        router.with_state(self)
    }

    fn stand_in(&self, provider: &str) -> Option<&Arc<dyn StandIn>> {
        self.stand_ins.iter().find(|stand_in| stand_in.kind().name() == provider)
    }

    /// Whether the customer of a payment can act here.
    fn serves(&self, payment: &Payment) -> bool {
        let provider = payment.provider.as_str();
        self.simulated.is_some() && provider == SIMULATED || self.stand_in(provider).is_some()
    }

    async fn order(&self, id: PaymentId) -> Result<Order, Error> {
        let found = self.engine.store().find_order_by_payment(id).await?;
        found.ok_or(Error::NotFound { what: "payment" })
    }

    /// The customer does what was asked of them. Tells whether anything was asked of them.
    async fn complete(&self, order: &Order, id: PaymentId, approve: bool) -> Result<bool, GatewayError> {
        let provider = order.payment(id).map(|payment| payment.provider.as_str()).unwrap_or_default();
        if let Some(stand_in) = self.stand_in(provider) {
            return Ok(stand_in.complete(id, approve));
        }
        match &self.simulated {
            Some(simulated) if provider == SIMULATED => simulated.complete(id, approve).await,
            Some(_) | None => Ok(false),
        }
    }

    /// Completes a payment, and takes in what the provider knows then, whether or not it was completed just now.
    async fn carry_out(&self, id: PaymentId, approve: bool) -> Result<(Order, bool), Response> {
        let order = self.order(id).await.map_err(problem::of)?;
        let completed = self.complete(&order, id, approve).await.map_err(|error| {
            tracing::warn!(error = problem::causes(&error), "the simulated provider does not answer");
            problem::unavailable("provider_unavailable")
        })?;
        let order = self.engine.payments().refresh(id).await.map_err(problem::of)?;
        Ok((order, completed))
    }
}

fn read(id: &str) -> Result<PaymentId, Error> {
    id.parse().map_err(|_| Error::NotFound { what: "payment" })
}

async fn complete(State(desk): State<Desk>, Path(id): Path<String>, body: Bytes) -> Response {
    let id = match read(&id) {
        Ok(id) => id,
        Err(error) => return problem::of(error),
    };
    let completion =
        if body.is_empty() { Ok(Completion { approve: true }) } else { serde_json::from_slice(&body) };
    let Ok(Completion { approve }) = completion else {
        let detail = "The body must be empty, or JSON like {\"approve\": false}.";
        return problem::answer(StatusCode::BAD_REQUEST, "malformed_body", detail);
    };
    match desk.carry_out(id, approve).await {
        Ok((order, true)) => Json(json!({
            "payment_id": id,
            "order_id": order.id,
            "order_number": order.number,
            "status": order.status,
            "payment_status": order.payment_status().ok(),
        }))
        .into_response(),
        Ok((_, false)) => {
            let detail = "The payment does not wait for its customer.";
            problem::answer(StatusCode::CONFLICT, "not_awaiting_customer", detail)
        }
        Err(problem) => problem,
    }
}

/// What is done in a dashboard is the provider's own doing: the engine hears of it when it reads the books.
async fn refund_by_hand(State(desk): State<Desk>, Path(id): Path<String>, body: Bytes) -> Response {
    let Ok(RefundByHand { amount }) = serde_json::from_slice(&body) else {
        let detail =
            "The body must be JSON like {\"amount\": {\"amount\": \"3.00\", \"currency\": \"EUR\"}}.";
        return problem::answer(StatusCode::BAD_REQUEST, "malformed_body", detail);
    };
    let refunded = match (read(&id), &desk.simulated) {
        (Ok(id), Some(simulated)) => simulated.refund_by_hand(id, amount).await,
        (Err(_), _) | (_, None) => return problem::of(Error::NotFound { what: "payment" }),
    };
    match refunded {
        Ok(Some(reference)) => Json(json!({ "payment_id": id, "reference": reference })).into_response(),
        Ok(None) => {
            let detail = "The simulated provider has not so much of this payment to give back.";
            problem::answer(StatusCode::CONFLICT, "nothing_to_refund", detail)
        }
        Err(error) => problem::of(error.into()),
    }
}

/// A customer who follows the address that a payment gives comes to the page.
async fn to_page(Path(id): Path<String>) -> Response {
    match read(&id) {
        Ok(id) => see_other(format!("../../pay/{id}")),
        Err(error) => problem::of(error),
    }
}

/// Sends a browser to another page, told from this one, as the routes may be below a prefix.
fn see_other(relative: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, relative)]).into_response()
}

async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Response {
    let id = match read(&id) {
        Ok(id) => id,
        Err(error) => return problem::of(error),
    };
    match desk.order(id).await {
        Ok(order) => match order.payment(id) {
            Some(payment) => page::payment(&order, payment, desk.serves(payment)),
            None => problem::of(Error::NotFound { what: "payment" }),
        },
        Err(error) => problem::of(error),
    }
}

/// One of the page's two buttons.
async fn press(State(desk): State<Desk>, Path(id): Path<String>, body: Bytes) -> Response {
    let id = match read(&id) {
        Ok(id) => id,
        Err(error) => return problem::of(error),
    };
    let approve = match &*body {
        b"outcome=approve" => true,
        b"outcome=decline" => false,
        _ => {
            let detail = "The body must be outcome=approve or outcome=decline.";
            return problem::answer(StatusCode::BAD_REQUEST, "malformed_body", detail);
        }
    };
    match desk.carry_out(id, approve).await {
        Ok(_) => see_other(id.to_string()),
        Err(problem) => problem,
    }
}

async fn list(State(desk): State<Desk>) -> Response {
    let filter = OrderFilter { statuses: vec![OrderStatus::Pending], ..OrderFilter::default() };
    match desk.engine.store().list_orders(&filter, PageRequest::first(SHOWN)).await {
        Ok(found) => page::waiting(&found.items),
        Err(error) => problem::of(error.into()),
    }
}

async fn back() -> Response {
    page::back()
}

async fn books(State(desk): State<Desk>, Path(provider): Path<String>) -> Response {
    let accounts: Option<Vec<Value>> = match (desk.stand_in(&provider), &desk.simulated) {
        (Some(stand_in), _) => Some(stand_in.accounts().iter().map(of_stand_in).collect()),
        (None, Some(simulated)) if provider == SIMULATED => {
            let account = |account: &order_core::memory::SimulatedAccount| {
                entry(
                    &account.first_key.to_string(),
                    Some(account.payment_id),
                    [account.authorised, account.captured, account.refunded],
                )
            };
            Some(simulated.books().iter().map(account).collect())
        }
        (None, Some(_) | None) => None,
    };
    match accounts {
        Some(accounts) => Json(json!({ "items": accounts, "next_cursor": null })).into_response(),
        None => problem::of(Error::NotFound { what: "provider" }),
    }
}

fn of_stand_in(account: &Account) -> Value {
    let Account { reference, payment_id, authorised, captured, refunded, .. } = account;
    entry(reference, *payment_id, [*authorised, *captured, *refunded])
}

fn entry(reference: &str, payment_id: Option<PaymentId>, money: [Money; 3]) -> Value {
    let [authorized, captured, refunded] = money
        .map(|money| json!({ "amount": money.amount().to_string(), "currency": money.currency().code() }));
    json!({
        "reference": reference,
        "payment_id": payment_id,
        "authorized": authorized,
        "captured": captured,
        "refunded": refunded,
    })
}
