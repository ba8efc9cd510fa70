//! Where the algorithms end up: each against a model of a server, in virtual time, seeded, with more offered than the
//! server can serve.

use std::{cmp::Reverse, collections::BinaryHeap};

use fastrand::Rng;
use proptest::prelude::*;

use super::{
    Aimd, Algorithm, Gradient2, Vegas,
    estimate::{Bounds, Estimate},
    estimator::Estimator,
    sample::Sample,
};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;
const BOUNDS: Bounds = Bounds { min: 1.0, max: 1000.0 };
const INITIAL: u32 = 20;

/// Serves `capacity` calls at once; the others wait in a queue, or are refused.
struct Server {
    capacity: usize,
    service: u64,
    /// One call in ten takes ten times as long as the others.
    uneven: bool,
    refuses: bool,
    /// When each of its places is free again, the first to be free on top.
    free_at: BinaryHeap<Reverse<u64>>,
}

impl Server {
    fn queueing(capacity: usize) -> Self {
        Server { capacity, service: 10 * MILLISECOND, uneven: false, refuses: false, free_at: BinaryHeap::new() }
    }

    fn refusing(capacity: usize) -> Self {
        Server { refuses: true, ..Server::queueing(capacity) }
    }

    /// When a call that comes now will be served. `None`: it is refused.
    fn serve(&mut self, now: u64, random: &mut Rng) -> Option<u64> {
        // A server that has lost places keeps those that are busy longest.
        while self.free_at.len() > self.capacity {
            self.free_at.pop();
        }
        while self.free_at.len() < self.capacity {
            self.free_at.push(Reverse(now));
        }
        if self.refuses && self.free_at.peek().is_some_and(|earliest| earliest.0 > now) {
            return None;
        }
        let start = self.free_at.pop().map_or(now, |earliest| earliest.0.max(now));
        let share = match self.uneven {
            false => random.u64(90..=110),
            true if random.u32(0..10) == 0 => 526,
            true => 53,
        };
        let done = start + self.service * share / 100;
        self.free_at.push(Reverse(done));
        Some(done)
    }
}

/// A crowd of clients behind one limit.
struct World {
    estimator: Estimator,
    server: Server,
    random: Rng,
    now: u64,
    limit: u32,
    /// Calls under way: when they end, when they began, whether they were refused.
    calls: BinaryHeap<Reverse<(u64, u64, bool)>>,
}

impl World {
    fn new(algorithm: &Algorithm, server: Server) -> Self {
        let estimator = Estimator::new(algorithm, INITIAL, Rng::with_seed(7));
        World { estimator, server, random: Rng::with_seed(11), now: 0, limit: INITIAL, calls: BinaryHeap::new() }
    }

    /// Offers `load` times the capacity for so long, and returns the mean of the limit over the second half of it.
    fn run(&mut self, load: f64, duration: u64) -> f64 {
        let end = self.now + duration;
        let second_half = self.now + duration / 2;
        let mut area = 0.0;
        let mut arrival = self.now;
        while self.now < end {
            let before = self.now;
            let limit = self.limit;
            match self.calls.peek() {
                Some(Reverse((done, ..))) if *done <= arrival => self.complete(),
                _ => {
                    self.now = arrival;
                    self.arrive();
                    let mean = self.server.service as f64 / (load * self.server.capacity as f64);
                    arrival = self.now + (-mean * (1.0 - self.random.f64()).ln()) as u64;
                }
            }
            area += f64::from(limit) * self.now.saturating_sub(before.max(second_half)) as f64;
        }
        area / (self.now - second_half) as f64
    }

    fn arrive(&mut self) {
        if self.calls.len() < self.limit as usize {
            let served = self.server.serve(self.now, &mut self.random);
            self.calls.push(Reverse((served.unwrap_or(self.now + MILLISECOND / 10), self.now, served.is_none())));
        }
    }

    fn complete(&mut self) {
        let in_flight = self.calls.len() as u32;
        if let Some(Reverse((done, began, dropped))) = self.calls.pop() {
            self.now = done;
            self.tell(Sample { latency: done - began, in_flight, dropped });
        }
    }

    fn tell(&mut self, sample: Sample) {
        self.limit = self.estimator.update(sample, BOUNDS) as u32;
    }
}

/// The algorithms, each with a server that it suits, and with what multiple of the capacity its documentation says that
/// it ends up at.
fn cases(capacity: usize) -> [(Algorithm, Server, f64); 3] {
    let capacity_as_number = capacity as f64;
    let vegas_queue = 4.5 * capacity_as_number.log10().max(1.0);
    [
        (Aimd::new().into(), Server::refusing(capacity), 0.95),
        (Vegas::new().into(), Server::queueing(capacity), 1.0 + vegas_queue / capacity_as_number),
        (Gradient2::new().into(), Server::queueing(capacity), 1.5 + 4.0 / capacity_as_number),
    ]
}

#[track_caller]
fn assert_settled(name: &Algorithm, settled: f64, expected: f64) {
    let ratio = settled / expected;
    assert!((0.8..=1.2).contains(&ratio), "{name:?} settled at {settled:.1}, and should have at {expected:.1}");
}

#[test]
fn each_algorithm_finds_the_capacity_and_finds_it_again_when_it_changes() {
    let capacities = [50, 20, 100, 50];
    for (number, (algorithm, server, _)) in cases(50).into_iter().enumerate() {
        let mut world = World::new(&algorithm, server);
        for capacity in capacities {
            world.server.capacity = capacity;
            let (.., share) = cases(capacity)[number];
            assert_settled(&algorithm, world.run(1.5, 10 * SECOND), share * capacity as f64);
        }
    }
}

#[test]
fn each_algorithm_finds_the_capacity_from_far_below_and_far_above() {
    for capacity in [4, 300] {
        for (algorithm, server, share) in cases(capacity) {
            let mut world = World::new(&algorithm, server);
            let settled = world.run(1.5, 16 * SECOND);
            assert_settled(&algorithm, settled, share * capacity as f64);
        }
    }
}

#[test]
fn gradient2_finds_the_capacity_although_calls_differ_in_length() {
    let settings = Gradient2::new().into();
    let mut world = World::new(&settings, Server { uneven: true, ..Server::queueing(50) });
    assert_settled(&settings, world.run(1.5, 20 * SECOND), 79.0);
}

#[test]
fn calls_that_take_longer_than_they_did_are_no_lasting_sign_of_overload() {
    for (algorithm, server, share) in cases(50) {
        let mut world = World::new(&algorithm, server);
        world.run(1.5, 5 * SECOND);
        for service in [40 * MILLISECOND, 5 * MILLISECOND] {
            world.server.service = service;
            let settled = world.run(1.5, 30 * SECOND);
            assert_settled(&algorithm, settled, share * 50.0);
        }
    }
}

#[test]
fn pitfall_20_a_limit_does_not_drift_up_without_load() {
    for (algorithm, server, _) in cases(50) {
        let mut world = World::new(&algorithm, server);
        world.run(0.05, 20 * SECOND);
        assert!(world.limit <= INITIAL, "{algorithm:?} is at {}", world.limit);

        let settled = world.run(1.5, 10 * SECOND);
        world.run(0.05, 20 * SECOND);
        assert!(f64::from(world.limit) <= 1.2 * settled, "{algorithm:?} went from {settled} to {}", world.limit);
    }
}

#[test]
fn pitfall_20_a_limit_does_not_collapse_under_a_slow_start() {
    for (algorithm, mut server, share) in cases(50) {
        server.service = 1_000 * MILLISECOND;
        let mut world = World::new(&algorithm, server);
        world.run(0.5, SECOND / 2);
        assert!(world.limit >= INITIAL / 2, "{algorithm:?} is at {}", world.limit);
        world.server.service = 10 * MILLISECOND;
        assert_settled(&algorithm, world.run(1.5, 16 * SECOND), share * 50.0);
    }
}

#[test]
fn pitfall_20_a_limit_does_not_collapse_at_the_first_drops_nor_at_a_slow_call() {
    for (algorithm, server, _) in cases(50) {
        let mut fresh = Estimator::new(&algorithm, INITIAL, Rng::with_seed(3));
        for _ in 0..INITIAL {
            let limit = fresh.update(Sample { latency: 1, in_flight: INITIAL, dropped: true }, BOUNDS);
            assert!(limit >= 0.85 * f64::from(INITIAL), "{algorithm:?} fell to {limit}");
        }

        let mut world = World::new(&algorithm, server);
        let settled = world.run(1.5, 8 * SECOND);
        for _ in 0..100 {
            world.run(1.5, 100 * MILLISECOND);
            let before = world.limit;
            world.tell(Sample { latency: 10 * SECOND, in_flight: before, dropped: false });
        }
        let afterwards = world.run(1.5, 8 * SECOND);
        assert_settled(&algorithm, afterwards, settled);
    }
}

proptest! {
    #[test]
    fn no_samples_move_a_limit_out_of_its_bounds(
        samples in proptest::collection::vec(
            (prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0..SECOND], prop_oneof![0..50_u32, any::<u32>()], any::<bool>()),
            0..150,
        ),
        repeat in 1..25_u32,
        min in 1..100_u32,
        more in 0..u32::MAX >> 2,
        extreme in any::<bool>(),
    ) {
        let bounds = Bounds::new(min, min + more);
        let algorithms: [Algorithm; 3] = if extreme {
            [
                Aimd::new().with_backoff_ratio(0.5).into(),
                Vegas::new().with_alpha(f64::MIN_POSITIVE).with_beta(1000.0).with_probe_multiplier(1).into(),
                Gradient2::new().with_queue_size(u32::MAX).with_rtt_tolerance(1000.0).with_smoothing(1.0)
                    .with_long_window(1).with_probe_multiplier(u32::MAX).into(),
            ]
        } else {
            [Aimd::new().into(), Vegas::new().into(), Gradient2::new().into()]
        };
        for algorithm in algorithms {
            let mut estimator = Estimator::new(&algorithm, min, Rng::with_seed(5));
            for (latency, in_flight, dropped) in samples.iter().copied() {
                for _ in 0..repeat {
                    let limit = estimator.update(Sample { latency, in_flight, dropped }, bounds);
                    prop_assert!(limit >= bounds.min && limit <= bounds.max, "{algorithm:?}: {limit}");
                }
            }
        }
    }
}
