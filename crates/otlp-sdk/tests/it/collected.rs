//! A pipeline that ends in memory, decoded by types that our own code had no part in.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs},
    trace::v1::{ResourceSpans, Span},
};
use otlp_batch::{Attempts, Batch, BatchExporter, BatchLimits, ExportFuture, Intake, Ledger, Pipeline};
use otlp_core::{EncodedRequest, Outcome, Signal, data::Resource};
use otlp_sdk::{
    clock::Clock,
    logs::{LogConfig, LoggerProvider},
    trace::{TraceConfig, Tracer, TracerProvider},
};
use prost::Message;

/// A pipeline whose batches are kept.
pub(crate) struct Collected {
    pipeline: Pipeline,
    pub(crate) clock: Arc<Clock>,
    requests: Arc<Mutex<Vec<EncodedRequest>>>,
}

struct Keep(Arc<Mutex<Vec<EncodedRequest>>>);

impl BatchExporter for Keep {
    fn name(&self) -> String {
        "memory".into()
    }

    fn export<'a>(&'a self, batch: &'a Batch, _: &'a Attempts<'a>) -> ExportFuture<'a> {
        self.0.lock().unwrap().push(batch.to_request());
        Box::pin(std::future::ready(Outcome::delivered().into()))
    }
}

impl Collected {
    pub(crate) fn new() -> Self {
        Collected::with(BatchLimits::default(), Clock::system())
    }

    pub(crate) fn with(limits: BatchLimits, clock: Clock) -> Self {
        let requests = Arc::new(Mutex::default());
        let exporter = Arc::new(Keep(Arc::clone(&requests)));
        let pipeline = Pipeline::builder(Resource::default()).limits(limits).destination(exporter).start().unwrap();
        Collected { pipeline, clock: Arc::new(clock), requests }
    }

    pub(crate) fn traces(&self, config: TraceConfig) -> TracerProvider {
        TracerProvider::new(self.pipeline.intake().clone(), Arc::clone(&self.clock), config)
    }

    pub(crate) fn tracer(&self) -> Tracer {
        self.traces(TraceConfig::default()).tracer("test")
    }

    pub(crate) fn logs(&self, config: LogConfig) -> LoggerProvider {
        let provider = LoggerProvider::new(self.pipeline.intake().clone(), Arc::clone(&self.clock), config);
        self.intake().register(Arc::new(provider.clone()));
        provider
    }

    pub(crate) fn intake(&self) -> &Intake {
        self.pipeline.intake()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.pipeline.ledgers().remove(0)
    }

    pub(crate) fn shut_down(&self) {
        assert!(self.pipeline.shutdown_blocking(Duration::from_secs(30)).complete);
    }

    /// Everything of a signal so far, as it would go over the wire, together with how many items the pipeline says.
    fn take(&self, signal: Signal) -> Vec<EncodedRequest> {
        assert!(self.pipeline.flush_blocking(Duration::from_secs(30)).complete);
        let mut requests = self.requests.lock().unwrap();
        requests.extract_if(.., |request| request.signal() == signal).collect()
    }

    pub(crate) fn resource_spans(&self) -> Vec<ResourceSpans> {
        let requests = self.take(Signal::Traces);
        let decode = |request: EncodedRequest| {
            ExportTraceServiceRequest::decode(request.to_contiguous()).unwrap().resource_spans
        };
        requests.into_iter().flat_map(decode).collect()
    }

    pub(crate) fn resource_logs(&self) -> Vec<ResourceLogs> {
        let requests = self.take(Signal::Logs);
        let decode =
            |request: EncodedRequest| ExportLogsServiceRequest::decode(request.to_contiguous()).unwrap().resource_logs;
        requests.into_iter().flat_map(decode).collect()
    }

    /// The spans that ended so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let scopes = self.resource_spans().into_iter().flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// The only span that ended so far.
    pub(crate) fn span(&self) -> Span {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }

    /// The log records emitted so far.
    pub(crate) fn log_records(&self) -> Vec<LogRecord> {
        let scopes = self.resource_logs().into_iter().flat_map(|resource| resource.scope_logs);
        scopes.flat_map(|scope| scope.log_records).collect()
    }

    /// The only log record emitted so far.
    pub(crate) fn log_record(&self) -> LogRecord {
        let mut records = self.log_records();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }
}

/// The span of this name.
pub(crate) fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name} in {spans:?}"))
}

pub(crate) fn of(value: any_value::Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn string(value: &str) -> AnyValue {
    of(any_value::Value::StringValue(value.into()))
}

pub(crate) fn int(value: i64) -> AnyValue {
    of(any_value::Value::IntValue(value))
}

pub(crate) fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}
