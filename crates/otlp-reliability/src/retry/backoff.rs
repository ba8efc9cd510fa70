//! The waits between attempts, as they grow and are spread.
//!
//! Waits are nanoseconds in a `u64`, grown by a conversion from `f64` that saturates, so no multiplier and no number of
//! attempts can overflow; 584 years is the largest wait it can draw, and a server's delay above that is still obeyed as
//! it is.

use std::time::Duration;

use super::{Jitter, RetryPolicy};
use crate::timeline::nanos;

/// The waits of one call, one after the other.
///
/// [`Retry`](crate::Retry) has its own; this is for loops that cannot be written as a retried operation, such as one
/// that reconnects for ever.
///
/// ```
/// use std::time::Duration;
/// use otlp_reliability::{Jitter, RetryPolicy};
///
/// let retry = RetryPolicy::new().with_initial_delay(Duration::from_secs(1)).with_jitter(Jitter::None).build()?;
/// let mut backoff = retry.backoff();
/// assert_eq!(backoff.next_delay(Duration::ZERO), Duration::from_secs(1));
/// assert_eq!(backoff.next_delay(Duration::ZERO), Duration::from_secs(2));
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    initial: u64,
    max: u64,
    multiplier: f64,
    jitter: Jitter,
    /// The next wait before jitter; with decorrelated jitter the upper end of the next draw.
    base: u64,
}

impl Backoff {
    pub(super) fn new(policy: &RetryPolicy) -> Self {
        let initial = nanos(policy.initial_delay());
        Backoff {
            initial,
            max: nanos(policy.max_delay()),
            multiplier: policy.backoff_multiplier(),
            jitter: policy.jitter(),
            base: initial,
        }
    }

    /// The next wait: the next of the row, but no shorter than `at_least`, from which the row then goes on.
    pub fn next_delay(&mut self, at_least: Duration) -> Duration {
        let at_least_nanos = nanos(at_least);
        let drawn = match self.jitter {
            Jitter::None => self.base,
            Jitter::Full => fastrand::u64(0..=self.base),
            Jitter::Equal => fastrand::u64(self.base / 2..=self.base),
            Jitter::Decorrelated => fastrand::u64(self.initial..=self.base),
            Jitter::Around { permille } => {
                // At most `base`, for a checked policy: it fits.
                let spread = (u128::from(self.base) * u128::from(permille) / 1000) as u64;
                fastrand::u64(self.base.saturating_sub(spread)..=self.base.saturating_add(spread).min(self.max))
            }
        };
        let grown_from = match self.jitter {
            Jitter::Decorrelated => drawn,
            Jitter::None | Jitter::Full | Jitter::Equal | Jitter::Around { .. } => self.base,
        };
        // `as` saturates, and `max` is a number, so this is one too.
        let grown = (grown_from.max(at_least_nanos) as f64 * self.multiplier) as u64;
        self.base = grown.clamp(self.initial, self.max);
        Duration::from_nanos(drawn).max(at_least)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn waits(policy: &RetryPolicy, count: usize) -> Vec<Duration> {
        let mut backoff = Backoff::new(policy);
        (0..count).map(|_| backoff.next_delay(Duration::ZERO)).collect()
    }

    fn seconds(numbers: &[u64]) -> Vec<Duration> {
        numbers.iter().copied().map(Duration::from_secs).collect()
    }

    #[test]
    fn pitfall_14_the_first_wait_is_the_initial_delay_and_each_next_one_a_multiple_of_it() {
        let policy =
            RetryPolicy::new().with_initial_delay(SECOND).with_max_delay(20 * SECOND).with_jitter(Jitter::None);
        assert_eq!(waits(&policy, 6), seconds(&[1, 2, 4, 8, 16, 20]));
        assert_eq!(waits(&policy.clone().with_backoff_multiplier(3.0), 4), seconds(&[1, 3, 9, 20]));
        assert_eq!(waits(&policy.with_backoff_multiplier(1.0), 3), seconds(&[1, 1, 1]));
        assert_eq!(waits(&RetryPolicy::constant(2 * SECOND), 3), seconds(&[2, 2, 2]));
    }

    #[test]
    fn pitfall_12_a_huge_multiplier_saturates() {
        let policy =
            RetryPolicy::new().with_backoff_multiplier(1e30).with_max_delay(Duration::MAX).with_jitter(Jitter::None);
        let waits = waits(&policy, 1000);
        assert_eq!(waits[0], Duration::from_millis(100));
        assert!(waits[1..].iter().all(|wait| *wait == Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn a_delay_of_the_server_is_a_minimum_and_backoff_continues_from_it() {
        let policy =
            RetryPolicy::new().with_initial_delay(SECOND).with_max_delay(20 * SECOND).with_jitter(Jitter::None);
        let mut backoff = Backoff::new(&policy);
        assert_eq!(backoff.next_delay(5 * SECOND), 5 * SECOND);
        assert_eq!(backoff.next_delay(Duration::ZERO), 10 * SECOND);
        assert_eq!(backoff.next_delay(SECOND), 20 * SECOND);
        assert_eq!(backoff.next_delay(300 * SECOND), 300 * SECOND, "obeyed above the cap");
        assert_eq!(backoff.next_delay(Duration::ZERO), 20 * SECOND, "and the cap holds again");
    }

    #[test]
    fn pitfall_10_concurrent_callers_draw_different_waits() {
        let policy = RetryPolicy::new().with_initial_delay(SECOND);
        for jitter in [Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
            let policy = policy.clone().with_jitter(jitter);
            let mut rows: Vec<_> = std::thread::scope(|scope| {
                let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| waits(&policy, 4))).collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).collect()
            });
            // On one thread as well: the callers of one runtime share a generator, not a draw.
            rows.extend((0..8).map(|_| waits(&policy, 4)));
            let last: std::collections::HashSet<_> = rows.iter().map(|row| row[3]).collect();
            assert_eq!(last.len(), rows.len(), "{jitter:?}: {rows:?}");
        }
    }

    #[test]
    fn jitter_around_the_wait_goes_as_far_as_it_says_and_not_above_the_largest() {
        let drawn = |permille, max| {
            let policy = RetryPolicy::new().with_initial_delay(SECOND).with_max_delay(max);
            let policy = policy.with_backoff_multiplier(1.0).with_jitter(Jitter::Around { permille });
            let waits = waits(&policy, 4000);
            (*waits.iter().min().unwrap(), *waits.iter().max().unwrap())
        };
        let ms = Duration::from_millis;
        let (least, most) = drawn(100, 2 * SECOND);
        assert!((ms(900)..ms(905)).contains(&least) && (ms(1095)..=ms(1100)).contains(&most), "{least:?} {most:?}");
        let (least, most) = drawn(1000, 20 * SECOND);
        assert!(least < ms(20) && (ms(1980)..=ms(2000)).contains(&most), "{least:?} {most:?}");
        assert_eq!(drawn(0, SECOND), (SECOND, SECOND));
        assert!(drawn(500, SECOND).1 <= SECOND, "the cap");
    }

    #[test]
    fn full_jitter_fills_its_range() {
        let policy = RetryPolicy::constant(SECOND).with_jitter(Jitter::Full);
        let waits = waits(&policy, 4000);
        for tenth in 0..10u32 {
            let range = SECOND / 10 * tenth..SECOND / 10 * (tenth + 1);
            let hits = waits.iter().filter(|wait| range.contains(wait)).count();
            // 400 expected, with a deviation of 19.
            assert!((250..550).contains(&hits), "{hits} waits in {range:?}");
        }
    }

    #[test]
    fn decorrelated_waits_stay_between_the_initial_delay_and_a_multiple_of_the_wait_before() {
        let policy = RetryPolicy::new()
            .with_initial_delay(SECOND)
            .with_max_delay(60 * SECOND)
            .with_backoff_multiplier(3.0)
            .with_jitter(Jitter::Decorrelated);
        for _ in 0..200 {
            let row = waits(&policy, 20);
            assert_eq!(row[0], SECOND);
            for pair in row.windows(2) {
                assert!(pair[1] >= SECOND && pair[1] <= (pair[0] * 3).min(60 * SECOND), "{pair:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn pitfall_13_jitter_never_exceeds_the_cap(
            initial in 0..=u64::MAX,
            more in 0..=u64::MAX,
            multiplier in 1.0..=f64::MAX,
            at_least in proptest::collection::vec(0..=u64::MAX, 0..12),
            jitter in prop_oneof![
                Just(Jitter::None), Just(Jitter::Full), Just(Jitter::Equal), Just(Jitter::Decorrelated)
            ],
        ) {
            let cap = Duration::from_nanos(initial.saturating_add(more));
            let policy = RetryPolicy::new()
                .with_initial_delay(Duration::from_nanos(initial))
                .with_max_delay(cap)
                .with_backoff_multiplier(multiplier)
                .with_jitter(jitter);
            let mut backoff = Backoff::new(&policy);
            for at_least in at_least {
                prop_assert!(backoff.next_delay(Duration::ZERO) <= cap);
                let at_least = Duration::from_nanos(at_least);
                let wait = backoff.next_delay(at_least);
                prop_assert!(wait >= at_least && wait <= cap.max(at_least));
            }
        }

        #[test]
        fn equal_jitter_keeps_half(nanos in 0..=u64::MAX) {
            let policy = RetryPolicy::constant(Duration::from_nanos(nanos)).with_jitter(Jitter::Equal);
            prop_assert!(Backoff::new(&policy).next_delay(Duration::ZERO) >= Duration::from_nanos(nanos / 2));
        }
    }
}
