//! What comes in the path and in the query.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;
use order_core::Invalid;
use order_core::id::InvalidId;

use crate::problem::Problem;

/// The id at the end of our part of the path. A host may nest the routes below parameters of its own: they come before it.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Id<T>
where
    S: Send + Sync,
    T: FromStr<Err = InvalidId>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unreadable = || Problem::bad_parameter("id", "invalid_id", "the path is not UTF-8");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| unreadable())?;
        let (name, text) = params.iter().last().ok_or_else(unreadable)?;
        text.parse()
            .map(Self)
            .map_err(|error: InvalidId| Problem::bad_parameter(name, "invalid_id", error.to_string()))
    }
}

/// The query's parameters. Each is taken by its name; [`finish`](Self::finish) tells of all that is wrong with them, and of those
/// that nobody took.
#[derive(Debug)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    pub(crate) invalid: Invalid,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) =
            Query::<Vec<(String, String)>>::from_request_parts(parts, state).await.map_err(|_| {
                Problem::new(StatusCode::BAD_REQUEST, "invalid_query", "The query can't be read.")
            })?;
        Ok(Self { pairs, invalid: Invalid::default() })
    }
}

impl Params {
    /// Every value of a parameter.
    pub(crate) fn all(&mut self, name: &str) -> Vec<String> {
        self.pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect()
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&mut self, name: &str) -> Option<String> {
        let mut values = self.all(name).into_iter();
        let first = values.next();
        if values.next().is_some() {
            self.refuse(name, "repeated", "must be given only once");
        }
        first
    }

    /// The value of a parameter, read; what can't be read is noted.
    pub(crate) fn read<T>(
        &mut self,
        name: &str,
        code: &'static str,
        detail: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.one(name)?;
        let value = read(&text);
        if value.is_none() {
            self.refuse(name, code, detail);
        }
        value
    }

    /// Notes that something is wrong with a parameter.
    pub(crate) fn refuse(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.invalid.push(format!("/{name}"), code, detail);
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Everything that is wrong, and every parameter that the route does not have.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in &self.pairs {
            self.invalid.push(format!("/{name}"), "unknown_parameter", "is not a parameter of this route");
        }
        self.invalid.into_result().map_err(|invalid| Problem::invalid(StatusCode::BAD_REQUEST, &invalid))
    }
}
