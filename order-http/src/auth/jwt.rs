use std::sync::Arc;

use async_trait::async_trait;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, dangerous, decode_header};
use order_core::Invalid;
use order_core::id::{CustomerId, SellerId};
use order_core::time::{Clock, Duration, SystemClock};
use serde::Deserialize;

use super::{AuthError, Authenticator, Caller, Person, Role};

/// Bearer tokens: JSON Web Tokens signed with HS256.
///
/// Claims: `sub` (the user's id), `roles` (an array of `customer`, `seller` and `admin`; without it, `customer`), `exp`, and
/// `seller_id` for sellers. `nbf` is minded when it is there, `iss` and `aud` when they are configured. Roles that are not known
/// count for nothing.
///
/// The signature is checked by a provider of this type's own choice: nothing is installed for the process.
#[derive(Clone)]
pub struct JwtAuthenticator {
    keys: Vec<DecodingKey>,
    issuer: Option<String>,
    audience: Option<String>,
    leeway: Duration,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for JwtAuthenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtAuthenticator")
            .field("keys", &self.keys.len())
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}

impl JwtAuthenticator {
    /// How far the clocks of two machines may differ, unless something else is said.
    pub const DEFAULT_LEEWAY: Duration = Duration::seconds(30);

    /// Accepts what is signed with a secret. It should have 32 bytes or more.
    ///
    /// # Errors
    /// When it is empty.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        let authenticator = Self {
            keys: Vec::new(),
            issuer: None,
            audience: None,
            leeway: Self::DEFAULT_LEEWAY,
            clock: Arc::new(SystemClock),
        };
        authenticator.or_secret(secret)
    }

    /// Accepts another secret as well: for as long as they are rotated.
    ///
    /// # Errors
    /// When it is empty.
    pub fn or_secret(mut self, secret: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        if secret.as_ref().is_empty() {
            return Err(Invalid::field("/secret", "required", "must not be empty"));
        }
        self.keys.push(DecodingKey::from_secret(secret.as_ref()));
        Ok(self)
    }

    /// Demands an issuer (`iss`).
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Demands an audience (`aud`), alone or among others.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How far the clocks of two machines may differ.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The clock. By default the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn check(&self, token: &str) -> Result<Caller, &'static str> {
        const MALFORMED: &str = "The token is malformed.";
        let header = decode_header(token).map_err(|_| MALFORMED)?;
        if header.alg != Algorithm::HS256 || header.crit.is_some() {
            return Err("The token is not signed with HS256.");
        }
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| MALFORMED)?;
        if !self.keys.iter().any(|key| is_signed(message, &signature, key)) {
            return Err("The token's signature is wrong.");
        }
        let claims: Claims = dangerous::insecure_decode_claims(token).map_err(|_| MALFORMED)?;
        self.check_time(&claims)?;
        self.check_origin(&claims)?;
        claims.caller()
    }

    fn check_time(&self, claims: &Claims) -> Result<(), &'static str> {
        let (now, leeway) = (self.clock.now().timestamp(), self.leeway.num_seconds());
        if claims.exp.0.saturating_add(leeway) <= now {
            return Err("The token has expired.");
        }
        match &claims.nbf {
            Some(nbf) if nbf.0.saturating_sub(leeway) > now => Err("The token is not valid yet."),
            Some(_) | None => Ok(()),
        }
    }

    fn check_origin(&self, claims: &Claims) -> Result<(), &'static str> {
        if self.issuer.is_some() && self.issuer != claims.iss {
            return Err("The token is of another issuer.");
        }
        let is_for_us = self.audience.as_ref().is_none_or(|wanted| match &claims.aud {
            Some(Audience::One(audience)) => audience == wanted,
            Some(Audience::Many(audiences)) => audiences.contains(wanted),
            None => false,
        });
        if is_for_us { Ok(()) } else { Err("The token is for another audience.") }
    }
}

fn is_signed(message: &str, signature: &Vec<u8>, key: &DecodingKey) -> bool {
    (DEFAULT_PROVIDER.verifier_factory)(&Algorithm::HS256, key)
        .is_ok_and(|verifier| verifier.verify(message.as_bytes(), signature).is_ok())
}

#[async_trait]
impl Authenticator for JwtAuthenticator {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Caller>, AuthError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(AuthError::Refused("There is more than one Authorization header."));
        }
        let text = value.to_str().map_err(|_| AuthError::Refused("The token is malformed."))?;
        let Some((scheme, token)) = text.split_once(' ') else {
            return Err(AuthError::Refused("The Authorization header is malformed."));
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AuthError::Refused("The Authorization header must be a bearer token."));
        }
        self.check(token.trim()).map(Some).map_err(AuthError::Refused)
    }
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    roles: Option<Vec<String>>,
    seller_id: Option<String>,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    iss: Option<String>,
    aud: Option<Audience>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Seconds since 1970. Some issuers write decimals: they count for nothing.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Number")]
struct NumericDate(i64);

impl TryFrom<serde_json::Number> for NumericDate {
    type Error = &'static str;

    fn try_from(number: serde_json::Number) -> Result<Self, Self::Error> {
        let text = number.to_string();
        let whole = if text.contains(['e', 'E']) { None } else { text.split('.').next() };
        whole.and_then(|text| text.parse().ok()).map(Self).ok_or("not a time")
    }
}

impl Claims {
    fn caller(self) -> Result<Caller, &'static str> {
        let id = CustomerId::new(&self.sub).map_err(|_| "The token's subject is not a user's id.")?;
        let seller_id = self
            .seller_id
            .map(SellerId::new)
            .transpose()
            .map_err(|_| "The token's seller_id is not a seller's id.")?;
        let Some(names) = self.roles else {
            return Ok(Caller::Person(Person::customer(id)));
        };
        let roles = names
            .iter()
            .filter_map(|name| match name.as_str() {
                "customer" => Some(Role::Customer),
                "seller" => Some(Role::Seller),
                "admin" => Some(Role::Admin),
                _ => None,
            })
            .collect();
        Ok(Caller::Person(Person::with_roles(id, roles, seller_id)))
    }
}
