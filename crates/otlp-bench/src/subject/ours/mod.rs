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

/// A client of ours, as it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    protocol: Wire,
    disk: Option<Disk>,
    zero_copy: bool,
}

impl Form {
    /// Over gRPC.
    pub(crate) const GRPC: Form = Form { protocol: Wire::Grpc, disk: None, zero_copy: true };
    /// Over HTTP/protobuf.
    pub(crate) const HTTP: Form = Form { protocol: Wire::HttpProtobuf, ..Form::GRPC };
    /// With copies where none are needed.
    pub(crate) const COPYING: Form = Form { zero_copy: false, ..Form::GRPC };

    /// With a disk queue.
    pub(crate) const fn on_disk(disk: Disk) -> Form {
        Form { disk: Some(disk), ..Form::GRPC }
    }
}

/// Longer than any measurement: batches then close by size and at flushes, not by the clock.
const NEVER: Duration = Duration::from_secs(3600);

/// Room in memory for each item of the largest queue.
const BYTES_PER_ITEM: usize = 1024;

/// A pipeline of ours.
pub(crate) fn producer(form: Form, kind: Kind, setup: &Setup) -> Result<Box<dyn Producer>, Failure> {
    let client = client(form, setup)?;
    Ok(match kind {
        Kind::Spans => Box::new(spans::Spans::new(client)),
        Kind::LogRecords => Box::new(logs::LogRecords::new(client)),
        Kind::Additions => Box::new(metrics::Additions::new(client)),
        Kind::Recordings => Box::new(metrics::Recordings::new(client)),
        Kind::Series => Box::new(metrics::Series::new(client)),
    })
}

/// Trees of spans, recorded by a client that was made elsewhere.
pub(crate) fn spans_of(client: EnhancedOtlpClient) -> impl Producer {
    spans::Spans::new(client)
}

/// A bound counter of ours.
pub(crate) fn bound_counter(setup: &Setup) -> Result<Box<dyn BoundCounter>, Failure> {
    Ok(Box::new(metrics::Bound::new(client(Form::GRPC, setup)?)))
}

fn client(form: Form, setup: &Setup) -> Result<EnhancedOtlpClient, Failure> {
    let default = BatchConfig::default();
    // The queue must be as small as asked for as well: the workload with a dead backend is about a full one.
    let queue_items = setup.queue_items.max(default.max_batch_size);
    let batch = BatchConfig { max_queue_size: queue_items, batch_timeout: NEVER, ..default };
    let memory = MemoryPoolConfig { max_size: queue_items * BYTES_PER_ITEM, ..MemoryPoolConfig::default() };
    let mut builder = EnhancedOtlpClient::builder()
        .without_environment()
        .with_endpoint(format!("http://{}", setup.receiver))
        .with_protocol(form.protocol)
        .with_service_name(SERVICE)
        .with_batch_config(batch)
        .with_memory_pool_config(memory)
        .with_zero_copy_enabled(form.zero_copy)
        .with_metric_interval(NEVER)
        .with_cardinality_limit(2 * COUNTER_SERIES as usize)
        .with_diagnostics(|_| {});
    if let Some(disk) = form.disk {
        builder = builder.with_disk_queue(disk.queue()?);
    }
    Ok(builder.build_blocking()?)
}

fn flush(client: &EnhancedOtlpClient) -> Result<(), Failure> {
    let report = client.flush_blocking(Duration::from_secs(60));
    if report.complete { Ok(()) } else { Err(format!("not flushed within a minute\n{report}").into()) }
}
