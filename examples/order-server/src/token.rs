//! The tokens that the server gives out: JSON Web Tokens that the interface accepts.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use order_core::time::{Duration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::config::Config;

/// How long somebody stays logged in.
pub const LOGIN: Duration = Duration::hours(12);

/// Signs tokens.
#[derive(Debug, Clone)]
pub struct Signer {
    secret: SecretString,
    issuer: Option<String>,
    audience: Option<String>,
}

#[derive(Debug, Serialize)]
struct Claims<'a> {
    sub: &'a str,
    roles: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    seller_id: Option<&'a str>,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// Whom a token is for.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Bearer<'a> {
    /// Their id.
    pub id: &'a str,
    /// Their roles.
    pub roles: &'a [&'a str],
    /// The seller they act for.
    pub seller_id: Option<&'a str>,
}

impl Signer {
    /// With the secret, the issuer and the audience of a configuration.
    pub fn new(config: &Config) -> Self {
        let (secret, issuer) = (config.jwt_secret.clone(), config.jwt_issuer.clone());
        Self { secret, issuer, audience: config.jwt_audience.clone() }
    }

    /// A token that is good from now on.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn sign(
        &self,
        bearer: Bearer<'_>,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            sub: bearer.id,
            roles: bearer.roles,
            seller_id: bearer.seller_id,
            iat: now.timestamp(),
            exp: (now + lifetime).timestamp(),
            iss: self.issuer.as_deref(),
            aud: self.audience.as_deref(),
        };
        let key = EncodingKey::from_secret(self.secret.expose_secret().as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
    }
}
