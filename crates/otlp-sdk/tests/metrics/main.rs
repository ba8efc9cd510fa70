//! Metrics from the call site to an exporter, through the public interface alone.

mod attributes;
mod pipeline;
mod registration;

use std::sync::Arc;

use otlp_core::data::{MetricData, MetricPoints, NumberPoint, Resource};
use otlp_sdk::{
    clock::Clock,
    metrics::{MeterProvider, MetricsConfig, MetricsWarning, WarningHook},
};
use parking_lot::Mutex;

/// A provider that is read within the program.
fn provider() -> MeterProvider {
    MeterProvider::with_resource(Arc::new(Resource::default()), Arc::new(Clock::system()), MetricsConfig::default())
}

/// A provider, and what it warns of.
fn warned_provider(config: MetricsConfig) -> (MeterProvider, Arc<Mutex<Vec<MetricsWarning>>>) {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&warnings);
    let hook = WarningHook::new(move |warning| list.lock().push(warning.clone()));
    let config = MetricsConfig { on_warning: Some(hook), ..config };
    (MeterProvider::with_resource(Arc::default(), Arc::default(), config), warnings)
}

fn number_points(metric: &MetricData) -> &[NumberPoint] {
    match &metric.points {
        MetricPoints::Gauge { points } | MetricPoints::Sum { points, .. } => points,
        _ => &[],
    }
}

/// All values of all metrics of numbers.
fn values(provider: &MeterProvider) -> Vec<f64> {
    let metrics = provider.read();
    metrics.iter().flat_map(number_points).filter_map(|point| point.value).map(|value| value.as_f64()).collect()
}
