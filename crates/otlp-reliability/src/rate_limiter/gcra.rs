//! The generic cell rate algorithm: the limiter's whole state is one moment, up to which its calls are spoken for.
//!
//! Each call moves that moment by the interval between two calls. How far it may lie ahead of now is the burst; beyond
//! that a call is turned away, or knows how long to wait and has its place by the same exchange, without a queue.
//!
//! What must hold: the calls that go never exceed burst plus rate times time, in any stretch of time; a place that a
//! waiter leaves is never used twice, and it is used again if a waiter comes before its moment has passed; once all
//! waiters have left, nothing is spoken for that has not gone.
//!
//! Times are in ticks of a sixteenth of a nanosecond, so that high rates are exact; they last for 36 years.

use std::collections::BTreeMap;

use crate::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
    lock,
};

/// Ticks in a nanosecond.
pub(super) const TICKS: u64 = 16;

/// A limit in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// Between two calls.
    interval: u64,
    /// As many intervals as the burst has calls.
    tolerance: u64,
}

impl Terms {
    /// The interval is rounded up: never more calls than asked for.
    pub(super) fn new(period_nanos: u64, limit: u32, burst: u32) -> Self {
        let interval = (u128::from(period_nanos) * u128::from(TICKS)).div_ceil(u128::from(limit.max(1)));
        let interval = u64::try_from(interval).unwrap_or(u64::MAX);
        Terms { interval, tolerance: interval.saturating_mul(u64::from(burst)) }
    }

    /// Whether the burst comes back within nine years, far from where ticks end.
    pub(super) fn is_in_range(&self) -> bool {
        self.tolerance <= u64::MAX / 4
    }
}

/// A place in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// What it is spoken for: from here …
    start: u64,
    /// … to here.
    end: u64,
    /// When the call may go.
    pub(super) at: u64,
}

#[derive(Debug)]
pub(super) struct Gcra {
    /// The moment up to which calls are spoken for: the theoretical arrival time.
    spoken_for: AtomicU64,
    interval: AtomicU64,
    tolerance: AtomicU64,
    /// Places that were left before their moment, by their end. Those at the end of the line are not kept but undone.
    vacated: Mutex<BTreeMap<u64, Place>>,
    /// How many there are, so that nobody takes the lock for none.
    vacancies: AtomicU64,
}

impl Gcra {
    pub(super) fn new(terms: Terms) -> Self {
        Gcra {
            spoken_for: AtomicU64::new(0),
            interval: AtomicU64::new(terms.interval),
            tolerance: AtomicU64::new(terms.tolerance),
            vacated: Mutex::default(),
            vacancies: AtomicU64::new(0),
        }
    }

    /// A call that comes during a reload may read one old and one new value. Both are in range, so it is let through or
    /// not by a limit between the two.
    fn terms(&self) -> Terms {
        Terms { interval: self.interval.load(Relaxed), tolerance: self.tolerance.load(Relaxed) }
    }

    /// Whether so many calls can ever go at once.
    pub(super) fn fits(&self, calls: u32) -> bool {
        let Terms { interval, tolerance } = self.terms();
        interval.saturating_mul(u64::from(calls)) <= tolerance
    }

    /// Lets `calls` go now, or tells how many ticks to wait before trying again.
    #[inline]
    pub(super) fn try_take(&self, now: u64, calls: u32) -> Result<(), u64> {
        let terms = self.terms();
        let cost = terms.interval.saturating_mul(u64::from(calls));
        let mut spoken_for = self.spoken_for.load(Relaxed);
        loop {
            let end = spoken_for.max(now).saturating_add(cost);
            let early = (end - now).saturating_sub(terms.tolerance);
            if early > 0 {
                return Err(early);
            }
            match self.spoken_for.compare_exchange_weak(spoken_for, end, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(current) => spoken_for = current,
            }
        }
    }

    /// Lets one call go now (`None`) or gives it a place in line, at most `longest` ticks away; else tells how far away
    /// the place would have been.
    pub(super) fn reserve(&self, now: u64, longest: u64) -> Result<Option<Place>, u64> {
        let terms = self.terms();
        let mut spoken_for = self.spoken_for.load(Relaxed);
        loop {
            let start = spoken_for.max(now);
            let end = start.checked_add(terms.interval).ok_or(u64::MAX)?;
            let wait = (end - now).saturating_sub(terms.tolerance);
            if wait > 0 {
                if self.vacancies.load(Relaxed) > 0
                    && let Some(place) = self.take_vacated(now, longest)
                {
                    return place.map(Some);
                }
                if wait > longest {
                    return Err(wait);
                }
            }
            match self.spoken_for.compare_exchange_weak(spoken_for, end, Relaxed, Relaxed) {
                Ok(_) if wait == 0 => return Ok(None),
                Ok(_) => return Ok(Some(Place { start, end, at: now.saturating_add(wait) })),
                Err(current) => spoken_for = current,
            }
        }
    }

    /// Gives back a place whose call did not go.
    pub(super) fn leave(&self, place: Place, now: u64) {
        let mut vacated = lock(&self.vacated);
        vacated.insert(place.end, place);
        // What is at the end of the line has never been: neither this place nor those before it that were left earlier.
        while let Some(last) = vacated.last_entry() {
            let Place { start, end, .. } = *last.get();
            if self.spoken_for.compare_exchange(end, start, Relaxed, Relaxed).is_err() {
                break;
            }
            last.remove();
        }
        vacated.retain(|_, place| place.at > now);
        self.vacancies.store(vacated.len() as u64, Relaxed);
    }

    /// The first place that was left and whose moment is yet to come; how far away it is if that is too far.
    fn take_vacated(&self, now: u64, longest: u64) -> Option<Result<Place, u64>> {
        let mut vacated = lock(&self.vacated);
        vacated.retain(|_, place| place.at > now);
        let first = vacated.first_entry().map(|first| match first.get().at - now {
            wait if wait > longest => Err(wait),
            _ => Ok(first.remove()),
        });
        self.vacancies.store(vacated.len() as u64, Relaxed);
        first
    }

    /// How many calls could go at once.
    pub(super) fn available(&self, now: u64) -> u64 {
        let Terms { interval, tolerance } = self.terms();
        let ahead = self.spoken_for.load(Relaxed).saturating_sub(now);
        tolerance.saturating_sub(ahead) / interval.max(1)
    }

    /// Other terms. As many calls are spoken for as before; those in line keep their moments.
    pub(super) fn set_terms(&self, terms: Terms, now: u64) {
        let mut vacated = lock(&self.vacated);
        vacated.clear();
        self.vacancies.store(0, Relaxed);
        let before = self.interval.swap(terms.interval, Relaxed);
        self.tolerance.store(terms.tolerance, Relaxed);
        let rescaled = |spoken_for: u64| {
            let ahead = u128::from(spoken_for.saturating_sub(now));
            let ahead = (ahead * u128::from(terms.interval)).div_ceil(u128::from(before.max(1)));
            Some(now.saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX)))
        };
        let _ = self.spoken_for.fetch_update(Relaxed, Relaxed, rescaled);
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One call per 100 ticks.
    fn gcra(burst: u64) -> Gcra {
        Gcra::new(Terms { interval: 100, tolerance: 100 * burst })
    }

    fn place(gcra: &Gcra, now: u64) -> Place {
        gcra.reserve(now, u64::MAX).expect("no limit").expect("not at once")
    }

    #[test]
    fn a_burst_and_then_one_per_interval_exactly() {
        let gcra = gcra(3);
        assert_eq!(
            (0..5).map(|_| gcra.try_take(0, 1)).collect::<Vec<_>>(),
            [Ok(()), Ok(()), Ok(()), Err(100), Err(100)]
        );
        assert_eq!(gcra.try_take(99, 1), Err(1));
        assert_eq!(gcra.try_take(100, 1), Ok(()));
        assert_eq!(gcra.try_take(250, 2), Err(50));
        assert_eq!(gcra.try_take(300, 2), Ok(()));
        assert_eq!(gcra.available(300), 0);
        assert_eq!(gcra.available(1000), 3);
    }

    #[test]
    fn places_are_given_in_order_and_as_far_away_as_allowed() {
        let gcra = gcra(1);
        assert_eq!(gcra.reserve(0, 150), Ok(None));
        assert_eq!(place(&gcra, 0).at, 100);
        assert_eq!(gcra.reserve(0, 150), Err(200));
        assert_eq!(place(&gcra, 60).at, 200);
    }

    #[test]
    fn what_the_last_in_line_leave_has_never_been_spoken_for() {
        let gcra = gcra(1);
        assert_eq!(gcra.try_take(0, 1), Ok(()));
        let line: Vec<_> = (0..100).map(|_| place(&gcra, 0)).collect();
        // The first leave first: none of them but the last is at the end of the line.
        line.iter().for_each(|place| gcra.leave(*place, 0));
        assert_eq!(gcra.try_take(0, 1), Err(100), "as if nobody had waited");
        assert_eq!(gcra.vacancies.load(Relaxed), 0);
    }

    #[test]
    fn a_place_left_in_the_middle_goes_to_the_next_who_comes() {
        let gcra = gcra(1);
        assert_eq!(gcra.try_take(0, 1), Ok(()));
        let line: Vec<_> = (0..3).map(|_| place(&gcra, 0)).collect();
        gcra.leave(line[1], 50);
        assert_eq!(gcra.reserve(60, 10), Err(140), "as far away as the vacant place");
        assert_eq!(place(&gcra, 60), line[1]);
        assert_eq!(place(&gcra, 60).at, 400, "and it is vacant only once");
        gcra.leave(line[0], 70);
        assert_eq!(place(&gcra, 100).at, 500, "a moment that has passed is no place");
    }

    #[test]
    fn other_terms_keep_the_calls_that_were_made() {
        let gcra = gcra(4);
        assert_eq!(gcra.try_take(0, 3), Ok(()));
        gcra.set_terms(Terms { interval: 1_000_000, tolerance: 10_000_000 }, 0);
        assert_eq!(gcra.available(0), 7);
        gcra.set_terms(Terms { interval: 1, tolerance: 2 }, 0);
        assert_eq!(gcra.try_take(0, 1), Err(2), "three made, of two at once");
    }

    #[test]
    fn nothing_overflows() {
        let huge = Gcra::new(Terms { interval: u64::MAX / 4, tolerance: u64::MAX / 4 });
        assert_eq!(huge.try_take(u64::MAX, u32::MAX), Ok(()), "the end of time, after 36 years");
        assert_eq!(huge.reserve(u64::MAX, u64::MAX), Err(u64::MAX));
        let line: Vec<_> = std::iter::from_fn(|| huge.reserve(0, u64::MAX).ok()).take(10).collect();
        assert!(line.is_empty());
        assert!(!Terms::new(u64::MAX, 1, u32::MAX).is_in_range());
        assert_eq!(Terms::new(1, 1, u32::MAX), Terms { interval: TICKS, tolerance: TICKS * u64::from(u32::MAX) });
    }

    proptest! {
        /// Beside the bucket of tokens that everybody knows: the same calls go.
        #[test]
        fn it_is_the_bucket_of_tokens(
            interval in 1..50u64,
            burst in 1..10u64,
            steps in proptest::collection::vec((0..100u64, 1..4u32), 1..200),
        ) {
            let gcra = Gcra::new(Terms { interval, tolerance: interval * burst });
            let (mut now, mut level) = (0, interval * burst);
            for (pause, calls) in steps {
                now += pause;
                level = (level + pause).min(interval * burst);
                let cost = interval * u64::from(calls);
                let expected = if cost <= level { Ok(()) } else { Err(cost - level) };
                prop_assert_eq!(gcra.try_take(now, calls), expected);
                if expected.is_ok() {
                    level -= cost;
                }
                prop_assert_eq!(gcra.available(now), level / interval);
            }
        }

        /// With waiters that come, go and leave: no stretch of time has more than burst plus rate times time.
        #[test]
        fn no_stretch_of_time_has_more_calls_than_allowed(
            burst in 1..5u64,
            steps in proptest::collection::vec((0..120u64, 0..6u8, any::<proptest::sample::Index>()), 1..150),
        ) {
            let gcra = gcra(burst);
            let (mut now, mut line, mut gone) = (0, Vec::<Place>::new(), Vec::new());
            for (pause, kind, which) in steps {
                now += pause;
                gone.extend(line.iter().map(|place| place.at).filter(|at| *at <= now));
                line.retain(|place| place.at > now);
                match kind {
                    0..2 if !line.is_empty() => gcra.leave(line.swap_remove(which.index(line.len())), now),
                    2 => gone.extend(gcra.try_take(now, 1).ok().map(|()| now)),
                    _ => match gcra.reserve(now, 1000) {
                        Ok(None) => gone.push(now),
                        Ok(Some(place)) => {
                            prop_assert!(place.at > now && place.at <= now + 1000);
                            line.push(place);
                        }
                        Err(wait) => prop_assert!(wait > 1000),
                    },
                }
            }
            gone.extend(line.iter().map(|place| place.at));
            gone.sort_unstable();
            for first in 0..gone.len() {
                for last in first..gone.len() {
                    let calls = (last - first + 1) as u64;
                    prop_assert!(calls <= burst + (gone[last] - gone[first]) / 100, "{gone:?}");
                }
            }
        }

        /// However they leave: once the line is empty, the next moment is that of the calls that went.
        #[test]
        fn an_empty_line_has_lost_nothing(order in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle()) {
            let gcra = gcra(2);
            prop_assert_eq!(gcra.try_take(0, 2), Ok(()));
            let line: Vec<_> = order.iter().map(|_| place(&gcra, 0)).collect();
            order.iter().for_each(|index| gcra.leave(line[*index], 0));
            prop_assert_eq!(gcra.try_take(0, 1), Err(100));
        }
    }
}

#[cfg(all(test, otlp_loom))]
mod loom_tests {
    use loom::sync::Arc;

    use super::*;

    fn model(check: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(check);
    }

    fn gcra(burst: u64) -> Arc<Gcra> {
        Arc::new(Gcra::new(Terms { interval: 100, tolerance: 100 * burst }))
    }

    #[test]
    fn loom_three_callers_never_share_two_places() {
        model(|| {
            let gcra = gcra(2);
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let gcra = Arc::clone(&gcra);
                    loom::thread::spawn(move || gcra.try_take(0, 1).is_ok())
                })
                .collect();
            let here = gcra.try_take(0, 1).is_ok();
            let went = others.into_iter().filter_map(|other| other.join().ok()).filter(|went| *went).count();
            assert_eq!(went + usize::from(here), 2);
        });
    }

    #[test]
    fn loom_a_place_that_is_left_is_either_undone_or_taken_by_another() {
        model(|| {
            let gcra = gcra(1);
            assert_eq!(gcra.try_take(0, 1), Ok(()));
            let leaving = gcra.reserve(0, 1000).unwrap().unwrap();
            let other = Arc::clone(&gcra);
            let comes = loom::thread::spawn(move || other.reserve(0, 1000).unwrap().unwrap());
            gcra.leave(leaving, 0);
            let came = comes.join().unwrap();
            let next = gcra.reserve(0, 1000).unwrap().unwrap();
            let mut moments = [came.at, next.at];
            moments.sort_unstable();
            assert_eq!(moments, [100, 200], "no moment is lost and none is given twice");
        });
    }
}
