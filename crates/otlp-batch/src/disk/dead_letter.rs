//! Batches that a receiver refused for good, kept for a person to look at, bounded in bytes: a log of its own in the
//! directory `dead-letter`, whose oldest segment makes room for what comes.
//!
//! They have their fate, which is `rejected`; what is kept here is a copy, and no failure in here is one of the queue.

use std::{path::Path, sync::Arc};

use otlp_core::Signal;

use super::{
    cipher::EncryptionKey,
    file_system::FileSystem,
    log::{Log, WriteFailed},
    recovery::{OpenError, open},
};

pub(super) const DEAD_LETTER: &str = "dead-letter";

/// How many segments the room is divided in: when it is used up, one of them is what is forgotten.
const SEGMENTS: u64 = 8;

/// The dead letters of one destination.
pub(crate) struct DeadLetters {
    log: Log,
    max_bytes: u64,
    forgotten_items: u64,
}

impl DeadLetters {
    /// Opens those of the queue in `directory`, which it creates. They and their files have `max_bytes` at most.
    pub(crate) fn open(
        file_system: Arc<dyn FileSystem>,
        directory: &Path,
        max_bytes: u64,
        key: Option<EncryptionKey>,
    ) -> Result<Self, OpenError> {
        let (log, _) = open(file_system, &directory.join(DEAD_LETTER), max_bytes / SEGMENTS, key)?;
        Ok(DeadLetters { log, max_bytes, forgotten_items: 0 })
    }

    /// Keeps a refused batch, for good when this returns. One that is larger than all the room is forgotten at once.
    pub(crate) fn put(
        &mut self,
        signal: Signal,
        items: u32,
        put_at: u64,
        payload: &[&[u8]],
    ) -> Result<(), WriteFailed> {
        let bytes: u64 = payload.iter().map(|piece| piece.len() as u64).sum();
        if bytes > self.max_bytes / 2 {
            self.forgotten_items += u64::from(items);
            return Ok(());
        }
        self.log.append(signal, items, put_at, payload)?;
        self.log.sync()?;
        while self.log.bytes() > self.max_bytes {
            let oldest = self.log.oldest_segment();
            if oldest.is_empty() {
                break;
            }
            for (signal, sequence) in oldest {
                self.forgotten_items += self.log.items(signal, sequence);
                self.log.settle(signal, sequence);
            }
            self.log.reclaim()?;
        }
        Ok(())
    }

    /// Items that made room for others since this was opened.
    pub(crate) fn forgotten_items(&self) -> u64 {
        self.forgotten_items
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
        let open = || DeadLetters::open(Arc::new(disk.clone()), Path::new("/queue"), MAX, None).unwrap();
        let mut letters = open();
        for id in 0..200u8 {
            letters.put(Signal::Logs, 2, u64::from(id), &[&[id; 150]]).unwrap();
            assert!(letters.log.bytes() <= MAX);
            if id == 100 {
                letters = open();
            }
        }
        let forgotten = letters.forgotten_items();
        let mut again = open();
        let (mut ids, mut bytes) = (Vec::new(), Vec::new());
        while let Some(stored) = again.log.take(Signal::Logs) {
            again.log.read(Signal::Logs, stored.sequence, &mut bytes).unwrap();
            ids.push(bytes[0]);
        }
        assert!(ids.len() > 25 && ids == (200 - ids.len() as u8..200).collect::<Vec<_>>(), "{ids:?}");
        assert!(forgotten > 0 && forgotten < 2 * 200);
        letters.put(Signal::Logs, 3, 0, &[&[0; MAX as usize]]).unwrap();
        assert_eq!(letters.forgotten_items(), forgotten + 3);
    }
}
