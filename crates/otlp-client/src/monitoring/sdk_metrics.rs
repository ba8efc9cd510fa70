//! The metrics of the pipeline itself, by the names of the semantic conventions ("Semantic conventions for OpenTelemetry
//! SDK metrics").
//!
//! They are observed when metrics are collected, so nothing is counted twice and nothing at a call site. Exporting them
//! makes no telemetry but them: their series are fixed by destinations, signals and kinds of errors.
//!
//! Left out: `otel.sdk.span.started` and `otel.sdk.span.live`, which would cost something at each start of a span, also
//! of those that are not sampled.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use otlp_batch::{DropReason, SignalLedger};
use otlp_core::{KeyValue, Signal};
use otlp_sdk::metrics::{Meter, MeterProvider, Observer};

use super::{
    Source,
    attempts::Component,
    operations::{OperationDurations, with_error},
};

/// The scope of the metrics that a client has of itself.
pub(super) const SCOPE: &str = "otlp_client";

/// From a fast answer on the same machine to the default time limit and a few retries, in seconds.
const BOUNDARIES: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The words of the conventions for a signal; in names, and as a unit.
fn words(signal: Signal) -> (&'static str, &'static str) {
    match signal {
        Signal::Traces => ("span", "{span}"),
        Signal::Metrics => ("metric_data_point", "{data_point}"),
        Signal::Logs => ("log", "{log_record}"),
    }
}

/// Makes the instruments of `source`.
pub(super) fn register(meters: &MeterProvider, source: &Arc<Source>) {
    let meter = meters.meter(SCOPE);
    for signal in Signal::ALL {
        exported(&meter, source, signal);
        in_flight(&meter, source, signal);
        // Metrics are collected and not processed: the conventions have no queue of them.
        if signal != Signal::Metrics {
            queue(&meter, source, signal);
            processed(&meter, source, signal);
        }
    }
    created(&meter, source);
    let durations = meter
        .f64_histogram("otel.sdk.exporter.operation.duration")
        .with_description("The duration of exporting a batch of telemetry records.")
        .with_unit("s")
        .with_boundaries(BOUNDARIES)
        .init();
    for (index, attempts) in source.attempts.iter().enumerate() {
        let attributes = Signal::ALL.map(|signal| exporter_attributes(&attempts.component, index, signal));
        // Set once: a source has one provider.
        let _ = attempts.operations.set(OperationDurations::new(durations.clone(), attributes));
    }
}

/// Calls `observe` with the index, the ledger and the exporter's attributes of each destination that has attempts.
fn each_exporter(source: &Source, signal: Signal, mut observe: impl FnMut(usize, &SignalLedger, &[KeyValue])) {
    for (index, (ledger, attempts)) in source.pipeline.ledgers().iter().zip(&source.attempts).enumerate() {
        observe(index, ledger.signal(signal), &exporter_attributes(&attempts.component, index, signal));
    }
}

fn exported(meter: &Meter, source: &Arc<Source>, signal: Signal) {
    let (word, unit) = words(signal);
    let source = Arc::clone(source);
    meter
        .u64_observable_counter(format!("otel.sdk.exporter.{word}.exported"))
        .with_description("The number of items for which the export has finished, either successful or failed.")
        .with_unit(unit)
        .with_callback(move |observer| {
            each_exporter(&source, signal, |_, ledger, attributes| {
                observer.observe(ledger.delivered, attributes);
                let failures = [
                    ("rejected", ledger.rejected),
                    ("retries_exhausted", ledger.dropped[DropReason::RetriesExhausted]),
                    ("exporter_panicked", ledger.dropped[DropReason::ExporterPanicked]),
                ];
                observe_failures(observer, attributes, &failures);
            });
        })
        .init();
}

fn in_flight(meter: &Meter, source: &Arc<Source>, signal: Signal) {
    let (word, unit) = words(signal);
    let source = Arc::clone(source);
    meter
        .i64_observable_up_down_counter(format!("otel.sdk.exporter.{word}.inflight"))
        .with_description("The number of items which were passed to the exporter, but that have not been exported yet.")
        .with_unit(unit)
        .with_callback(move |observer| {
            let depths = source.pipeline.queue_depths(signal);
            each_exporter(&source, signal, |index, _, attributes| {
                let items = depths.get(index).map_or(0, |depth| depth.in_flight_items);
                observer.observe(signed(items), attributes);
            });
        })
        .init();
}

fn queue(meter: &Meter, source: &Arc<Source>, signal: Signal) {
    let (word, unit) = words(signal);
    let sized = Arc::clone(source);
    meter
        .i64_observable_up_down_counter(format!("otel.sdk.processor.{word}.queue.size"))
        .with_description("The number of items in the queue of a given instance of an SDK processor.")
        .with_unit(unit)
        .with_callback(move |observer| {
            for (index, items) in sized.pipeline.queue_occupancies(signal).into_iter().enumerate() {
                observer.observe(signed(items), &processor_attributes(index, signal));
            }
        })
        .init();
    let limited = Arc::clone(source);
    meter
        .i64_observable_up_down_counter(format!("otel.sdk.processor.{word}.queue.capacity"))
        .with_description("The maximum number of items the queue of a given instance of an SDK processor can hold.")
        .with_unit(unit)
        .with_callback(move |observer| {
            let capacity = signed(limited.pipeline.max_queue_size() as u64);
            for index in 0..limited.pipeline.queue_occupancies(signal).len() {
                observer.observe(capacity, &processor_attributes(index, signal));
            }
        })
        .init();
}

/// What left the queue for the exporter, and what was dropped before.
fn processed(meter: &Meter, source: &Arc<Source>, signal: Signal) {
    let (word, unit) = words(signal);
    let source = Arc::clone(source);
    // A batch that is put off goes back into the queue; a count that only grows does not follow it.
    let highest: Vec<AtomicU64> = source.pipeline.ledgers().iter().map(|_| AtomicU64::new(0)).collect();
    meter
        .u64_observable_counter(format!("otel.sdk.processor.{word}.processed"))
        .with_description("The number of items for which the processing has finished, either successful or failed.")
        .with_unit(unit)
        .with_callback(move |observer| {
            let depths = source.pipeline.queue_depths(signal);
            for (index, (ledger, depth)) in source.pipeline.ledgers().iter().zip(depths).enumerate() {
                let attributes = processor_attributes(index, signal);
                let ledger = ledger.signal(signal);
                let passed_on = ledger.delivered
                    + ledger.rejected
                    + ledger.dropped[DropReason::RetriesExhausted]
                    + ledger.dropped[DropReason::ExporterPanicked]
                    + depth.in_flight_items;
                let passed_on = passed_on.max(highest[index].fetch_max(passed_on, Relaxed));
                observer.observe(passed_on, &attributes);
                let failures = DropReason::ALL.into_iter().filter_map(|reason| match reason {
                    DropReason::RetriesExhausted | DropReason::ExporterPanicked => None,
                    DropReason::ShutDown => Some(("already_shutdown", ledger.dropped[reason])),
                    reason => Some((reason.name(), ledger.dropped[reason])),
                });
                observe_failures(observer, &attributes, &failures.collect::<Vec<_>>());
            }
        })
        .init();
}

fn created(meter: &Meter, source: &Arc<Source>) {
    let source = Arc::clone(source);
    meter
        .u64_observable_counter("otel.sdk.log.created")
        .with_description("The number of logs submitted to enabled SDK Loggers.")
        .with_unit("{log_record}")
        .with_callback(move |observer| {
            // Each destination that takes logs has all of them.
            let accepted = source.pipeline.ledgers().iter().map(|ledger| ledger.logs.accepted).max();
            observer.observe(accepted.unwrap_or(0), &());
        })
        .init();
}

/// Kinds of failures that never happened have no series.
fn observe_failures(observer: &Observer<'_, u64>, attributes: &[KeyValue], failures: &[(&'static str, u64)]) {
    for (error, items) in failures.iter().filter(|(_, items)| *items > 0) {
        observer.observe(*items, &with_error(attributes, error));
    }
}

fn exporter_attributes(component: &Component, index: usize, signal: Signal) -> Vec<KeyValue> {
    let kind = &component.exporter_types[signal.index()];
    let mut attributes = vec![
        KeyValue::new("otel.component.type", kind.as_str()),
        KeyValue::new("otel.component.name", format!("{kind}/{index}")),
    ];
    if let Some((host, port)) = &component.servers[signal.index()] {
        attributes.push(KeyValue::new("server.address", host.as_str()));
        attributes.push(KeyValue::new("server.port", i64::from(*port)));
    }
    attributes
}

/// The queue of each destination is a processor of its own.
fn processor_attributes(index: usize, signal: Signal) -> [KeyValue; 2] {
    let kind = if signal == Signal::Logs { "batching_log_processor" } else { "batching_span_processor" };
    [KeyValue::new("otel.component.type", kind), KeyValue::new("otel.component.name", format!("{kind}/{index}"))]
}

fn signed(items: u64) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
