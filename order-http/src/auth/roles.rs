//! What a route asks of its caller. Each is taken before the body is read: who may not, learns nothing of it.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use order_core::cart::CartOwner;
use order_core::id::{CustomerId, GuestToken};
use order_core::order::Actor;

use super::Caller;
use super::caller::find;
use crate::api::Api;
use crate::problem::Problem;

const GUEST_TOKEN: HeaderName = HeaderName::from_static("x-guest-token");

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident($what:ty) = $method:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name(pub(crate) $what);

        impl FromRequestParts<Api> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
                Caller::from_request_parts(parts, api).await?.$method().map(Self)
            }
        }
    )+};
}

roles! {
    /// Whoever buys.
    Buyer(CustomerId) = buyer;
    /// An order's customer, or the staff.
    Owner(Actor) = owner;
    /// An order's sellers, the staff, or a service.
    Fulfiller(Actor) = fulfiller;
    /// The staff.
    Staff(Actor) = staff;
    /// The staff or a service.
    Operator(Actor) = operator;
    /// A service.
    OnlyService(Actor) = service;
    /// Everybody the caller may read an order as.
    Readers(Vec<Actor>) = readers;
}

/// The owner of a cart: a customer, or a guest with a token.
#[derive(Debug)]
pub(crate) struct Shopper(pub(crate) CartOwner);

impl FromRequestParts<Api> for Shopper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if let Some(caller) = find(parts, api).await? {
            return caller.buyer().map(|id| Self(CartOwner::Customer(id)));
        }
        let Some(value) = parts.headers.get(GUEST_TOKEN) else {
            return Err(Problem::unauthenticated(
                "unauthenticated",
                "Who asks is not known, and there is no guest token.",
            ));
        };
        let text = value.to_str().unwrap_or_default();
        let token = GuestToken::new(text)
            .map_err(|error| Problem::bad_parameter("X-Guest-Token", "invalid_id", error.to_string()))?;
        Ok(Self(CartOwner::Guest(token)))
    }
}
