//! The data model and the encoding of the OpenTelemetry Protocol (OTLP), without I/O, runtime or clock.
//!
//! - [`TraceId`], [`SpanId`], [`Signal`]: identity.
//! - [`Value`], [`AttributeValue`], [`KeyValue`], [`AttributeSet`]: attributes, owned and borrowed.
//! - [`wire`]: the protobuf writer that call sites encode with, zero-copy views over encoded bytes, owned decoding.
//! - [`json`]: OTLP JSON, in and out.
//! - [`data`]: owned telemetry for those who read it back.
//! - [`EncodedRequest`], [`Outcome`]: what a transport is given and what it answers.

mod attributes;
mod context;
pub mod data;
mod decimal;
mod ids;
pub mod json;
mod outcome;
pub mod propagation;
mod request;
mod signal;
mod value;
pub mod wire;

pub use self::{
    attributes::{AttributeSet, Attributes, KeyValue},
    context::{TraceContext, TraceFlags},
    ids::{ParseIdError, SpanId, TraceId},
    outcome::{ErrorKind, ExportError, Outcome, PartialSuccess, RetryableFailure},
    request::EncodedRequest,
    signal::Signal,
    value::{ArrayElement, AttributeValue, Value, ValueMap, ValueRef, ValueSequence},
};
