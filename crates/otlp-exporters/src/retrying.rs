//! The policies around each attempt of any destination: retry, then the circuit breaker of the endpoint, then the timeout.
//!
//! Retry is outermost, so each attempt asks the breaker. An attempt that the breaker does not let through, and one whose
//! failure finds it open, is no failure of the batch: the batch is put off, back into the queue, and uses up neither
//! attempts nor time. What the limits of retry end is a batch that fails while its endpoint works.

use std::{convert::Infallible, future::Future, sync::Arc};

use otlp_batch::{Attempts, Batch, BatchExporter, ExportFuture, Exported, ReadyFuture};
use otlp_core::{ErrorKind, ExportError, Outcome, RetryableFailure, Signal};
use otlp_reliability::{CircuitState, Control, Controlled, Error, Retry, Timeout};
use parking_lot::Mutex;

use crate::{EndpointBreaker, Hurry, RetryOutcomes, RetryableKinds, endpoint::is_alive};

/// One attempt to deliver a batch to a destination.
pub trait Attempt: Send + Sync {
    /// What is made of a batch once, for all attempts.
    type Prepared: Send + Sync;

    /// A name for reports: what it is and where it sends, without secrets.
    fn name(&self) -> String;

    /// Makes of a batch what the attempts need.
    fn prepare(&self, batch: &Batch) -> Result<Self::Prepared, ExportError>;

    /// Tries once. Dropping the future abandons the attempt.
    fn attempt(&self, prepared: &Self::Prepared) -> impl Future<Output = Outcome> + Send;
}

/// Hears of attempts that failed, also of those that are repeated.
pub trait AttemptObserver: Send + Sync {
    /// An attempt to deliver to `destination` failed and may be repeated.
    fn failed(&self, destination: &str, signal: Signal, error: &ExportError);
}

/// A destination with the policies around it.
pub struct Retrying<A> {
    attempt: A,
    name: String,
    retry: Retry<RetryOutcomes, Hurry>,
    /// By [`Signal::index`].
    breakers: [Option<EndpointBreaker>; 3],
    timeout: Option<Timeout>,
    observer: Option<Arc<dyn AttemptObserver>>,
}

impl<A: Attempt> Retrying<A> {
    /// `attempt`, repeated as `retry` says; `hurry` ends the waits in between.
    pub fn new(attempt: A, retry: Retry, hurry: Hurry) -> Self {
        let name = attempt.name();
        Retrying {
            attempt,
            name,
            retry: retry.with_classifier(RetryOutcomes::default()).with_clock(hurry),
            breakers: [const { None }; 3],
            timeout: None,
            observer: None,
        }
    }

    /// Repeats failures of these kinds alone; a batch that fails in another way is given up.
    pub fn with_retryable(mut self, kinds: RetryableKinds) -> Self {
        self.retry = self.retry.with_classifier(RetryOutcomes::of(kinds));
        self
    }

    /// Asks the breaker of the signal's endpoint before each attempt; in the order of [`Signal::ALL`]. Signals that go to
    /// the same endpoint share one.
    pub fn with_circuit_breakers(mut self, by_signal: [Option<EndpointBreaker>; 3]) -> Self {
        self.breakers = by_signal;
        self
    }

    /// Abandons attempts that take longer. Nobody can tell whether such an attempt delivered, so its acknowledgement
    /// counts as lost; not for destinations that keep a time limit themselves and know better.
    pub fn with_timeout(mut self, timeout: Timeout) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lets `observer` hear of failed attempts.
    pub fn with_observer(mut self, observer: Arc<dyn AttemptObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The retry, and the timeout if there is one, each with its kind. The breakers are their owner's to show.
    pub fn policies(&self) -> Vec<(&'static str, Arc<dyn Control>)> {
        let retry = self.retry.control().map(|control| ("retry", control));
        let timeout = self.timeout.control().map(|control| ("timeout", control));
        retry.into_iter().chain(timeout).collect()
    }

    async fn deliver(&self, batch: &Batch, attempts: &Attempts<'_>) -> Exported {
        let prepared = match self.attempt.prepare(batch) {
            Ok(prepared) => prepared,
            Err(error) => return Outcome::Refused(error).into(),
        };
        let breaker = self.breaker(batch.signal());
        // The error of the last attempt, after which the breaker still let everything through.
        let last_error = Mutex::new(None);
        let once = || async {
            let permit = match breaker.map(|breaker| breaker.try_acquire()).transpose() {
                Ok(permit) => permit,
                Err(_) => return Exported::PutOff { error: last_error.lock().take(), was_up: true },
            };
            let was_up = breaker.is_none_or(takes_all);
            attempts.begin();
            let outcome = self.in_time(&prepared).await;
            attempts.end(&outcome);
            if let Some(permit) = permit {
                permit.record(&outcome);
            }
            if let Outcome::Retry(failure) = &outcome {
                if let Some(observer) = &self.observer {
                    observer.failed(&self.name, batch.signal(), &failure.error);
                }
                *last_error.lock() = Some(failure.error.clone());
            }
            unless_down(outcome, breaker, was_up)
        };
        match self.retry.execute(once).await {
            // Out of time: but if the endpoint went down during the last wait, that is not the batch's fault.
            Exported::Settled(outcome) => unless_down(outcome, breaker, true),
            put_off => put_off,
        }
    }

    /// One attempt under the timeout.
    async fn in_time(&self, prepared: &A::Prepared) -> Outcome {
        let Some(timeout) = &self.timeout else { return self.attempt.attempt(prepared).await };
        let answer: Result<Outcome, Error<Infallible>> =
            timeout.execute(|| async { Ok(self.attempt.attempt(prepared).await) }).await;
        answer.unwrap_or_else(|late| {
            let error = ExportError::new(ErrorKind::Timeout, format!("{}: {late}", self.name));
            Outcome::Retry(RetryableFailure { error, after: None, acknowledgement_lost: true })
        })
    }

    fn breaker(&self, signal: Signal) -> Option<&EndpointBreaker> {
        self.breakers[signal.index()].as_ref()
    }
}

/// The outcome of an attempt, or the batch put off: it failed because the endpoint is down. Only that failure counts: one
/// that the endpoint answered with a delay is the retry's to obey, also between probes.
fn unless_down(outcome: Outcome, breaker: Option<&EndpointBreaker>, was_up: bool) -> Exported {
    let is_down = breaker.is_some_and(|breaker| !takes_all(breaker));
    match outcome {
        Outcome::Retry(failure) if is_down && !is_alive(&failure) => {
            Exported::PutOff { error: Some(failure.error), was_up }
        }
        outcome => outcome.into(),
    }
}

/// Whether the breaker neither holds calls back nor counts them as probes.
fn takes_all(breaker: &EndpointBreaker) -> bool {
    matches!(breaker.state(), CircuitState::Closed | CircuitState::ForcedClosed)
}

impl<A: Attempt> BatchExporter for Retrying<A> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn unready(&self, signal: Signal) -> Option<ReadyFuture<'_>> {
        let breaker = self.breaker(signal).filter(|breaker| !takes_all(breaker))?;
        Some(Box::pin(breaker.ready()))
    }

    fn export<'a>(&'a self, batch: &'a Batch, attempts: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(self.deliver(batch, attempts))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use otlp_reliability::{CircuitBreaker, Observer};

    use super::*;
    use crate::JudgeEndpoint;

    #[test]
    fn only_a_failure_of_an_endpoint_that_is_down_is_put_off() {
        let failure = |kind, after| {
            let error = ExportError::new(kind, "scripted");
            Outcome::Retry(RetryableFailure { error, after, acknowledgement_lost: false })
        };
        let nobody: Arc<dyn Observer> = Arc::new(());
        let breaker = CircuitBreaker::new(1, Duration::from_secs(1)).with_judge(JudgeEndpoint).with_observer(nobody);
        let is_put_off =
            |outcome, breaker| matches!(unless_down(outcome, breaker, true), Exported::PutOff { error: Some(_), .. });
        let network = failure(ErrorKind::Network, None);
        assert!(!is_put_off(network.clone(), None));
        assert!(!is_put_off(network.clone(), Some(&breaker)), "the breaker is closed");
        for down in [CircuitBreaker::force_open, CircuitBreaker::half_open, CircuitBreaker::isolate] {
            down(&breaker);
            assert!(is_put_off(network.clone(), Some(&breaker)));
            assert!(!is_put_off(failure(ErrorKind::Unavailable, Some(Duration::ZERO)), Some(&breaker)));
            assert!(!is_put_off(failure(ErrorKind::Throttled, None), Some(&breaker)));
            assert!(!is_put_off(Outcome::delivered(), Some(&breaker)));
        }
        breaker.force_closed();
        assert!(!is_put_off(network, Some(&breaker)));
    }
}
