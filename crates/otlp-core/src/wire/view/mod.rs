//! Views: encoded OTLP read where it lies, nothing copied.
//!
//! A view reads its message's own fields in one pass; strings, bytes and what is nested are borrowed, and nested
//! messages are read when they are iterated. An iteration therefore yields results, and ends after the first error.
//!
//! Rules of protobuf that hold for all: unknown fields are skipped, absent ones have their default, the last of a
//! field that occurs twice counts (messages that occur twice are not merged: no OTLP writer produces them), and an
//! unknown enum number reads as "unspecified".
//!
//! ```
//! use otlp_core::{data::SpanData, wire::{encode, view::{TracesView, View}}};
//! let mut request = Vec::new();
//! encode::spans(&[SpanData { name: "GET /".into(), ..Default::default() }], &mut request);
//! for of_resource in TracesView::parse(&request)?.resources {
//!     for of_scope in of_resource?.scopes {
//!         for span in of_scope?.records {
//!             assert_eq!(span?.name, "GET /");
//!         }
//!     }
//! }
//! # Ok::<(), otlp_core::wire::decode::DecodeError>(())
//! ```

mod attributes;
mod exemplar;
mod histogram;
mod ids;
mod log;
mod messages;
mod metric;
mod numbers;
mod origin;
mod point;
mod request;
mod span;

pub use self::{
    attributes::{AnyValueView, AttributesView, KeyValueView},
    exemplar::ExemplarView,
    histogram::{ExponentialBucketsView, ExponentialHistogramPointView, HistogramPointView},
    log::LogView,
    messages::{Messages, MessagesIter, View},
    metric::{MetricPointsView, MetricView},
    numbers::{Double, Fixed64, NumberKind, Numbers, NumbersIter, Varint},
    origin::{ResourceView, ScopeView},
    point::{NumberPointView, QuantileView, SummaryPointView},
    request::{LogsView, MetricsView, RequestView, ResourceRecords, ScopeRecords, TracesView, records},
    span::{EventView, LinkView, SpanView, StatusView},
};
