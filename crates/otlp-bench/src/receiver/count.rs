//! Counts the items in an encoded OTLP request by walking its length prefixes, without decoding anything.
//!
//! Spans, log records and metrics all lie at `1 → 2 → 2` of their requests (resource, scope, item), so one walk serves all.

use crate::Failure;

/// What becomes of a visited field.
type Visited = Result<(), Failure>;

/// How many spans or log records `request` holds.
pub(super) fn items(request: &[u8]) -> Result<u64, Failure> {
    let mut count = 0;
    each_item(request, &mut |_| {
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

/// How many data points the metrics in `request` hold.
pub(super) fn data_points(request: &[u8]) -> Result<u64, Failure> {
    let mut count = 0;
    each_item(request, &mut |metric| {
        each_message(metric, &mut |field, data| {
            // Gauge, sum, histogram, exponential histogram, summary: the points are field 1 of each.
            if matches!(field, 5 | 7 | 9 | 10 | 11) {
                each_message(data, &mut |field, _| {
                    count += u64::from(field == 1);
                    Ok(())
                })?;
            }
            Ok(())
        })
    })?;
    Ok(count)
}

fn each_item(request: &[u8], visit: &mut dyn FnMut(&[u8]) -> Visited) -> Visited {
    each_field(request, 1, &mut |resource| each_field(resource, 2, &mut |scope| each_field(scope, 2, visit)))
}

fn each_field(message: &[u8], wanted: u64, visit: &mut dyn FnMut(&[u8]) -> Visited) -> Visited {
    each_message(message, &mut |field, content| if field == wanted { visit(content) } else { Ok(()) })
}

/// Visits each length-delimited field of `message` with its number and its content.
fn each_message(mut message: &[u8], visit: &mut dyn FnMut(u64, &[u8]) -> Visited) -> Visited {
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match tag & 7 {
            0 => {
                varint(&mut message)?;
            }
            1 => message = message.get(8..).ok_or("fixed64 cut off")?,
            2 => {
                let len = usize::try_from(varint(&mut message)?)?;
                let (content, rest) = message.split_at_checked(len).ok_or("field cut off")?;
                visit(tag >> 3, content)?;
                message = rest;
            }
            5 => message = message.get(4..).ok_or("fixed32 cut off")?,
            _ => return Err("unknown wire type".into()),
        }
    }
    Ok(())
}

fn varint(message: &mut &[u8]) -> Result<u64, Failure> {
    let mut value = 0;
    for (index, &byte) in message.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *message = &message[index + 1..];
            return Ok(value);
        }
    }
    Err("varint cut off".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::{
        collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
        metrics::v1::{
            Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point::Value,
        },
        trace::v1::{ResourceSpans, ScopeSpans, Span},
    };
    use prost::Message;

    #[test]
    fn spans_and_points_are_counted_and_cut_requests_refused() {
        let span = Span { name: "a".into(), start_time_unix_nano: 7, flags: 1, ..Default::default() };
        let spans = ExportTraceServiceRequest {
            resource_spans: vec![
                ResourceSpans {
                    scope_spans: vec![ScopeSpans { spans: vec![span; 3], ..Default::default() }; 2],
                    ..Default::default()
                };
                2
            ],
        }
        .encode_to_vec();
        assert_eq!(items(&spans).unwrap(), 12);
        assert!(items(&spans[..spans.len() - 1]).is_err());
        assert!(items(&[0xff; 11]).is_err());

        let point = NumberDataPoint { value: Some(Value::AsInt(1)), ..Default::default() };
        let metric = Metric { data: Some(Data::Gauge(Gauge { data_points: vec![point; 4] })), ..Default::default() };
        let metrics = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                scope_metrics: vec![ScopeMetrics { metrics: vec![metric; 2], ..Default::default() }],
                ..Default::default()
            }],
        }
        .encode_to_vec();
        assert_eq!(data_points(&metrics).unwrap(), 8);
    }
}
