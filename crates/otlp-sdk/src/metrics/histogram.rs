//! [`Histogram`] and [`BoundHistogram`]: distributions of measurements.

use std::{marker::PhantomData, sync::Arc};

use otlp_core::AttributeSet;

use super::{MetricNumber, aggregation::Aggregate, instrument::Instrument, series::Series};

/// Records the distribution of values, per attribute set: durations, sizes.
///
/// A point has the count, the sum, the extremes, and the count per bucket; the upper bounds of buckets are inclusive.
/// Values should not be negative: they are taken, but a point of them has no sum, as OTLP asks for.
#[derive(Debug, Clone)]
pub struct Histogram<T> {
    instrument: Arc<Instrument>,
    number: PhantomData<T>,
}

impl<T: MetricNumber> Histogram<T> {
    pub(super) fn new(instrument: Arc<Instrument>) -> Self {
        Histogram { instrument, number: PhantomData }
    }

    /// Records `value` in the distribution of `attributes`.
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

    /// This histogram for one attribute set, which is looked up now and never again: for the hottest paths.
    ///
    /// At the cardinality limit the histogram is bound to the overflow series, and stays so.
    pub fn bind<A: AttributeSet + ?Sized>(&self, attributes: &A) -> BoundHistogram<T> {
        let (instrument, series) = (Arc::clone(&self.instrument), self.instrument.bind(attributes));
        BoundHistogram { instrument, series, number: PhantomData }
    }
}

/// A [`Histogram`] for one attribute set.
#[derive(Debug, Clone)]
pub struct BoundHistogram<T> {
    series: Arc<Series>,
    instrument: Arc<Instrument>,
    number: PhantomData<T>,
}

impl<T: MetricNumber> BoundHistogram<T> {
    /// Records `value`, as [`Histogram::record`] does.
    #[inline]
    pub fn record(&self, value: T) {
        if self.instrument.accepts(value, true) {
            record(&self.series.aggregate, value);
        }
    }
}

#[inline]
fn record<T: MetricNumber>(aggregate: &Aggregate, value: T) {
    if let Aggregate::ExplicitHistogram(histogram) = aggregate {
        histogram.record(value.double());
    }
}
