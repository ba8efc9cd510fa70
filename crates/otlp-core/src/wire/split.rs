//! Splitting what is too large for one request, entry by entry, and a single metric by its data points; and spans by
//! their traces.
//!
//! "Entries" are what stands in a `ScopeSpans`, `ScopeMetrics` or `ScopeLogs` message as field 2, one after the other
//! (see [`view::records`](super::view::records)). Halves of entries share the memory of the whole; only a metric that
//! is split by its points is written anew.

use std::ops::Range;

use bytes::Bytes;

use super::{
    decode::{Content, DecodeError, Field},
    encode::{put_bytes, put_len},
    view::{Messages, MetricView, SpanView, View},
};
use crate::{Signal, TraceId};

/// Two parts of what was one, in their order. Neither is without entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halves {
    /// The entries of the first part.
    pub first: Bytes,
    /// How many items it holds.
    pub first_items: u64,
    /// The entries of the second part.
    pub second: Bytes,
    /// How many items it holds.
    pub second_items: u64,
}

/// The number of the field that entries are.
const ENTRY: u32 = 2;

/// How many items the entries hold: spans, log records or data points.
///
/// # Errors
/// If they are no entries of this signal.
pub fn item_count(signal: Signal, entries: &[u8]) -> Result<u64, DecodeError> {
    Messages::<()>::within(Content::new(entries), ENTRY).fields().map(|field| items_of(signal, &field?)).sum()
}

/// How many data points the content of a `Metric` message holds.
///
/// # Errors
/// If it is no metric.
pub fn metric_point_count(metric: &[u8]) -> Result<usize, DecodeError> {
    MetricView::parse(metric)?.point_count()
}

/// Splits entries in front of the entry with index `at`: both parts share the memory of the whole. The second is empty
/// if there are no more entries than `at`.
///
/// # Errors
/// If they are no entries.
pub fn entries(entries: &Bytes, at: usize) -> Result<(Bytes, Bytes), DecodeError> {
    let mut end = 0;
    for field in Messages::<()>::within(Content::new(entries), ENTRY).fields().take(at) {
        end = field?.end();
    }
    Ok((entries.slice(..end), entries.slice(end..)))
}

/// Splits entries into two parts with about half of the items each, as near as the boundary of an entry allows. A
/// single metric is split into two of the same name with half of its data points each. `None` if there is only one
/// item, or less.
///
/// # Errors
/// If they are no entries of this signal.
pub fn halves(signal: Signal, entries: &Bytes) -> Result<Option<Halves>, DecodeError> {
    let fields = fields(entries)?;
    let mut items = 0;
    let mut boundaries = Vec::with_capacity(fields.len());
    for field in &fields {
        items += items_of(signal, field)?;
        boundaries.push((field.end(), items));
    }
    // The last boundary would leave the second part empty.
    boundaries.pop();
    let nearest = boundaries.into_iter().min_by_key(|(_, first)| (2 * first).abs_diff(items));
    match (nearest, fields.as_slice()) {
        (Some((end, first_items)), _) => Ok(Some(Halves {
            first: entries.slice(..end),
            first_items,
            second: entries.slice(end..),
            second_items: items - first_items,
        })),
        (None, [metric]) if signal == Signal::Metrics => half_metrics(metric.message()?),
        (None, _) => Ok(None),
    }
}

/// Consecutive spans of one trace, which share the memory of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRun {
    /// The trace; [`TraceId::INVALID`] if the spans name none.
    pub trace_id: TraceId,
    /// Their entries.
    pub entries: Bytes,
    /// How many spans they are.
    pub items: u64,
}

/// Splits the entries of spans wherever the trace changes. A trace whose spans stand apart has several runs.
///
/// # Errors
/// If they are no spans.
pub fn trace_runs(entries: &Bytes) -> Result<Vec<TraceRun>, DecodeError> {
    let mut runs: Vec<(TraceId, Range<usize>, u64)> = Vec::new();
    for field in Messages::<()>::within(Content::new(entries), ENTRY).fields() {
        let field = field?;
        let trace_id = SpanView::read(field.message()?)?.trace_id;
        match runs.last_mut() {
            Some((of, range, items)) if *of == trace_id => {
                range.end = field.end();
                *items += 1;
            }
            _ => runs.push((trace_id, field.offset()..field.end(), 1)),
        }
    }
    let run = |(trace_id, range, items)| TraceRun { trace_id, entries: entries.slice(range), items };
    Ok(runs.into_iter().map(run).collect())
}

/// The fields that the entries are.
fn fields(entries: &[u8]) -> Result<Vec<Field<'_>>, DecodeError> {
    Messages::<()>::within(Content::new(entries), ENTRY).fields().collect()
}

fn items_of(signal: Signal, entry: &Field<'_>) -> Result<u64, DecodeError> {
    match signal {
        Signal::Metrics => Ok(MetricView::read(entry.message()?)?.point_count()? as u64),
        Signal::Traces | Signal::Logs => entry.bytes().map(|_| 1),
    }
}

/// Splits a single metric by its data points.
fn half_metrics(metric: Content<'_>) -> Result<Option<Halves>, DecodeError> {
    let mut data = None;
    let mut described = Vec::new();
    let mut reader = metric.reader();
    while let Some(field) = reader.next_field()? {
        match field.number() {
            5 | 7 | 9 | 10 | 11 => data = Some((field.number(), field.message()?)),
            _ => described.push(raw(&metric, &field)),
        }
    }
    let Some((number, data)) = data else { return Ok(None) };
    let points = Messages::<()>::of(data, 1)?.fields().collect::<Result<Vec<_>, _>>()?;
    if points.len() < 2 {
        return Ok(None);
    }
    // What the data says beside its points: temporality and monotonicity.
    let mut said = Vec::new();
    let mut reader = data.reader();
    while let Some(field) = reader.next_field()? {
        if field.number() != 1 {
            said.push(raw(&data, &field));
        }
    }
    let write = |points: &[Field<'_>]| {
        let mut content = Vec::new();
        points.iter().for_each(|point| content.extend_from_slice(raw(&data, point)));
        said.iter().for_each(|field| content.extend_from_slice(field));
        let mut metric = described.concat();
        put_bytes(&mut metric, number, &content);
        let mut entry = Vec::with_capacity(metric.len() + 11);
        put_len(&mut entry, ENTRY, metric.len());
        entry.extend_from_slice(&metric);
        Bytes::from(entry)
    };
    let (first, second) = points.split_at(points.len() / 2);
    Ok(Some(Halves {
        first: write(first),
        first_items: first.len() as u64,
        second: write(second),
        second_items: second.len() as u64,
    }))
}

/// A field as it is encoded, tag and all.
fn raw<'a>(content: &Content<'a>, field: &Field<'a>) -> &'a [u8] {
    content.window(field.offset(), field.end()).bytes()
}
