//! An endpoint that is down for longer than any limit of retry: the circuit breaker keeps the load off it, and the queue
//! keeps the items.

use std::time::{Duration, Instant};

use otlp_batch::DropReason;
use otlp_client::{ClientBuilder, EnhancedOtlpClient};
use otlp_core::{Signal, data::Severity};
use otlp_receiver::{Fault, GrpcCode, Receiver};
use otlp_reliability::{CircuitBreakerConfig, CircuitBreakerSnapshot, CircuitState, RetryPolicy, Snapshot};

use crate::setup::{DEADLINE, builder, duration_of, receiver, spans};

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(100);

/// Opens after three failures in a row, for a break in which no test ends; one probe decides.
fn breaker() -> CircuitBreakerConfig {
    CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(3)
        .with_half_open_probes(1)
        .with_break_duration(HOUR)
}

/// A client with that breaker, whose retry has no limit of attempts but one of time, which an outage exceeds.
fn patient(receiver: &Receiver) -> ClientBuilder {
    let retry = RetryPolicy::new()
        .with_max_attempts(None)
        .with_initial_delay(Duration::from_millis(1))
        .with_max_delay(Duration::from_millis(10));
    builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_retry_policy(retry).with_circuit_breaker(breaker())
}

/// Ten spans, ten log records and a metric.
fn record(client: &EnhancedOtlpClient) {
    spans(client, 10);
    let logger = client.logger("test");
    (0..10).for_each(|number| logger.record(Severity::Info).body("work").attribute("number", number).emit());
    client.meter("test").u64_counter("work").init().add(1, &[("region", "eu")]);
}

/// The figures of the only circuit breaker of the client.
fn figures(client: &EnhancedOtlpClient) -> CircuitBreakerSnapshot {
    let breakers = client.policies().into_iter().filter_map(|policy| match policy.snapshot {
        Snapshot::CircuitBreaker(figures) => Some(figures),
        _ => None,
    });
    let breakers: Vec<_> = breakers.collect();
    assert_eq!(breakers.len(), 1, "one endpoint, one breaker");
    breakers[0].clone()
}

/// Waits until the breaker has opened so many times, and what was in flight is back in the queue.
fn wait_until_open(client: &EnhancedOtlpClient, openings: u64) {
    let started = Instant::now();
    let in_flight = || Signal::ALL.iter().map(|signal| client.queue_depth(*signal).in_flight_batches).sum::<usize>();
    while figures(client).openings < openings || in_flight() > 0 {
        assert!(started.elapsed() < DEADLINE, "{:?}", figures(client));
        std::thread::yield_now();
    }
}

/// How many requests the receiver has failed.
fn failed(receiver: &Receiver) -> u64 {
    receiver.faults().counts().values().sum()
}

#[test]
fn an_endpoint_that_is_down_sees_only_probes_and_gets_everything_once_when_it_is_back() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let client = patient(&receiver).build_blocking().unwrap();
    record(&client);
    assert!(!client.flush_blocking(MOMENT).complete);
    wait_until_open(&client, 1);
    // Beside the three that opened it, the other signals may each have had an attempt under way.
    let before = failed(&receiver);
    assert!((3..=5).contains(&before), "{before}");

    record(&client);
    for probes in 1..=3 {
        assert!(!client.flush_blocking(MOMENT).complete);
        wait_until_open(&client, 1 + probes);
        assert_eq!(failed(&receiver), before + probes, "one probe for each flush");
    }
    let waiting: u64 = Signal::ALL.iter().map(|signal| client.queue_depth(*signal).waiting_items).sum();
    assert_eq!(waiting, client.ledger().pending(), "everything waits in the queues");

    receiver.faults().clear();
    assert!(client.flush_blocking(DEADLINE).complete);
    assert_eq!(figures(&client).state, CircuitState::Closed);
    let ledger = client.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.logs.delivered, ledger.lost()), (20, 20, 0), "{ledger}");
    for signal in Signal::ALL {
        assert_eq!(ledger.signal(signal).acknowledgements_lost, 0, "it has answered each time");
        assert_eq!(receiver.store().duplicates(signal), [], "{signal}");
    }
    assert_eq!(receiver.store().arrivals(Signal::Traces).len(), 20);
    assert_eq!(receiver.store().arrivals(Signal::Logs).len(), 20);
    assert_eq!(receiver.store().count(Signal::Metrics), ledger.metrics.delivered);
}

#[test]
fn a_receiver_that_is_killed_and_restarted_gets_everything_without_a_flush() {
    let receiver = receiver();
    let client = patient(&receiver).with_circuit_breaker(breaker().with_break_duration(Duration::from_millis(20)));
    let client = client.build_blocking().unwrap();
    record(&client);
    assert!(client.flush_blocking(DEADLINE).complete);
    receiver.kill_blocking();
    record(&client);
    assert!(!client.flush_blocking(MOMENT).complete);
    wait_until_open(&client, 1);
    receiver.restart_blocking().unwrap();
    for signal in [Signal::Traces, Signal::Logs] {
        receiver.store().wait_for_items_blocking(signal, 20, DEADLINE).unwrap();
    }
    let ledger = client.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.logs.delivered, ledger.lost()), (20, 20, 0), "{ledger}");
    assert!(ledger.balances());
}

#[test]
fn a_receiver_that_hangs_opens_the_breaker_and_may_have_taken_what_it_was_sent() {
    let receiver = receiver();
    receiver.faults().inject(Fault::BlackHole { stored: true });
    let client = patient(&receiver).with_timeout(Duration::from_millis(200)).build_blocking().unwrap();
    spans(&client, 10);
    assert!(!client.flush_blocking(MOMENT).complete);
    wait_until_open(&client, 1);
    receiver.faults().clear();
    assert!(client.flush_blocking(DEADLINE).complete);
    let ledger = client.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.delivered, ledger.dropped.total()), (10, 0), "{ledger}");
    let arrivals = receiver.store().arrivals(Signal::Traces);
    let twice: u64 = arrivals.values().map(|times| times - 1).sum();
    assert_eq!((arrivals.len(), twice), (10, ledger.acknowledgements_lost), "every duplicate was announced");
    assert!(twice > 0);
}

#[test]
fn a_shutdown_while_the_breaker_is_open_tries_once_keeps_its_deadline_and_tells_the_truth() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let client = patient(&receiver).build_blocking().unwrap();
    spans(&client, 10);
    assert!(!client.flush_blocking(MOMENT).complete);
    wait_until_open(&client, 1);
    let before = failed(&receiver);
    let mut report = None;
    let took = duration_of(|| report = Some(client.shutdown_blocking(5 * MOMENT)));
    assert!(took < Duration::from_secs(5), "{took:?}");
    let ledger = report.unwrap().ledgers[0].traces;
    assert_eq!((ledger.dropped[DropReason::ShutDown], ledger.pending), (10, 0), "{ledger}");
    assert_eq!(failed(&receiver), before + 1);
}

#[test]
fn a_shutdown_while_the_breaker_is_open_delivers_if_the_endpoint_is_back() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let client = patient(&receiver).build_blocking().unwrap();
    record(&client);
    assert!(!client.flush_blocking(MOMENT).complete);
    wait_until_open(&client, 1);
    receiver.faults().clear();
    let ledger = client.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.logs.delivered, ledger.lost()), (10, 10, 0), "{ledger}");
}

#[test]
fn without_a_circuit_breaker_the_limits_of_retry_end_every_batch() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let (builder, _) = builder(receiver.grpc_endpoint());
    let client = builder.with_grpc_transport().without_circuit_breaker().build_blocking().unwrap();
    for _ in 0..5 {
        spans(&client, 10);
        assert!(client.flush_blocking(DEADLINE).complete, "two attempts and it is dropped");
    }
    assert!(client.policies().iter().all(|policy| !matches!(policy.snapshot, Snapshot::CircuitBreaker(_))));
    let ledger = client.shutdown_blocking(DEADLINE).ledgers[0].traces;
    assert_eq!((ledger.dropped[DropReason::RetriesExhausted], failed(&receiver)), (50, 10), "{ledger}");
}

#[test]
fn by_default_five_failures_open_the_breaker_and_nothing_is_dropped() {
    let receiver = receiver();
    receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    let builder = EnhancedOtlpClient::builder().without_environment().with_endpoint(receiver.grpc_endpoint());
    let client = builder.with_grpc_transport().with_diagnostics(|_| {}).build_blocking().unwrap();
    spans(&client, 10);
    // Each flush ends the waits of the retry.
    while figures(&client).state == CircuitState::Closed {
        client.flush_blocking(Duration::from_millis(10));
    }
    assert_eq!((figures(&client).failures, client.ledger().pending()), (5, 10));
    receiver.faults().clear();
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 10);
}
