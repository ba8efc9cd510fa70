//! The peer: `opentelemetry_sdk` with `opentelemetry-otlp`, as its documentation says to set it up, with queues that are
//! large enough to drop nothing and everything else at its defaults.

mod logs;
mod metrics;
mod spans;

use std::time::Duration;

use opentelemetry_sdk::Resource;
use tokio::runtime::Runtime;

use super::{BoundCounter, Kind, Producer, Setup};
use crate::{Failure, content};

/// The peer's transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Tonic, on a runtime of one worker: fewer threads to wake than with one for each core.
    Grpc,
    /// HTTP/protobuf by the blocking client of reqwest.
    Http,
}

/// Longer than any measurement: the batch processors then send full batches and at flushes, not by the clock.
const NEVER: Duration = Duration::from_secs(3600);

/// A pipeline of the peer.
pub(crate) fn producer(protocol: Protocol, kind: Kind, setup: &Setup) -> Result<Box<dyn Producer>, Failure> {
    Ok(match kind {
        Kind::Spans => Box::new(spans::Spans::new(protocol, setup)?),
        Kind::LogRecords => Box::new(logs::LogRecords::new(protocol, setup)?),
        Kind::Additions => Box::new(metrics::Additions::new(protocol, setup)?),
        Kind::Recordings => Box::new(metrics::Recordings::new(protocol, setup)?),
        Kind::Series => Box::new(metrics::Series::new(protocol, setup)?),
    })
}

/// A bound counter of the peer, an experimental feature of it.
pub(crate) fn bound_counter(setup: &Setup) -> Result<Box<dyn BoundCounter>, Failure> {
    Ok(Box::new(metrics::Bound::new(setup)?))
}

/// The runtime that tonic's connection lives on.
fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

fn resource() -> Resource {
    Resource::builder().with_service_name(content::SERVICE).build()
}

/// The peer gives a flush five seconds and does not stop exporting after them; a backlog may take longer.
fn until_flushed(mut flush: impl FnMut() -> opentelemetry_sdk::error::OTelSdkResult) -> Result<(), Failure> {
    for _ in 0..12 {
        match flush() {
            Err(opentelemetry_sdk::error::OTelSdkError::Timeout(_)) => {}
            done => return Ok(done?),
        }
    }
    Err("not flushed within a minute".into())
}
