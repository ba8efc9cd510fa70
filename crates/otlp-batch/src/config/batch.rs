//! When batches close, and how many items may wait behind them.

use std::time::Duration;

use super::{ConfigError, check};

/// When batches close, and how many items may wait in the queue. What a batch may weigh says
/// [`BatchLimits`](crate::BatchLimits).
///
/// ```
/// use std::time::Duration;
/// use otlp_batch::{BatchConfig, BatchStrategy};
///
/// let config = BatchConfig {
///     max_batch_size: 2_000,
///     batch_timeout: Duration::from_millis(100),
///     max_queue_size: 50_000,
///     strategy: BatchStrategy::Hybrid,
/// };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchConfig {
    /// A batch closes at this many items, unless the strategy is [`BatchStrategy::TimeBased`]. What a thread hands on at a
    /// time stays together: if it would exceed this, it begins the next batch. 1 to 1,000,000; default 8,192.
    pub max_batch_size: usize,
    /// No item waits longer than this for its batch to close, unless the strategy is [`BatchStrategy::SizeBased`]. 1 ms to
    /// 1 h; default 1 s.
    pub batch_timeout: Duration,
    /// How many items of one signal may wait in the queue of a destination. Beside them, each producing thread holds at
    /// most one open chunk, and the dispatcher what is in flight. 1 to 1 billion, and at least `max_batch_size` unless the
    /// strategy is [`BatchStrategy::TimeBased`]; default 262,144.
    pub max_queue_size: usize,
    /// What closes a batch. Default [`BatchStrategy::Hybrid`].
    pub strategy: BatchStrategy,
}

/// What closes a batch.
///
/// | | `SizeBased` | `TimeBased` | `Hybrid` |
/// |---|---|---|---|
/// | `max_batch_size` items | yes | no | yes |
/// | `max_batch_bytes` ([`BatchLimits`](crate::BatchLimits)), the bound of a request | yes | yes | yes |
/// | `batch_timeout` | no | yes | yes |
/// | a collection of metrics is complete | yes | yes | yes |
/// | `flush`, `persist`, `shutdown` | yes | yes | yes |
/// | the memory budget refused a record, within a second | yes | yes | yes |
///
/// Under `SizeBased`, what a quiet program records may thus wait for long in a batch that is not full, where no disk queue
/// keeps it: it suits programs that record steadily, or call `flush` at the end of each job. Under `TimeBased`, requests
/// are as rare and as large as the bytes allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchStrategy {
    /// The count and the bytes of its items; `batch_timeout` closes nothing.
    SizeBased,
    /// The time since the last ones closed; `max_batch_size` closes nothing.
    TimeBased,
    /// Whichever comes first: the count, the bytes, or the time.
    #[default]
    Hybrid,
}

impl Default for BatchConfig {
    fn default() -> Self {
        BatchConfig {
            max_batch_size: 8_192,
            batch_timeout: Duration::from_secs(1),
            max_queue_size: 262_144,
            strategy: BatchStrategy::Hybrid,
        }
    }
}

impl BatchConfig {
    /// At how many items a batch closes.
    pub(crate) fn closing_items(&self) -> u64 {
        match self.strategy {
            BatchStrategy::TimeBased => u64::MAX,
            BatchStrategy::SizeBased | BatchStrategy::Hybrid => self.max_batch_size as u64,
        }
    }

    /// After how long a batch closes, if ever.
    pub(crate) fn closing_time(&self) -> Option<Duration> {
        (self.strategy != BatchStrategy::SizeBased).then_some(self.batch_timeout)
    }

    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check(
            (1..=1_000_000).contains(&self.max_batch_size),
            "max_batch_size",
            self.max_batch_size,
            "1 to 1000000 items",
        )?;
        check(
            (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&self.batch_timeout),
            "batch_timeout",
            format_args!("{:?}", self.batch_timeout),
            "1 ms to 1 h",
        )?;
        check(
            (1..=1_000_000_000).contains(&self.max_queue_size),
            "max_queue_size",
            self.max_queue_size,
            "1 to 1000000000 items",
        )?;
        // What a batch gathers waits in the queue already: in a smaller one it would never be complete.
        check(
            self.strategy == BatchStrategy::TimeBased || self.max_queue_size >= self.max_batch_size,
            "max_queue_size",
            format_args!("{} with max_batch_size {}", self.max_queue_size, self.max_batch_size),
            "at least max_batch_size, unless the strategy is TimeBased: raise it, or lower max_batch_size",
        )
    }
}
