//! How often and when a failed request is repeated.

use std::time::Duration;

use otlp_core::ErrorKind;
use otlp_exporters::RetryableKinds;
use otlp_reliability::{Jitter, RetryPolicy};
use serde::{Deserialize, Serialize};

use super::{Check, FieldError, formats, in_range};

/// How often and when a failed request is repeated.
///
/// An endpoint that is down uses up no attempts: while its circuit breaker is open, batches wait in the queue. What is
/// counted are failures of an endpoint that answers. A batch whose attempts are used up is dropped, and the ledger says
/// so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// How many attempts a batch gets, the first one included. 1 or more; default [`RetryConfig::UNLIMITED`], which a
    /// file calls `unlimited`: for five minutes, or with a disk queue for as long as it takes.
    #[serde(with = "formats::attempts")]
    pub max_attempts: u32,
    /// The wait before the second attempt. 1 ms to 1 day; default 200 ms.
    #[serde(with = "formats::duration")]
    pub initial_interval: Duration,
    /// The longest wait, jitter included; a receiver may ask for a longer one. `initial_interval` to 1 day; default 30
    /// s.
    #[serde(with = "formats::duration")]
    pub max_interval: Duration,
    /// By what each wait is longer than the one before. 1.0 to 1,000; default 2.0.
    pub multiplier: f64,
    /// How far a wait may be from what it would be without chance, as a part of it: with 0.1, a wait of 1 s is drawn
    /// between 0.9 s and 1.1 s. 0.0 to 1.0, to three decimal places; default 0.5.
    pub randomization_factor: f64,
    /// The failures after which another attempt is made; after any other a batch is dropped, and the ledger says so.
    /// Default: all.
    pub retryable_errors: Vec<ErrorType>,
}

/// The classes of failures after which another attempt may succeed.
///
/// What the receiver refused for good and what is larger than it takes is in none of them: the same batch would fail
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorType {
    /// No connection, a connection that broke, a failed TLS handshake.
    Network,
    /// No answer in time.
    Timeout,
    /// The receiver said that it cannot serve now.
    Unavailable,
    /// The receiver said that it is sent too much.
    Throttled,
    /// A custom exporter failed, or asked for another attempt.
    Destination,
}

impl ErrorType {
    /// All of them.
    pub const ALL: [ErrorType; 5] =
        [ErrorType::Network, ErrorType::Timeout, ErrorType::Unavailable, ErrorType::Throttled, ErrorType::Destination];
}

impl From<ErrorType> for ErrorKind {
    fn from(error: ErrorType) -> Self {
        match error {
            ErrorType::Network => ErrorKind::Network,
            ErrorType::Timeout => ErrorKind::Timeout,
            ErrorType::Unavailable => ErrorKind::Unavailable,
            ErrorType::Throttled => ErrorKind::Throttled,
            ErrorType::Destination => ErrorKind::Destination,
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        RetryConfig {
            max_attempts: RetryConfig::UNLIMITED,
            initial_interval: Duration::from_millis(200),
            max_interval: Duration::from_secs(30),
            multiplier: 2.0,
            randomization_factor: 0.5,
            retryable_errors: ErrorType::ALL.to_vec(),
        }
    }
}

impl RetryConfig {
    /// Any number of attempts.
    pub const UNLIMITED: u32 = u32::MAX;

    /// The policy around each attempt. `unlimited` is the longest time for attempts without a limit.
    pub(crate) fn policy(&self, unlimited: Option<Duration>) -> RetryPolicy {
        let max_attempts = (self.max_attempts != Self::UNLIMITED).then_some(self.max_attempts);
        // Between 0 and 1, as was checked.
        let permille = (self.randomization_factor * 1000.0).round() as u16;
        RetryPolicy::new()
            .with_max_attempts(max_attempts)
            .with_initial_delay(self.initial_interval)
            .with_max_delay(self.max_interval)
            .with_backoff_multiplier(self.multiplier)
            .with_jitter(Jitter::Around { permille })
            .with_max_elapsed(unlimited.filter(|_| max_attempts.is_none()))
    }

    /// Which failures are repeated.
    pub(crate) fn kinds(&self) -> RetryableKinds {
        RetryableKinds::only(self.retryable_errors.iter().copied().map(ErrorKind::from))
    }
}

impl Check for RetryConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let (least, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
        in_range(path, "max_attempts", self.max_attempts, 1..=u32::MAX, "1 or more attempts, the first one included")?;
        in_range(path, "initial_interval", self.initial_interval, least..=day, "1 ms to 1 day")?;
        let accepted = "initial_interval to 1 day";
        in_range(path, "max_interval", self.max_interval, self.initial_interval..=day, accepted)?;
        in_range(path, "multiplier", self.multiplier, 1.0..=1000.0, "1.0 to 1000.0")?;
        in_range(path, "randomization_factor", self.randomization_factor, 0.0..=1.0, "0.0 to 1.0")
    }
}
