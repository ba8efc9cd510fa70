//! Metrics: instruments that aggregate in place and are encoded once per collection.
//!
//! ```text
//! counter.add(1, &attributes)
//!   ─► hash of the attributes ─► series in the thread's cache, else in the instrument's table
//!                                  ─► aggregate: a cell, several once threads contend
//! collection: per instrument one Metric, its points put together from
//!   the attributes that each series encoded at its creation, and the numbers of its aggregate
//! ```
//!
//! A measurement on a known series allocates nothing and takes no lock that another thread could hold for long. The
//! numbers that leave are exact: no measurement is lost or in two collections, and two attribute sets share a series
//! only if they are equal.
//!
//! ```
//! use std::sync::Arc;
//! use otlp_core::data::{MetricPoints, Number, Resource};
//! use otlp_sdk::{clock::Clock, metrics::{MeterProvider, MetricsConfig, Unit}};
//!
//! let resource = Arc::new(Resource::default());
//! let provider = MeterProvider::with_resource(resource, Arc::new(Clock::system()), MetricsConfig::default());
//! let requests = provider.meter("shop").u64_counter("http.requests").with_unit(Unit::new("{request}")).init();
//!
//! requests.add(2, &[("method", "GET")]);
//! let get = requests.bind(&[("method", "GET")]);
//! get.add(1);
//!
//! let metrics = provider.read();
//! let MetricPoints::Sum { points, .. } = &metrics[0].points else { panic!() };
//! assert_eq!(points[0].value, Some(Number::I64(3)));
//! ```

mod aggregation;
mod atomic_f64;
mod builder;
mod collection;
mod config;
mod counter;
mod gauge;
mod histogram;
mod instrument;
mod instrument_kind;
mod meter;
mod metric_writer;
mod number;
mod observable;
mod provider;
mod provider_state;
mod series;
mod sink;
mod striped;
mod unit;
mod up_down_counter;
mod warning;

#[cfg(test)]
mod collection_tests;

pub use self::{
    atomic_f64::AtomicF64,
    builder::InstrumentBuilder,
    config::{
        DEFAULT_BOUNDARIES, DEFAULT_CARDINALITY_LIMIT, MetricsConfig, ParseTemporalityPreferenceError,
        TemporalityPreference,
    },
    counter::{BoundCounter, Counter},
    gauge::{BoundGauge, Gauge},
    histogram::{BoundHistogram, Histogram},
    instrument_kind::InstrumentKind,
    meter::Meter,
    number::MetricNumber,
    observable::{ObservableCounter, ObservableGauge, ObservableUpDownCounter, Observer},
    provider::MeterProvider,
    unit::Unit,
    up_down_counter::{BoundUpDownCounter, UpDownCounter},
    warning::{MetricsWarning, WarningHook},
};
