//! Probes: now and then a round at half of what the callee seems to serve at once, to learn how long calls take without
//! a queue.
//!
//! Under lasting load a latency that is only watched becomes the measure of itself: the queue raises the latency that
//! the queue is judged by, and the limit runs away. A probe lets the queue drain first. It costs about half of the
//! throughput for one round in some twenty, and nothing where the limit is not reached.

use fastrand::Rng;

/// Says when to probe.
#[derive(Debug)]
pub(super) struct Probe {
    random: Rng,
    rounds_left: u32,
    /// The highest limit since the last probe.
    peak: f64,
    running: bool,
}

impl Probe {
    /// The first probe comes soon: the first rounds may already have had a queue.
    pub(super) fn new(mut random: Rng) -> Self {
        let rounds_left = soon(&mut random);
        Probe { random, rounds_left, peak: 0.0, running: false }
    }

    /// Whether the round that ended was a probe; it is over then.
    pub(super) fn ends(&mut self) -> bool {
        std::mem::take(&mut self.running)
    }

    /// Whether the next round is a probe, after one in which the limit was reached. Other rounds do not count: a limit
    /// that keeps nobody out causes no queue, and a probe would keep them out for nothing.
    ///
    /// It is after every `interval` rounds, less a random part of up to half of them, so that many callers of one callee
    /// do not all stand back at once. And it is when the limit has fallen to half: then either the callee serves fewer
    /// at once, or each call takes longer than it did, and only a probe can tell.
    pub(super) fn begins(&mut self, limit: f64, interval: u32) -> bool {
        self.peak = self.peak.max(limit);
        self.rounds_left = self.rounds_left.min(interval).saturating_sub(1);
        self.running = self.rounds_left == 0 || limit <= self.peak / 2.0;
        if self.running {
            self.rounds_left = interval - self.random.u32(0..=interval / 2);
            self.peak = limit;
        }
        self.running
    }

    /// Asks for another probe in a few rounds: this one found less of a queue than was known, so there may be more.
    pub(super) fn again_soon(&mut self) {
        self.rounds_left = soon(&mut self.random);
    }

    /// What applies instead of `limit`, of which `served` calls seem to be served at once and the others to queue.
    pub(super) fn apply(&self, limit: f64, served: impl FnOnce() -> f64) -> f64 {
        if self.running { served() / 2.0 } else { limit }
    }
}

fn soon(random: &mut Rng) -> u32 {
    random.u32(2..=4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rounds between probes.
    fn gaps(seed: u64, interval: u32) -> Vec<u32> {
        let mut probe = Probe::new(Rng::with_seed(seed));
        let mut gaps = vec![0];
        for _ in 0..1000 {
            *gaps.last_mut().unwrap() += 1;
            if probe.begins(10.0, interval) {
                assert_eq!(probe.apply(10.0, || 8.0), 4.0);
                assert!(probe.ends() && !probe.ends());
                assert_eq!(probe.apply(10.0, || 8.0), 10.0);
                gaps.push(0);
            }
        }
        gaps.pop();
        gaps
    }

    #[test]
    fn probes_come_at_intervals_that_differ_between_callers() {
        let (ours, theirs) = (gaps(1, 30), gaps(2, 30));
        assert!((2..=4).contains(&ours[0]));
        assert!(ours[1..].iter().all(|gap| (15..=30).contains(gap)), "{ours:?}");
        assert_ne!(ours, theirs);
        assert!(gaps(1, 1).iter().all(|gap| *gap == 1));
    }

    #[test]
    fn a_limit_that_fell_to_half_is_probed_at_once() {
        let mut probe = Probe::new(Rng::with_seed(1));
        probe.rounds_left = 100;
        assert!(!probe.begins(40.0, 100));
        assert!(!probe.begins(21.0, 100));
        assert!(probe.begins(20.0, 100));
        assert!(probe.ends() && !probe.begins(19.0, 100), "once");
    }
}
