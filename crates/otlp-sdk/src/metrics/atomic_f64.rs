//! [`AtomicF64`]: a double that threads share, with the interface of the standard library's atomic integers.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// A double that threads share.
///
/// ```
/// use std::sync::atomic::Ordering;
/// use otlp_sdk::metrics::AtomicF64;
///
/// let revenue = AtomicF64::new(1.5);
/// assert_eq!(revenue.fetch_add(2.0, Ordering::Relaxed), 1.5);
/// assert_eq!(revenue.load(Ordering::Relaxed), 3.5);
/// ```
#[derive(Default)]
pub struct AtomicF64 {
    bits: AtomicU64,
}

impl AtomicF64 {
    /// A double with this value.
    pub const fn new(value: f64) -> Self {
        AtomicF64 { bits: AtomicU64::new(value.to_bits()) }
    }

    /// The value.
    ///
    /// # Panics
    /// If `order` is `Release` or `AcqRel`, as with [`AtomicU64::load`].
    #[inline]
    pub fn load(&self, order: Ordering) -> f64 {
        f64::from_bits(self.bits.load(order))
    }

    /// Replaces the value.
    ///
    /// # Panics
    /// If `order` is `Acquire` or `AcqRel`, as with [`AtomicU64::store`].
    #[inline]
    pub fn store(&self, value: f64, order: Ordering) {
        self.bits.store(value.to_bits(), order);
    }

    /// Replaces the value and returns the one before.
    #[inline]
    pub fn swap(&self, value: f64, order: Ordering) -> f64 {
        f64::from_bits(self.bits.swap(value.to_bits(), order))
    }

    /// Adds to the value and returns the one before. No addition is lost, but threads may add in any order, and so the
    /// rounding of their sum may differ from one run to the next.
    #[inline]
    pub fn fetch_add(&self, value: f64, order: Ordering) -> f64 {
        let add = |bits| (f64::from_bits(bits) + value).to_bits();
        let mut current = self.bits.load(Ordering::Relaxed);
        while let Err(changed) = self.bits.compare_exchange_weak(current, add(current), order, Ordering::Relaxed) {
            current = changed;
        }
        f64::from_bits(current)
    }
}

impl From<f64> for AtomicF64 {
    fn from(value: f64) -> Self {
        AtomicF64::new(value)
    }
}

impl fmt::Debug for AtomicF64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.load(Ordering::Relaxed), f)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn additions_of_many_threads_all_arrive() {
        let total = AtomicF64::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        total.fetch_add(0.5, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(total.load(Ordering::SeqCst), 20_000.0);
    }

    #[test]
    fn every_ordering_is_accepted_for_an_addition() {
        let total = AtomicF64::new(0.0);
        for order in [Ordering::Relaxed, Ordering::Acquire, Ordering::Release, Ordering::AcqRel, Ordering::SeqCst] {
            total.fetch_add(1.0, order);
        }
        assert_eq!(total.swap(7.0, Ordering::AcqRel), 5.0);
        total.store(-0.0, Ordering::Release);
        assert!(total.load(Ordering::Acquire).is_sign_negative());
        assert_eq!(format!("{:?}", AtomicF64::from(1.25)), "1.25");
    }
}
