//! Trees of spans, recorded by ours.

use std::ops::Range;

use otlp::{
    ValueRef,
    core::EnhancedOtlpClient,
    data::SpanKind,
    trace::{Span, Tracer},
};

use super::{Producer, flush};
use crate::{
    Failure,
    content::{
        CACHED_KEY, CHILDREN_PER_TREE, EVENT_NAME, EVENT_SIZE_KEY, EVENT_TEXT, SCOPE, SIZE_KEY, SPAN_CONSTANTS,
        SPAN_NAME, SPAN_TEXTS, STATUS_KEY, TOTAL_KEY, numbers,
    },
    stopwatch::Stopwatch,
};

pub(super) struct Spans {
    tracer: Tracer,
    client: EnhancedOtlpClient,
}

impl Spans {
    pub(super) fn new(client: EnhancedOtlpClient) -> Self {
        Spans { tracer: client.tracer(SCOPE), client }
    }
}

impl Producer for Spans {
    fn produce(&mut self, indices: Range<u64>, stopwatch: &mut Stopwatch) {
        for tree in indices {
            let mut root = self.tracer.span_builder(SPAN_NAME).kind(SpanKind::Client).root().start();
            fill(&mut root, tree);
            let parent = root.context();
            for child in 0..CHILDREN_PER_TREE {
                let started = stopwatch.start();
                let mut span = self.tracer.start_with_context(SPAN_NAME, SpanKind::Client, &parent);
                fill(&mut span, tree + child);
                span.end();
                stopwatch.stop(started);
            }
            root.end();
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        flush(&self.client)
    }
}

#[inline]
fn fill(span: &mut Span, index: u64) {
    let (status, size, total, cached) = numbers(index);
    for (key, value) in SPAN_CONSTANTS {
        span.set_attribute(key, value);
    }
    for (key, text) in SPAN_TEXTS {
        span.set_attribute(key, text);
    }
    span.set_attribute(STATUS_KEY, status);
    span.set_attribute(SIZE_KEY, size);
    span.set_attribute(TOTAL_KEY, total);
    span.set_attribute(CACHED_KEY, cached);
    let (key, text) = EVENT_TEXT;
    span.add_event(EVENT_NAME, [(key, ValueRef::Str(text)), (EVENT_SIZE_KEY, ValueRef::I64(size))]);
}
