//! The floor: items are encoded by hand straight into the bytes of a request and sent, with no feature at all - no
//! sampling, limits, context, retry or ledger. It says how cheap the job itself is.

mod logs;
mod metrics;
mod sender;
mod spans;
mod wire;

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use self::sender::Sender;
use super::{BoundCounter, Kind, Producer, Setup};
use crate::Failure;

/// A request is sent when its items have reached so many bytes.
const CHUNK_BYTES: usize = 512 * 1024;

/// A pipeline of the floor.
pub(super) fn producer(kind: Kind, setup: &Setup) -> Result<Box<dyn Producer>, Failure> {
    let chunks = Chunks { open: Vec::with_capacity(CHUNK_BYTES + 4096), sender: Sender::new(kind, &setup.receiver)? };
    Ok(match kind {
        Kind::Spans => Box::new(spans::Spans { chunks }),
        Kind::LogRecords => Box::new(logs::LogRecords { chunks }),
        Kind::Additions | Kind::Recordings | Kind::Series => Box::new(metrics::Measurements::new(kind, chunks)),
    })
}

/// An encoded request of at least `bytes` bytes of whole spans, and how many spans are in it.
pub(crate) fn encoded_spans(bytes: usize) -> (Bytes, u64) {
    let mut items = Vec::new();
    let mut trees = 0;
    while items.len() < bytes {
        spans::tree(&mut items, trees, &mut crate::stopwatch::Stopwatch::off());
        trees += 1;
    }
    let mut request = sender::envelope(items.len()).to_vec();
    request.extend_from_slice(&items);
    (request.into(), trees * crate::content::SPANS_PER_TREE)
}

/// The items of a request that is being filled.
struct Chunks {
    open: Vec<u8>,
    sender: Sender,
}

impl Chunks {
    #[inline]
    fn close_if_full(&mut self) {
        if self.open.len() >= CHUNK_BYTES {
            self.close();
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.sender.send(std::mem::replace(&mut self.open, Vec::with_capacity(CHUNK_BYTES + 4096)));
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.close();
        self.sender.flush()
    }
}

#[inline]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// The cheapest counter that threads can share.
#[derive(Default)]
pub(super) struct Atomic(AtomicU64);

impl BoundCounter for Atomic {
    fn add(&self, times: u64) {
        for _ in 0..times {
            self.0.fetch_add(1, Relaxed);
        }
    }
}
