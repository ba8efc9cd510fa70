//! What an outcome says about the endpoint that gave it: the question of its circuit breaker.

use std::sync::Arc;

use otlp_core::{ErrorKind, Outcome, RetryableFailure};
use otlp_reliability::{CircuitBreaker, Judge, Observer, TokioClock, Verdict};

/// The circuit breaker of an endpoint. Clones are handles of the same one, so that the signals that are sent there share
/// what is known of it.
pub type EndpointBreaker = CircuitBreaker<JudgeEndpoint, TokioClock, Arc<dyn Observer>>;

/// Tells an endpoint that is down from a request that it does not take.
///
/// | outcome | the endpoint |
/// |---|---|
/// | delivered | works |
/// | no connection, no answer in time, unavailable | is down |
/// | the same with a delay to wait, throttled | works, and has its own idea of when to be asked again: the retry obeys it |
/// | refused, too large | was sent something that it does not take: that says nothing |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JudgeEndpoint;

impl Judge<Outcome> for JudgeEndpoint {
    fn judge(&self, outcome: &Outcome) -> Verdict {
        match outcome {
            Outcome::Delivered(_) => Verdict::Success,
            Outcome::Retry(failure) if !is_alive(failure) => Verdict::Failure,
            _ => Verdict::Ignore,
        }
    }
}

/// Whether an endpoint that failed says that it will serve again: it asks for a delay, or for less.
pub(crate) fn is_alive(failure: &RetryableFailure) -> bool {
    failure.after.is_some() || failure.error.kind() == ErrorKind::Throttled
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use otlp_core::ExportError;

    use super::*;

    fn retry(kind: ErrorKind, after: Option<Duration>) -> Outcome {
        Outcome::Retry(RetryableFailure {
            error: ExportError::new(kind, "scripted"),
            after,
            acknowledgement_lost: false,
        })
    }

    #[test]
    fn only_what_says_that_the_endpoint_is_down_counts_against_it() {
        let second = Some(Duration::from_secs(1));
        let error = |kind| ExportError::new(kind, "scripted");
        for (outcome, verdict) in [
            (Outcome::delivered(), Verdict::Success),
            (retry(ErrorKind::Network, None), Verdict::Failure),
            (retry(ErrorKind::Timeout, None), Verdict::Failure),
            (retry(ErrorKind::Unavailable, None), Verdict::Failure),
            (retry(ErrorKind::Destination, None), Verdict::Failure),
            (retry(ErrorKind::Unavailable, second), Verdict::Ignore),
            (retry(ErrorKind::Throttled, second), Verdict::Ignore),
            (retry(ErrorKind::Throttled, None), Verdict::Ignore),
            (Outcome::Refused(error(ErrorKind::Refused)), Verdict::Ignore),
            (Outcome::Refused(error(ErrorKind::Unauthorized)), Verdict::Ignore),
            (Outcome::TooLarge(error(ErrorKind::TooLarge)), Verdict::Ignore),
        ] {
            assert_eq!(JudgeEndpoint.judge(&outcome), verdict, "{outcome:?}");
        }
    }
}
