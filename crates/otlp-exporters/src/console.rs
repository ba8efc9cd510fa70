//! The console exporter: a line per item, for a person who develops.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use otlp_batch::{Attempts, Batch, BatchExporter, ExportFuture, Fragment};
use otlp_core::{
    ErrorKind, ExportError, Outcome, Signal, Value,
    data::{Number, StatusCode},
    wire::{
        decode::DecodeError,
        view::{self, AttributesView, LogView, MetricPointsView, MetricView, SpanView},
    },
};
use parking_lot::Mutex;

/// Writes a line per item, read straight from the encoded records.
pub struct ConsoleExporter {
    out: Mutex<Box<dyn Write + Send>>,
}

impl ConsoleExporter {
    /// Writes to standard output.
    pub fn new() -> Self {
        ConsoleExporter::to(io::stdout())
    }

    /// Writes to `out`.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        ConsoleExporter { out: Mutex::new(Box::new(out)) }
    }

    fn write(&self, batch: &Batch) -> Result<(), String> {
        let mut text = String::new();
        let service = batch.resource().service_name().unwrap_or_default();
        for fragment in batch.fragments() {
            lines(&mut text, batch.signal(), service, fragment).map_err(|error| error.to_string())?;
        }
        let mut out = self.out.lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
    }
}

impl Default for ConsoleExporter {
    fn default() -> Self {
        ConsoleExporter::new()
    }
}

impl BatchExporter for ConsoleExporter {
    fn name(&self) -> String {
        "console".to_owned()
    }

    fn export<'a>(&'a self, batch: &'a Batch, _: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(async move {
            let outcome = match self.write(batch) {
                Ok(()) => Outcome::delivered(),
                Err(error) => Outcome::Refused(ExportError::new(ErrorKind::Destination, format!("console: {error}"))),
            };
            outcome.into()
        })
    }
}

fn lines(text: &mut String, signal: Signal, service: &str, fragment: &Fragment) -> Result<(), DecodeError> {
    let scope = &fragment.scope().name;
    match signal {
        Signal::Traces => {
            for span in view::records::<SpanView<'_>>(fragment.entries()).iter() {
                span_line(text, service, scope, &span?)?;
            }
        }
        Signal::Logs => {
            for log in view::records::<LogView<'_>>(fragment.entries()).iter() {
                log_line(text, service, scope, &log?)?;
            }
        }
        Signal::Metrics => {
            for metric in view::records::<MetricView<'_>>(fragment.entries()).iter() {
                metric_lines(text, service, scope, &metric?)?;
            }
        }
    }
    Ok(())
}

fn span_line(text: &mut String, service: &str, scope: &str, span: &SpanView<'_>) -> Result<(), DecodeError> {
    let micros = span.end_time.saturating_sub(span.start_time) / 1_000;
    let _ = write!(text, "span   {service}/{scope} {:?} {:?} {micros} us", span.name, span.kind);
    let _ = write!(text, " trace={} span={}", span.trace_id, span.span_id);
    if let Some(parent) = span.parent_span_id {
        let _ = write!(text, " parent={parent}");
    }
    if span.status.code != StatusCode::Unset {
        let _ = write!(text, " status={:?} {:?}", span.status.code, span.status.message);
    }
    attributes(text, &span.attributes)?;
    for event in span.events.iter() {
        let _ = write!(text, " event={:?}", event?.name);
    }
    text.push('\n');
    Ok(())
}

fn log_line(text: &mut String, service: &str, scope: &str, log: &LogView<'_>) -> Result<(), DecodeError> {
    let _ = write!(text, "log    {service}/{scope} {} ", log.severity);
    value(text, &log.body.to_value()?);
    if let (Some(trace), Some(span)) = (log.trace_id, log.span_id) {
        let _ = write!(text, " trace={trace} span={span}");
    }
    attributes(text, &log.attributes)?;
    text.push('\n');
    Ok(())
}

fn metric_lines(text: &mut String, service: &str, scope: &str, metric: &MetricView<'_>) -> Result<(), DecodeError> {
    let mut line = |attributes_of: &AttributesView<'_>, value: &str| {
        let _ = write!(text, "metric {service}/{scope} {} {value}", metric.name);
        if !metric.unit.is_empty() {
            let _ = write!(text, " {}", metric.unit);
        }
        attributes(text, attributes_of)?;
        text.push('\n');
        Ok(())
    };
    match &metric.points {
        MetricPointsView::Empty => {}
        MetricPointsView::Gauge { points } | MetricPointsView::Sum { points, .. } => {
            for point in points.iter() {
                let point = point?;
                let value = match point.value {
                    Some(Number::I64(value)) => value.to_string(),
                    Some(Number::F64(value)) => value.to_string(),
                    None => "no value".to_owned(),
                };
                line(&point.attributes, &value)?;
            }
        }
        MetricPointsView::Histogram { points, .. } => {
            for point in points.iter() {
                let point = point?;
                line(&point.attributes, &format!("count={} sum={:?}", point.count, point.sum))?;
            }
        }
        MetricPointsView::ExponentialHistogram { points, .. } => {
            for point in points.iter() {
                let point = point?;
                line(&point.attributes, &format!("count={} sum={:?}", point.count, point.sum))?;
            }
        }
        MetricPointsView::Summary { points } => {
            for point in points.iter() {
                let point = point?;
                line(&point.attributes, &format!("count={} sum={}", point.count, point.sum))?;
            }
        }
    }
    Ok(())
}

fn attributes(text: &mut String, attributes: &AttributesView<'_>) -> Result<(), DecodeError> {
    for attribute in attributes.iter() {
        let attribute = attribute?;
        let _ = write!(text, " {}=", attribute.key);
        value(text, &attribute.value.to_value()?);
    }
    Ok(())
}

/// A value as one would write it in a program.
fn value(text: &mut String, value: &Value) {
    let _ = match value {
        Value::Empty => write!(text, "none"),
        Value::String(value) => write!(text, "{value:?}"),
        Value::Bool(value) => write!(text, "{value}"),
        Value::I64(value) => write!(text, "{value}"),
        Value::F64(value) => write!(text, "{value:?}"),
        Value::Bytes(bytes) => write!(text, "{} bytes", bytes.len()),
        Value::Array(values) => {
            text.push('[');
            for (index, one) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                self::value(text, one);
            }
            write!(text, "]")
        }
        Value::Map(entries) => {
            text.push('{');
            for (index, entry) in entries.iter().enumerate() {
                let _ = write!(text, "{}{}=", if index == 0 { "" } else { ", " }, entry.key);
                self::value(text, &entry.value);
            }
            write!(text, "}}")
        }
    };
}
