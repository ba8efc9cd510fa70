//! `OTEL_BSP_*` and `OTEL_BLRP_*`: the batch processors of spans and of log records, which here are one pipeline.

use std::time::Duration;

use otlp_batch::BatchConfig;

use super::reader::Reader;

/// The longest time, in milliseconds, that a variable may name: a day.
pub(super) const LONGEST: u64 = 24 * 3600 * 1000;

/// What the variables say of batches, queues and retries; `None` where they say nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchVariables {
    /// `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_BLRP_SCHEDULE_DELAY`.
    pub schedule_delay: Option<Duration>,
    /// `OTEL_BSP_MAX_QUEUE_SIZE`, `OTEL_BLRP_MAX_QUEUE_SIZE`.
    pub max_queue_size: Option<usize>,
    /// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, `OTEL_BLRP_MAX_EXPORT_BATCH_SIZE`.
    pub max_export_batch_size: Option<usize>,
    /// `OTEL_BSP_EXPORT_TIMEOUT`, `OTEL_BLRP_EXPORT_TIMEOUT`, `OTEL_METRIC_EXPORT_TIMEOUT`.
    pub export_timeout: Option<Duration>,
}

impl BatchVariables {
    /// The defaults with what the variables say.
    pub(crate) fn config(&self) -> BatchConfig {
        let default = BatchConfig::default();
        let max_queue_size = self.queue_size();
        BatchConfig {
            max_batch_size: self.max_export_batch_size.unwrap_or(default.max_batch_size).min(max_queue_size),
            batch_timeout: self.schedule_delay.unwrap_or(default.batch_timeout),
            max_queue_size,
            strategy: default.strategy,
        }
    }

    fn queue_size(&self) -> usize {
        self.max_queue_size.unwrap_or(BatchConfig::default().max_queue_size)
    }
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn batch(&mut self) -> BatchVariables {
        let processors = |suffix: &str| [format!("OTEL_BSP_{suffix}"), format!("OTEL_BLRP_{suffix}")];
        let mut timeouts = processors("EXPORT_TIMEOUT").to_vec();
        timeouts.push("OTEL_METRIC_EXPORT_TIMEOUT".to_owned());
        let hour = 3_600_000;
        let delay = |reader: &mut Self, name: &str| reader.milliseconds(name, 1, hour);
        let timeout = |reader: &mut Self, name: &str| reader.milliseconds(name, 1, LONGEST);
        let queue = |reader: &mut Self, name: &str| reader.number(name, 1, 1_000_000_000);
        let size = |reader: &mut Self, name: &str| reader.number(name, 1, 1_000_000);
        let variables = BatchVariables {
            schedule_delay: self.shared(&processors("SCHEDULE_DELAY"), delay, "the shorter", Duration::min),
            max_queue_size: self.shared(&processors("MAX_QUEUE_SIZE"), queue, "the larger", usize::max),
            max_export_batch_size: self.shared(&processors("MAX_EXPORT_BATCH_SIZE"), size, "the smaller", usize::min),
            export_timeout: self.shared(&timeouts, timeout, "the longest", Duration::max),
        };
        let queue = variables.queue_size();
        if let Some(size) = variables.max_export_batch_size.filter(|size| *size > queue) {
            let names = processors("MAX_EXPORT_BATCH_SIZE");
            let name = names.iter().find(|name| self.text(name).is_some()).unwrap_or(&names[0]);
            self.warn(name, format!("{size} is more than the queue holds, which is {queue}; using {queue}"));
        }
        variables
    }

    /// The value of variables of which one setting is made. Says so where they differ.
    fn shared<T: Copy + PartialEq>(
        &mut self,
        names: &[String],
        read: impl Fn(&mut Self, &str) -> Option<T>,
        which: &str,
        choose: impl Fn(T, T) -> T,
    ) -> Option<T> {
        let mut chosen: Option<(&str, T)> = None;
        for name in names {
            let Some(value) = read(self, name) else { continue };
            chosen = Some(match chosen {
                Some((other, before)) if before != value => {
                    let problem = format!("differs from {other}, and both signals share one setting; using {which}");
                    self.warn(name, problem);
                    (other, choose(before, value))
                }
                _ => (name, value),
            });
        }
        chosen.map(|(_, value)| value)
    }
}
