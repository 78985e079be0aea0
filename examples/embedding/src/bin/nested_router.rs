//! The HTTP interface nested in an application of the host's own: below its path, with its own way to know who asks, beside its
//! own routes. The program is its own client, so that it ends.
#![expect(clippy::print_stdout, reason = "a program that shows something")]

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use axum::routing::get;
use embedding::{Outcome, catalogue, receive_stock};
use order_core::Engine;
use order_core::id::{CustomerId, ProviderId};
use order_core::memory::{MemoryStore, SimulatedGateway};
use order_http::{Api, AuthError, Authenticator, Caller, Person};
use tower::ServiceExt as _;

/// The host knows its customers by a session that a proxy before it has checked.
#[derive(Debug)]
struct Sessions;

#[async_trait]
impl Authenticator for Sessions {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Caller>, AuthError> {
        let Some(user) = headers.get("x-session-user").and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let id = CustomerId::new(user).map_err(|_| AuthError::Refused("The session names nobody."))?;
        Ok(Some(Caller::Person(Person::customer(id))))
    }
}

async fn show(app: &Router, request: Request<Body>) -> Outcome {
    let name = format!("{} {}", request.method(), request.uri());
    let answer = app.clone().oneshot(request).await?;
    let (status, body) = (answer.status(), to_bytes(answer.into_body(), 1 << 20).await?);
    println!("{name}: {} {}", status.as_u16(), String::from_utf8_lossy(body.get(..40).unwrap_or(&body)));
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome {
    let engine = Engine::builder(Arc::new(MemoryStore::default()))
        .catalogue(Arc::new(catalogue()?))
        .payment_gateway(ProviderId::new("simulated")?, Arc::new(SimulatedGateway::default()))
        .build()?;
    receive_stock(&engine, 10).await?;
    let api = Api::builder(engine).auth(Sessions).prefix("/v1").build()?;
    let app = Router::new()
        .route("/", get(|| async { "the host's own page" }))
        .nest("/shop", order_http::router(api));

    show(&app, Request::get("/").body(Body::empty())?).await?;
    show(&app, Request::get("/shop/v1/orders").body(Body::empty())?).await?;
    let orders = Request::get("/shop/v1/orders").header("x-session-user", "alice");
    show(&app, orders.body(Body::empty())?).await?;
    show(&app, Request::get("/shop/health").body(Body::empty())?).await?;
    Ok(())
}
