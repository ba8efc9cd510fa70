//! Collection: what an instrument reports, to a [`Sink`] as bytes or to the program as owned data.
//!
//! Only one collection runs at a time in a provider. The table of series is locked in pieces, so that a thread with a
//! new series never waits for a whole collection.

use std::sync::{Arc, atomic::Ordering};

use otlp_core::data::{HistogramPoint, MetricData, MetricPoints, NumberPoint, Scope, Temporality};

use super::{
    InstrumentKind,
    aggregation::{Aggregate, Aggregation, Distribution, Round, Take},
    instrument::Instrument,
    metric_writer::{Interval, MetricWriter},
    provider_state::CollectionBuffers,
    series::{Series, thread_cache},
    sink::Sink,
};

/// How many series are collected in one go without letting in those who have a new one.
const PIECE: usize = 256;

/// For how many rounds an observed series is remembered that no callback observes any more. A series that comes back
/// later is a new one, so its next delta is all that was counted.
const ROUNDS_UNOBSERVED: Round = 16;

impl Instrument {
    /// Reports to `sink`, up to now, which is `time`.
    pub(super) fn collect<S: Sink>(&self, time: u64, buffers: &mut CollectionBuffers, sink: &mut S) {
        if self.is_disabled {
            return;
        }
        let round = self.call_callbacks();
        let interval = self.interval(time);
        let number = self.description.number;
        let take = if self.temporality == Temporality::Delta { Take::All } else { Take::Nothing };
        let CollectionBuffers { points, distribution } = buffers;
        let mut metric = MetricWriter::new(&self.frame, points, sink);
        let mut silent = 0;
        self.for_each_series(|series| {
            let attributes = series.identity.encoded();
            if let Aggregate::ExplicitHistogram(histogram) = &series.aggregate {
                match histogram.collect(take, distribution) {
                    0 => silent += 1,
                    count => metric.histogram(attributes, interval, count, distribution),
                }
                return;
            }
            let Some((interval, bits)) = self.number(&series.aggregate, interval, round, take) else {
                silent += 1;
                return;
            };
            metric.number(attributes, interval, number.number(bits));
            if let Aggregate::Observed(observed) = &series.aggregate {
                observed.mark_reported(time);
            }
        });
        metric.finish();
        self.collected.store(time, Ordering::Relaxed);
        if silent > 0 {
            self.forget_silent_series(round);
        }
    }

    /// What there is to report, up to now, which is `time`, without taking it. None if there is nothing.
    pub(super) fn read(&self, time: u64, scope: &Arc<Scope>) -> Option<MetricData> {
        if self.is_disabled {
            return None;
        }
        let round = self.call_callbacks();
        let mut points = self.empty_points();
        let mut distribution = Distribution::new(0);
        self.for_each_series(|series| {
            self.read_series(series, self.interval(time), round, &mut distribution, &mut points)
        });
        let metric = MetricData {
            name: self.description.name.clone(),
            description: self.description.description.clone(),
            unit: self.description.unit.clone(),
            points,
            resource: Arc::clone(&self.provider.resource),
            scope: Arc::clone(scope),
            ..MetricData::default()
        };
        (metric.point_count() > 0).then_some(metric)
    }

    fn read_series(
        &self,
        series: &Series,
        interval: Interval,
        round: Round,
        distribution: &mut Distribution,
        into: &mut MetricPoints,
    ) {
        match into {
            MetricPoints::Histogram { points, .. } => {
                if let Aggregate::ExplicitHistogram(histogram) = &series.aggregate
                    && let count @ 1.. = histogram.collect(Take::Nothing, distribution)
                {
                    points.push(self.histogram_point(series, interval, count, distribution));
                }
            }
            MetricPoints::Gauge { points } | MetricPoints::Sum { points, .. } => {
                if let Some((interval, bits)) = self.number(&series.aggregate, interval, round, Take::Nothing) {
                    points.push(NumberPoint {
                        attributes: series.identity.to_attributes(),
                        start_time: interval.start,
                        time: interval.end,
                        value: Some(self.description.number.number(bits)),
                        ..NumberPoint::default()
                    });
                }
            }
            _ => {}
        }
    }

    /// The number that a series has to report, if any, with the interval that it covers.
    fn number(&self, aggregate: &Aggregate, interval: Interval, round: Round, take: Take) -> Option<(Interval, u64)> {
        let number = self.description.number;
        let bits = match aggregate {
            Aggregate::Sum(sum) => sum.collect(number, self.temporality, take)?,
            Aggregate::LastValue(value) => value.collect()?,
            Aggregate::Observed(observed) => {
                let seen = observed.read(number, self.temporality, round)?;
                let start = seen.since.map_or(interval.start, |since| since.min(interval.end));
                return Some((Interval { start, ..interval }, seen.bits));
            }
            Aggregate::ExplicitHistogram(_) => return None,
        };
        Some((interval, bits))
    }

    fn histogram_point(
        &self,
        series: &Series,
        interval: Interval,
        count: u64,
        values: &Distribution,
    ) -> HistogramPoint {
        let bounds: &[f64] = match &self.aggregation {
            Aggregation::ExplicitHistogram(bounds) => bounds,
            _ => &[],
        };
        HistogramPoint {
            attributes: series.identity.to_attributes(),
            start_time: interval.start,
            time: interval.end,
            count,
            sum: values.reported_sum(),
            bucket_counts: values.buckets.clone(),
            explicit_bounds: bounds.to_vec(),
            min: Some(values.min),
            max: Some(values.max),
            ..HistogramPoint::default()
        }
    }

    fn empty_points(&self) -> MetricPoints {
        let (temporality, monotonic) = (self.temporality, self.description.kind.is_monotonic());
        match self.description.kind {
            InstrumentKind::Gauge | InstrumentKind::ObservableGauge => MetricPoints::Gauge { points: Vec::new() },
            InstrumentKind::Histogram => MetricPoints::Histogram { points: Vec::new(), temporality },
            _ => MetricPoints::Sum { points: Vec::new(), temporality, monotonic },
        }
    }

    /// The interval of a point that ends at `time`: it never ends before it starts, even if the wall clock was set back.
    fn interval(&self, time: u64) -> Interval {
        let start = match self.temporality {
            Temporality::Unspecified => 0,
            Temporality::Delta => self.collected.load(Ordering::Relaxed),
            Temporality::Cumulative => self.created,
        };
        Interval { start: start.min(time), end: time }
    }

    fn for_each_series(&self, mut visit: impl FnMut(&Series)) {
        let mut start = 0;
        loop {
            let table = self.series.read();
            let piece = table.piece(start, PIECE);
            if piece.is_empty() {
                return;
            }
            piece.iter().for_each(|series| visit(series));
            start += piece.len();
        }
    }

    /// Makes room for others: forgets series that have nothing to say, so that attributes which come and go do not fill
    /// the table for good.
    fn forget_silent_series(&self, round: Round) {
        let is_crowded = |count: usize| count * 2 > self.provider.config.cardinality_limit;
        let crowded = is_crowded(self.series.read().len());
        let number = self.description.number;
        let unobserved = if crowded { 1 } else { ROUNDS_UNOBSERVED };
        match self.aggregation {
            Aggregation::Observed => self.series.write().remove_unheld(|series| match &series.aggregate {
                Aggregate::Observed(observed) => observed.rounds_ago(round) >= unobserved,
                _ => false,
            }),
            Aggregation::Sum | Aggregation::ExplicitHistogram(_)
                if crowded && self.temporality == Temporality::Delta =>
            {
                let mut table = self.series.write();
                table.remove_unheld(|series| match &series.aggregate {
                    Aggregate::Sum(sum) => sum.is_idle(number),
                    Aggregate::ExplicitHistogram(histogram) => histogram.is_idle(),
                    _ => false,
                });
                if is_crowded(table.len()) {
                    // What threads still remember can go at the next collection.
                    thread_cache::release_everywhere();
                }
            }
            _ => {}
        }
    }
}
