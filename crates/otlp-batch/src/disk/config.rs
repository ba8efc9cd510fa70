//! What a disk queue may occupy and how sure it is of what it holds.

use std::{path::PathBuf, time::Duration};

use super::EncryptionKey;
use crate::ConfigError;

/// Settings of a disk queue.
///
/// | setting | default | accepted |
/// |---|---|---|
/// | `directory` | | a directory that the process may write to, or create |
/// | `durability` | `Interval(500 ms)` | an interval of 10 ms to 1 minute |
/// | `max_bytes` | 1 GiB | 4 MiB to 1 PiB |
/// | `segment_bytes` | 8 MiB | 64 KiB to 1 GiB, at most a quarter of `max_bytes` |
/// | `max_age` | none | 1 second or more |
/// | `dead_letter_bytes` | 16 MiB | 0, or 1 MiB to 1 TiB |
/// | `encryption_key` | none | 32 bytes |
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct DiskQueueConfig {
    directory: PathBuf,
    durability: Durability,
    max_bytes: u64,
    segment_bytes: u64,
    max_age: Option<Duration>,
    dead_letter_bytes: u64,
    encryption_key: Option<EncryptionKey>,
}

/// When a batch that nobody has acknowledged is on the disk for good.
///
/// A batch that is delivered before that never touches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As soon as it is complete. Batches that are complete at the same time share one sync.
    Always,
    /// No later than this after it is complete.
    Interval(Duration),
    /// When memory is short and when the client shuts down. It is then with the system, which writes it when it likes:
    /// what is there survives the process, and not a power cut.
    None,
}

impl DiskQueueConfig {
    /// The defaults, in `directory`. Below it each destination has a directory of its own.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        DiskQueueConfig {
            directory: directory.into(),
            durability: Durability::Interval(Duration::from_millis(500)),
            max_bytes: 1 << 30,
            segment_bytes: 8 << 20,
            max_age: None,
            dead_letter_bytes: 16 << 20,
            encryption_key: None,
        }
    }

    /// Sets another directory.
    pub fn with_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// Sets when batches are on the disk.
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how many bytes the files may have together; destinations get equal parts. When one has used up its part,
    /// with [`OnFull::DropOldest`](crate::OnFull::DropOldest) the oldest batches of the signal that waits with most items
    /// make room; else new ones stay in memory, until that is full as well.
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets at how many bytes a file ends and another begins. A file is removed when everything in it was delivered.
    pub fn with_segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self
    }

    /// Drops batches that are older. They age while the queue is open, in this process or another: a clock that jumps
    /// lets nothing expire, nor does a day without the program.
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Sets how many bytes of what a receiver refused for good are kept for a person to look at, for each destination and
    /// beside `max_bytes`; the oldest make room for the newest. With 0 nothing is.
    /// [`Inspection::dead_letters`](crate::Inspection::dead_letters) finds them.
    pub fn with_dead_letter_bytes(mut self, dead_letter_bytes: u64) -> Self {
        self.dead_letter_bytes = dead_letter_bytes;
        self
    }

    /// Encrypts what is written from now on. What was written without a key is still read.
    pub fn with_encryption_key(mut self, key: EncryptionKey) -> Self {
        self.encryption_key = Some(key);
        self
    }

    /// The directory.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// When batches are on the disk.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// How many bytes the files may have.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// At how many bytes a file ends.
    pub fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// How old batches may become.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// How many bytes of refused batches are kept.
    pub fn dead_letter_bytes(&self) -> u64 {
        self.dead_letter_bytes
    }

    /// Whether what is written is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encryption_key.is_some()
    }

    pub(super) fn encryption_key(&self) -> Option<EncryptionKey> {
        self.encryption_key.clone()
    }

    /// Names the first setting that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refused = |field, value: String, accepted| Err(ConfigError { field, value, accepted });
        if self.directory.as_os_str().is_empty() {
            return refused("disk_queue.directory", "\"\"".into(), "the path of a directory");
        }
        if let Durability::Interval(interval) = self.durability
            && !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&interval)
        {
            return refused(
                "disk_queue.durability",
                format!("Interval({interval:?})"),
                "an interval of 10 ms to 1 minute",
            );
        }
        if !(4 << 20..=1 << 50).contains(&self.max_bytes) {
            return refused("disk_queue.max_bytes", self.max_bytes.to_string(), "4194304 bytes to 1 PiB");
        }
        if !(64 << 10..=1 << 30).contains(&self.segment_bytes) || self.segment_bytes > self.max_bytes / 4 {
            let accepted = "65536 to 1073741824 bytes, and at most a quarter of max_bytes";
            return refused("disk_queue.segment_bytes", self.segment_bytes.to_string(), accepted);
        }
        if self.dead_letter_bytes != 0 && !(1 << 20..=1 << 40).contains(&self.dead_letter_bytes) {
            let accepted = "0, or 1048576 bytes to 1 TiB";
            return refused("disk_queue.dead_letter_bytes", self.dead_letter_bytes.to_string(), accepted);
        }
        if let Some(max_age) = self.max_age.filter(|age| *age < Duration::from_secs(1)) {
            return refused("disk_queue.max_age", format!("{max_age:?}"), "1 second or more");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: DiskQueueConfig) -> &'static str {
        config.validate().unwrap_err().field
    }

    #[test]
    fn a_refusal_names_the_setting() {
        let config = DiskQueueConfig::new("/var/spool/telemetry");
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(refused(DiskQueueConfig::new("")), "disk_queue.directory");
        assert_eq!(
            refused(config.clone().with_durability(Durability::Interval(Duration::ZERO))),
            "disk_queue.durability"
        );
        assert_eq!(refused(config.clone().with_max_bytes(1)), "disk_queue.max_bytes");
        assert_eq!(refused(config.clone().with_max_bytes(u64::MAX)), "disk_queue.max_bytes");
        assert_eq!(refused(config.clone().with_segment_bytes(0)), "disk_queue.segment_bytes");
        assert_eq!(config.clone().with_dead_letter_bytes(0).validate(), Ok(()));
        assert_eq!(refused(config.clone().with_dead_letter_bytes(1)), "disk_queue.dead_letter_bytes");
        assert_eq!(refused(config.clone().with_max_age(Duration::ZERO)), "disk_queue.max_age");
        assert_eq!(refused(config.with_max_bytes(8 << 20)), "disk_queue.segment_bytes");
    }
}
