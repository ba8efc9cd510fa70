//! Traces: a [`TracerProvider`] makes [`Tracer`]s, a tracer starts [`Span`]s.

mod builder;
mod config;
mod ids;
mod link;
mod provider;
pub mod sampler;
mod span;
mod span_record;
mod tracer;

pub(crate) use self::span_record::SpanProgress;
pub use otlp_core::{
    TraceContext,
    data::{SpanKind, StatusCode},
};

pub use self::{
    builder::SpanBuilder,
    config::{SpanLimits, TraceConfig},
    ids::{IdGenerator, RandomIds},
    link::Link,
    provider::TracerProvider,
    sampler::Sampler,
    span::Span,
    tracer::Tracer,
};
