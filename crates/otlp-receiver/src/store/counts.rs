//! How many items of a signal there are and were.

use std::fmt;

use otlp_core::Signal;

/// How many items of one signal a store was given, holds and has let go.
///
/// `arrived` is at least `kept + evicted`; it is more in a receiver that counts only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SignalCounts {
    /// All items ever put here, duplicates included.
    pub arrived: u64,
    /// Those that are still here.
    pub kept: u64,
    /// Those that made room for younger ones.
    pub evicted: u64,
    /// About how many bytes of memory those take that are still here.
    pub bytes: usize,
}

/// [`SignalCounts`] of the three signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    signals: [SignalCounts; 3],
}

impl Counts {
    pub(super) fn new(signals: [SignalCounts; 3]) -> Self {
        Counts { signals }
    }

    /// The counts of `signal`.
    pub fn of(&self, signal: Signal) -> SignalCounts {
        self.signals[signal.index()]
    }
}

impl fmt::Display for Counts {
    /// `3 spans, 0 data points, 1 log records`: what arrived.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (signal, separator) in Signal::ALL.into_iter().zip(["", ", ", ", "]) {
            write!(f, "{separator}{} {}", self.of(signal).arrived, signal.items())?;
        }
        Ok(())
    }
}
