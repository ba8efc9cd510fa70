//! Rounds: as many calls as are in flight, so that a round is about one round trip long at any load. One call is chance;
//! a round is a measurement.

use super::sample::Sample;

/// The fewest calls that make a measurement.
const MIN_SAMPLES: u32 = 10;

/// What the calls of one round told together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Observed {
    /// How many calls were measured.
    pub(super) samples: u32,
    /// Their mean latency in nanoseconds, above zero. `None`: all were dropped.
    pub(super) latency: Option<f64>,
    /// The most calls that were running at once.
    pub(super) in_flight: u32,
    /// Whether any was dropped.
    pub(super) dropped: bool,
}

impl Observed {
    /// Whether the limit was nearly reached. Where it was not, calls say nothing about a larger one, and it must not
    /// grow: it would drift away from anything that was ever tried.
    pub(super) fn presses(&self, limit: f64) -> bool {
        f64::from(self.in_flight) >= 0.8 * limit.floor()
    }

    /// Whether the limit was reached, so that calls may have been kept out.
    pub(super) fn reaches(&self, limit: f64) -> bool {
        f64::from(self.in_flight) >= limit.floor()
    }
}

/// The round that is going on.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// How many calls that began under another limit may still end. They are not counted.
    stale: u32,
    taken: u32,
    measured: u32,
    latencies: f64,
    in_flight: u32,
}

impl Round {
    /// Takes a sample; the last one of a round completes it, and the next round begins.
    pub(super) fn take(&mut self, sample: Sample) -> Option<Observed> {
        if self.is_stale() {
            // No more than are in flight at all: otherwise a lull would make a round out of minutes.
            self.stale = self.stale.min(sample.in_flight).saturating_sub(1);
            return None;
        }
        self.taken += 1;
        self.in_flight = self.in_flight.max(sample.in_flight);
        if !sample.dropped {
            self.measured += 1;
            self.latencies += sample.latency as f64;
        }
        if self.taken < sample.in_flight.max(MIN_SAMPLES) {
            return None;
        }
        let observed = Observed {
            samples: self.measured,
            latency: (self.measured > 0).then(|| (self.latencies / f64::from(self.measured)).max(1.0)),
            in_flight: self.in_flight,
            dropped: self.measured < self.taken,
        };
        *self = Round::default();
        Some(observed)
    }

    /// Begins anew, without the `in_flight` calls that began before.
    pub(super) fn restart_after(&mut self, in_flight: u32) {
        *self = Round { stale: in_flight, ..Round::default() };
    }

    /// Whether the next sample is of a call that began before the round.
    pub(super) fn is_stale(&self) -> bool {
        self.stale > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(latency: u64, in_flight: u32) -> Sample {
        Sample { latency, in_flight, dropped: false }
    }

    #[test]
    fn a_round_is_as_long_as_calls_are_in_flight() {
        let mut round = Round::default();
        for _ in 0..2 {
            assert!(round.take(call(10, 35)).is_none());
            assert!((0..28).all(|_| round.take(call(10, 30)).is_none()));
            let observed = round.take(call(40, 30)).unwrap();
            assert_eq!((observed.samples, observed.latency, observed.in_flight), (30, Some(11.0), 35));
        }
        assert!((0..9).all(|_| round.take(call(10, 1)).is_none()));
        assert!(round.take(call(10, 1)).is_some(), "but no shorter than ten");
    }

    #[test]
    fn dropped_calls_have_no_latency() {
        let mut round = Round::default();
        for number in 0..10 {
            let dropped = Sample { latency: u64::MAX, in_flight: 5, dropped: true };
            let observed = round.take(if number == 3 { call(7, 5) } else { dropped });
            assert_eq!(observed.is_some(), number == 9);
            if let Some(observed) = observed {
                assert_eq!((observed.latency, observed.dropped, observed.samples), (Some(7.0), true, 1));
            }
        }
    }

    #[test]
    fn calls_from_before_a_restart_are_not_counted() {
        let mut round = Round::default();
        round.take(call(1000, 12));
        round.restart_after(12);
        assert!((0..12).all(|_| round.take(call(1000, 12)).is_none()));
        assert!((0..11).all(|_| round.take(call(2, 12)).is_none()));
        assert_eq!(round.take(call(2, 12)).unwrap().latency, Some(2.0));
    }

    #[test]
    fn a_lull_ends_rounds_and_restarts() {
        let mut round = Round::default();
        assert!((0..50).all(|_| round.take(call(5, 1000)).is_none()));
        assert!(round.take(call(5, 3)).is_some());
        round.restart_after(1000);
        assert!((0..3).all(|_| round.is_stale() && round.take(call(5, 3)).is_none()));
        assert!(!round.is_stale());
    }

    #[test]
    fn a_limit_is_pressed_on_when_it_is_nearly_reached() {
        let observed = Observed { samples: 10, latency: Some(1.0), in_flight: 8, dropped: false };
        assert!(observed.presses(10.9) && !observed.presses(11.0));
        assert!(observed.reaches(8.9) && !observed.reaches(9.0));
    }
}
