//! Propagation: how trace context and baggage travel between processes, in whatever carries text by name (W3C Trace
//! Context, W3C Baggage).
//!
//! - [`Inject`], [`Extract`]: the carrier, such as the headers of a request: a map, a list of pairs, with the feature `http`
//!   the `HeaderMap` of the crate http; for any other an adapter is a few lines.
//! - [`Propagator`]: writes to and reads from a carrier. [`TraceContextPropagator`], [`BaggagePropagator`], those of
//!   older systems, [`B3Propagator`] and [`JaegerPropagator`], and several as one: [`CompositePropagator`].
//! - [`Baggage`], [`TraceState`]: what travels beside the ids.
//!
//! What must hold: everything read from a carrier is outside input. It is bounded, it panics nothing, and what is
//! malformed is left out as the specification says; what is written is always valid, whatever the values were.
//!
//! ```
//! use std::collections::HashMap;
//! use otlp_core::{TraceContext, propagation::{Baggage, CompositePropagator, Propagator}};
//!
//! let propagator = CompositePropagator::default();
//! let incoming = HashMap::from([
//!     ("Traceparent".to_owned(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
//!     ("baggage".to_owned(), "tenant=blue".to_owned()),
//! ]);
//! let (parent, baggage) = propagator.extract(&incoming);
//! let parent: TraceContext = parent.ok_or("no parent")?;
//! assert!(parent.is_sampled() && parent.is_remote);
//! assert_eq!(baggage.get("tenant"), Some("blue"));
//!
//! let mut outgoing = Vec::new();
//! propagator.inject(&parent, &baggage, &mut outgoing);
//! assert_eq!(outgoing[0].1, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
//! # Ok::<(), &str>(())
//! ```

mod b3;
mod baggage;
mod carrier;
mod composite;
#[cfg(feature = "http")]
mod header_map;
mod jaeger;
mod trace_context;
mod trace_parent;
mod trace_state;

use std::fmt;

pub use self::{
    b3::B3Propagator,
    baggage::{Baggage, BaggageEntry, BaggagePropagator},
    carrier::{Extract, Inject},
    composite::CompositePropagator,
    jaeger::JaegerPropagator,
    trace_context::TraceContextPropagator,
    trace_state::{InvalidTraceState, TraceState},
};
use crate::TraceContext;

/// Writes context to carriers and reads it back, in one format (`TextMapPropagator` of the OpenTelemetry specification,
/// "Propagators API").
///
/// An implementor ignores what is not of its format, never panics on what it reads, and reads no more than a bounded
/// amount of it. Carriers are trait objects, so that the formats can be chosen when the program runs.
pub trait Propagator: fmt::Debug + Send + Sync {
    /// Writes what this format carries of `context` and `baggage`. An invalid context and an empty baggage are not
    /// written.
    fn inject(&self, context: &TraceContext, baggage: &Baggage, carrier: &mut dyn Inject);

    /// Reads the remote parent and the baggage: `None` and empty where there is none, where it is malformed, and where
    /// this format has no such thing.
    fn extract(&self, carrier: &dyn Extract) -> (Option<TraceContext>, Baggage);

    /// The names that [`Propagator::inject`] may set, in lower case.
    fn fields(&self) -> Vec<&'static str>;
}

/// Optional white space around a part of a header value (`OWS` of RFC 9110): spaces and tabs.
fn trim_ows(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
