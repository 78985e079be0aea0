use crate::error::{BoxError, Retry};

/// A service behind a port did not do its work. A refusal is not an error: it is an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The request surely never reached the service: no connection, a breaker that is open.
    #[error("{service}: not sent")]
    NotSent {
        /// Which service.
        service: &'static str,
        /// Why.
        #[source]
        source: Option<BoxError>,
    },
    /// It is not known whether the service did it: a time-out, a lost connection, an unreadable answer.
    #[error("{service}: the outcome is unknown")]
    Unknown {
        /// Which service.
        service: &'static str,
        /// Why.
        #[source]
        source: Option<BoxError>,
    },
    /// The service refused the request for a reason that is ours: wrong credentials, a wrong configuration.
    #[error("{service}: {problem}")]
    Misused {
        /// Which service.
        service: &'static str,
        /// What is wrong.
        problem: String,
    },
}

impl GatewayError {
    /// Nothing arrived.
    pub fn not_sent(service: &'static str) -> Self {
        Self::NotSent { service, source: None }
    }

    /// The answer was lost.
    pub fn unknown(service: &'static str) -> Self {
        Self::Unknown { service, source: None }
    }

    /// Whether the same call may be made again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NotSent { .. } | Self::Unknown { .. } => Retry::Later,
            Self::Misused { .. } => Retry::Never,
        }
    }
}
