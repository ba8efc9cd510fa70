//! The only retry in the client: attempts along a route, until there is an outcome or the batch is put off.
//!
//! Retry is outermost, so the route is asked before each attempt. An attempt that it does not let through, and one whose
//! failure leaves it shut, is no failure of the batch: the batch is put off, back into the queue, and uses up neither
//! attempts nor time. What the limits of retry end is a batch that fails while its endpoint works.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use otlp_batch::{Attempts, Batch, BatchExporter, Exported};
use otlp_core::{ExportError, Outcome, Signal};
use otlp_reliability::{Clock, Control, Controlled, Retry, TokioClock};
use parking_lot::Mutex;

use crate::{
    Hurry, RetryOutcomes, RetryableKinds,
    endpoint::is_alive,
    route::{Route, Tried},
};

/// Hears of attempts, also of those that are repeated. Called where batches are delivered: it must be quick.
pub trait AttemptObserver: Send + Sync {
    /// An attempt to deliver to `destination` failed and may be repeated.
    fn failed(&self, destination: &str, signal: Signal, error: &ExportError);

    /// An attempt ended as `outcome` says, after `took`. Attempts that are abandoned in the middle are not told.
    fn attempted(&self, _destination: &str, _signal: Signal, _outcome: &Outcome, _took: Duration) {}

    /// A batch, or a part of one, will not be tried again here; `took` is the time since its first attempt began, waits
    /// included. One that is put off is not told: it comes back.
    fn concluded(&self, _destination: &str, _signal: Signal, _outcome: &Outcome, _took: Duration) {}
}

/// An exporter whose policies can be looked at.
pub trait Governed: BatchExporter {
    /// The policies around its attempts, each with its kind. Circuit breakers are their owner's to show.
    fn policies(&self) -> Vec<(&'static str, Arc<dyn Control>)>;
}

/// Repeats attempts.
pub(crate) struct Repeat {
    pub(crate) name: String,
    retry: Retry<RetryOutcomes, Hurry>,
    observer: Option<Arc<dyn AttemptObserver>>,
}

impl Repeat {
    pub(crate) fn new(name: String, retry: Retry, hurry: Hurry) -> Self {
        Repeat { name, retry: retry.with_classifier(RetryOutcomes::default()).with_clock(hurry), observer: None }
    }

    pub(crate) fn of_kinds(mut self, kinds: RetryableKinds) -> Self {
        self.retry = self.retry.with_classifier(RetryOutcomes::of(kinds));
        self
    }

    pub(crate) fn observe(&mut self, observer: Arc<dyn AttemptObserver>) {
        self.observer = Some(observer);
    }

    pub(crate) fn policies(&self, route: &impl Route) -> Vec<(&'static str, Arc<dyn Control>)> {
        let retry = self.retry.control().map(|control| ("retry", control));
        retry.into_iter().chain(route.policies()).collect()
    }

    pub(crate) async fn deliver<R: Route>(&self, route: &R, batch: &Batch, attempts: &Attempts<'_>) -> Exported {
        let signal = batch.signal();
        let course = match route.begin(batch, attempts.memory()) {
            Ok(course) => course,
            Err(error) => return Outcome::Refused(error).into(),
        };
        // The error of the last attempt, after which the route was still open.
        let last_error = Mutex::new(None);
        let first_began = Mutex::new(None);
        let once = || async {
            let began = TokioClock.now();
            let Some(Tried { outcome, was_up }) = route.attempt(batch, &course, attempts).await else {
                return Exported::PutOff { error: last_error.lock().take(), was_up: true };
            };
            first_began.lock().get_or_insert(began);
            self.tell(|observer| observer.attempted(&self.name, signal, &outcome, since(began)));
            if let Outcome::Retry(failure) = &outcome {
                self.tell(|observer| observer.failed(&self.name, signal, &failure.error));
                *last_error.lock() = Some(failure.error.clone());
            }
            unless_down(outcome, !route.takes_all(signal), was_up)
        };
        let exported = match self.retry.execute(once).await {
            // Out of time: but if the endpoint went down during the last wait, that is not the batch's fault.
            Exported::Settled(outcome) => unless_down(outcome, !route.takes_all(signal), true),
            put_off => put_off,
        };
        if let (Exported::Settled(outcome), Some(began)) = (&exported, *first_began.lock()) {
            self.tell(|observer| observer.concluded(&self.name, signal, outcome, since(began)));
        }
        exported
    }

    fn tell(&self, what: impl FnOnce(&dyn AttemptObserver)) {
        if let Some(observer) = &self.observer {
            what(&**observer);
        }
    }
}

fn since(began: Instant) -> Duration {
    TokioClock.now().saturating_duration_since(began)
}

/// The outcome of an attempt, or the batch put off: it failed because the endpoint is down. Only that failure counts: one
/// that the endpoint answered with a delay is the retry's to obey, also between probes.
fn unless_down(outcome: Outcome, is_down: bool, was_up: bool) -> Exported {
    match outcome {
        Outcome::Retry(failure) if is_down && !is_alive(&failure) => {
            Exported::PutOff { error: Some(failure.error), was_up }
        }
        outcome => outcome.into(),
    }
}

#[cfg(test)]
mod tests {
    use otlp_core::{ErrorKind, RetryableFailure};

    use super::*;

    #[test]
    fn only_a_failure_of_an_endpoint_that_is_down_is_put_off() {
        let failure = |kind, after| {
            let error = ExportError::new(kind, "scripted");
            Outcome::Retry(RetryableFailure { error, after, acknowledgement_lost: false })
        };
        let is_put_off =
            |outcome, is_down| matches!(unless_down(outcome, is_down, true), Exported::PutOff { error: Some(_), .. });
        let network = failure(ErrorKind::Network, None);
        assert!(!is_put_off(network.clone(), false));
        assert!(is_put_off(network, true));
        assert!(!is_put_off(failure(ErrorKind::Unavailable, Some(Duration::ZERO)), true));
        assert!(!is_put_off(failure(ErrorKind::Throttled, None), true));
        assert!(!is_put_off(Outcome::delivered(), true));
    }
}
