//! The order engine over HTTP: an axum router that nests in any host.
//!
//! [`router`] makes the routes of an [`Api`]; a host nests them below its own path and puts its own middleware around them. The
//! crate binds no port, installs nothing for the process, and knows no store and no payment provider: those come with the
//! [`Engine`](order_core::Engine).
//!
//! ```
//! use std::sync::Arc;
//! use order_core::Engine;
//! use order_core::memory::{MemoryCatalogue, MemoryStore};
//! use order_http::{Api, JwtAuthenticator, ServiceKeys};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::builder(Arc::new(MemoryStore::default()))
//!     .catalogue(Arc::new(MemoryCatalogue::default()))
//!     .build()?;
//! let api = Api::builder(engine)
//!     .auth(JwtAuthenticator::hs256("a secret of 32 bytes at the least")?.issuer("https://id.example"))
//!     .auth(ServiceKeys::new().with_digest("warehouse", &ServiceKeys::digest("a long random key"))?)
//!     .build()?;
//! let host: axum::Router = axum::Router::new().nest("/shop", order_http::router(api));
//! // GET /shop/api/v1/orders, GET /shop/health …
//! # let _ = host;
//! # Ok(())
//! # }
//! ```
//!
//! # The nouns
//!
//! | | |
//! |---|---|
//! | [`Api`] | an engine with everything its interface needs |
//! | [`Authenticator`] | makes a [`Caller`] of a request's headers: [`JwtAuthenticator`], [`ServiceKeys`], or a host's own |
//! | [`Problem`] | every answer that is not the hoped for one: RFC 9457, with a stable `code` |
//! | [`openapi_json`] | the OpenAPI 3.1 document, made from the routes |
//!
//! # The rules
//!
//! * Below the prefix (`/api/v1`) every answer is JSON, and every refusal `application/problem+json`; also of what is not found,
//!   of a method that is not there, of a body that is too large. `/health` and `/ready` are beside it; everything else is the
//!   host's: a fallback of its own takes the place of ours, and may answer with [`not_found`].
//! * Unknown fields and unknown query parameters are refused. What is wrong is named by a JSON pointer.
//! * Reads of one cart or order carry an `ETag`, writes take `If-Match` (412 when stale).
//! * What creates or moves money takes an `Idempotency-Key`. A repeated request waits for the first one, and is answered as it was.
//! * `X-Request-Id` is taken from the caller or made, is in the log's span, in the answer and in the history of what was changed.
//!
//! * Webhooks of payment providers (`/webhooks/{provider}`) need no credentials: their signatures are checked. Each is stored before it
//!   is answered.
//!
//! What it does not do: rate limits, CORS, TLS and compression are middleware of the host.

mod action;
mod address;
mod api;
mod auth;
mod call;
mod cart;
mod findings;
mod inventory;
mod json;
mod list;
mod money;
mod names;
mod openapi;
mod operations;
mod orders;
mod orphans;
mod params;
mod payments;
mod problem;
mod reconciliation;
mod stock;
mod time;
mod webhooks;

pub use api::{Api, ApiBuilder, router};
pub use auth::{AuthError, Authenticator, Caller, JwtAuthenticator, Person, Role, ServiceKeys};
pub use openapi::openapi_json;
pub use problem::{Problem, not_found};
