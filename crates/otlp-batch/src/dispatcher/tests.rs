//! The dispatcher before an endpoint that is down for a day, in virtual time and under the policies that guard it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use otlp_core::Signal;
use otlp_reliability::{
    BreakDuration, BulkheadConfig, CircuitBreaker, CircuitBreakerConfig, CircuitState, Classify, Decision, Retry,
    RetryPolicy,
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    CatchUp, ExportFuture, MemoryPoolConfig, MemoryQueue, QueueDepth, ReadyFuture, destination::Destination,
    pool::BufferPool,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const ITEMS: u64 = 10;

struct RetryFailures;

impl Classify<Exported> for RetryFailures {
    fn classify(&self, exported: &Exported) -> Decision {
        match exported {
            Exported::Settled(Outcome::Retry(_)) => Decision::Retry,
            _ => Decision::Done,
        }
    }
}

/// Retry, then breaker, around an endpoint that answers nothing until it is up.
struct Endpoint {
    is_up_from: Instant,
    retry: Retry<RetryFailures>,
    breaker: CircuitBreaker,
    attempts: AtomicU64,
    delivered: Mutex<Vec<u64>>,
}

impl Endpoint {
    /// Retries for five minutes; opens after five failures in a row, for 1 s to 30 s.
    fn up_in(wait: Duration) -> Arc<Self> {
        let retry = RetryPolicy::new().with_max_attempts(None).with_max_elapsed(Duration::from_secs(300));
        let breaks = BreakDuration::growing(Duration::from_secs(1), Duration::from_secs(30));
        let breaker = CircuitBreakerConfig::new()
            .with_failure_rate(None)
            .with_consecutive_failures(5)
            .with_half_open_probes(1)
            .with_break_duration(breaks);
        Arc::new(Endpoint {
            is_up_from: Instant::now() + wait,
            retry: retry.build().unwrap().with_classifier(RetryFailures),
            breaker: breaker.build().unwrap(),
            attempts: AtomicU64::new(0),
            delivered: Mutex::default(),
        })
    }

    async fn attempt(&self, batch: &Batch) -> Exported {
        let Ok(permit) = self.breaker.try_acquire() else { return Exported::PutOff { error: None, was_up: false } };
        let was_up = self.breaker.state() == CircuitState::Closed;
        self.attempts.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(5)).await;
        if Instant::now() >= self.is_up_from {
            permit.success();
            self.delivered.lock().push(batch.sequence());
            return Outcome::delivered().into();
        }
        permit.failure();
        let error = ExportError::new(ErrorKind::Network, "nobody listens");
        if self.breaker.state() == CircuitState::Closed {
            return Outcome::retry(error).into();
        }
        Exported::PutOff { error: Some(error), was_up }
    }
}

impl BatchExporter for Endpoint {
    fn name(&self) -> String {
        "endpoint".to_owned()
    }

    fn unready(&self, _: Signal) -> Option<ReadyFuture<'_>> {
        let is_closed = self.breaker.state() == CircuitState::Closed;
        (!is_closed).then(|| -> ReadyFuture<'_> { Box::pin(self.breaker.ready()) })
    }

    fn export<'a>(&'a self, batch: &'a Batch, _: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(self.retry.execute(|| self.attempt(batch)))
    }
}

/// A lane to the endpoint with four batches in flight, its dispatcher, and what stops it.
fn start(endpoint: &Arc<Endpoint>) -> (Destination, watch::Sender<bool>) {
    let exporter = Arc::clone(endpoint) as Arc<dyn BatchExporter>;
    let destination =
        Destination::new(Arc::clone(&exporter), &BufferPool::new(MemoryPoolConfig::default()).unwrap(), None, |_| {
            let in_flight = BulkheadConfig::new(4).with_max_waiting(1).build().unwrap();
            Ok((Box::new(MemoryQueue::new()), in_flight, CatchUp::new(Some(180))))
        });
    let destination = destination.unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(run(Arc::clone(destination.lane(Signal::Traces)), exporter, stopped));
    (destination, stop)
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_for_a_day_loses_nothing_and_is_left_in_peace() {
    let endpoint = Endpoint::up_in(DAY);
    let (destination, _stop) = start(&endpoint);
    let lane = destination.lane(Signal::Traces);
    for sequence in 1..=24 * 60 {
        lane.put(&Batch::of_items(sequence, ITEMS));
        sleep(Duration::from_secs(60) - Duration::from_millis(1)).await;
    }
    let everything = QueueDepth { waiting_batches: 1440, waiting_items: 1440 * ITEMS, ..QueueDepth::default() };
    assert_eq!((lane.depth(), lane.waiting()), (everything, 1440 * ITEMS), "all of them wait, none is held back");
    assert_eq!(lane.in_flight.snapshot().in_flight, 0);
    let ledger = destination.settled().traces;
    assert_eq!((ledger.delivered, ledger.rejected, ledger.dropped.total()), (0, 0, 0), "{ledger}");
    let attempts = endpoint.attempts.load(Ordering::Relaxed);
    let probes = DAY.as_secs() / 30;
    assert!((probes..probes + 20).contains(&attempts), "{attempts} attempts for {probes} breaks of 30 s");

    sleep(Duration::from_secs(60)).await;
    let at_once = destination.settled().traces.delivered;
    assert!((10..30).contains(&(at_once / ITEMS)), "one per five seconds, for it makes less: {at_once} items");
    lane.hurry(Instant::now() + Duration::from_secs(60));
    sleep(Duration::from_secs(60)).await;
    let mut delivered = endpoint.delivered.lock().clone();
    delivered.sort_unstable();
    assert_eq!(delivered, (1..=1440).collect::<Vec<_>>(), "each of them, once");
    assert_eq!((lane.depth(), lane.waiting()), (QueueDepth::default(), 0));
    assert_eq!(destination.settled().traces.delivered, 1440 * ITEMS);
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_age_the_batches_that_were_in_flight_when_it_began() {
    // Longer than the five minutes of the retry, and ended by itself: no flush, no new batch.
    let endpoint = Endpoint::up_in(Duration::from_secs(3600));
    let (destination, _stop) = start(&endpoint);
    let lane = destination.lane(Signal::Traces);
    (1..=4).for_each(|sequence| lane.put(&Batch::of_items(sequence, ITEMS)));
    sleep(Duration::from_secs(3600 + 50)).await;
    assert_eq!(destination.settled().traces.delivered, 4 * ITEMS);
    assert_eq!(lane.in_flight.snapshot().in_flight, 0, "no permit is kept");
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_the_outage_gives_what_waits_its_fate() {
    let endpoint = Endpoint::up_in(DAY);
    let (destination, stop) = start(&endpoint);
    let lane = destination.lane(Signal::Traces);
    (1..=8).for_each(|sequence| lane.put(&Batch::of_items(sequence, ITEMS)));
    sleep(Duration::from_secs(600)).await;
    stop.send_replace(true);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(destination.settled().traces.dropped[DropReason::ShutDown], 8 * ITEMS);
    assert_eq!((lane.depth(), lane.in_flight.snapshot().in_flight), (QueueDepth::default(), 0));
}
