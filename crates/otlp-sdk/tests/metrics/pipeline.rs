//! A provider that is registered with a pipeline: what an exporter gets, and what the ledger says of it.

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{Metric, metric::Data},
};
use otlp_batch::{Attempts, Batch, BatchExporter, ExportFuture, Pipeline};
use otlp_core::{Attributes, KeyValue, Outcome, PartialSuccess, Signal, data::Resource};
use otlp_sdk::{
    clock::Clock,
    metrics::{MeterProvider, MetricsConfig},
};
use parking_lot::Mutex;
use prost::Message;

const DEADLINE: Duration = Duration::from_secs(20);

/// Keeps the requests that it is given.
#[derive(Default)]
struct Keeping {
    requests: Mutex<Vec<ExportMetricsServiceRequest>>,
}

impl BatchExporter for Keeping {
    fn name(&self) -> String {
        "keeping".to_owned()
    }

    fn export<'a>(&'a self, batch: &'a Batch, _: &'a Attempts<'a>) -> ExportFuture<'a> {
        let request =
            ExportMetricsServiceRequest::decode(batch.to_request().to_contiguous()).expect("a batch is a request");
        self.requests.lock().push(request);
        Box::pin(std::future::ready(Outcome::Delivered(PartialSuccess::default()).into()))
    }
}

impl Keeping {
    /// All metrics with the names of their scopes.
    fn metrics(&self) -> Vec<(String, Metric)> {
        let scopes = |request: &ExportMetricsServiceRequest| {
            request.resource_metrics.iter().flat_map(|resource| resource.scope_metrics.clone()).collect::<Vec<_>>()
        };
        let named = |scope: opentelemetry_proto::tonic::metrics::v1::ScopeMetrics| {
            let name = scope.scope.unwrap_or_default().name;
            scope.metrics.into_iter().map(move |metric| (name.clone(), metric))
        };
        self.requests.lock().iter().flat_map(scopes).flat_map(named).collect()
    }
}

#[test]
fn a_flush_delivers_every_point_and_the_ledger_counts_points() {
    let resource =
        Resource { attributes: Attributes::from(vec![KeyValue::new("service.name", "shop")]), ..Resource::default() };
    let keeping = Arc::new(Keeping::default());
    let pipeline =
        Pipeline::builder(resource).destination(Arc::clone(&keeping) as Arc<dyn BatchExporter>).start().unwrap();
    let provider = MeterProvider::new(pipeline.intake().clone(), Arc::new(Clock::system()), MetricsConfig::default());
    pipeline.intake().register(Arc::new(provider.clone()));

    let counter = provider.meter("one").u64_counter("requests").init();
    let histogram = provider.meter("two").f64_histogram("seconds").init();
    for number in 0..1_500 {
        counter.add(number, &[("number", number)]);
        histogram.record(1.0, &[("number", number)]);
    }
    provider.meter("two").i64_observable_gauge("load").with_callback(|observer| observer.observe(-1, &())).init();
    let report = pipeline.flush_blocking(DEADLINE);

    assert!(report.complete);
    let metrics = report.ledgers[0].signal(Signal::Metrics);
    assert_eq!((metrics.accepted, metrics.delivered), (3_001, 3_001));

    let (mut sum, mut counts, mut gauges) = (0, 0, 0);
    for (scope, metric) in keeping.metrics() {
        match metric.data.unwrap() {
            Data::Sum(data) => {
                assert_eq!((&*scope, &*metric.name), ("one", "requests"));
                sum +=
                    data.data_points.iter().filter_map(|point| point.value).map(|value| format!("{value:?}")).count();
            }
            Data::Histogram(data) => {
                assert_eq!((&*scope, &*metric.name), ("two", "seconds"));
                counts += data.data_points.iter().map(|point| point.count).sum::<u64>();
            }
            Data::Gauge(data) => gauges += data.data_points.len(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((sum, counts, gauges), (1_500, 1_500, 1));
    let requests = keeping.requests.lock();
    let resource = requests[0].resource_metrics[0].resource.as_ref().unwrap();
    assert_eq!(resource.attributes[0].key, "service.name");
}

#[test]
fn a_flush_covers_what_other_threads_recorded_before_it() {
    let keeping = Arc::new(Keeping::default());
    let exporter = Arc::clone(&keeping) as Arc<dyn BatchExporter>;
    let pipeline = Pipeline::builder(Resource::default()).destination(exporter).start().unwrap();
    let provider = MeterProvider::new(pipeline.intake().clone(), Arc::default(), MetricsConfig::default());
    pipeline.intake().register(Arc::new(provider.clone()));
    let counter = provider.meter("").u64_counter("n").init();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..10_000).for_each(|_| counter.add(1, &[("k", "v")])));
        }
    });
    assert!(pipeline.shutdown_blocking(DEADLINE).complete);
    let last = keeping.metrics().pop().unwrap().1;
    let Some(Data::Sum(sum)) = last.data else { panic!() };
    assert_eq!(format!("{:?}", sum.data_points[0].value), "Some(AsInt(80000))");
}
