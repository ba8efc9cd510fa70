//! What is on the disk alone comes back into memory, as far as its budget allows, for its turn to be delivered.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use otlp_core::Signal;

use super::DiskThread;
use crate::{
    Batch, DropReason,
    disk::{
        event::DiskEvent,
        log::{ReadError, Stored},
        spool::Spool,
    },
    pool::PooledBuffer,
};

/// How soon to look again whether memory has room for what is to be loaded.
const MEMORY_WAIT: Duration = Duration::from_millis(20);
/// When what is on the shelf is not in the log, which cannot be.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl DiskThread {
    /// Brings what is next of each signal into memory.
    pub(super) fn load(&mut self) {
        // Before the log hands anything out, so that it does not hand out what has its fate.
        self.settle();
        for signal in Signal::ALL {
            while self.store.lock().spools[signal.index()].wants_load(self.store.limits.window) {
                if let Err(again) = self.load_next(signal) {
                    self.store.lock().read_again = Some(again);
                    break;
                }
            }
        }
    }

    /// Loads the next batch of a signal, if it is not in memory all the same. An error is when to try again.
    fn load_next(&mut self, signal: Signal) -> Result<(), Instant> {
        // What is on the shelf is in the log. Were it not, looking again at once would help nobody.
        let Some(stored) = self.log.take(signal) else { return Err(self.store.clock.now() + LONGEST_WAIT) };
        let first_own = self.first_own[signal.index()];
        let (at, items) = (stored.sequence, u64::from(stored.items));
        let sequence = self.store.change(signal, |spool| spool.identify(at, items, first_own));
        // It may be in memory all the same; when it leaves that, the log gets it back.
        let Some(sequence) = sequence else { return Ok(()) };
        let batch = match self.read(&stored, sequence) {
            Ok(batch) => {
                if self.health.reading.worked() {
                    self.store.say(&DiskEvent::Restored);
                }
                batch
            }
            Err(Unread::Damaged) => {
                self.evict(&stored);
                self.log.settle(signal, at);
                self.store.tell(signal, |listener| listener.dropped(DropReason::DiskDamaged, items, None));
                self.store.say(&DiskEvent::Damaged { signal, items });
                return Ok(());
            }
            Err(Unread::NoMemory) => {
                self.log.give_back(signal, at);
                return Err(self.store.clock.now() + MEMORY_WAIT);
            }
            Err(Unread::Failed(error)) => {
                self.log.give_back(signal, at);
                let (again, is_new) = self.health.reading.failed(self.store.clock.now());
                if is_new {
                    self.store.say(&DiskEvent::Degraded { error: &error });
                }
                return Err(again);
            }
        };
        let now = self.store.clock.now();
        self.store.change(signal, |spool| spool.load(at, Arc::new(batch), now));
        self.store.tell(signal, |listener| listener.arrived());
        Ok(())
    }

    fn read(&mut self, stored: &Stored, sequence: u64) -> Result<Batch, Unread> {
        let mut buffer = self.buffer(stored)?;
        self.log.read(stored.signal, stored.sequence, buffer.bytes_mut())?;
        let held = buffer.size();
        let request: Bytes = buffer.freeze();
        let batch = self.reader.read(stored.signal, sequence, &request).map_err(|_| Unread::Damaged)?;
        Ok(batch.with_items(u64::from(stored.items)).in_buffer_of(held))
    }

    /// Memory for what is to be read. If nothing that was loaded is in memory any more, there is always some: otherwise
    /// a batch that is larger than the budget would be stuck for ever.
    fn buffer(&mut self, stored: &Stored) -> Result<PooledBuffer, Unread> {
        let bytes = stored.bytes;
        let pool = &self.store.pool;
        if let Some(buffer) = pool.acquire_reserved(bytes) {
            return Ok(buffer);
        }
        let is_stuck = !self.store.lock().spools.iter().any(Spool::has_loaded);
        is_stuck.then(|| pool.acquire_beyond(bytes)).flatten().ok_or(Unread::NoMemory)
    }
}

/// Why a batch was not read.
enum Unread {
    Damaged,
    NoMemory,
    Failed(io::Error),
}

impl From<ReadError> for Unread {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged => Unread::Damaged,
            ReadError::Io(error) => Unread::Failed(error),
        }
    }
}
