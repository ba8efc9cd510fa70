//! [`Gauge`] and [`BoundGauge`]: the values that were recorded last.

use std::{marker::PhantomData, sync::Arc};

use otlp_core::AttributeSet;

use super::{MetricNumber, aggregation::Aggregate, instrument::Instrument, series::Series};

/// Keeps the value that was recorded last, per attribute set: a temperature, a ratio, a size.
///
/// The value is reported at each collection until another one is recorded, whatever the temporality preference, for a
/// gauge has none.
#[derive(Debug, Clone)]
pub struct Gauge<T> {
    instrument: Arc<Instrument>,
    number: PhantomData<T>,
}

impl<T: MetricNumber> Gauge<T> {
    pub(super) fn new(instrument: Arc<Instrument>) -> Self {
        Gauge { instrument, number: PhantomData }
    }

    /// Replaces the value of `attributes`.
    ///
    /// The order of attributes makes no difference; of a repeated key the last value counts. A value that is not
    /// finite is ignored and counted
    /// ([`MeterProvider::ignored_measurements`](super::MeterProvider::ignored_measurements)).
    #[inline]
    pub fn record<A: AttributeSet + ?Sized>(&self, value: T, attributes: &A) {
        if self.instrument.accepts(value, true) {
            self.instrument.update(attributes, |aggregate| record(aggregate, value));
        }
    }

    /// This gauge for one attribute set, which is looked up now and never again: for the hottest paths.
    ///
    /// At the cardinality limit the gauge is bound to the overflow series, and stays so.
    pub fn bind<A: AttributeSet + ?Sized>(&self, attributes: &A) -> BoundGauge<T> {
        let (instrument, series) = (Arc::clone(&self.instrument), self.instrument.bind(attributes));
        BoundGauge { instrument, series, number: PhantomData }
    }
}

/// A [`Gauge`] for one attribute set.
#[derive(Debug, Clone)]
pub struct BoundGauge<T> {
    series: Arc<Series>,
    instrument: Arc<Instrument>,
    number: PhantomData<T>,
}

impl<T: MetricNumber> BoundGauge<T> {
    /// Replaces the value, as [`Gauge::record`] does.
    #[inline]
    pub fn record(&self, value: T) {
        if self.instrument.accepts(value, true) {
            record(&self.series.aggregate, value);
        }
    }
}

#[inline]
fn record<T: MetricNumber>(aggregate: &Aggregate, value: T) {
    if let Aggregate::LastValue(last) = aggregate {
        last.record(value);
    }
}
