//! Batches that a receiver refused for good, kept for a person to look at, bounded in bytes: a log of its own in the
//! directory `dead-letter`, whose oldest segment makes room for what comes.
//!
//! They have their fate, which is `rejected`; what is kept here is a copy, and no failure in here is one of the queue.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use otlp_core::Signal;

use super::{
    cipher::EncryptionKey,
    file_system::FileSystem,
    log::{Log, WriteFailed},
    recovery::open,
    refusal::OpenError,
};

pub(super) const DEAD_LETTER: &str = "dead-letter";

/// How many segments the room is divided in: when it is used up, one of them is what is forgotten.
const SEGMENTS: u64 = 8;

/// The dead letters of one destination. Most never have one, so nothing is created before the first.
pub(super) struct DeadLetters {
    file_system: Arc<dyn FileSystem>,
    directory: PathBuf,
    max_bytes: u64,
    key: Option<EncryptionKey>,
    log: Option<Log>,
}

impl DeadLetters {
    /// Those of the queue in `directory`. Their files have `max_bytes` at most.
    pub(super) fn new(
        file_system: Arc<dyn FileSystem>,
        directory: &Path,
        max_bytes: u64,
        key: Option<EncryptionKey>,
    ) -> Self {
        DeadLetters { file_system, directory: directory.join(DEAD_LETTER), max_bytes, key, log: None }
    }

    /// Keeps a refused batch, for good after the next [`DeadLetters::sync`]. One that is larger than half of the room is
    /// not kept: hardly anything would be beside it.
    pub(super) fn put(&mut self, signal: Signal, items: u32, put_at: u64, payload: &[&[u8]]) -> io::Result<()> {
        let bytes: u64 = payload.iter().map(|piece| piece.len() as u64).sum();
        if bytes > self.max_bytes / 2 {
            return Ok(());
        }
        let max_bytes = self.max_bytes;
        let log = self.opened()?;
        log.append(signal, items, put_at, payload).map_err(|failed: WriteFailed| failed.error)?;
        while log.bytes() > max_bytes {
            let oldest = log.oldest_segment();
            if oldest.is_empty() {
                break;
            }
            oldest.into_iter().for_each(|(signal, sequence)| log.settle(signal, sequence));
            log.reclaim()?;
        }
        Ok(())
    }

    /// Makes what was put durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), |log| log.sync().map_err(|failed| failed.error))
    }

    fn opened(&mut self) -> io::Result<&mut Log> {
        let log = match self.log.take() {
            Some(log) => log,
            None => {
                let file_system = Arc::clone(&self.file_system);
                let opened = open(file_system, &self.directory, self.max_bytes / SEGMENTS, self.key.clone());
                let refused = |error| match error {
                    OpenError::Io { error, .. } => error,
                    _ => io::Error::other("another version or another key wrote these dead letters"),
                };
                opened.map_err(refused)?.0
            }
        };
        Ok(self.log.insert(log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::simulated_disk::SimulatedDisk;

    const MAX: u64 = 8_000;

    #[test]
    fn the_newest_are_kept_within_the_bytes_also_after_a_restart() {
        let disk = SimulatedDisk::default();
        let open = || DeadLetters::new(Arc::new(disk.clone()), Path::new("/queue"), MAX, None);
        let mut letters = open();
        letters.put(Signal::Logs, 3, 0, &[&[0; MAX as usize]]).unwrap();
        assert_eq!(disk.operations(), 0, "nothing is created for nothing");
        for id in 0..200u8 {
            letters.put(Signal::Logs, 2, u64::from(id), &[&[id; 150]]).unwrap();
            assert!(disk.contents().values().map(|bytes| bytes.len() as u64).sum::<u64>() <= MAX + 200);
            if id == 100 {
                letters.sync().unwrap();
                letters = open();
            }
        }
        letters.sync().unwrap();
        let mut again = open();
        let log = again.opened().unwrap();
        let (mut ids, mut bytes) = (Vec::new(), Vec::new());
        while let Some(stored) = log.take(Signal::Logs) {
            log.read(Signal::Logs, stored.sequence, &mut bytes).unwrap();
            ids.push(bytes[0]);
        }
        assert!(ids.len() > 25 && ids == (200 - ids.len() as u8..200).collect::<Vec<_>>(), "{ids:?}");
    }
}
