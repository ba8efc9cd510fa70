//! Requests and retries of the last seconds, in fixed buckets of a quarter of a second.
//!
//! What must hold: a deposit takes no lock; two withdrawals never both take the last retry; and the arithmetic errs to
//! the strict side. Requests are summed over at most the period and retries over at least the period, so the limit holds
//! for every period, not only for those that begin with a bucket.

use std::time::Duration;

use crate::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        lock,
    },
    timeline::nanos,
};

/// The width of a bucket. The same for all periods, so that another period only sums over other buckets.
pub(super) const BUCKET: Duration = Duration::from_millis(250);

/// More buckets than the longest period has, so that no bucket in use is written over.
const SLOTS: u64 = 256;

/// The low bits of a word count, the high ones tell the bucket's number. 16.7 million requests in a quarter of a second
/// are where counting stops, and bucket numbers last for eight thousand years.
const COUNT_BITS: u32 = 24;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// What a window allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) period: Duration,
    pub(super) millionths: u64,
    pub(super) reserve: u64,
}

#[derive(Debug)]
pub(super) struct Window {
    requests: Box<[AtomicU64]>,
    retries: Mutex<Retries>,
}

#[derive(Debug)]
struct Retries {
    /// The newest bucket that a withdrawal saw: time stands still while the clock is before it.
    newest: u64,
    slots: Box<[(u64, u64)]>,
}

impl Window {
    pub(super) fn new() -> Self {
        Window {
            requests: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            retries: Mutex::new(Retries { newest: 0, slots: (0..SLOTS).map(|_| (0, 0)).collect() }),
        }
    }

    /// The number of the bucket at `at` nanoseconds.
    pub(super) fn bucket_at(at: u64) -> u64 {
        at / nanos(BUCKET)
    }

    /// Counts one request in `bucket`.
    pub(super) fn deposit(&self, bucket: u64) {
        let slot = &self.requests[index(bucket)];
        let mut word = slot.load(Relaxed);
        loop {
            // A newer bucket in the slot: the clock went back by more than a minute, and no time has passed.
            let (bucket, count) = if word >> COUNT_BITS < bucket { (bucket, 0) } else { parts(word) };
            let next = bucket << COUNT_BITS | (count + 1).min(COUNT_MAX);
            match slot.compare_exchange_weak(word, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(current) => word = current,
            }
        }
    }

    /// Takes one retry, and tells in which bucket it counts; `None` if there is none left.
    pub(super) fn withdraw(&self, bucket: u64, share: Share) -> Option<u64> {
        let mut retries = lock(&self.retries);
        retries.newest = retries.newest.max(bucket);
        if self.left(&retries, retries.newest, share) == 0 {
            return None;
        }
        let bucket = retries.newest;
        let slot = &mut retries.slots[index(bucket)];
        *slot = if slot.0 == bucket { (bucket, slot.1 + 1) } else { (bucket, 1) };
        Some(bucket)
    }

    /// Puts back a retry that was taken in `bucket` and not made.
    pub(super) fn put_back(&self, bucket: u64) {
        let mut retries = lock(&self.retries);
        let slot = &mut retries.slots[index(bucket)];
        if slot.0 == bucket {
            slot.1 = slot.1.saturating_sub(1);
        }
    }

    /// How many retries are left.
    pub(super) fn available(&self, bucket: u64, share: Share) -> u64 {
        let retries = lock(&self.retries);
        self.left(&retries, retries.newest.max(bucket), share)
    }

    fn left(&self, retries: &Retries, newest: u64, share: Share) -> u64 {
        let buckets = (nanos(share.period) / nanos(BUCKET)).min(SLOTS - 1);
        let back = |from: u64| (from.saturating_sub(buckets)..=newest).rev();
        let spent: u64 = back(newest)
            .map(|bucket| match retries.slots[index(bucket)] {
                (number, count) if number == bucket => count,
                _ => 0,
            })
            .sum();
        let requests: u64 = back(newest)
            .take(buckets as usize)
            .map(|bucket| match parts(self.requests[index(bucket)].load(Relaxed)) {
                (number, count) if number == bucket => count,
                _ => 0,
            })
            .sum();
        let earned = requests * share.millionths / 1_000_000;
        earned.saturating_add(share.reserve).saturating_sub(spent)
    }
}

fn index(bucket: u64) -> usize {
    (bucket % SLOTS) as usize
}

fn parts(word: u64) -> (u64, u64) {
    (word >> COUNT_BITS, word & COUNT_MAX)
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(percent: u64, seconds: u64, reserve: u64) -> Share {
        Share { period: Duration::from_secs(seconds), millionths: percent * 10_000, reserve }
    }

    #[test]
    fn pitfall_11_one_percent_of_fifty_requests_is_no_retry_and_of_a_hundred_one() {
        let window = Window::new();
        for _ in 0..50 {
            window.deposit(0);
            assert_eq!(window.withdraw(0, share(1, 10, 0)), None);
        }
        for _ in 0..50 {
            window.deposit(1);
        }
        assert!(window.withdraw(1, share(1, 10, 0)).is_some());
        assert_eq!(window.withdraw(1, share(1, 10, 0)), None);
    }

    #[test]
    fn pitfall_11_nothing_percent_is_never() {
        let window = Window::new();
        (0..1000).for_each(|_| window.deposit(0));
        assert_eq!(window.withdraw(0, share(0, 10, 0)), None);
    }

    #[test]
    fn the_period_slides() {
        let (window, all) = (Window::new(), share(100, 1, 0));
        window.deposit(10);
        assert_eq!(window.available(13, all), 1);
        assert_eq!(window.available(14, all), 0, "the request is a second old");
        (0..2).for_each(|_| window.deposit(14));
        assert!(window.withdraw(14, all).is_some());
        (0..2).for_each(|_| window.deposit(18));
        assert_eq!(window.available(18, all), 1, "the retry may have been less than a second ago");
        window.deposit(19);
        assert_eq!(window.available(19, all), 3, "and now it cannot");
    }

    #[test]
    fn a_retry_put_back_can_be_taken_again_but_not_from_a_bucket_that_is_gone() {
        let window = Window::new();
        let one = share(0, 1, 1);
        let bucket = window.withdraw(7, one).unwrap();
        assert_eq!(window.withdraw(7, one), None);
        window.put_back(bucket);
        assert_eq!(window.withdraw(7, one), Some(7));
        assert_eq!(window.withdraw(7 + SLOTS, one), Some(7 + SLOTS));
        window.put_back(7);
        assert_eq!(window.withdraw(7 + SLOTS, one), None);
    }

    #[test]
    fn pitfall_16_time_stands_still_while_the_clock_is_back() {
        let (window, one) = (Window::new(), share(0, 1, 1));
        assert!(window.withdraw(1000, one).is_some());
        assert_eq!(window.withdraw(0, one), None, "the same second");
        window.deposit(1000);
        window.deposit(1000 - SLOTS);
        assert_eq!(window.available(0, share(100, 1, 0)), 1, "two requests, one retry");
    }

    #[test]
    fn counting_saturates() {
        let window = Window::new();
        window.requests[0].store(COUNT_MAX, Relaxed);
        window.deposit(0);
        assert_eq!(parts(window.requests[0].load(Relaxed)), (0, COUNT_MAX));
        let most = Share { period: Duration::from_secs(60), millionths: 10_000_000, reserve: u64::MAX };
        assert_eq!(window.available(u64::MAX, most), u64::MAX);
        assert_eq!(window.available(0, most), u64::MAX);
    }

    proptest! {
        /// Against all requests and retries with their times: no period ever has more retries than it may.
        #[test]
        fn no_period_has_more_retries_than_its_share(
            percent in 0..150u64,
            reserve in 0..3u64,
            steps in proptest::collection::vec((0..400u64, 0..4u8), 1..400),
        ) {
            let window = Window::new();
            let (mut now, mut requests, mut retries) = (0, Vec::new(), Vec::new());
            for (millis, kind) in steps {
                now += millis;
                let bucket = Window::bucket_at(now * 1_000_000);
                if kind == 0 {
                    if window.withdraw(bucket, share(percent, 2, reserve)).is_some() {
                        retries.push(now);
                    }
                } else {
                    window.deposit(bucket);
                    requests.push(now);
                }
                let recent = |times: &[u64]| times.iter().filter(|at| **at + 2000 > now).count() as u64;
                // Requests of now may have come after the retries of now; they only ever allow more.
                if retries.last() == Some(&now) {
                    prop_assert!(recent(&retries) <= recent(&requests) * percent / 100 + reserve);
                }
            }
        }
    }
}

#[cfg(all(test, otlp_loom))]
mod loom_tests {
    use loom::sync::Arc;

    use super::*;

    const SECOND: Share = Share { period: Duration::from_secs(1), millionths: 500_000, reserve: 0 };

    fn model(check: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(check);
    }

    #[test]
    fn loom_the_last_retry_is_taken_once() {
        model(|| {
            let window = Arc::new(Window::new());
            window.deposit(0);
            window.deposit(0);
            let other = Arc::clone(&window);
            let thread = loom::thread::spawn(move || other.withdraw(0, SECOND).is_some());
            let here = window.withdraw(0, SECOND).is_some();
            assert!(here ^ thread.join().unwrap());
        });
    }

    #[test]
    fn loom_no_request_is_lost_when_a_bucket_is_taken_over() {
        model(|| {
            let window = Arc::new(Window::new());
            window.deposit(0);
            let other = Arc::clone(&window);
            let thread = loom::thread::spawn(move || other.deposit(SLOTS));
            window.deposit(SLOTS);
            thread.join().unwrap();
            assert_eq!(window.available(SLOTS, SECOND), 1, "half of two, and the old bucket's one is gone");
        });
    }
}
