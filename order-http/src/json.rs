//! JSON bodies: read with the place of every mistake, and digested for idempotency.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use order_core::Invalid;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::problem::Problem;

/// A JSON body. Unknown fields are refused, each mistake is named by its pointer.
#[derive(Debug)]
pub(crate) struct Json<T> {
    pub(crate) value: T,
    /// The body in a canonical form, so that a repeated request is known again.
    pub(crate) canonical: String,
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub(crate) struct OptionalJson<T>(pub(crate) Json<T>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = read(request, state).await?;
        if !is_json {
            return Err(not_json());
        }
        parse(&bytes)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = read(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(Json { value: T::default(), canonical: String::new() }));
        }
        if !is_json {
            return Err(not_json());
        }
        parse(&bytes).map(Self)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large.")
        } else {
            Problem::new(StatusCode::BAD_REQUEST, "unreadable_body", "The body could not be read.")
        }
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn not_json() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The body must be JSON, and its Content-Type application/json.",
    )
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Json<T>, Problem> {
    let tree: Value = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let invalid = Invalid::field("", "syntax", format!("is not JSON from {place} on"));
        Problem::invalid(StatusCode::BAD_REQUEST, &invalid)
    })?;
    if !tree.is_object() {
        return Err(Invalid::field("", "wrong_type", "must be an object").into());
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| mistake(error.path(), &error.inner().to_string()))?;
    Ok(Json { value, canonical: canonical(tree) })
}

/// The same text for the same content, whatever the order of the fields and the blanks between them.
fn canonical(mut tree: Value) -> String {
    tree.sort_all_objects();
    tree.to_string()
}

/// What the deserialiser has found, without the value it repeats.
fn mistake(path: &Path, message: &str) -> Problem {
    let pointer = pointer(path);
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let invalid = if let Some(field) = quoted_after(message, "missing field `") {
        Invalid::field(format!("{pointer}/{}", escape(field)), "required", "is required")
    } else if message.starts_with("unknown field") {
        Invalid::field(pointer, "unknown_field", "is not a field of this request")
    } else if let Some(field) = quoted_after(message, "duplicate field `") {
        Invalid::field(format!("{pointer}/{}", escape(field)), "duplicate_field", "must be there only once")
    } else if message == "expected value" {
        Invalid::field(pointer, "wrong_type", "must be one of the texts of this field")
    } else if let Some((_, expected)) = message.split_once(", expected ") {
        let (code, verb) = if message.starts_with("unknown variant") {
            ("unknown_value", "must be")
        } else if message.starts_with("invalid value") {
            ("out_of_range", "must be")
        } else {
            ("wrong_type", "must be")
        };
        Invalid::field(pointer, code, format!("{verb} {}", readable(expected)))
    } else {
        Invalid::field(pointer, "invalid_value", message)
    };
    invalid.into()
}

/// The deserialiser's words for a type, in the words of JSON.
fn readable(expected: &str) -> String {
    match expected {
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "i64" => "a whole number".to_owned(),
        "a sequence" => "an array".to_owned(),
        _ if expected.starts_with("struct ") => "an object".to_owned(),
        _ => expected.replace('`', "\""),
    }
}

fn quoted_after<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.strip_prefix(start)?.split('`').next()
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        if matches!(segment, Segment::Seq { .. } | Segment::Map { .. }) {
            pointer.push('/');
        }
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&escape(key)),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_does_not_depend_on_order_or_blanks() {
        let parse = |text: &str| canonical(serde_json::from_str(text).unwrap());
        assert_eq!(
            parse(r#"{"a":1,"b":{"d":[1,2],"c":null}}"#),
            parse("{\"b\": {\"c\":null,\"d\":[1, 2]},\n \"a\":1}")
        );
        assert_ne!(parse(r#"{"a":[1,2]}"#), parse(r#"{"a":[2,1]}"#));
        assert_ne!(parse(r#"{"a":1}"#), parse(r#"{"a":"1"}"#));
    }
}
