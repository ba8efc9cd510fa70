//! Batches, limits, memory and copies, as the builder of the client takes them and the receiver sees them.

use std::time::Duration;

use otlp_batch::{BatchConfig, BatchLimits, BatchStrategy, DropReason, MemoryPoolConfig};
use otlp_client::{ClientBuilder, EnhancedOtlpClient};
use otlp_core::Signal;
use otlp_receiver::{Fault, Receiver};

use crate::setup::{DEADLINE, builder, receiver, spans};

/// No timer interferes.
const NEVER: Duration = Duration::from_secs(3600);

fn config(strategy: BatchStrategy) -> BatchConfig {
    BatchConfig { max_batch_size: 100, batch_timeout: NEVER, max_queue_size: 50_000, strategy }
}

fn client(receiver: &Receiver, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> EnhancedOtlpClient {
    let builder = builder(receiver.grpc_endpoint()).0.with_grpc_transport();
    set(builder).build_blocking().expect("the client builds")
}

/// How many items came in each request, fewest first.
fn request_sizes(receiver: &Receiver) -> Vec<u64> {
    let mut sizes: Vec<u64> = receiver.requests().recent().iter().map(|request| request.items).collect();
    sizes.sort_unstable();
    sizes
}

#[test]
fn each_strategy_makes_other_requests_of_the_same_spans() {
    let requests = |strategy| {
        let receiver = receiver();
        let client = client(&receiver, |builder| builder.with_batch_config(config(strategy)));
        spans(&client, 250);
        assert!(client.shutdown_blocking(DEADLINE).complete);
        request_sizes(&receiver)
    };
    for strategy in [BatchStrategy::SizeBased, BatchStrategy::Hybrid] {
        // What a thread hands on at a time stays together, so not every batch is full to the last item.
        let sizes = requests(strategy);
        assert!(sizes.len() == 3 && sizes.iter().all(|size| *size <= 100), "{strategy:?}: {sizes:?}");
    }
    assert_eq!(requests(BatchStrategy::TimeBased), [250]);
}

#[test]
fn only_time_closes_a_batch_that_is_not_full() {
    let soon = |strategy| BatchConfig { batch_timeout: Duration::from_millis(5), ..config(strategy) };
    for strategy in [BatchStrategy::TimeBased, BatchStrategy::Hybrid] {
        let receiver = receiver();
        let client = client(&receiver, |builder| builder.with_batch_config(soon(strategy)));
        spans(&client, 7);
        receiver.store().wait_for_blocking(|store| store.count(Signal::Traces) == 7, DEADLINE).unwrap();
    }
}

#[test]
fn a_request_stays_within_its_bytes() {
    let receiver = receiver();
    let limits = BatchLimits { max_batch_bytes: 2 << 10, ..BatchLimits::default() };
    let client = client(&receiver, |builder| {
        builder.with_batch_config(config(BatchStrategy::TimeBased)).with_batch_limits(limits)
    });
    spans(&client, 250);
    assert!(client.shutdown_blocking(DEADLINE).complete);
    let requests = receiver.requests().recent();
    // Beside the records there is the envelope.
    assert!(requests.len() > 5 && requests.iter().all(|request| request.bytes < (2 << 10) + 512), "{requests:?}");
}

#[test]
fn the_memory_pool_is_as_large_as_it_is_told_and_says_so() {
    let receiver = receiver();
    receiver.faults().inject(Fault::BlackHole { stored: false });
    let memory = MemoryPoolConfig {
        initial_size: 128 << 10,
        max_size: 512 << 10,
        chunk_size: 64 << 10,
        growth_factor: 2.0,
        gc_threshold: 0.8,
    };
    let client = client(&receiver, |builder| {
        builder.with_batch_config(config(BatchStrategy::Hybrid)).with_memory_pool_config(memory)
    });
    let at_start = client.memory_pool();
    assert_eq!((at_start.size, at_start.held, at_start.in_use), (128 << 10, 128 << 10, 0));
    spans(&client, 20_000);
    let full = client.memory_pool();
    assert_eq!((full.size, full.growths), (512 << 10, 2), "{full:?}");
    assert!(full.held <= 512 << 10 && full.refusals > 0, "{full:?}");
    assert!(client.ledger().traces.dropped[DropReason::MemoryFull] > 0);
}

#[test]
fn a_wrong_setting_is_named_by_the_build() {
    let refused = |set: fn(ClientBuilder) -> ClientBuilder| {
        set(builder("http://127.0.0.1:1").0).build_blocking().expect_err("refused").to_string()
    };
    let error =
        refused(|builder| builder.with_batch_config(BatchConfig { max_batch_size: 0, ..BatchConfig::default() }));
    assert!(error.contains("max_batch_size is 0, but takes 1 to 1000000 items"), "{error}");
    let error = refused(|builder| {
        builder.with_memory_pool_config(MemoryPoolConfig { growth_factor: 1.0, ..MemoryPoolConfig::default() })
    });
    assert!(error.contains("growth_factor is 1, but takes more than 1, at most 16"), "{error}");
    let error =
        refused(|builder| builder.with_batch_limits(BatchLimits { max_in_flight: 0, ..BatchLimits::default() }));
    assert!(error.contains("max_in_flight is 0, but takes 1 to 1024 batches"), "{error}");
}

#[test]
fn the_same_arrives_with_and_without_copies() {
    let arrived = |zero_copy| {
        let receiver = receiver();
        let client = client(&receiver, |builder| {
            builder.with_batch_config(config(BatchStrategy::Hybrid)).with_zero_copy_enabled(zero_copy)
        });
        spans(&client, 250);
        client.logger("test").record(otlp_core::data::Severity::Info).body("one").emit();
        client.meter("test").u64_counter("one").init().add(1, &());
        assert!(client.shutdown_blocking(DEADLINE).complete);
        let mut numbers: Vec<String> =
            receiver.store().spans().iter().map(|span| format!("{} {:?}", span.name, span.attributes)).collect();
        numbers.sort_unstable();
        let rest = (receiver.store().count(Signal::Logs), receiver.store().count(Signal::Metrics));
        (numbers, rest, request_sizes(&receiver), receiver.requests().totals().bytes)
    };
    let copied = arrived(false);
    assert_eq!((copied.0.len(), copied.1), (250, (1, 1)));
    assert_eq!(copied, arrived(true));
}
