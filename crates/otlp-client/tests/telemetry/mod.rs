//! Telemetry of every shape that the client can make, and how two copies of it are compared: what arrived somewhere must be
//! equal, item by item and field by field, to what arrived elsewhere.

use otlp_client::EnhancedOtlpClient;
use otlp_core::{
    Value,
    data::{LogData, MetricData, MetricPoints, Severity, SpanData, SpanKind, StatusCode},
};

/// Records `traces` traces of three spans each, a log record in each of them, and metrics of all kinds.
pub(crate) fn record(client: &EnhancedOtlpClient, traces: usize) {
    let (tracer, logger, meter) = (client.tracer("shop"), client.logger("shop"), client.meter("shop"));
    let orders = meter.u64_counter("orders").with_unit("{order}").with_description("Orders taken").init();
    let open = meter.i64_up_down_counter("orders.open").init();
    let latency = meter.f64_histogram("latency").with_unit("s").with_boundaries(vec![0.1, 0.5, 1.0]).init();
    let stock = meter.f64_gauge("stock").init();
    for number in 0..traces {
        let mut root = tracer.start_with_kind(format!("POST /orders {number}"), SpanKind::Server);
        root.set_attribute("order.number", number)
            .set_attribute("order.total", 12.5)
            .set_attribute("order.express", number % 2 == 0)
            .set_attribute("order.goods", Value::from(vec!["tea", "K\u{f6}rner", "\u{7c73}"]))
            .add_event("reserved", [("places", 2)]);
        let mut charge = tracer.start_with_context("charge", SpanKind::Client, &root.context());
        charge.set_status(StatusCode::Error, "card declined").add_link(&root.context(), [("why", "retried")]);
        {
            let _active = charge.enter();
            logger
                .record(Severity::Warn)
                .body(format!("order {number} declined"))
                .attribute("log.record.uid", format!("{number:08}"))
                .attribute("attempt", 1)
                .emit();
        }
        let mut ship = tracer.start_with_context("ship", SpanKind::Producer, &charge.context());
        ship.end();
        charge.end();
        root.end();
        let region = [("region", if number % 3 == 0 { "eu" } else { "us" })];
        orders.add(1, &region);
        open.add(if number % 2 == 0 { 1 } else { -1 }, &region);
        latency.record(number as f64 / 10.0, &region);
        stock.record(number as f64, &region);
    }
}

/// All items of the three signals, in an order that does not depend on how they travelled.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Telemetry {
    pub(crate) spans: Vec<SpanData>,
    pub(crate) metrics: Vec<MetricData>,
    pub(crate) logs: Vec<LogData>,
}

impl Telemetry {
    pub(crate) fn sorted(mut self) -> Self {
        self.spans.sort_by_key(|span| (span.trace_id.to_bytes(), span.span_id.to_bytes()));
        self.metrics.sort_by_key(|metric| (metric.name.clone(), time(metric)));
        self.logs.sort_by_key(|log| (log.timestamp, log.span_id.map(|id| id.to_bytes())));
        self
    }

    /// Spans, data points and log records.
    pub(crate) fn counts(&self) -> [u64; 3] {
        let points: usize = self.metrics.iter().map(MetricData::point_count).sum();
        [self.spans.len(), points, self.logs.len()].map(|count| count as u64)
    }

    /// Each item is in the other copy, equal in every field, and the other has no more.
    #[track_caller]
    pub(crate) fn assert_equals(&self, other: &Telemetry) {
        assert_eq!(self.counts(), other.counts(), "spans, data points, log records");
        // One at a time, so that a failure shows what differs and not everything.
        self.spans.iter().zip(&other.spans).for_each(|(one, same)| assert_eq!(one, same));
        self.metrics.iter().zip(&other.metrics).for_each(|(one, same)| assert_eq!(one, same));
        self.logs.iter().zip(&other.logs).for_each(|(one, same)| assert_eq!(one, same));
        assert_eq!(self.metrics.len(), other.metrics.len());
    }
}

/// When the first of its points was taken.
fn time(metric: &MetricData) -> Option<u64> {
    match &metric.points {
        MetricPoints::Empty => None,
        MetricPoints::Gauge { points } | MetricPoints::Sum { points, .. } => points.first().map(|point| point.time),
        MetricPoints::Histogram { points, .. } => points.first().map(|point| point.time),
        MetricPoints::ExponentialHistogram { points, .. } => points.first().map(|point| point.time),
        MetricPoints::Summary { points } => points.first().map(|point| point.time),
    }
}
