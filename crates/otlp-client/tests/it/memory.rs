//! What is made of batches on their way out is within the memory budget too.

use std::time::{Duration, Instant};

use http::StatusCode;
use otlp_batch::MemoryPoolConfig;
use otlp_client::{ClientBuilder, EnhancedOtlpClient};
use otlp_receiver::{Fault, Faults, Receiver};
use otlp_reliability::{Jitter, RetryPolicy};
use otlp_transport::Compression;

use crate::setup::{DEADLINE, builder, receiver, spans};

const HOUR: Duration = Duration::from_secs(3600);

/// A client that waits for an hour after an attempt that failed.
fn waiting(receiver: &Receiver, with: fn(ClientBuilder) -> ClientBuilder) -> EnhancedOtlpClient {
    let retry = RetryPolicy::new().with_initial_delay(HOUR).with_max_delay(HOUR).with_jitter(Jitter::None);
    let builder = with(builder(receiver.http_endpoint()).0).with_retry_policy(retry).without_circuit_breaker();
    builder.build_blocking().unwrap()
}

/// Waits until `is_so`.
fn wait_until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE);
        std::thread::yield_now();
    }
}

#[test]
fn what_is_kept_of_a_batch_for_its_next_attempt_counts_against_the_budget() {
    let in_memory = |with: fn(ClientBuilder) -> ClientBuilder| {
        let receiver = receiver();
        receiver.faults().inject(Fault::http(StatusCode::SERVICE_UNAVAILABLE));
        let client = waiting(&receiver, with);
        spans(&client, 500);
        assert!(!client.flush_blocking(Duration::ZERO).complete);
        wait_until(|| client.ledger().traces.pending == 500 && receiver.faults().counts().values().sum::<u64>() == 1);
        // The answer is on its way: what the attempt kept, it kept before it sent.
        let in_use = client.memory_in_use();
        client.shutdown_blocking(Duration::ZERO);
        assert_eq!(client.memory_in_use(), 0, "all of it is given back");
        in_use
    };
    let plain = in_memory(|builder| builder.with_http_transport());
    let gzip = in_memory(|builder| builder.with_http_transport().with_compression(Compression::Gzip));
    let json = in_memory(|builder| builder.with_http_json_transport().with_compression(Compression::Gzip));
    assert!(gzip > plain && json > plain, "{plain}, with gzip {gzip}, as JSON {json}");
    assert!(gzip < plain + plain / 2 && json < plain + plain / 2, "{plain}, with gzip {gzip}, as JSON {json}");
}

#[test]
fn with_a_dead_backend_compression_and_json_stay_within_the_budget_and_lose_nothing_that_was_taken() {
    let budget = 256 << 10;
    let receiver = receiver();
    receiver.faults().inject(Fault::http(StatusCode::SERVICE_UNAVAILABLE));
    let retry = RetryPolicy::new()
        .with_max_attempts(None)
        .with_initial_delay(Duration::from_millis(1))
        .with_max_delay(Duration::from_millis(5));
    let memory =
        MemoryPoolConfig { initial_size: 16 << 10, max_size: budget, chunk_size: 16 << 10, ..Default::default() };
    let client = builder(receiver.http_endpoint()).0;
    let client = client.with_http_json_transport().with_compression(Compression::Gzip).with_retry_policy(retry);
    let client = client.without_circuit_breaker().with_memory_pool_config(memory).build_blocking().unwrap();
    let is_within = || {
        let pool = client.memory_pool();
        assert!(pool.in_use <= budget && pool.held <= budget, "{pool:?}");
    };
    while client.ledger().traces.dropped.total() == 0 {
        spans(&client, 100);
        is_within();
    }
    let has_failed_often = |faults: &Faults| {
        is_within();
        faults.counts().values().sum::<u64>() >= 4
    };
    receiver.faults().wait_for_blocking(has_failed_often, DEADLINE).unwrap();
    receiver.faults().clear();
    let ledger = client.shutdown_blocking(DEADLINE).ledgers.remove(0).traces;
    assert_eq!(ledger.delivered, ledger.accepted - ledger.dropped.total(), "{ledger}");
}
