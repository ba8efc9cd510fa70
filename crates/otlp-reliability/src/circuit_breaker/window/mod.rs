//! The windows that rates are taken over, and which of them is in use.
//!
//! What must hold, without a lock and whatever the order of threads:
//!
//! - The totals are those of the results in the window: what a result adds when it comes, it takes along when it goes.
//! - Results of an earlier generation of the breaker are no part of it. Nothing is ever cleared for that: what a window
//!   holds is stamped, and a stamp that is not today's counts as empty.
//! - The cost of a result depends neither on the size of the window nor on the number of calls in it.

mod count;
mod time;

use std::{ops::RangeInclusive, time::Duration};

use self::{count::CountWindow, time::TimeWindow};
use super::Window;
use crate::{
    sync::atomic::{AtomicU64, Ordering},
    timeline::nanos,
};

/// The most results that a count window can hold.
pub(super) const MAX_COUNT: u32 = 10_000;

/// How long a time window can be.
pub(super) const LENGTHS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(10 * 3600);

/// The largest number of calls that can be waited for before rates count.
pub(super) const MAX_MINIMUM_CALLS: u32 = 10_000_000;

/// What a window keeps of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

/// The results in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) slow: u64,
}

/// Both kinds of window, of which one is in use or neither: a reload can go from one to the other without a lock on the
/// way of the calls. The ring of a count window is allocated when it is first in use.
#[derive(Debug)]
pub(super) struct Windows {
    shape: AtomicU64,
    count: CountWindow,
    time: TimeWindow,
}

/// Which window is in use, in one word with the number of times it was exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    version: u32,
    size: u32,
}

impl Shape {
    /// In place of the size of a count window: the time window is in use.
    const TIME: u32 = 0;
    /// In place of the size of a count window: nobody asks for rates.
    const NONE: u32 = u32::MAX;

    fn from_bits(bits: u64) -> Self {
        Shape { version: (bits >> 32) as u32, size: bits as u32 }
    }

    fn bits(self) -> u64 {
        u64::from(self.version) << 32 | u64::from(self.size)
    }

    /// What a count window of this shape stamps the results of `generation` with: another after each transition, and
    /// another after each exchange.
    fn stamp(self, generation: u32) -> u32 {
        generation.wrapping_add(self.version)
    }
}

impl Windows {
    pub(super) fn new(window: Option<Window>) -> Self {
        let windows = Windows {
            // Versions count from 1: slots that were never written are stamped 0.
            shape: AtomicU64::new(Shape { version: 1, size: Shape::NONE }.bits()),
            count: CountWindow::new(),
            time: TimeWindow::new(),
        };
        windows.reshape(window, 0, 0);
        windows
    }

    /// Takes a result in, and tells the totals if they may call for a decision. `now` is asked only by a time window.
    #[inline]
    pub(super) fn push(&self, generation: u32, sample: Sample, now: impl FnOnce() -> u64) -> Option<Totals> {
        let shape = self.shape();
        match shape.size {
            Shape::NONE => None,
            Shape::TIME => self.time.push(generation, sample, now()),
            size => self.count.push(shape.stamp(generation), size, sample),
        }
    }

    /// The results in the window at `now`.
    pub(super) fn totals(&self, generation: u32, now: u64) -> Totals {
        let shape = self.shape();
        match shape.size {
            Shape::NONE => Totals::default(),
            Shape::TIME => self.time.totals(generation, now),
            _ => self.count.totals(shape.stamp(generation)),
        }
    }

    /// Goes over to another window. The same one stays as it is; a count window of another size takes over the newest
    /// results as far as they fit; any other starts empty. Results that come in meanwhile may be lost, but never leave
    /// the totals wrong.
    ///
    /// The caller sees to it that there is one exchange at a time.
    pub(super) fn reshape(&self, window: Option<Window>, generation: u32, now: u64) {
        let old = self.shape();
        let version = old.version.wrapping_add(1);
        match window {
            None if old.size != Shape::NONE => self.set_shape(Shape { version, size: Shape::NONE }),
            Some(Window::Time { length }) => {
                let same = old.size == Shape::TIME && self.time.length() == nanos(length);
                if !same {
                    self.time.restart(nanos(length), now);
                    self.set_shape(Shape { version, size: Shape::TIME });
                }
            }
            Some(Window::Count(size)) if old.size != size => {
                let kept = match old.size {
                    Shape::NONE | Shape::TIME => Vec::new(),
                    old_size => self.count.newest(old.stamp(generation), old_size, size),
                };
                self.count.reserve(size);
                let shape = Shape { version, size };
                self.set_shape(shape);
                for sample in kept {
                    self.count.push(shape.stamp(generation), size, sample);
                }
            }
            None | Some(Window::Count(_)) => {}
        }
    }

    #[inline]
    fn shape(&self) -> Shape {
        Shape::from_bits(self.shape.load(Ordering::Acquire))
    }

    fn set_shape(&self, shape: Shape) {
        self.shape.store(shape.bits(), Ordering::Release);
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use super::*;

    const FAILED: Sample = Sample { failed: true, slow: false };
    const FINE: Sample = Sample { failed: false, slow: false };

    fn no_clock() -> u64 {
        panic!("a count window reads no clock")
    }

    fn counted(windows: &Windows) -> (u64, u64) {
        let totals = windows.totals(0, 0);
        (totals.calls, totals.failed)
    }

    #[test]
    fn a_smaller_count_window_keeps_the_newest_results_and_a_larger_one_all() {
        let windows = Windows::new(Some(Window::Count(10)));
        for sample in [FAILED, FAILED, FAILED, FINE, FINE, FINE, FINE, FAILED, FINE, FAILED, FINE, FINE] {
            windows.push(0, sample, no_clock);
        }
        assert_eq!(counted(&windows), (10, 3), "the first two have left");
        windows.reshape(Some(Window::Count(5)), 0, 0);
        assert_eq!(counted(&windows), (5, 2));
        windows.reshape(Some(Window::Count(200)), 0, 0);
        assert_eq!(counted(&windows), (5, 2));
        for _ in 0..195 {
            windows.push(0, FINE, no_clock);
        }
        assert_eq!(counted(&windows), (200, 2));
        windows.push(0, FINE, no_clock);
        assert_eq!(counted(&windows), (200, 1), "the kept results leave in the order in which they came");
        windows.push(0, FINE, no_clock);
        windows.push(0, FINE, no_clock);
        assert_eq!(counted(&windows), (200, 0));
    }

    #[test]
    fn the_same_window_stays_and_another_kind_starts_empty() {
        let windows = Windows::new(Some(Window::Count(10)));
        windows.push(0, FAILED, no_clock);
        windows.reshape(Some(Window::Count(10)), 0, 0);
        assert_eq!(counted(&windows), (1, 1));
        let time = Window::Time { length: Duration::from_secs(10) };
        windows.reshape(Some(time), 0, 0);
        assert_eq!(counted(&windows), (0, 0));
        windows.push(0, FAILED, || 0);
        windows.reshape(Some(time), 0, 0);
        assert_eq!(counted(&windows), (1, 1));
        windows.reshape(Some(Window::Time { length: Duration::from_secs(5) }), 0, 0);
        assert_eq!(counted(&windows), (0, 0));
        windows.push(0, FAILED, || 0);
        windows.reshape(Some(Window::Count(10)), 0, 0);
        assert_eq!(counted(&windows), (0, 0), "what the ring held before is forgotten");
        windows.reshape(None, 0, 0);
        assert_eq!(windows.push(0, FAILED, no_clock), None);
        assert_eq!(counted(&windows), (0, 0));
        windows.reshape(Some(Window::Time { length: Duration::from_secs(5) }), 0, 0);
        assert_eq!(counted(&windows), (0, 0), "what the time window held before is forgotten");
    }
}
