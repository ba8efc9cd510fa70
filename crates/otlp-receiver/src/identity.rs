//! What makes two arrivals the same item.

use std::{
    collections::hash_map::DefaultHasher,
    fmt::{self, Write as _},
    hash::Hasher,
};

use otlp_core::{
    Attributes, SpanId, TraceId, Value,
    data::{LogData, MetricData, MetricPoints, SpanData},
};

/// What makes two arrivals the same item: equal identities are the same span, log record or data point, sent again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Identity {
    /// A span.
    Span {
        /// Its trace.
        trace_id: TraceId,
        /// Its own id.
        span_id: SpanId,
    },
    /// A log record with the attribute `log.record.uid`.
    Log(
        /// The attribute's value.
        String,
    ),
    /// A log record without that attribute: a hash of everything that it says.
    LogContent(u64),
    /// A data point.
    Point {
        /// The resource's `service.name`, or empty.
        service: String,
        /// The metric.
        metric: String,
        /// The series: the attributes, sorted by key, as text.
        attributes: String,
        /// The point's time, in nanoseconds since the Unix epoch.
        time: u64,
    },
}

impl Identity {
    /// The identity of a span.
    pub fn of_span(span: &SpanData) -> Self {
        Identity::Span { trace_id: span.trace_id, span_id: span.span_id }
    }

    /// The identity of a log record.
    pub fn of_log(log: &LogData) -> Self {
        if let Some(Value::String(uid)) = log.attributes.get("log.record.uid") {
            return Identity::Log(uid.clone());
        }
        let mut content = HashingWriter(DefaultHasher::new());
        // The writer never fails.
        let _ = write!(content, "{log:?}");
        Identity::LogContent(content.0.finish())
    }

    /// The identities of a metric's points, in their order.
    pub fn of_points(metric: &MetricData) -> Vec<Self> {
        let service = metric.resource.service_name().unwrap_or_default();
        let identity = |attributes: &Attributes, time: u64| Identity::Point {
            service: service.to_owned(),
            metric: metric.name.clone(),
            attributes: series(attributes),
            time,
        };
        match &metric.points {
            MetricPoints::Empty => Vec::new(),
            MetricPoints::Gauge { points } | MetricPoints::Sum { points, .. } => {
                points.iter().map(|point| identity(&point.attributes, point.time)).collect()
            }
            MetricPoints::Histogram { points, .. } => {
                points.iter().map(|point| identity(&point.attributes, point.time)).collect()
            }
            MetricPoints::ExponentialHistogram { points, .. } => {
                points.iter().map(|point| identity(&point.attributes, point.time)).collect()
            }
            MetricPoints::Summary { points } => {
                points.iter().map(|point| identity(&point.attributes, point.time)).collect()
            }
        }
    }
}

/// The attributes as text that does not depend on their order.
fn series(attributes: &Attributes) -> String {
    let mut entries: Vec<_> = attributes.iter().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let mut text = String::new();
    for entry in entries {
        // Writing to a string never fails.
        let _ = write!(text, "{:?}={:?};", entry.key, entry.value);
    }
    text
}

/// Hashes text as it is formatted, so that a large record is never held as one string.
struct HashingWriter(DefaultHasher);

impl fmt::Write for HashingWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use otlp_core::{KeyValue, data::NumberPoint};

    use super::*;

    #[test]
    fn a_log_record_is_known_by_its_uid_or_by_all_that_it_says() {
        let with_uid = |body: &str| LogData {
            body: body.into(),
            attributes: vec![KeyValue::new("log.record.uid", "7")].into(),
            ..LogData::default()
        };
        assert_eq!(Identity::of_log(&with_uid("a")), Identity::of_log(&with_uid("b")));
        let plain = |body: &str| LogData { body: body.into(), ..LogData::default() };
        assert_eq!(Identity::of_log(&plain("a")), Identity::of_log(&plain("a")));
        assert_ne!(Identity::of_log(&plain("a")), Identity::of_log(&plain("b")));
    }

    #[test]
    fn the_order_of_attributes_does_not_make_another_series() {
        let gauge = |attributes: Vec<KeyValue>| MetricData {
            points: MetricPoints::Gauge {
                points: vec![NumberPoint { attributes: attributes.into(), ..NumberPoint::default() }],
            },
            ..MetricData::default()
        };
        let (a, b) = (KeyValue::new("a", 1), KeyValue::new("b", 2));
        let one = Identity::of_points(&gauge(vec![a.clone(), b.clone()]));
        assert_eq!(one, Identity::of_points(&gauge(vec![b, a.clone()])));
        assert_ne!(one, Identity::of_points(&gauge(vec![a])));
    }
}
