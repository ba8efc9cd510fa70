//! [`UpDownCounter`] and [`BoundUpDownCounter`]: sums of changes of either sign.

use std::{marker::PhantomData, sync::Arc};

use otlp_core::AttributeSet;

use super::{MetricNumber, aggregation::Aggregate, instrument::Instrument, series::Series};

/// Sums changes of either sign, per attribute set: requests in flight, items in a queue.
#[derive(Debug, Clone)]
pub struct UpDownCounter<T> {
    instrument: Arc<Instrument>,
    number: PhantomData<T>,
}

impl<T: MetricNumber> UpDownCounter<T> {
    pub(super) fn new(instrument: Arc<Instrument>) -> Self {
        UpDownCounter { instrument, number: PhantomData }
    }

    /// Adds `value` to the sum of `attributes`.
    ///
    /// The order of attributes makes no difference; of a repeated key the last value counts. A value that is not
    /// finite is ignored and counted
    /// ([`MeterProvider::ignored_measurements`](super::MeterProvider::ignored_measurements)).
    #[inline]
    pub fn add<A: AttributeSet + ?Sized>(&self, value: T, attributes: &A) {
        if self.instrument.accepts(value, true) {
            self.instrument.update(attributes, |aggregate| add(aggregate, value));
        }
    }

    /// This counter for one attribute set, which is looked up now and never again: for the hottest paths.
    ///
    /// At the cardinality limit the counter is bound to the overflow series, and stays so.
    pub fn bind<A: AttributeSet + ?Sized>(&self, attributes: &A) -> BoundUpDownCounter<T> {
        let (instrument, series) = (Arc::clone(&self.instrument), self.instrument.bind(attributes));
        BoundUpDownCounter { instrument, series, number: PhantomData }
    }
}

/// An [`UpDownCounter`] for one attribute set.
#[derive(Debug, Clone)]
pub struct BoundUpDownCounter<T> {
    series: Arc<Series>,
    instrument: Arc<Instrument>,
    number: PhantomData<T>,
}

impl<T: MetricNumber> BoundUpDownCounter<T> {
    /// Adds `value`, as [`UpDownCounter::add`] does.
    #[inline]
    pub fn add(&self, value: T) {
        if self.instrument.accepts(value, true) {
            add(&self.series.aggregate, value);
        }
    }
}

#[inline]
fn add<T: MetricNumber>(aggregate: &Aggregate, value: T) {
    if let Aggregate::Sum(sum) = aggregate {
        sum.add(value);
    }
}
