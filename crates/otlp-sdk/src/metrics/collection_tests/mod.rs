//! What collections report, read back from the bytes with the official message types.

mod disabled;
mod limits;
mod model;
mod observables;
mod temporality;
mod threads;
mod wire;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, Metric, NumberDataPoint, ScopeMetrics, metric::Data, number_data_point,
};
use otlp_core::data::{Resource, Scope};
use parking_lot::Mutex;
use prost::Message;

use super::{MeterProvider, MetricsConfig, MetricsWarning, TemporalityPreference, WarningHook, sink::Sink};
use crate::clock::Clock;

/// A provider with a wall clock and a list of warnings that the test holds.
struct Rig {
    provider: MeterProvider,
    clock: Arc<Clock>,
    wall: Arc<AtomicU64>,
    warnings: Arc<Mutex<Vec<MetricsWarning>>>,
}

/// An entry as a sink got it.
struct Collected {
    scope: String,
    bytes: usize,
    metric: Metric,
}

const START: u64 = 1_700_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

impl Rig {
    fn new(temporality: TemporalityPreference) -> Self {
        Rig::with_config(MetricsConfig { temporality, ..MetricsConfig::default() })
    }

    fn with_config(config: MetricsConfig) -> Self {
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&warnings);
        let hook = WarningHook::new(move |warning| list.lock().push(warning.clone()));
        let wall = Arc::new(AtomicU64::new(START));
        let nanos = Arc::clone(&wall);
        let clock =
            Arc::new(Clock::with_wall(move || UNIX_EPOCH + Duration::from_nanos(nanos.load(Ordering::Relaxed))));
        let config = MetricsConfig { on_warning: Some(hook), ..config };
        let provider = MeterProvider::with_resource(Arc::new(Resource::default()), Arc::clone(&clock), config);
        Rig { provider, clock, wall, warnings }
    }

    /// Moves the wall clock to `seconds` after the start.
    fn set_wall(&self, seconds: u64) {
        self.wall.store(START + seconds * SECOND, Ordering::Relaxed);
        self.clock.resync();
    }

    fn collect_entries(&self) -> Vec<Collected> {
        let entries = RefCell::new(Vec::new());
        self.provider.collect(|scope| TestSink { scope: scope.clone(), entries: &entries });
        entries.into_inner()
    }

    fn collect(&self) -> Vec<Metric> {
        self.collect_entries().into_iter().map(|entry| entry.metric).collect()
    }

    /// The points of the only metric, which are numbers.
    fn collect_numbers(&self) -> Vec<NumberDataPoint> {
        self.collect().into_iter().flat_map(number_points).collect()
    }

    fn collect_histograms(&self) -> Vec<HistogramDataPoint> {
        self.collect().into_iter().flat_map(histogram_points).collect()
    }
}

/// Decodes each entry and checks what was promised about it.
struct TestSink<'a> {
    scope: Scope,
    entries: &'a RefCell<Vec<Collected>>,
}

impl Sink for TestSink<'_> {
    fn max_bytes(&self) -> usize {
        4 << 20
    }

    fn append(&mut self, items: u32, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = b"already here".to_vec();
        write(&mut out);
        let bytes = out.strip_prefix(b"already here").unwrap();
        assert_eq!(bytes.len(), len, "exactly as many bytes as announced");
        let mut metrics = ScopeMetrics::decode(bytes).unwrap().metrics;
        assert_eq!(metrics.len(), 1);
        let metric = metrics.remove(0);
        assert_eq!(items as usize, number_points(metric.clone()).len() + histogram_points(metric.clone()).len());
        assert!(items > 0, "no empty metric");
        self.entries.borrow_mut().push(Collected { scope: self.scope.name.clone(), bytes: len, metric });
    }
}

fn number_points(metric: Metric) -> Vec<NumberDataPoint> {
    match metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points,
        Some(Data::Sum(sum)) => sum.data_points,
        _ => Vec::new(),
    }
}

fn histogram_points(metric: Metric) -> Vec<HistogramDataPoint> {
    match metric.data {
        Some(Data::Histogram(histogram)) => histogram.data_points,
        _ => Vec::new(),
    }
}

fn int(point: &NumberDataPoint) -> i64 {
    match point.value {
        Some(number_data_point::Value::AsInt(value)) => value,
        ref other => panic!("{other:?} is no integer"),
    }
}

fn double(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        ref other => panic!("{other:?} is no double"),
    }
}

/// The attributes as text, sorted by key.
fn labels(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> String {
    let sorted: BTreeMap<&str, String> = attributes
        .iter()
        .map(|entry| {
            let value = entry.value.as_ref().and_then(|value| value.value.as_ref());
            (entry.key.as_str(), format!("{:?}", value.unwrap()))
        })
        .collect();
    assert_eq!(sorted.len(), attributes.len(), "keys are distinct");
    format!("{sorted:?}")
}

/// Whether this is the series beyond the limit.
fn is_overflow(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> bool {
    labels(attributes) == r#"{"otel.metric.overflow": "BoolValue(true)"}"#
}
