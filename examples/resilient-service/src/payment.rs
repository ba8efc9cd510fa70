//! A payment, its receipt, and the ways in which it can fail; what each way means to the policies and to the client.
//!
//! What must hold: the three readings of one failure agree. What is the client's own doing (a declined card) counts
//! against nobody and is not tried again; what a policy turned away never reached the provider, so it says nothing of
//! the provider.

use std::{fmt, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use otlp_reliability::{Classify, Decision, Error, Judge, Rejection, Verdict};
use serde::{Deserialize, Serialize};

/// The header by which the provider recognises a payment that it has seen before. Without one a payment could not be
/// retried: an attempt whose answer was lost may have taken the money.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What a client asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// The order that is paid. It is paid once.
    pub order: String,
    /// How much.
    pub amount_cents: u64,
}

/// What is wrong with a payment that is not sound.
pub(crate) const UNSOUND: &str = "order takes 1 to 64 letters, digits and hyphens, amount_cents takes more than zero";

impl Payment {
    /// Whether it can be passed on: the order becomes an idempotency key, which travels in a header.
    pub(crate) fn is_sound(&self) -> bool {
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=64).contains(&self.order.len()) && self.order.bytes().all(is_key) && self.amount_cents > 0
    }
}

/// What a client gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The order that was paid.
    pub order: String,
    /// The provider's name for the payment.
    pub charge: String,
}

/// The error of a payment: the provider's, or the rejection of a policy.
pub type PaymentError = Error<ProviderError>;

/// What the provider did wrong, or said no to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderError {
    /// It works, and says no.
    Declined,
    /// It answered with a status that nobody can do anything with.
    Failed(u16),
    /// It could not be reached, or broke off in the middle.
    Unreachable(String),
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProviderError::Declined => f.write_str("the payment was declined"),
            ProviderError::Failed(status) => write!(f, "the payment provider answered with status {status}"),
            ProviderError::Unreachable(why) => write!(f, "the payment provider cannot be reached: {why}"),
        }
    }
}

impl std::error::Error for ProviderError {}

/// Judges the provider, for the circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderHealth;

impl<T> Judge<Result<T, PaymentError>> for ProviderHealth {
    fn judge(&self, result: &Result<T, PaymentError>) -> Verdict {
        match result {
            Ok(_) | Err(Error::Inner(ProviderError::Declined)) => Verdict::Success,
            // A request that the provider does not understand is our mistake. It says nothing of the provider.
            Err(Error::Inner(ProviderError::Failed(400..500))) => Verdict::Ignore,
            Err(Error::Inner(_) | Error::Rejected(Rejection::Timeout { .. })) => Verdict::Failure,
            Err(Error::Rejected(_)) => Verdict::Ignore,
        }
    }
}

/// Decides whether another attempt may go better, for the retry. A rejection other than a timeout is final: policies
/// that say "not now" are there to be believed, and the client is told when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorthAnotherAttempt;

impl<T> Classify<Result<T, PaymentError>> for WorthAnotherAttempt {
    fn classify(&self, result: &Result<T, PaymentError>) -> Decision {
        match result {
            Ok(_) | Err(Error::Inner(ProviderError::Declined | ProviderError::Failed(400..500))) => Decision::Done,
            Err(Error::Inner(_) | Error::Rejected(Rejection::Timeout { .. })) => Decision::Retry,
            Err(Error::Rejected(_)) => Decision::Done,
        }
    }
}

/// How a payment ended, in the words of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are what they count")]
pub enum Outcome {
    Paid,
    Declined,
    ProviderFailed,
    TimedOut,
    BreakerOpen,
    Overloaded,
    RateLimited,
    Misconfigured,
}

impl Outcome {
    /// The outcome of a payment.
    pub fn of(result: &Result<Receipt, PaymentError>) -> Self {
        match result {
            Ok(_) => Outcome::Paid,
            Err(Error::Inner(ProviderError::Declined)) => Outcome::Declined,
            Err(Error::Inner(_)) => Outcome::ProviderFailed,
            Err(Error::Rejected(Rejection::Timeout { .. })) => Outcome::TimedOut,
            Err(Error::Rejected(Rejection::Open { .. })) => Outcome::BreakerOpen,
            Err(Error::Rejected(Rejection::RateLimited { .. })) => Outcome::RateLimited,
            Err(Error::Rejected(Rejection::Misconfigured { .. })) => Outcome::Misconfigured,
            // Full, a spent budget, and what later policies may reject for: there is no room for this call now.
            Err(Error::Rejected(_)) => Outcome::Overloaded,
        }
    }

    /// The status that a client sees: its own mistakes are 4xx, ours are 5xx. A 503 says when to come back; a 504 that
    /// nobody knows how the payment ended. After either, the same order can be sent again: it is paid once.
    pub fn status(self) -> StatusCode {
        match self {
            Outcome::Paid => StatusCode::OK,
            Outcome::Declined => StatusCode::PAYMENT_REQUIRED,
            Outcome::ProviderFailed => StatusCode::BAD_GATEWAY,
            Outcome::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Outcome::BreakerOpen | Outcome::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Outcome::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Outcome::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The name of the outcome in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Paid => "paid",
            Outcome::Declined => "declined",
            Outcome::ProviderFailed => "provider_failed",
            Outcome::TimedOut => "timed_out",
            Outcome::BreakerOpen => "breaker_open",
            Outcome::Overloaded => "overloaded",
            Outcome::RateLimited => "rate_limited",
            Outcome::Misconfigured => "misconfigured",
        }
    }
}

/// What a client is told to wait when nobody knows better: long enough for a bulkhead to turn over.
const COME_BACK: Duration = Duration::from_secs(1);

/// The answer to a client.
pub fn respond(result: Result<Receipt, PaymentError>) -> Response {
    let outcome = Outcome::of(&result);
    match result {
        Ok(receipt) => Json(receipt).into_response(),
        Err(error) => {
            let body = Json(Problem { error: error.to_string(), outcome: outcome.name() });
            let mut response = (outcome.status(), body).into_response();
            if matches!(outcome, Outcome::BreakerOpen | Outcome::Overloaded | Outcome::RateLimited) {
                let wait = error.rejection().and_then(Rejection::retry_after).unwrap_or(COME_BACK);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
            }
            response
        }
    }
}

/// `Retry-After` has no fractions; rounded up, so that nobody who obeys comes too early, and never zero.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[derive(Debug, Serialize)]
struct Problem {
    error: String,
    outcome: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// The outcome, the status, the seconds of `Retry-After`, the verdict on the provider, and whether it is retried.
    fn reading(error: PaymentError) -> (&'static str, u16, Option<u64>, Verdict, bool) {
        let result = Err::<Receipt, _>(error);
        let (verdict, decision) = (ProviderHealth.judge(&result), WorthAnotherAttempt.classify(&result));
        let outcome = Outcome::of(&result);
        let response = respond(result);
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.map(|seconds| seconds.to_str().unwrap().parse().unwrap());
        (outcome.name(), response.status().as_u16(), retry_after, verdict, decision != Decision::Done)
    }

    #[test]
    fn what_the_provider_says_is_judged_and_passed_on() {
        let unreachable = ProviderError::Unreachable("connection refused".to_owned());
        assert_eq!(reading(Error::Inner(ProviderError::Declined)), ("declined", 402, None, Verdict::Success, false));
        assert_eq!(
            reading(Error::Inner(ProviderError::Failed(500))),
            ("provider_failed", 502, None, Verdict::Failure, true)
        );
        let refused = ProviderError::Failed(400);
        assert_eq!(reading(Error::Inner(refused)), ("provider_failed", 502, None, Verdict::Ignore, false));
        assert_eq!(reading(Error::Inner(unreachable)), ("provider_failed", 502, None, Verdict::Failure, true));
    }

    #[test]
    fn each_rejection_has_its_status_and_says_when_to_come_back() {
        let read = |rejection| reading(Error::Rejected(rejection));
        let open = |retry_after| read(Rejection::Open { retry_after });
        assert_eq!(open(Some(1500 * MILLI)), ("breaker_open", 503, Some(2), Verdict::Ignore, false));
        assert_eq!(open(Some(Duration::ZERO)), ("breaker_open", 503, Some(1), Verdict::Ignore, false));
        assert_eq!(open(Some(Duration::MAX)), ("breaker_open", 503, Some(u64::MAX), Verdict::Ignore, false));
        assert_eq!(open(None), ("breaker_open", 503, Some(1), Verdict::Ignore, false));
        assert_eq!(read(Rejection::Full), ("overloaded", 503, Some(1), Verdict::Ignore, false));
        assert_eq!(read(Rejection::Budget), ("overloaded", 503, Some(1), Verdict::Ignore, false));
        let limited = Rejection::RateLimited { retry_after: 2001 * MILLI };
        assert_eq!(read(limited), ("rate_limited", 429, Some(3), Verdict::Ignore, false));
        assert_eq!(read(Rejection::Timeout { after: MILLI }), ("timed_out", 504, None, Verdict::Failure, true));
        let misconfigured = Rejection::Misconfigured { field: "after", accepted: "more than zero" };
        assert_eq!(read(misconfigured), ("misconfigured", 500, None, Verdict::Ignore, false));
    }
}
