//! [`LastValue`]: the value that was recorded last, of synchronous gauges.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::metrics::number::MetricNumber;

/// The value that was recorded last. It stays until the next one: a collection does not take it.
#[derive(Default)]
pub(in crate::metrics) struct LastValue {
    bits: AtomicU64,
    recorded: AtomicBool,
}

impl LastValue {
    /// Replaces the value.
    #[inline]
    pub(in crate::metrics) fn record<T: MetricNumber>(&self, value: T) {
        self.bits.store(value.bits(), Ordering::Relaxed);
        // After the value, so that whoever sees this sees one.
        self.recorded.store(true, Ordering::Release);
    }

    /// The value, if there is one.
    pub(in crate::metrics) fn collect(&self) -> Option<u64> {
        self.recorded.load(Ordering::Acquire).then(|| self.bits.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_stays_and_none_is_none() {
        let gauge = LastValue::default();
        assert_eq!(gauge.collect(), None);
        gauge.record(0.0f64);
        assert_eq!(gauge.collect(), Some(0));
        gauge.record(7u64);
        assert_eq!((gauge.collect(), gauge.collect()), (Some(7), Some(7)));
    }
}
