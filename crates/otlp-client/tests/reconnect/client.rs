//! A client of the fleet: a queue, a dispatcher with a few batches in flight, and the real policies around each attempt,
//! put together as `otlp_exporters::Retrying` does it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use otlp_batch::{BatchLimits, Exported};
use otlp_client::config::{default_circuit_breaker, default_retry};
use otlp_core::{ErrorKind, Outcome, RetryableFailure};
use otlp_exporters::{EndpointBreaker, JudgeEndpoint, RetryOutcomes};
use otlp_reliability::{
    Bulkhead, BulkheadConfig, CircuitState, Jitter, Observer, Permit, RateLimiter, RateLimiterConfig, Retry,
    RetryPolicy,
};
use tokio::time::{Instant, sleep_until};

use super::{Fleet, receivers::Receivers};

/// How clients come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policies {
    /// Every failed batch again after five seconds, and nothing else.
    Naive,
    /// Waits that double up to 30 s, without jitter.
    Backoff,
    /// The same with full jitter: the client's retry, alone.
    Jittered,
    /// The client's retry and its circuit breaker: what a client has by default.
    Default,
    /// The same, sending no more than 1.8 times of what it makes: what no client does yet.
    Paced,
}

impl Policies {
    pub(crate) const ALL: [Policies; 5] =
        [Policies::Naive, Policies::Backoff, Policies::Jittered, Policies::Default, Policies::Paced];

    fn retry(self) -> Retry<RetryOutcomes> {
        let policy = match self {
            Policies::Naive => RetryPolicy::constant(Duration::from_secs(5)).with_max_attempts(None),
            Policies::Backoff => default_retry(true).with_jitter(Jitter::None),
            Policies::Jittered => default_retry(true),
            Policies::Default | Policies::Paced => default_retry(false),
        };
        policy.build().unwrap().with_classifier(RetryOutcomes::default())
    }

    fn breaker(self) -> Option<EndpointBreaker> {
        let nobody: Arc<dyn Observer> = Arc::new(());
        let breaker = || default_circuit_breaker().build().unwrap().with_judge(JudgeEndpoint).with_observer(nobody);
        matches!(self, Policies::Default | Policies::Paced).then(breaker)
    }

    fn pace(self, fleet: Fleet) -> Option<RateLimiter> {
        let pace = || {
            let settings = RateLimiterConfig::new(1, fleet.batch_every.div_f64(1.8));
            settings.with_max_wait(Duration::from_secs(3600)).build().unwrap()
        };
        (self == Policies::Paced).then(pace)
    }
}

pub(crate) struct Client {
    retry: Retry<RetryOutcomes>,
    breaker: Option<EndpointBreaker>,
    pace: Option<RateLimiter>,
    in_flight: Bulkhead,
    begins: Instant,
    batch_every: Duration,
    /// How many batches were taken from the queue and did not come back.
    taken: Mutex<u64>,
    lost: AtomicU64,
    receivers: Arc<Receivers>,
}

impl Client {
    pub(crate) fn new(policies: Policies, begins: Instant, fleet: Fleet, receivers: Arc<Receivers>) -> Self {
        Client {
            retry: policies.retry(),
            breaker: policies.breaker(),
            pace: policies.pace(fleet),
            in_flight: lane(),
            begins,
            batch_every: fleet.batch_every,
            taken: Mutex::new(0),
            lost: AtomicU64::new(0),
            receivers,
        }
    }

    /// How many batches it has made by now.
    fn made(&self) -> u64 {
        let since = Instant::now().saturating_duration_since(self.begins);
        (since.as_nanos() / self.batch_every.as_nanos()) as u64
    }

    /// How many wait in the queue or are in flight.
    pub(crate) fn pending(&self) -> u64 {
        let in_flight = u64::from(self.in_flight.snapshot().in_flight);
        self.made() - *self.taken.lock().unwrap() + in_flight
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// The dispatcher.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            if let Some(breaker) = self.breaker.as_ref().filter(|breaker| !takes_all(breaker)) {
                breaker.ready().await;
            }
            let Ok(permit) = self.in_flight.acquire().await else { return };
            if !self.take() {
                drop(permit);
                let next = self.begins + self.batch_every * (*self.taken.lock().unwrap() as u32 + 1);
                sleep_until(next).await;
                continue;
            }
            if let Some(pace) = &self.pace
                && pace.acquire().await.is_err()
            {
                return;
            }
            tokio::spawn(Arc::clone(&self).deliver(permit));
        }
    }

    fn take(&self) -> bool {
        let mut taken = self.taken.lock().unwrap();
        let is_there = *taken < self.made();
        *taken += u64::from(is_there);
        is_there
    }

    async fn deliver(self: Arc<Self>, _permit: Permit) {
        let breaker = self.breaker.as_ref();
        let once = || async {
            let Ok(permit) = breaker.map(|breaker| breaker.try_acquire()).transpose() else {
                return Exported::PutOff { error: None, was_up: true };
            };
            let outcome = self.receivers.take().await;
            if let Some(permit) = permit {
                permit.record(&outcome);
            }
            unless_down(outcome, breaker)
        };
        match self.retry.execute(once).await {
            Exported::Settled(Outcome::Delivered(_)) => {}
            Exported::Settled(outcome) => match unless_down(outcome, breaker) {
                Exported::PutOff { .. } => *self.taken.lock().unwrap() -= 1,
                Exported::Settled(_) => {
                    self.lost.fetch_add(1, Relaxed);
                }
            },
            Exported::PutOff { .. } => *self.taken.lock().unwrap() -= 1,
        }
    }
}

/// Room for what a client has in flight, with a place for the dispatcher to wait in.
fn lane() -> Bulkhead {
    let max_in_flight = BatchLimits::default().max_in_flight as u32;
    BulkheadConfig::new(max_in_flight).with_max_waiting(1).build().unwrap()
}

fn unless_down(outcome: Outcome, breaker: Option<&EndpointBreaker>) -> Exported {
    let is_alive = |failure: &RetryableFailure| failure.error.kind() == ErrorKind::Throttled;
    match outcome {
        Outcome::Retry(failure) if breaker.is_some_and(|one| !takes_all(one)) && !is_alive(&failure) => {
            Exported::PutOff { error: Some(failure.error), was_up: true }
        }
        outcome => outcome.into(),
    }
}

fn takes_all(breaker: &EndpointBreaker) -> bool {
    breaker.state() == CircuitState::Closed
}
