//! The client of a child: what a service would build, with delays that fit runs of a fraction of a second.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    panic,
    path::Path,
    process,
    time::Duration,
};

use otlp_batch::{BatchConfig, BatchLimits, DiskQueueConfig, EncryptionKey, MemoryPoolConfig};
use otlp_client::EnhancedOtlpClient;
use otlp_reliability::{CircuitBreakerConfig, RetryPolicy};
use parking_lot::Mutex;

use crate::{Failure, orders::Orders};

/// What a process ends with when anything in it panics: the library must not.
pub(crate) const PANICKED: i32 = 70;

pub(super) fn build(orders: &Orders) -> Result<EnhancedOtlpClient, Failure> {
    let said = append_to(&orders.said)?;
    end_at_a_panic(append_to(&orders.said)?);
    let mut queue = DiskQueueConfig::new(&orders.queue)
        .with_durability(orders.level.durability())
        .with_segment_bytes(orders.segment_bytes)
        .with_max_bytes(orders.max_bytes);
    if orders.is_encrypted {
        queue = queue.with_encryption_key(EncryptionKey::from_bytes([7; 32]));
    }
    let retry = RetryPolicy::new()
        .with_max_attempts(None)
        .with_initial_delay(Duration::from_millis(5))
        .with_max_delay(Duration::from_millis(100));
    let batch = BatchConfig {
        max_batch_size: 200,
        batch_timeout: Duration::from_millis(orders.batch_milliseconds),
        ..BatchConfig::default()
    };
    let limits = BatchLimits { max_batch_bytes: 64 << 10, ..BatchLimits::default() };
    let memory =
        MemoryPoolConfig { max_size: orders.memory_bytes, chunk_size: 16 << 10, ..MemoryPoolConfig::default() };
    let said = Mutex::new(said);
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint(&orders.endpoint)
        .with_grpc_transport()
        .with_service_name("torture")
        // Longer than any run that is killed: a request that ran out of time would be sent again for a good reason.
        .with_timeout(Duration::from_secs(30))
        .with_retry_policy(retry)
        .with_circuit_breaker(CircuitBreakerConfig::new().with_break_duration(Duration::from_millis(50)))
        .with_batch_config(batch)
        .with_batch_limits(limits)
        .with_memory_pool_config(memory)
        .with_metric_interval(Duration::from_millis(20))
        .with_disk_queue(queue)
        .with_diagnostics(move |diagnostic| {
            let _ = writeln!(said.lock(), "{diagnostic}");
        })
        .build_blocking()?;
    Ok(client)
}

fn append_to(path: &Path) -> Result<File, Failure> {
    Ok(OpenOptions::new().create(true).append(true).open(path)?)
}

/// A panic on a thread of the library would pass unseen otherwise.
fn end_at_a_panic(said: File) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        let _ = writeln!(&mut &said, "{panicked}");
        before(panicked);
        process::exit(PANICKED);
    }));
}
