//! Counts the items of an encoded request by walking its lengths; nothing is decoded, copied or allocated.

use otlp_core::Signal;

/// The bytes are no protobuf message.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the request is no protobuf message")]
pub(crate) struct Malformed;

/// The fields that lead to the groups: `resource_*` of the request, `scope_*` of the resource group.
const TO_SCOPE: &[&[u64]] = &[&[1], &[2]];
/// Spans or log records of a scope group.
const TO_ITEM: &[&[u64]] = &[TO_SCOPE[0], TO_SCOPE[1], &[2]];
/// Metrics of a scope group, whichever of the five types, their data points.
const TO_POINT: &[&[u64]] = &[TO_SCOPE[0], TO_SCOPE[1], &[2], &[5, 7, 9, 10, 11], &[1]];

/// How many spans, log records or data points the encoded request carries.
pub(crate) fn items(signal: Signal, request: &[u8]) -> Result<u64, Malformed> {
    match signal {
        Signal::Traces | Signal::Logs => count(request, TO_ITEM),
        Signal::Metrics => count(request, TO_POINT),
    }
}

/// As deep as `path` is long, never deeper.
fn count(mut message: &[u8], path: &[&[u64]]) -> Result<u64, Malformed> {
    let Some((fields, rest)) = path.split_first() else { return Ok(1) };
    let mut items = 0;
    while let Some((field, content)) = next_length_delimited(&mut message)? {
        if fields.contains(&field) {
            items += count(content, rest)?;
        }
    }
    Ok(items)
}

/// The number and the content of the next length-delimited field; fields of other types are skipped.
pub(crate) fn next_length_delimited<'a>(message: &mut &'a [u8]) -> Result<Option<(u64, &'a [u8])>, Malformed> {
    while !message.is_empty() {
        let tag = varint(message)?;
        match tag & 7 {
            0 => drop(varint(message)?),
            1 => drop(take(message, 8)?),
            2 => {
                let len = varint(message)?;
                return Ok(Some((tag >> 3, take(message, len)?)));
            }
            5 => drop(take(message, 4)?),
            _ => return Err(Malformed),
        }
    }
    Ok(None)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Malformed)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take<'a>(bytes: &mut &'a [u8], len: u64) -> Result<&'a [u8], Malformed> {
    let len = usize::try_from(len).map_err(|_| Malformed)?;
    let (taken, rest) = bytes.split_at_checked(len).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::message::{collector, logs, metrics, trace};

    #[test]
    fn spans_and_logs_are_counted_across_all_groups() {
        let scope = |spans| trace::ScopeSpans { spans: vec![trace::Span::default(); spans], ..Default::default() };
        let group = trace::ResourceSpans { scope_spans: vec![scope(2), scope(0), scope(3)], ..Default::default() };
        let request = collector::ExportTraceServiceRequest { resource_spans: vec![group.clone(), group] };
        assert_eq!(items(Signal::Traces, &request.encode_to_vec()), Ok(10));

        let scope = logs::ScopeLogs { log_records: vec![Default::default(); 4], ..Default::default() };
        let group = logs::ResourceLogs { scope_logs: vec![scope], ..Default::default() };
        let request = collector::ExportLogsServiceRequest { resource_logs: vec![group] };
        assert_eq!(items(Signal::Logs, &request.encode_to_vec()), Ok(4));
    }

    #[test]
    fn metrics_are_counted_by_their_points_whatever_the_type() {
        use metrics::metric::Data;
        let metric = |data| metrics::Metric { data: Some(data), name: "m".into(), ..Default::default() };
        let all = vec![
            metric(Data::Gauge(metrics::Gauge { data_points: vec![Default::default(); 1] })),
            metric(Data::Sum(metrics::Sum { data_points: vec![Default::default(); 2], ..Default::default() })),
            metric(Data::Histogram(metrics::Histogram {
                data_points: vec![Default::default(); 4],
                ..Default::default()
            })),
            metric(Data::ExponentialHistogram(metrics::ExponentialHistogram {
                data_points: vec![Default::default(); 8],
                ..Default::default()
            })),
            metric(Data::Summary(metrics::Summary { data_points: vec![Default::default(); 16] })),
        ];
        let scope = metrics::ScopeMetrics { metrics: all, ..Default::default() };
        let group = metrics::ResourceMetrics { scope_metrics: vec![scope], ..Default::default() };
        let request = collector::ExportMetricsServiceRequest { resource_metrics: vec![group] };
        assert_eq!(items(Signal::Metrics, &request.encode_to_vec()), Ok(31));
    }

    #[test]
    fn a_cut_message_is_malformed() {
        assert_eq!(items(Signal::Traces, &[0x0a, 0x05, 0x00]), Err(Malformed));
        assert_eq!(items(Signal::Traces, &[0x0b]), Err(Malformed));
        assert_eq!(items(Signal::Traces, &[0xff; 20]), Err(Malformed));
        assert_eq!(items(Signal::Traces, &[]), Ok(0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_counted_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for signal in Signal::ALL {
                let _ = items(signal, &bytes);
            }
        }
    }
}
