//! The libraries under measurement, each behind the same small interface.
//!
//! The loops are inside of the implementations, so that no virtual call is measured with an item.

mod floor;
mod otel;
mod ours;

use std::ops::Range;

use self::ours::Form;
pub(crate) use self::{
    floor::encoded_spans,
    ours::{Disk, spans_of},
};
use crate::{Failure, catalogue::Subject, stopwatch::Stopwatch};

/// A pipeline that records one kind of item and delivers it.
pub(crate) trait Producer {
    /// Records the items of these indices; for spans an index is that of a tree.
    ///
    /// The stopwatch runs over each span (of a tree, the children) and each log record, start to end.
    fn produce(&mut self, indices: Range<u64>, stopwatch: &mut Stopwatch);

    /// Returns when everything recorded before is delivered. Metrics are collected by it.
    fn flush(&mut self) -> Result<(), Failure>;
}

/// A counter bound to its attributes, shared by threads.
pub(crate) trait BoundCounter: Sync {
    /// Adds one, so many times.
    fn add(&self, times: u64);
}

/// What a producer records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Trees of spans.
    Spans,
    /// Log records.
    LogRecords,
    /// Additions to a counter, of one of few series each.
    Additions,
    /// Recordings in a histogram, of one of few series each.
    Recordings,
    /// Many series: of the counter first, then of the histogram, one measurement each.
    Series,
}

/// Where to send, and how much may wait.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Host and port of the receiver.
    pub(crate) receiver: String,
    /// The number of items that must fit in the queue.
    pub(crate) queue_items: usize,
}

/// A pipeline of `subject`; `None` if it does not offer that.
///
/// It is never dropped: a meter that is would collect and send once more than was counted, and a client of a dead backend
/// would wait for it.
pub(crate) fn producer(
    subject: Subject,
    kind: Kind,
    setup: &Setup,
) -> Result<Option<&'static mut dyn Producer>, Failure> {
    let producer = match subject {
        Subject::OtelGrpc => Some(otel::producer(otel::Protocol::Grpc, kind, setup)?),
        Subject::OtelHttp => Some(otel::producer(otel::Protocol::Http, kind, setup)?),
        Subject::Floor => Some(floor::producer(kind, setup)?),
        Subject::OursGrpc => Some(ours::producer(Form::GRPC, kind, setup)?),
        Subject::OursHttp => Some(ours::producer(Form::HTTP, kind, setup)?),
        Subject::OursDisk => Some(ours::producer(Form::on_disk(Disk::AsNeeded), kind, setup)?),
        Subject::OursDiskAlways => Some(ours::producer(Form::on_disk(Disk::Always), kind, setup)?),
        Subject::OursCopying => Some(ours::producer(Form::COPYING, kind, setup)?),
        Subject::Atomic | Subject::TonicChannel | Subject::HyperHttp2 => None,
    };
    Ok(producer.map(Box::leak))
}

/// A bound counter of `subject`, never dropped either; `None` if it does not offer that.
pub(crate) fn bound_counter(subject: Subject, setup: &Setup) -> Result<Option<&'static dyn BoundCounter>, Failure> {
    let counter: Option<Box<dyn BoundCounter>> = match subject {
        Subject::Atomic => Some(Box::new(floor::Atomic::default())),
        Subject::OtelGrpc => Some(otel::bound_counter(setup)?),
        Subject::OursGrpc => Some(ours::bound_counter(setup)?),
        _ => None,
    };
    Ok(counter.map(|counter| &*Box::leak(counter)))
}
