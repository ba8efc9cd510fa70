//! Why an agent could not be asked, or its answer not be used. No variant holds a token.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

/// What went wrong between us and a Consul agent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConsulError {
    /// There was no connection, or it broke. Often no agent runs there, or it listens on another port.
    #[error("the Consul agent cannot be reached: {reason}")]
    Unreachable {
        /// What the operating system, TLS or HTTP said.
        reason: String,
    },
    /// The agent accepted the request and did not answer it in time.
    #[error("the Consul agent did not answer within {after:?}")]
    TimedOut {
        /// How long the answer was waited for.
        after: Duration,
    },
    /// The agent answered with a status that is no success.
    #[error("the Consul agent answered {status}: {message}{hint}")]
    Refused {
        /// The status of HTTP.
        status: StatusCode,
        /// The beginning of what it said.
        message: String,
        /// What can be done, after a semicolon; else empty.
        hint: String,
    },
    /// What was answered is not what Consul answers. Often something else listens there, such as a proxy's error page.
    #[error("what was answered is no answer of Consul: {reason}")]
    Nonsense {
        /// What is wrong with it.
        reason: String,
    },
    /// The token cannot be used.
    #[error("consul token: {reason}")]
    Token {
        /// What is wrong, without the token.
        reason: String,
    },
}

impl ConsulError {
    pub(super) fn nonsense(reason: impl Into<String>) -> Self {
        ConsulError::Nonsense { reason: reason.into() }
    }
}
