//! Repeats attempts as a retry policy says: the one place where any destination is retried.

use std::{future::Future, sync::Arc};

use otlp_batch::{Attempts, Batch, BatchExporter, ExportFuture, Exported};
use otlp_core::{ExportError, Outcome, Signal};
use otlp_reliability::{Classify, Decision, Retry};

use crate::Hurry;

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

/// A destination with retries.
pub struct Retrying<A> {
    attempt: A,
    name: String,
    retry: Retry<RetryOutcomes, Hurry>,
    observer: Option<Arc<dyn AttemptObserver>>,
}

/// Retries what an [`Outcome`] says can be retried, no sooner than the receiver asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryOutcomes;

impl Classify<Outcome> for RetryOutcomes {
    fn classify(&self, outcome: &Outcome) -> Decision {
        match outcome {
            Outcome::Retry(failure) => failure.after.map_or(Decision::Retry, Decision::RetryAfter),
            _ => Decision::Done,
        }
    }
}

impl<A: Attempt> Retrying<A> {
    /// `attempt`, repeated as `retry` says; `hurry` ends the waits in between.
    pub fn new(attempt: A, retry: Retry, hurry: Hurry) -> Self {
        let name = attempt.name();
        Retrying { attempt, name, retry: retry.with_classifier(RetryOutcomes).with_clock(hurry), observer: None }
    }

    /// Lets `observer` hear of failed attempts.
    pub fn with_observer(mut self, observer: Arc<dyn AttemptObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    async fn deliver(&self, batch: &Batch, attempts: &Attempts<'_>) -> Exported {
        let prepared = match self.attempt.prepare(batch) {
            Ok(prepared) => prepared,
            Err(error) => return Outcome::Refused(error).into(),
        };
        let once = || async {
            attempts.begin();
            let outcome = self.attempt.attempt(&prepared).await;
            attempts.end(&outcome);
            if let (Outcome::Retry(failure), Some(observer)) = (&outcome, &self.observer) {
                observer.failed(&self.name, batch.signal(), &failure.error);
            }
            outcome
        };
        self.retry.execute(once).await.into()
    }
}

impl<A: Attempt> BatchExporter for Retrying<A> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn export<'a>(&'a self, batch: &'a Batch, attempts: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(self.deliver(batch, attempts))
    }
}
