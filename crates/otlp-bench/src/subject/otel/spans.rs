//! Trees of spans, recorded by the peer.

use std::ops::Range;

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanKind, TraceContextExt, Tracer as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span};
use tokio::runtime::Runtime;

use super::{NEVER, Producer, Protocol, Setup, resource, runtime, until_flushed};
use crate::{
    Failure,
    content::{
        CACHED_KEY, CHILDREN_PER_TREE, EVENT_NAME, EVENT_SIZE_KEY, EVENT_TEXT, SCOPE, SIZE_KEY, SPAN_CONSTANTS,
        SPAN_NAME, SPAN_TEXTS, STATUS_KEY, TOTAL_KEY, numbers,
    },
    stopwatch::Stopwatch,
};

pub(super) struct Spans {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    _runtime: Runtime,
}

impl Spans {
    pub(super) fn new(protocol: Protocol, setup: &Setup) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let url = format!("http://{}", setup.receiver);
        let exporter = match protocol {
            Protocol::Grpc => {
                let _guard = runtime.enter();
                SpanExporter::builder().with_tonic().with_endpoint(url).build()?
            }
            Protocol::Http => SpanExporter::builder().with_http().with_endpoint(url + "/v1/traces").build()?,
        };
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(setup.queue_items).with_scheduled_delay(NEVER).build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let provider = SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource()).build();
        Ok(Spans { tracer: provider.tracer(SCOPE), provider, _runtime: runtime })
    }
}

impl Producer for Spans {
    fn produce(&mut self, indices: Range<u64>, stopwatch: &mut Stopwatch) {
        for tree in indices {
            let mut root = self.start(&Context::new());
            fill(&mut root, tree);
            let parent = Context::new().with_span(root);
            for child in 0..CHILDREN_PER_TREE {
                let started = stopwatch.start();
                let mut span = self.start(&parent);
                fill(&mut span, tree + child);
                span.end();
                stopwatch.stop(started);
            }
            parent.span().end();
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        until_flushed(|| self.provider.force_flush())
    }
}

impl Spans {
    #[inline]
    fn start(&self, parent: &Context) -> Span {
        self.tracer.span_builder(SPAN_NAME).with_kind(SpanKind::Client).start_with_context(&self.tracer, parent)
    }
}

#[inline]
fn fill(span: &mut Span, index: u64) {
    let (status, size, total, cached) = numbers(index);
    for (key, value) in SPAN_CONSTANTS {
        span.set_attribute(KeyValue::new(key, value));
    }
    for (key, text) in SPAN_TEXTS {
        span.set_attribute(KeyValue::new(key, text.to_owned()));
    }
    span.set_attribute(KeyValue::new(STATUS_KEY, status));
    span.set_attribute(KeyValue::new(SIZE_KEY, size));
    span.set_attribute(KeyValue::new(TOTAL_KEY, total));
    span.set_attribute(KeyValue::new(CACHED_KEY, cached));
    let (key, text) = EVENT_TEXT;
    span.add_event(EVENT_NAME, vec![KeyValue::new(key, text.to_owned()), KeyValue::new(EVENT_SIZE_KEY, size)]);
}
