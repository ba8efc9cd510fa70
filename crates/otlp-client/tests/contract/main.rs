//! The contract: under random faults, with a small queue and many producers, every item is in exactly one place, and the
//! ledger agrees with the receiver item by item.
//!
//! Each test is one signal over one transport. `OTLP_CONTRACT_SECONDS` says how long it produces at least (default 1),
//! `OTLP_CONTRACT_SEED` which faults it meets; a failure prints the seed.

#![allow(clippy::print_stdout, reason = "what a run met is shown when it fails")]

mod evidence;
mod faults;
mod produce;
mod verdict;

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use otlp_batch::{BatchConfig, BatchLimits, OnFull};
use otlp_client::EnhancedOtlpClient;
use otlp_core::Signal;
use otlp_receiver::{FaultMix, Faults, Receiver};
use otlp_reliability::RetryPolicy;
use otlp_transport::Protocol;

use crate::{evidence::Evidence, verdict::verdict};

const THREADS: u64 = 8;

/// A run that met fewer says nothing: it goes on.
const FEWEST_FAULTS: u64 = 5;

/// But no longer than this, on however slow a machine.
const LONGEST: Duration = Duration::from_secs(60);

fn number_from(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|value| value.parse().ok())
}

fn run(signal: Signal, protocol: Protocol, on_full: OnFull) {
    let seed = number_from("OTLP_CONTRACT_SEED").unwrap_or_else(|| fastrand::u64(..));
    let span = Duration::from_secs(number_from("OTLP_CONTRACT_SECONDS").unwrap_or(1));
    println!("{signal} over {protocol}, seed {seed}");

    let receiver = Receiver::builder().start_blocking().expect("the receiver starts");
    receiver.faults().inject(FaultMix::new(0.5, seed, faults::all()));
    let endpoint = match protocol {
        Protocol::Grpc => receiver.grpc_endpoint(),
        _ => receiver.http_endpoint(),
    };
    let evidence = Arc::new(Evidence::default());
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint(endpoint)
        .with_protocol(protocol)
        .with_service_name("contract")
        .with_timeout(Duration::from_millis(250))
        .with_batch_config(BatchConfig {
            max_batch_size: 64,
            max_queue_size: 512,
            batch_timeout: Duration::from_millis(10),
            ..BatchConfig::default()
        })
        .with_batch_limits(BatchLimits { on_full, ..BatchLimits::default() })
        .with_retry_policy(
            RetryPolicy::new()
                .with_max_attempts(3)
                .with_initial_delay(Duration::from_millis(2))
                .with_max_delay(Duration::from_millis(20)),
        )
        .with_temporality(otlp_sdk::metrics::TemporalityPreference::Delta)
        .with_cardinality_limit(1_000_000)
        .with_metric_interval(Duration::from_millis(20))
        .with_delivery_observer(evidence.clone())
        .with_diagnostics(|_| {})
        .build_blocking()
        .expect("the client builds");

    let until = Instant::now() + span;
    let met = |faults: &Faults| faults.counts().values().sum::<u64>();
    let has_met_faults = AtomicBool::new(false);
    let is_over = || has_met_faults.load(Relaxed) && Instant::now() >= until;
    let produced: Vec<_> = thread::scope(|threads| {
        threads.spawn(|| {
            let waited = receiver.faults().wait_for_blocking(|faults| met(faults) >= FEWEST_FAULTS, span + LONGEST);
            has_met_faults.store(true, Relaxed);
            waited.expect("the run meets faults");
        });
        let producers: Vec<_> = (0..THREADS)
            .map(|number| {
                let (client, is_over) = (&client, &is_over);
                threads.spawn(move || produce::until(is_over, signal, client, number))
            })
            .collect();
        producers.into_iter().flat_map(|producer| producer.join().expect("a producer never panics")).collect()
    });

    // What is still under way may end well.
    receiver.faults().clear();
    let report = client.shutdown_blocking(Duration::from_secs(30));
    let ledger = *report.ledgers[0].signal(signal);
    println!("  {ledger}; acknowledgements lost {}", ledger.acknowledgements_lost);
    println!("  faults: {:?}", receiver.faults().counts());
    let findings = verdict(signal, &produced, &evidence.take(), &ledger, &receiver);
    assert!(findings.is_empty(), "seed {seed}: {}", findings.join("\n"));
    assert!(ledger.delivered > 0, "the run must have survived its faults");
}

macro_rules! contract {
    ($($name:ident: $signal:ident, $protocol:ident, $on_full:ident;)*) => {$(
        #[test]
        fn $name() {
            run(Signal::$signal, Protocol::$protocol, OnFull::$on_full);
        }
    )*};
}

contract! {
    traces_over_grpc: Traces, Grpc, DropNewest;
    traces_over_http_protobuf: Traces, HttpProtobuf, DropOldest;
    traces_over_http_json: Traces, HttpJson, Block;
    metrics_over_grpc: Metrics, Grpc, DropOldest;
    metrics_over_http_protobuf: Metrics, HttpProtobuf, Block;
    metrics_over_http_json: Metrics, HttpJson, DropNewest;
    logs_over_grpc: Logs, Grpc, Block;
    logs_over_http_protobuf: Logs, HttpProtobuf, DropNewest;
    logs_over_http_json: Logs, HttpJson, DropOldest;
}
