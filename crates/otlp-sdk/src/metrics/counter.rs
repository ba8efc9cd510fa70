//! [`Counter`] and [`BoundCounter`]: sums of increments.

use std::{marker::PhantomData, sync::Arc};

use otlp_core::AttributeSet;

use super::{MetricNumber, aggregation::Aggregate, instrument::Instrument, series::Series};

/// Sums increments that are not negative, per attribute set: requests, bytes, errors.
///
/// Integers that exceed `u64::MAX` wrap around; what exceeds `i64::MAX` is reported as `i64::MAX`, the largest that
/// OTLP can carry.
#[derive(Debug, Clone)]
pub struct Counter<T> {
    instrument: Arc<Instrument>,
    number: PhantomData<T>,
}

impl<T: MetricNumber> Counter<T> {
    pub(super) fn new(instrument: Arc<Instrument>) -> Self {
        Counter { instrument, number: PhantomData }
    }

    /// Adds `value` to the sum of `attributes`.
    ///
    /// The order of attributes makes no difference; of a repeated key the last value counts. A value that is negative
    /// or not finite is ignored and counted
    /// ([`MeterProvider::ignored_measurements`](super::MeterProvider::ignored_measurements)).
    #[inline]
    pub fn add<A: AttributeSet + ?Sized>(&self, value: T, attributes: &A) {
        if self.instrument.accepts(value, false) {
            self.instrument.update(attributes, |aggregate| add(aggregate, value));
        }
    }

    /// This counter for one attribute set, which is looked up now and never again: for the hottest paths.
    ///
    /// At the cardinality limit the counter is bound to the overflow series, and stays so.
    pub fn bind<A: AttributeSet + ?Sized>(&self, attributes: &A) -> BoundCounter<T> {
        let (instrument, series) = (Arc::clone(&self.instrument), self.instrument.bind(attributes));
        BoundCounter { instrument, series, number: PhantomData }
    }
}

/// A [`Counter`] for one attribute set.
#[derive(Debug, Clone)]
pub struct BoundCounter<T> {
    series: Arc<Series>,
    instrument: Arc<Instrument>,
    number: PhantomData<T>,
}

impl<T: MetricNumber> BoundCounter<T> {
    /// Adds `value`, as [`Counter::add`] does.
    #[inline]
    pub fn add(&self, value: T) {
        if self.instrument.accepts(value, false) {
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
