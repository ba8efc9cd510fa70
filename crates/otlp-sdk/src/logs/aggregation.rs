//! Folding: identical records of an interval travel as one, with a count.
//!
//! A record is held back when it is emitted; those that are identical and follow it within the interval are counted, and
//! go no further. What is held back is bounded: a record for which there is no room goes its way at once, as do all
//! records once the pipeline is shut down. So at each moment
//! `emitted = appended to the pipeline + folded into others + held back`, and nothing is held back after a flush.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, UNIX_EPOCH},
};

use otlp_batch::{ConfigError, Intake, ScopeHandle};
use otlp_core::{Signal, SpanId, TraceContext, ValueRef, data::Severity, wire::encode};
use parking_lot::Mutex;

use super::encoding::{LOG_RECORDS, field, put_ids};
use crate::{clock::Moment, record::Recording};

/// How many identical records one stands for.
const COUNT: &str = "log_count";
/// When the first of them was observed.
const FIRST: &str = "first_observed_timestamp";
/// When the last of them was observed.
const LAST: &str = "last_observed_timestamp";

/// The attributes above, times, severity, ids and flags come to less than this.
const ADDED_BYTES: usize = 320;

/// How identical log records are folded into one.
///
/// Records are identical if scope, severity, body, event name and attributes are, in whatever order the attributes were
/// set. One that stands for several has the attributes `log_count` (an integer), `first_observed_timestamp` and
/// `last_observed_timestamp` (RFC 3339, in UTC), the names that the Collector's `logdedup` processor gives them; its own
/// times are those of the first. It keeps the trace id, and the span id, if all of them have it. A record that stays alone
/// has none of these attributes and arrives as it was emitted, later. Records that set one of these attributes themselves
/// are not folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogAggregation {
    /// For how long a record is held back, measured at ticks of the background thread, which come once per batch timeout,
    /// at least once a second. A flush, a persist and a shutdown end it at once. 1 ms to 1 h; default 1 s.
    pub interval: Duration,
    /// How many different records are held back at most, 1 to 1,000,000; default 1,000.
    pub max_records: usize,
    /// How many bytes the encoded records that are held back may have, 1 KiB to 1 GiB; default 1 MiB.
    pub max_bytes: usize,
}

impl LogAggregation {
    /// # Errors
    ///
    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refused = |field, value: String, accepted| Err(ConfigError { field, value, accepted });
        if !(Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&self.interval) {
            return refused("log_aggregation.interval", format!("{:?}", self.interval), "1 ms to 1 h");
        }
        if !(1..=1_000_000).contains(&self.max_records) {
            return refused("log_aggregation.max_records", self.max_records.to_string(), "1 to 1000000 records");
        }
        if !(1 << 10..=1 << 30).contains(&self.max_bytes) {
            return refused("log_aggregation.max_bytes", self.max_bytes.to_string(), "1024 to 1073741824 bytes");
        }
        Ok(())
    }
}

impl Default for LogAggregation {
    fn default() -> Self {
        LogAggregation { interval: Duration::from_secs(1), max_records: 1_000, max_bytes: 1 << 20 }
    }
}

/// What the loggers of a provider hold back.
#[derive(Debug)]
pub(super) struct Aggregator {
    config: LogAggregation,
    held: Mutex<Held>,
    folded: AtomicU64,
}

#[derive(Debug, Default)]
struct Held {
    /// By what makes them identical: see [`identity`].
    records: HashMap<Box<[u8]>, HeldRecord>,
    bytes: usize,
    closed: bool,
}

/// One record and how often it was emitted.
#[derive(Debug)]
struct HeldRecord {
    scope: ScopeHandle,
    severity: Severity,
    dropped: u32,
    count: u64,
    timestamp: u64,
    first_observed: u64,
    last_observed: u64,
    /// The span of all of them; without span id if they have only the trace in common.
    context: Option<TraceContext>,
    /// Monotonic nanoseconds.
    since: u64,
}

/// A record at its end, as far as it is not in its recording.
pub(super) struct Emitted<'a> {
    pub(super) scope: &'a ScopeHandle,
    pub(super) severity: Severity,
    pub(super) max_record_bytes: usize,
    pub(super) now: Moment,
    pub(super) timestamp: u64,
    pub(super) observed: u64,
    pub(super) dropped: u32,
    pub(super) context: Option<&'a TraceContext>,
}

impl Aggregator {
    pub(super) fn new(config: LogAggregation) -> Self {
        Aggregator { config, held: Mutex::default(), folded: AtomicU64::new(0) }
    }

    /// How many records went no further than being counted.
    pub(super) fn folded(&self) -> u64 {
        self.folded.load(Ordering::Relaxed)
    }

    /// How many different records are held back.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.lock().records.len()
    }

    /// Takes a record whose severity text is set already; `false` if it is to go its way.
    pub(super) fn fold(&self, recording: &mut Recording, emitted: &Emitted<'_>) -> bool {
        let Emitted { scope, severity, now, timestamp, observed, dropped, context, .. } = *emitted;
        if recording.len() + ADDED_BYTES > emitted.max_record_bytes
            || [COUNT, FIRST, LAST].iter().any(|name| recording.attributes.has(name))
        {
            return false;
        }
        identity(recording, scope, severity, dropped);
        let identity = &recording.text[..];
        let mut held = self.held.lock();
        if let Some(same) = held.records.get_mut(identity) {
            same.count += 1;
            same.first_observed = same.first_observed.min(observed);
            same.last_observed = same.last_observed.max(observed);
            same.context = common(same.context.take(), context);
            self.folded.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let has_room =
            held.records.len() < self.config.max_records && held.bytes + identity.len() <= self.config.max_bytes;
        if held.closed || !has_room {
            return false;
        }
        held.bytes += identity.len();
        let record = HeldRecord {
            scope: scope.clone(),
            severity,
            dropped,
            count: 1,
            timestamp,
            first_observed: observed,
            last_observed: observed,
            context: context.cloned(),
            since: now.monotonic,
        };
        held.records.insert(identity.into(), record);
        true
    }

    /// Sends what has been held back for the interval.
    pub(super) fn release_due(&self, intake: &Intake, now: Moment) {
        let interval = u64::try_from(self.config.interval.as_nanos()).unwrap_or(u64::MAX);
        self.release(intake, |record| now.monotonic.saturating_sub(record.since) >= interval);
    }

    /// Sends all that is held back.
    pub(super) fn release_all(&self, intake: &Intake) {
        self.release(intake, |_| true);
    }

    /// Sends all that is held back, and holds nothing back any more.
    pub(super) fn close(&self, intake: &Intake) {
        self.held.lock().closed = true;
        self.release_all(intake);
    }

    fn release(&self, intake: &Intake, is_due: impl Fn(&HeldRecord) -> bool) {
        let mut due: Vec<(Box<[u8]>, HeldRecord)> = {
            let mut held = self.held.lock();
            let due: Vec<_> = held.records.extract_if(|_, record| is_due(record)).collect();
            held.bytes -= due.iter().map(|(identity, _)| identity.len()).sum::<usize>();
            due
        };
        due.sort_by_key(|(_, record)| record.since);
        let mut message = Vec::new();
        for (identity, record) in &due {
            message.clear();
            record.encode(&identity[HEAD..], &mut message);
            let len = encode::bytes_len(LOG_RECORDS, message.len());
            intake.append(Signal::Logs, &record.scope, 1, len, |chunk| {
                encode::put_bytes(chunk, LOG_RECORDS, &message);
            });
        }
    }
}

impl HeldRecord {
    /// Writes the whole message, of which `content` is what all have in common.
    fn encode(&self, content: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(content);
        if self.count > 1 {
            encode::put_key_value(out, field::ATTRIBUTES, COUNT, ValueRef::U64(self.count), None);
            for (name, time) in [(FIRST, self.first_observed), (LAST, self.last_observed)] {
                let time = humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(time)).to_string();
                encode::put_key_value(out, field::ATTRIBUTES, name, ValueRef::Str(&time), None);
            }
        }
        encode::put_fixed64(out, field::TIME, self.timestamp);
        encode::put_fixed64(out, field::OBSERVED_TIME, self.first_observed);
        encode::put_uint(out, field::SEVERITY_NUMBER, u64::from(self.severity.number()));
        encode::put_uint(out, field::DROPPED_ATTRIBUTES, u64::from(self.dropped));
        put_ids(out, self.context.as_ref());
    }
}

/// How many bytes of an identity stand before the encoded record: scope, count of what was dropped, severity.
const HEAD: usize = 8 + 4 + 1;

/// Writes what makes records identical into the text buffer: what is not in the bytes of the record, then those bytes with
/// the attributes in one order.
fn identity(recording: &mut Recording, scope: &ScopeHandle, severity: Severity, dropped: u32) {
    let Recording { fields, attributes, text, .. } = recording;
    text.clear();
    text.extend_from_slice(&(scope.index() as u64).to_le_bytes());
    text.extend_from_slice(&dropped.to_le_bytes());
    text.push(severity.number());
    text.extend_from_slice(fields);
    attributes.put_sorted(text);
}

/// What two spans have in common.
fn common(one: Option<TraceContext>, other: Option<&TraceContext>) -> Option<TraceContext> {
    let (mut one, other) = (one?, other?);
    if one.trace_id != other.trace_id {
        return None;
    }
    if one.span_id != other.span_id {
        one.span_id = SpanId::INVALID;
    }
    Some(one)
}

#[cfg(test)]
mod tests {
    use otlp_core::TraceId;

    use super::*;

    #[test]
    fn spans_have_the_trace_in_common_or_nothing() {
        let span = |trace: u8, span: u8| TraceContext {
            trace_id: TraceId::from_bytes([trace; 16]),
            span_id: SpanId::from_bytes([span; 8]),
            ..TraceContext::default()
        };
        assert_eq!(common(Some(span(1, 1)), Some(&span(1, 1))), Some(span(1, 1)));
        assert_eq!(common(Some(span(1, 1)), Some(&span(1, 2))), Some(span(1, 0)));
        assert_eq!(common(Some(span(1, 0)), Some(&span(1, 1))), Some(span(1, 0)));
        assert_eq!(common(Some(span(1, 1)), Some(&span(2, 1))), None);
        assert_eq!(common(None, Some(&span(1, 1))), None);
        assert_eq!(common(Some(span(1, 1)), None), None);
    }
}
