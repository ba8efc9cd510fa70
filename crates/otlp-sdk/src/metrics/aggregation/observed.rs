//! [`Observed`]: what a callback observed of a series in the current round of callbacks.
//!
//! Only the thread that collects comes here, under the lock of collections; the atomics make that safe to write and
//! cost no more than plain fields.

use std::sync::atomic::{AtomicU64, Ordering};

use otlp_core::data::Temporality;

use crate::metrics::number::NumberKind;

/// One round of callbacks. They are numbered from one, in each instrument.
pub(in crate::metrics) type Round = u64;

/// What was observed of a series.
#[derive(Default)]
pub(in crate::metrics) struct Observed {
    value: AtomicU64,
    /// The round that the value is of; zero before the first.
    round: AtomicU64,
    /// The value that the last delta point went up to, and its time; zero before the first.
    reported: AtomicU64,
    reported_at: AtomicU64,
}

/// A value to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::metrics) struct Observation {
    pub(in crate::metrics) bits: u64,
    /// When the last delta point ended, if there was one.
    pub(in crate::metrics) since: Option<u64>,
}

impl Observed {
    /// Sets the value of this round. A later one of the same round replaces it.
    pub(in crate::metrics) fn observe(&self, bits: u64, round: Round) {
        self.value.store(bits, Ordering::Relaxed);
        self.round.store(round, Ordering::Relaxed);
    }

    /// Adds to the value of this round: the overflow series is the sum of many.
    pub(in crate::metrics) fn observe_more(&self, kind: NumberKind, bits: u64, round: Round) {
        let before = if self.round.load(Ordering::Relaxed) == round { self.value.load(Ordering::Relaxed) } else { 0 };
        self.observe(kind.add(before, bits), round);
    }

    /// What there is to report of this round: nothing if nothing was observed, or if a delta is zero.
    pub(in crate::metrics) fn read(
        &self,
        kind: NumberKind,
        temporality: Temporality,
        round: Round,
    ) -> Option<Observation> {
        if self.round.load(Ordering::Relaxed) != round {
            return None;
        }
        let bits = self.value.load(Ordering::Relaxed);
        if temporality != Temporality::Delta {
            return Some(Observation { bits, since: None });
        }
        let growth = kind.growth(bits, self.reported.load(Ordering::Relaxed));
        let since = self.reported_at.load(Ordering::Relaxed);
        (!kind.is_zero(growth)).then_some(Observation { bits: growth, since: (since != 0).then_some(since) })
    }

    /// Says that what [`Observed::read`] returned is reported, in a point that ends at `time`.
    pub(in crate::metrics) fn mark_reported(&self, time: u64) {
        self.reported.store(self.value.load(Ordering::Relaxed), Ordering::Relaxed);
        self.reported_at.store(time, Ordering::Relaxed);
    }

    /// How many rounds ago the last observation was.
    pub(in crate::metrics) fn rounds_ago(&self, round: Round) -> u64 {
        round.saturating_sub(self.round.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: NumberKind = NumberKind::U64;

    #[test]
    fn a_round_without_an_observation_has_nothing_to_report() {
        let series = Observed::default();
        assert_eq!(series.read(KIND, Temporality::Cumulative, 1), None);
        series.observe(5, 1);
        assert!(series.read(KIND, Temporality::Cumulative, 1).is_some());
        assert_eq!(series.read(KIND, Temporality::Cumulative, 2), None);
        assert_eq!(series.rounds_ago(3), 2);
    }

    #[test]
    fn deltas_add_up_to_what_was_observed_even_over_rounds_that_were_missed() {
        let series = Observed::default();
        series.observe(5, 1);
        assert_eq!(series.read(KIND, Temporality::Delta, 1), Some(Observation { bits: 5, since: None }));
        series.mark_reported(100);
        series.observe(5, 2);
        assert_eq!(series.read(KIND, Temporality::Delta, 2), None, "unchanged");
        series.observe(9, 4);
        assert_eq!(series.read(KIND, Temporality::Delta, 4), Some(Observation { bits: 4, since: Some(100) }));
    }

    #[test]
    fn a_source_that_started_again_counts_from_zero() {
        let series = Observed::default();
        series.observe(50, 1);
        series.mark_reported(100);
        series.observe(3, 2);
        assert_eq!(series.read(KIND, Temporality::Delta, 2).map(|seen| seen.bits), Some(3));
    }

    #[test]
    fn what_overflows_in_one_round_is_summed() {
        let series = Observed::default();
        series.observe_more(KIND, 5, 1);
        series.observe_more(KIND, 6, 1);
        assert_eq!(series.read(KIND, Temporality::Cumulative, 1).map(|seen| seen.bits), Some(11));
        series.observe_more(KIND, 2, 2);
        assert_eq!(series.read(KIND, Temporality::Cumulative, 2).map(|seen| seen.bits), Some(2));
    }
}
