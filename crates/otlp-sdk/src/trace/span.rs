//! A span: an operation under way, owned by whoever carries it out.

use std::{error::Error, fmt, time::SystemTime};

use otlp_core::{AttributeSet, AttributeValue, Signal, TraceContext, data::StatusCode, wire::encode};

use super::Tracer;
use crate::{
    clock::unix_nanos,
    context::{Context, ContextGuard},
    record::{self, Recording},
};

/// The field of `ScopeSpans` that holds spans.
const SPANS: u32 = 2;

/// An operation under way (OpenTelemetry specification, Trace API, "Span").
///
/// It ends when [`Span::end`] is called or when it is dropped, whichever is first; after that, and if it is not
/// sampled, all methods do nothing but [`Span::context`]. It may move between threads and live across `.await`. What
/// its limits forbid, or what would make it too large to deliver, is left out and counted on it.
///
/// A span is not active by itself: [`Span::enter`] makes it the parent of what this thread starts, and
/// [`ContextFuture::in_span`](crate::context::ContextFuture::in_span) of what a future starts.
#[must_use = "a span ends when it is dropped"]
pub struct Span {
    context: TraceContext,
    live: Option<Live>,
}

/// What a span that records has beside its context.
struct Live {
    recording: Box<Recording>,
    tracer: Tracer,
}

impl Span {
    /// A span that records.
    #[inline]
    pub(super) fn recording(context: TraceContext, recording: Box<Recording>, tracer: Tracer) -> Self {
        Span { context, live: Some(Live { recording, tracer }) }
    }

    /// A span that only passes its context on.
    #[inline]
    pub(super) fn unrecorded(context: TraceContext) -> Self {
        Span { context, live: None }
    }

    /// What identifies the span to its children, here and in other processes.
    #[inline]
    pub fn context(&self) -> TraceContext {
        self.context.clone()
    }

    /// Whether what is set is kept: not if the span is not sampled, and not after its end.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.live.is_some()
    }

    /// Sets an attribute, replacing an earlier value of the same key.
    ///
    /// ```
    /// # fn handle(span: &mut otlp_sdk::trace::Span) {
    /// span.set_attribute("http.request.method", "GET")
    ///     .set_attribute("http.response.status_code", 200)
    ///     .set_attribute("retries", [1, 2, 3]);
    /// # }
    /// ```
    #[inline]
    pub fn set_attribute(&mut self, key: impl AsRef<str>, value: impl AttributeValue) -> &mut Self {
        if let Some(live) = &mut self.live {
            live.recording.set_span_attribute(key.as_ref(), value.as_value());
        }
        self
    }

    /// Sets several attributes.
    pub fn set_attributes(&mut self, attributes: impl AttributeSet) -> &mut Self {
        if let Some(live) = &mut self.live {
            attributes.for_each(|key, value| live.recording.set_span_attribute(key, value));
        }
        self
    }

    /// Sets how the operation went. `Ok` is final, `Unset` changes nothing, and `message` counts for errors only
    /// (OpenTelemetry specification, Trace API, "Set Status").
    pub fn set_status(&mut self, code: StatusCode, message: impl AsRef<str>) -> &mut Self {
        if let Some(live) = &mut self.live {
            live.recording.set_span_status(code, message.as_ref());
        }
        self
    }

    /// Replaces the name.
    pub fn update_name(&mut self, name: impl AsRef<str>) -> &mut Self {
        if let Some(live) = &mut self.live {
            live.recording.set_span_name(name.as_ref());
        }
        self
    }

    /// Adds something that happens now. `()` stands for no attributes.
    #[inline]
    pub fn add_event(&mut self, name: impl AsRef<str>, attributes: impl AttributeSet) -> &mut Self {
        if let Some(live) = &mut self.live {
            let now = live.now();
            live.recording.add_span_event(name.as_ref(), now, attributes, live.tracer.limits());
        }
        self
    }

    /// Adds something that happened at `time`.
    pub fn add_event_at(
        &mut self,
        name: impl AsRef<str>,
        time: SystemTime,
        attributes: impl AttributeSet,
    ) -> &mut Self {
        if let Some(live) = &mut self.live {
            live.recording.add_span_event(name.as_ref(), unix_nanos(time), attributes, live.tracer.limits());
        }
        self
    }

    /// Adds a relation to another span. A sampler sees only those that the span started with
    /// ([`SpanBuilder::link`](super::SpanBuilder::link)).
    pub fn add_link(&mut self, context: &TraceContext, attributes: impl AttributeSet) -> &mut Self {
        if let Some(live) = &mut self.live {
            live.recording.add_span_link(context, attributes, live.tracer.limits());
        }
        self
    }

    /// Adds an event named `exception` with the error's message, and its type unless `error` is a trait object
    /// (semantic conventions, "Exceptions"). The status stays as it is.
    pub fn record_error<E: Error + ?Sized>(&mut self, error: &E) -> &mut Self {
        if let Some(live) = &mut self.live {
            let now = live.now();
            live.recording.add_span_error(error, now, live.tracer.limits());
        }
        self
    }

    /// Makes the span active on this thread until the guard is dropped, with the rest of the current context. The guard
    /// holds the span's context and not the span, which can still be changed, ended and dropped.
    ///
    /// In asynchronous code use [`ContextFuture::in_span`](crate::context::ContextFuture::in_span) instead.
    pub fn enter(&self) -> ContextGuard {
        Context::current().with_span(self.context()).attach()
    }

    /// Ends the span now. A second call does nothing.
    #[inline]
    pub fn end(&mut self) {
        if let Some(live) = self.live.take() {
            let end_time = live.now();
            live.finish(&self.context, end_time);
        }
    }

    /// Ends the span at `time`, or at its start if `time` is before that.
    pub fn end_at(&mut self, time: SystemTime) {
        if let Some(live) = self.live.take() {
            live.finish(&self.context, unix_nanos(time));
        }
    }
}

impl Live {
    #[inline]
    fn now(&self) -> u64 {
        self.recording.span_now(self.tracer.clock())
    }

    #[inline]
    fn finish(mut self, context: &TraceContext, end_time: u64) {
        // A span that only records is seen by nobody beyond its end.
        if context.is_sampled() {
            self.recording.finish_span(end_time);
            let len = encode::bytes_len(SPANS, self.recording.len());
            let write = |chunk: &mut Vec<u8>| self.recording.put(chunk, SPANS);
            self.tracer.intake().append(Signal::Traces, self.tracer.scope(), 1, len, write);
        }
        record::give_back(self.recording);
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span").field("context", &self.context).field("is_recording", &self.is_recording()).finish()
    }
}
