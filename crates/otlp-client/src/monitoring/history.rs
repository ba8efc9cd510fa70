//! What was sampled in the last minute, and the rates and quantiles over windows of it.

use std::{collections::VecDeque, time::Duration};

use otlp_batch::SignalLedger;
use otlp_core::Signal;
use tokio::time::Instant;

use super::{AttemptCounts, durations::DurationCounts};

/// How often it is sampled.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// For how long samples are remembered.
const KEPT: Duration = Duration::from_secs(60);

/// Histograms are larger than counts, and are sampled each time that so much has passed.
const LATENCY_INTERVAL: Duration = Duration::from_secs(10);

/// Samples come a little early or late; a window takes in the one that was meant.
const TOLERANCE: Duration = Duration::from_millis(500);

/// The counts of one signal towards one destination.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) ledger: SignalLedger,
    pub(super) attempts: AttemptCounts,
}

/// The counts of all at one moment.
pub(super) struct Sample {
    pub(super) at: Instant,
    /// By destination and signal.
    pub(super) counts: Vec<[Counts; 3]>,
    /// By destination and signal, for those that have attempts.
    pub(super) latencies: Option<Vec<[DurationCounts; 3]>>,
}

/// The samples of the last minute, oldest first.
#[derive(Default)]
pub(super) struct History {
    samples: VecDeque<Sample>,
    /// How often it was forgotten.
    generation: u64,
}

impl History {
    /// Forgets everything: what comes next has nothing to do with it. The generation of what comes.
    pub(super) fn clear(&mut self) -> u64 {
        self.samples.clear();
        self.generation += 1;
        self.generation
    }

    /// Whether the next sample, at `now`, is to have histograms.
    pub(super) fn wants_latencies(&self, now: Instant) -> bool {
        let last = self.samples.iter().rev().find(|sample| sample.latencies.is_some());
        last.is_none_or(|last| now.duration_since(last.at) + TOLERANCE >= LATENCY_INTERVAL)
    }

    /// Takes the sample of whoever samples for `generation`; not one that was under way when that was forgotten.
    pub(super) fn record(&mut self, generation: u64, sample: Sample) {
        if generation != self.generation {
            return;
        }
        let now = sample.at;
        while self.samples.front().is_some_and(|oldest| now.duration_since(oldest.at) > KEPT + TOLERANCE) {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// From the oldest sample to the newest; none without any.
    pub(super) fn sampled_for(&self) -> Option<Duration> {
        let (oldest, newest) = (self.samples.front()?, self.samples.back()?);
        Some(newest.at.duration_since(oldest.at))
    }

    /// By how much `of` of a signal towards a destination rose per second over the last `window`, or over as much of it as
    /// was sampled.
    pub(super) fn rate(
        &self,
        destination: usize,
        signal: Signal,
        window: Duration,
        of: impl Fn(&Counts) -> u64,
    ) -> Option<f64> {
        let (first, last) = self.ends(window)?;
        let value = |sample: &Sample| sample.counts.get(destination).map(|counts| of(&counts[signal.index()]));
        let rise = value(last)?.saturating_sub(value(first)?);
        Some(rise as f64 / last.at.duration_since(first.at).as_secs_f64())
    }

    /// By how much the sum of `of` over all signals and destinations rose over the last `window`.
    pub(super) fn rise(&self, window: Duration, of: impl Fn(usize, Signal, &Counts) -> u64) -> Option<u64> {
        let (first, last) = self.ends(window)?;
        let sum = |sample: &Sample| {
            let each = sample.counts.iter().enumerate();
            each.map(|(at, counts)| {
                Signal::ALL.iter().map(|signal| of(at, *signal, &counts[signal.index()])).sum::<u64>()
            })
            .sum::<u64>()
        };
        Some(sum(last).saturating_sub(sum(first)))
    }

    /// As [`History::rise`], per second.
    pub(super) fn pace(&self, window: Duration, of: impl Fn(usize, Signal, &Counts) -> u64) -> Option<f64> {
        let (first, last) = self.ends(window)?;
        Some(self.rise(window, of)? as f64 / last.at.duration_since(first.at).as_secs_f64())
    }

    /// What was recorded between the oldest histogram that is remembered and `now`.
    pub(super) fn latencies_since(
        &self,
        destination: usize,
        signal: Signal,
        now: &DurationCounts,
    ) -> Option<DurationCounts> {
        let oldest = self.samples.iter().find_map(|sample| sample.latencies.as_ref())?;
        Some(now.since(&oldest.get(destination)?[signal.index()]))
    }

    /// The newest sample and the oldest of the window before it.
    fn ends(&self, window: Duration) -> Option<(&Sample, &Sample)> {
        let last = self.samples.back()?;
        let is_within = |sample: &&Sample| last.at.duration_since(sample.at) <= window + TOLERANCE;
        let first = self.samples.iter().find(is_within)?;
        (first.at < last.at).then_some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitoring::durations::Durations;

    fn sample(at: Instant, accepted: u64) -> Sample {
        let mut counts = [Counts::default(); 3];
        counts[Signal::Traces.index()].ledger.accepted = accepted;
        Sample { at, counts: vec![counts], latencies: None }
    }

    fn rate(history: &History, seconds: u64) -> Option<f64> {
        history.rate(0, Signal::Traces, Duration::from_secs(seconds), |counts| counts.ledger.accepted)
    }

    #[test]
    fn a_rate_is_that_of_its_window() {
        let (start, mut history) = (Instant::now(), History::default());
        assert_eq!(history.sampled_for(), None);
        history.record(0, sample(start, 5));
        assert_eq!(rate(&history, 1), None, "one sample is no window");
        let mut accepted = 5;
        for second in 1..=100_u64 {
            accepted += if second > 95 { 100 } else { 10 };
            history.record(0, sample(start + Duration::from_secs(second), accepted));
        }
        assert_eq!(rate(&history, 1), Some(100.0));
        assert_eq!(rate(&history, 10), Some(55.0));
        assert_eq!(rate(&history, 60), Some((55.0 * 10.0 + 5.0 * 100.0) / 60.0));
        assert_eq!(history.sampled_for(), Some(Duration::from_secs(60)), "no more is kept");
        let all = history.rise(Duration::from_secs(10), |_, _, counts| counts.ledger.accepted);
        assert_eq!(all, Some(550));
        assert_eq!(
            history.rate(1, Signal::Traces, Duration::from_secs(1), |_| 1),
            None,
            "there is no such destination"
        );
        history.clear();
        assert_eq!(rate(&history, 60), None);
    }

    #[test]
    fn a_sample_that_was_under_way_when_all_was_forgotten_is_forgotten_too() {
        let (start, mut history) = (Instant::now(), History::default());
        let before = history.clear();
        history.record(before, sample(start, 5));
        let now = history.clear();
        history.record(before, sample(start, 5));
        assert_eq!(history.sampled_for(), None);
        history.record(now, sample(start, 5));
        assert_eq!(history.sampled_for(), Some(Duration::ZERO));
    }

    #[test]
    fn samples_that_are_a_little_late_do_not_shorten_a_window() {
        let (start, mut history) = (Instant::now(), History::default());
        for second in 0..=3_u64 {
            let late = Duration::from_millis(second * 100);
            history.record(0, sample(start + Duration::from_secs(second) + late, second * 11));
        }
        assert!((rate(&history, 1).unwrap() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn histograms_are_sampled_less_often_and_give_a_window() {
        let (start, mut history, durations) = (Instant::now(), History::default(), Durations::default());
        durations.record(Duration::from_secs(9));
        let mut histograms = 0;
        for second in 0..=90_u64 {
            let now = start + Duration::from_secs(second);
            let mut sample = sample(now, 0);
            if history.wants_latencies(now) {
                histograms += 1;
                sample.latencies = Some(vec![std::array::from_fn(|_| durations.read())]);
            }
            history.record(0, sample);
            durations.record(Duration::from_millis(1));
        }
        assert_eq!(histograms, 10);
        let window = history.latencies_since(0, Signal::Logs, &durations.read()).unwrap();
        assert_eq!(window.count(), 61, "from second 30 to 90");
    }
}
