//! `POST /auth/register`, `POST /auth/login`: a small identity service, so that the server can be tried without another one.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use order_core::Engine;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::problem;
use crate::token::{Bearer, LOGIN, Signer};
use crate::users::{User, UserError, Users};

/// The longest mail address, in bytes: that of the mail standards.
const MAX_EMAIL: usize = 254;
/// The shortest password, in bytes.
const MIN_PASSWORD: usize = 8;
/// The longest password, in bytes: hashing is paid by us.
const MAX_PASSWORD: usize = 128;
/// The longest name, in bytes.
const MAX_NAME: usize = 100;

#[derive(Debug, Clone)]
struct Accounts {
    users: Arc<Users>,
    signer: Signer,
    engine: Engine,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: String,
    password: Secret,
    name: Option<String>,
}

/// A password on its way in. `Debug` does not show it.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
struct Secret(SecretString);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// The routes.
pub fn routes(users: Arc<Users>, signer: Signer, engine: Engine) -> Router {
    Router::new()
        .route("/auth/register", post(register))
        .route("/auth/login", post(log_in))
        .with_state(Accounts { users, signer, engine })
}

type Body = Result<Json<Credentials>, JsonRejection>;

async fn register(State(accounts): State<Accounts>, body: Body) -> Response {
    let Credentials { email, password, name } = match body {
        Ok(body) => read(body),
        Err(rejection) => return malformed(&rejection),
    };
    let password = password.0.expose_secret();
    let refuse = |detail| problem::answer(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", detail);
    if !is_email(&email) {
        return refuse("email: must be a mail address of at most 254 bytes");
    }
    if password.len() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
        return refuse("password: must be 8 to 128 bytes");
    }
    if name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
        return refuse("name: must be at most 100 bytes");
    }
    let now = accounts.engine.clock().now();
    let id = format!("user-{}", accounts.engine.ids().next(now).simple());
    let user = User { id, email, name };
    match accounts.users.register(user, password.to_owned()).await {
        Ok(user) => accounts.welcome(StatusCode::CREATED, &user),
        Err(error) => failed(&error),
    }
}

async fn log_in(State(accounts): State<Accounts>, body: Body) -> Response {
    let Credentials { email, password, name: _ } = match body {
        Ok(body) => read(body),
        Err(rejection) => return malformed(&rejection),
    };
    let password = password.0.expose_secret();
    if password.len() > MAX_PASSWORD {
        return failed(&UserError::Wrong);
    }
    match accounts.users.log_in(&email, password.to_owned()).await {
        Ok(user) => accounts.welcome(StatusCode::OK, &user),
        Err(error) => failed(&error),
    }
}

impl Accounts {
    fn welcome(&self, status: StatusCode, user: &User) -> Response {
        let now = self.engine.clock().now();
        let bearer = Bearer { id: &user.id, roles: &["customer"], seller_id: None };
        let Ok(token) = self.signer.sign(bearer, now, LOGIN) else {
            tracing::error!("a token can't be signed");
            return problem::answer(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The token can't be made.",
            );
        };
        let body = json!({
            "user_id": user.id,
            "email": user.email,
            "name": user.name,
            "roles": ["customer"],
            "token": token,
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": LOGIN.num_seconds(),
        });
        (status, Json(body)).into_response()
    }
}

fn read(Json(mut credentials): Json<Credentials>) -> Credentials {
    credentials.email = credentials.email.trim().to_lowercase();
    credentials
}

/// Refuses a body. The rejection's own text is left out: it may repeat the body, and so the password.
fn malformed(rejection: &JsonRejection) -> Response {
    let detail = "The body must be JSON with email and password, and may have a name.";
    let status = match rejection.status() {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    problem::answer(status, "malformed_body", detail)
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    text.len() <= MAX_EMAIL
        && !text.chars().any(|character| character.is_whitespace() || character.is_control())
        && parts
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

fn failed(error: &UserError) -> Response {
    match error {
        UserError::Taken => {
            problem::answer(StatusCode::CONFLICT, "email_taken", "The mail address is taken.")
        }
        UserError::Wrong => {
            let detail = "The mail address or the password is wrong.";
            problem::answer(StatusCode::UNAUTHORIZED, "invalid_credentials", detail)
        }
        UserError::Hash | UserError::Store(_) => {
            tracing::warn!(error = problem::causes(error), "the users can't be reached");
            problem::unavailable("users_unavailable")
        }
    }
}
