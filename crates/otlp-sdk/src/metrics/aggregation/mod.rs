//! Aggregation: what becomes of the measurements of a series. One file each.
//!
//! An [`Aggregation`] is chosen per instrument and makes an [`Aggregate`] per series. Measurements update aggregates
//! from any thread; collections read or take them, one collection at a time.

mod explicit_histogram;
mod last_value;
mod observed;
mod sum;

use std::sync::Arc;

pub(super) use self::{
    explicit_histogram::{Distribution, ExplicitHistogram},
    last_value::LastValue,
    observed::{Observed, Round},
    sum::Sum,
};

/// How the measurements of an instrument are aggregated.
pub(super) enum Aggregation {
    /// Synchronous sums.
    Sum,
    /// Synchronous gauges.
    LastValue,
    /// Histograms, with these upper bounds.
    ExplicitHistogram(Arc<[f64]>),
    /// What callbacks observe.
    Observed,
}

/// What was measured of one series.
pub(super) enum Aggregate {
    Sum(Sum),
    LastValue(LastValue),
    ExplicitHistogram(ExplicitHistogram),
    Observed(Observed),
}

impl Aggregation {
    /// An aggregate of no measurement.
    pub(super) fn start(&self) -> Aggregate {
        match self {
            Aggregation::Sum => Aggregate::Sum(Sum::default()),
            Aggregation::LastValue => Aggregate::LastValue(LastValue::default()),
            Aggregation::ExplicitHistogram(bounds) => {
                Aggregate::ExplicitHistogram(ExplicitHistogram::new(Arc::clone(bounds)))
            }
            Aggregation::Observed => Aggregate::Observed(Observed::default()),
        }
    }
}

/// Whether a collection takes what it reports, so that the next one reports only what came after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// Delta temporality: takes it, and no measurement is in two collections or in none.
    All,
    /// Cumulative temporality, and reading within the program: leaves it.
    Nothing,
}
