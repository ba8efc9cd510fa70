//! The policies around each attempt of a destination that is one endpoint: retry, then the circuit breaker of the
//! endpoint, then the timeout.

use std::{convert::Infallible, future::Future, sync::Arc};

use otlp_batch::{Attempts, Batch, BatchExporter, ExportFuture, MemoryBudget, ReadyFuture};
use otlp_core::{ErrorKind, ExportError, Outcome, RetryableFailure, Signal};
use otlp_reliability::{CircuitState, Control, Controlled, Error, Retry, Timeout};

use crate::{
    AttemptObserver, EndpointBreaker, Governed, Hurry, RetryableKinds,
    repeat::Repeat,
    route::{Route, Tried},
};

/// One attempt to deliver a batch to a destination.
pub trait Attempt: Send + Sync {
    /// What is made of a batch once, for all attempts.
    type Prepared: Send + Sync;

    /// A name for reports: what it is and where it sends, without secrets.
    fn name(&self) -> String;

    /// Makes of a batch what the attempts need. What is kept of it beside its own bytes, and could be made again, is kept
    /// only if `memory` has room.
    fn prepare(&self, batch: &Batch, memory: &MemoryBudget) -> Result<Self::Prepared, ExportError>;

    /// Tries once. Dropping the future abandons the attempt.
    fn attempt(&self, prepared: &Self::Prepared) -> impl Future<Output = Outcome> + Send;
}

/// A destination with the policies around it.
pub struct Retrying<A> {
    repeat: Repeat,
    guarded: Guarded<A>,
}

/// One endpoint with what is asked before each attempt.
struct Guarded<A> {
    attempt: A,
    name: String,
    /// By [`Signal::index`].
    breakers: [Option<EndpointBreaker>; 3],
    timeout: Option<Timeout>,
}

impl<A: Attempt> Retrying<A> {
    /// `attempt`, repeated as `retry` says; `hurry` ends the waits in between.
    pub fn new(attempt: A, retry: Retry, hurry: Hurry) -> Self {
        let name = attempt.name();
        Retrying {
            repeat: Repeat::new(name.clone(), retry, hurry),
            guarded: Guarded { attempt, name, breakers: [const { None }; 3], timeout: None },
        }
    }

    /// Repeats failures of these kinds alone; a batch that fails in another way is given up.
    pub fn with_retryable(mut self, kinds: RetryableKinds) -> Self {
        self.repeat = self.repeat.of_kinds(kinds);
        self
    }

    /// Asks the breaker of the signal's endpoint before each attempt; in the order of [`Signal::ALL`]. Signals that go to
    /// the same endpoint share one.
    pub fn with_circuit_breakers(mut self, by_signal: [Option<EndpointBreaker>; 3]) -> Self {
        self.guarded.breakers = by_signal;
        self
    }

    /// Abandons attempts that take longer. Nobody can tell whether such an attempt delivered, so its acknowledgement
    /// counts as lost; not for destinations that keep a time limit themselves and know better.
    pub fn with_timeout(mut self, timeout: Timeout) -> Self {
        self.guarded.timeout = Some(timeout);
        self
    }

    /// Lets `observer` hear of failed attempts.
    pub fn with_observer(mut self, observer: Arc<dyn AttemptObserver>) -> Self {
        self.repeat.observe(observer);
        self
    }
}

impl<A: Attempt> Guarded<A> {
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

impl<A: Attempt> Route for Guarded<A> {
    type Course = A::Prepared;

    fn begin(&self, batch: &Batch, memory: &MemoryBudget) -> Result<A::Prepared, ExportError> {
        self.attempt.prepare(batch, memory)
    }

    async fn attempt(&self, batch: &Batch, prepared: &A::Prepared, attempts: &Attempts<'_>) -> Option<Tried> {
        let breaker = self.breaker(batch.signal());
        let permit = breaker.map(|breaker| breaker.try_acquire()).transpose().ok()?;
        let was_up = breaker.is_none_or(takes_all);
        attempts.begin();
        let outcome = self.in_time(prepared).await;
        attempts.end(&outcome);
        if let Some(permit) = permit {
            permit.record(&outcome);
        }
        Some(Tried { outcome, was_up })
    }

    fn takes_all(&self, signal: Signal) -> bool {
        self.breaker(signal).is_none_or(takes_all)
    }

    fn ready(&self, signal: Signal) -> ReadyFuture<'_> {
        match self.breaker(signal) {
            Some(breaker) => Box::pin(breaker.ready()),
            None => Box::pin(std::future::ready(())),
        }
    }

    fn policies(&self) -> Vec<(&'static str, Arc<dyn Control>)> {
        self.timeout.control().map(|control| ("timeout", control)).into_iter().collect()
    }
}

/// Whether the breaker neither holds calls back nor counts them as probes.
fn takes_all(breaker: &EndpointBreaker) -> bool {
    matches!(breaker.state(), CircuitState::Closed | CircuitState::ForcedClosed)
}

impl<A: Attempt> BatchExporter for Retrying<A> {
    fn name(&self) -> String {
        self.repeat.name.clone()
    }

    fn unready(&self, signal: Signal) -> Option<ReadyFuture<'_>> {
        (!self.guarded.takes_all(signal)).then(|| self.guarded.ready(signal))
    }

    fn export<'a>(&'a self, batch: &'a Batch, attempts: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(self.repeat.deliver(&self.guarded, batch, attempts))
    }
}

impl<A: Attempt> Governed for Retrying<A> {
    fn policies(&self) -> Vec<(&'static str, Arc<dyn Control>)> {
        self.repeat.policies(&self.guarded)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use otlp_reliability::{CircuitBreaker, Observer};

    use super::*;
    use crate::JudgeEndpoint;

    #[test]
    fn a_breaker_takes_all_unless_it_holds_calls_back_or_counts_them() {
        let nobody: Arc<dyn Observer> = Arc::new(());
        let breaker = CircuitBreaker::new(1, Duration::from_secs(1)).with_judge(JudgeEndpoint).with_observer(nobody);
        assert!(takes_all(&breaker));
        for down in [CircuitBreaker::force_open, CircuitBreaker::half_open, CircuitBreaker::isolate] {
            down(&breaker);
            assert!(!takes_all(&breaker), "{:?}", breaker.state());
        }
        breaker.force_closed();
        assert!(takes_all(&breaker));
    }
}
