use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use order_core::error::BoxError;
use order_core::gateway::GatewayError;
use serde::de::DeserializeOwned;

/// What a provider answered to one call. The body may hold secrets of customers, so `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case. Only those that are readable text.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// In which way a provider answered, as far as the status code tells. What the words mean is the adapter's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 2xx: done, or under way.
    Done,
    /// 4xx: not done, and it will not be for a request like this.
    Refused,
    /// 409: another request about the same thing is being carried out, or this one was.
    Busy,
    /// 429: not done; the provider does not look at requests for a while.
    Limited,
    /// 401 or 403: not done, because of our credentials or rights.
    Unauthorised,
    /// 5xx, or what no provider answers: nobody knows.
    Unknown,
}

impl Reply {
    pub(crate) fn verdict(&self) -> Verdict {
        match self.status {
            200..=299 => Verdict::Done,
            401 | 403 => Verdict::Unauthorised,
            409 => Verdict::Busy,
            429 => Verdict::Limited,
            // A proxy's words about time are no decision of the provider.
            408 => Verdict::Unknown,
            400..=499 => Verdict::Refused,
            _ => Verdict::Unknown,
        }
    }

    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// How long the provider asks us to wait, in whole seconds. A date is not read: none of the providers sends one.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs)
    }

    /// Reads the body.
    ///
    /// # Errors
    /// [`GatewayError::Unknown`] when it is not what the provider documents: whatever was done, we can't tell.
    pub(crate) fn json<T: DeserializeOwned>(&self, service: &'static str) -> Result<T, GatewayError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The error's text may repeat a part of the body.
            let what = Unreadable { category: error.classify(), line: error.line(), column: error.column() };
            GatewayError::Unknown { service, source: Some(BoxError::from(what)) }
        })
    }

    /// What was read; `None` without the right to read it.
    ///
    /// # Errors
    /// Why it can't be told.
    #[cfg(any(feature = "paypal", feature = "square"))]
    pub(crate) fn if_granted<T: DeserializeOwned>(
        &self,
        service: &'static str,
    ) -> Result<Option<T>, GatewayError> {
        match self.verdict() {
            Verdict::Done => self.json(service).map(Some),
            Verdict::Unauthorised if self.status == 403 => Ok(None),
            Verdict::Refused
            | Verdict::Busy
            | Verdict::Limited
            | Verdict::Unauthorised
            | Verdict::Unknown => Err(self.failure(service)),
        }
    }

    /// Why a reply is no answer to an instruction.
    pub(crate) fn failure(&self, service: &'static str) -> GatewayError {
        let source = Some(BoxError::from(Status(self.status)));
        match self.verdict() {
            Verdict::Limited => GatewayError::NotSent { service, source },
            Verdict::Unauthorised => {
                let problem = format!("the provider refuses our credentials or rights: HTTP {}", self.status);
                GatewayError::Misused { service, problem }
            }
            Verdict::Done | Verdict::Refused | Verdict::Busy | Verdict::Unknown => {
                GatewayError::Unknown { service, source }
            }
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} with {} bytes", self.status, self.body.len())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("HTTP status {0}")]
struct Status(u16);

#[derive(Debug, thiserror::Error)]
#[error("the answer is not readable: {category:?} error at line {line}, column {column}")]
struct Unreadable {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &'static str) -> Reply {
        let headers = vec![("retry-after".to_owned(), " 7".to_owned())];
        Reply { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn a_status_is_one_of_six_verdicts() {
        for (status, verdict) in [
            (200, Verdict::Done),
            (201, Verdict::Done),
            (204, Verdict::Done),
            (302, Verdict::Unknown),
            (400, Verdict::Refused),
            (401, Verdict::Unauthorised),
            (402, Verdict::Refused),
            (403, Verdict::Unauthorised),
            (404, Verdict::Refused),
            (408, Verdict::Unknown),
            (409, Verdict::Busy),
            (422, Verdict::Refused),
            (429, Verdict::Limited),
            (500, Verdict::Unknown),
            (503, Verdict::Unknown),
        ] {
            assert_eq!(reply(status, "").verdict(), verdict, "{status}");
        }
    }

    #[test]
    fn what_is_not_readable_is_unknown_and_not_repeated() {
        let error = reply(200, r#"{"secret": "pi_secret" oops"#).json::<serde_json::Value>("p").unwrap_err();
        assert!(matches!(error, GatewayError::Unknown { .. }));
        assert!(!format!("{error:?}").contains("pi_secret"), "{error:?}");
        assert_eq!(format!("{:?}", reply(200, "pi_secret")), "HTTP 200 with 9 bytes");
    }

    #[test]
    fn only_what_was_not_looked_at_is_not_sent() {
        assert!(matches!(reply(429, "").failure("p"), GatewayError::NotSent { .. }));
        assert!(matches!(reply(401, "").failure("p"), GatewayError::Misused { .. }));
        assert!(matches!(reply(409, "").failure("p"), GatewayError::Unknown { .. }));
        assert!(matches!(reply(500, "").failure("p"), GatewayError::Unknown { .. }));
        assert_eq!(reply(429, "").retry_after(), Some(Duration::from_secs(7)));
    }
}
