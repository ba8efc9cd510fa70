//! A client of the fleet: a queue, a dispatcher with a few batches in flight, and the real policies around each attempt,
//! put together as `otlp_exporters::Retrying` does it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use otlp_batch::{BatchLimits, CatchUp, Exported, Turn};
use otlp_client::config::{default_circuit_breaker, default_retry};
use otlp_core::{ErrorKind, Outcome, RetryableFailure};
use otlp_exporters::{EndpointBreaker, JudgeEndpoint, RetryOutcomes};
use otlp_reliability::{Bulkhead, BulkheadConfig, CircuitState, Jitter, Observer, Permit, Retry, RetryPolicy};
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
    /// The client's retry and its circuit breaker; the backlog as fast as it is acknowledged.
    Unpaced,
    /// The same, and the backlog at the pace of [`CatchUp`]: what a client has by default.
    Default,
}

impl Policies {
    pub(crate) const ALL: [Policies; 5] =
        [Policies::Naive, Policies::Backoff, Policies::Jittered, Policies::Unpaced, Policies::Default];

    fn retry(self) -> Retry<RetryOutcomes> {
        let policy = match self {
            Policies::Naive => RetryPolicy::constant(Duration::from_secs(5)).with_max_attempts(None),
            Policies::Backoff => default_retry(true).with_jitter(Jitter::None),
            Policies::Jittered => default_retry(true),
            Policies::Unpaced | Policies::Default => default_retry(false),
        };
        policy.build().unwrap().with_classifier(RetryOutcomes::default())
    }

    fn breaker(self) -> Option<EndpointBreaker> {
        let nobody: Arc<dyn Observer> = Arc::new(());
        let breaker = || default_circuit_breaker().build().unwrap().with_judge(JudgeEndpoint).with_observer(nobody);
        matches!(self, Policies::Unpaced | Policies::Default).then(breaker)
    }

    fn catch_up(self) -> CatchUp {
        CatchUp::new(BatchLimits::default().catch_up_percent.filter(|_| self == Policies::Default))
    }
}

pub(crate) struct Client {
    retry: Retry<RetryOutcomes>,
    breaker: Option<EndpointBreaker>,
    catch_up: CatchUp,
    in_flight: Bulkhead,
    begins: Instant,
    batch_every: Duration,
    queue: Mutex<Batches>,
    lost: AtomicU64,
    receivers: Arc<Receivers>,
}

/// The sequences of batches.
#[derive(Default)]
struct Batches {
    made: u64,
    waiting: BTreeSet<u64>,
    in_flight: BTreeSet<u64>,
}

impl Client {
    pub(crate) fn new(policies: Policies, begins: Instant, fleet: Fleet, receivers: Arc<Receivers>) -> Self {
        Client {
            retry: policies.retry(),
            breaker: policies.breaker(),
            catch_up: policies.catch_up(),
            in_flight: lane(),
            begins,
            batch_every: fleet.batch_every,
            queue: Mutex::default(),
            lost: AtomicU64::new(0),
            receivers,
        }
    }

    /// The queue, with all batches that were made by now. Each is one item.
    fn queue(&self) -> MutexGuard<'_, Batches> {
        let mut queue = self.queue.lock().unwrap();
        let since = Instant::now().saturating_duration_since(self.begins);
        let made = (since.as_nanos() / self.batch_every.as_nanos()) as u64;
        for sequence in queue.made + 1..=made {
            queue.waiting.insert(sequence);
            self.catch_up.put(sequence, 1, self.begins + self.batch_every * sequence as u32);
        }
        queue.made = made;
        queue
    }

    /// How many wait in the queue or are in flight.
    pub(crate) fn pending(&self) -> usize {
        let queue = self.queue();
        queue.waiting.len() + queue.in_flight.len()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// The dispatcher.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            if let Some(breaker) = self.breaker.as_ref().filter(|breaker| !takes_all(breaker)) {
                self.catch_up.down(Instant::now());
                breaker.ready().await;
            }
            if self.breaker.as_ref().is_none_or(takes_all) {
                drop(self.queue());
                self.catch_up.up(Instant::now());
            }
            let Ok(permit) = self.in_flight.acquire().await else { return };
            match self.take() {
                Ok(sequence) => drop(tokio::spawn(Arc::clone(&self).deliver(sequence, permit))),
                Err(next) => {
                    drop(permit);
                    sleep_until(next).await;
                }
            }
        }
    }

    /// The next batch, or when there may be one.
    fn take(&self) -> Result<u64, Instant> {
        let queue = &mut *self.queue();
        let now = Instant::now();
        let above = |least: u64| queue.waiting.range(least + 1..).next().copied();
        let sequence = match self.catch_up.turn(now) {
            Turn::Oldest => above(0),
            Turn::NewFirst(backlog) => above(backlog).or_else(|| above(0)),
            Turn::NewOnly(backlog) => above(backlog),
        };
        let Some(sequence) = sequence else {
            let next = self.begins + self.batch_every * (queue.made as u32 + 1);
            return Err(self.catch_up.wait(now).map_or(next, |wait| next.min(now + wait)));
        };
        self.catch_up.went(sequence, 1, now);
        queue.waiting.remove(&sequence);
        queue.in_flight.insert(sequence);
        Ok(sequence)
    }

    /// The batch is no longer in flight.
    fn land(&self, sequence: u64, is_back: bool) {
        let queue = &mut *self.queue();
        queue.in_flight.remove(&sequence);
        if is_back {
            queue.waiting.insert(sequence);
        }
        self.catch_up.settled(|| queue.waiting.first().into_iter().chain(queue.in_flight.first()).min().copied());
    }

    async fn deliver(self: Arc<Self>, sequence: u64, _permit: Permit) {
        let breaker = self.breaker.as_ref();
        let once = || async {
            let Ok(permit) = breaker.map(|breaker| breaker.try_acquire()).transpose() else {
                return Exported::PutOff { error: None, was_up: true };
            };
            let outcome = self.receivers.take().await;
            if let Some(permit) = permit {
                permit.record(&outcome);
            }
            if let Outcome::Retry(_) = outcome {
                self.catch_up.failed(Instant::now());
            }
            unless_down(outcome, breaker)
        };
        let exported = match self.retry.execute(once).await {
            Exported::Settled(outcome) => unless_down(outcome, breaker),
            put_off => put_off,
        };
        let is_lost = matches!(exported, Exported::Settled(ref outcome) if !matches!(outcome, Outcome::Delivered(_)));
        self.lost.fetch_add(u64::from(is_lost), Relaxed);
        self.land(sequence, matches!(exported, Exported::PutOff { .. }));
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
