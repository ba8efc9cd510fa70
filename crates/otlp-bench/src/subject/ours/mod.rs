//! `otlp` itself, at its defaults but for queues that are large enough to drop nothing and a clock that does not
//! interfere.

mod disk;
mod logs;
mod metrics;
mod spans;

use std::time::Duration;

use otlp::{
    config::{BatchConfig, MemoryPoolConfig, Protocol as Wire},
    core::EnhancedOtlpClient,
};

pub(crate) use self::disk::Disk;
use super::{BoundCounter, Kind, Producer, Setup};
use crate::{
    Failure,
    content::{COUNTER_SERIES, SERVICE},
};

/// The transports under measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// gRPC.
    Grpc,
    /// HTTP/protobuf.
    Http,
}

/// Longer than any measurement: batches then close by size and at flushes, not by the clock.
const NEVER: Duration = Duration::from_secs(3600);

/// Room in memory for each item of the largest queue.
const BYTES_PER_ITEM: usize = 1024;

/// A pipeline of ours.
pub(crate) fn producer(
    protocol: Protocol,
    disk: Option<Disk>,
    kind: Kind,
    setup: &Setup,
) -> Result<Box<dyn Producer>, Failure> {
    let client = client(protocol, disk, setup)?;
    Ok(match kind {
        Kind::Spans => Box::new(spans::Spans::new(client)),
        Kind::LogRecords => Box::new(logs::LogRecords::new(client)),
        Kind::Additions => Box::new(metrics::Additions::new(client)),
        Kind::Recordings => Box::new(metrics::Recordings::new(client)),
        Kind::Series => Box::new(metrics::Series::new(client)),
    })
}

/// A bound counter of ours.
pub(crate) fn bound_counter(setup: &Setup) -> Result<Box<dyn BoundCounter>, Failure> {
    Ok(Box::new(metrics::Bound::new(client(Protocol::Grpc, None, setup)?)))
}

fn client(protocol: Protocol, disk: Option<Disk>, setup: &Setup) -> Result<EnhancedOtlpClient, Failure> {
    let default = BatchConfig::default();
    // The queue must be as small as asked for as well: the workload with a dead backend is about a full one.
    let queue_items = setup.queue_items.max(default.max_batch_size);
    let batch = BatchConfig { max_queue_size: queue_items, batch_timeout: NEVER, ..default };
    let memory = MemoryPoolConfig { max_size: queue_items * BYTES_PER_ITEM, ..MemoryPoolConfig::default() };
    let wire = match protocol {
        Protocol::Grpc => Wire::Grpc,
        Protocol::Http => Wire::HttpProtobuf,
    };
    let mut builder = EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint(format!("http://{}", setup.receiver))
        .with_protocol(wire)
        .with_service_name(SERVICE)
        .with_batch_config(batch)
        .with_memory_pool_config(memory)
        .with_metric_interval(NEVER)
        .with_cardinality_limit(2 * COUNTER_SERIES as usize)
        .with_diagnostics(|_| {});
    if let Some(disk) = disk {
        builder = builder.with_disk_queue(disk.queue()?);
    }
    Ok(builder.build_blocking()?)
}

fn flush(client: &EnhancedOtlpClient) -> Result<(), Failure> {
    let report = client.flush_blocking(Duration::from_secs(60));
    if report.complete { Ok(()) } else { Err(format!("not flushed within a minute\n{report}").into()) }
}
