//! The books of the pool: what is in use, what is idle, and how large the pool may be at present. Allocates and frees
//! nothing: it says what is to be allocated and hands out what is to be freed, so that neither happens under its lock.

use std::time::{Duration, Instant};

use super::{PoolSnapshot, classes::Classes};
use crate::MemoryPoolConfig;

/// For how long too much must have been idle before the pool shrinks: longer than the quiet between two bursts.
pub(super) const QUIET: Duration = Duration::from_secs(3);

/// What the pool has. `in_use + idle <= size` at the end of each operation.
#[derive(Debug)]
pub(super) struct Stock {
    classes: Classes,
    config: MemoryPoolConfig,
    /// Idle buffers by class, the one that was used last at the end: it is the one still in the caches.
    free: Vec<Vec<Vec<u8>>>,
    idle: usize,
    in_use: usize,
    size: usize,
    /// The most that was in use since `watched_since`.
    peak: usize,
    watched_since: Option<Instant>,
    /// Something was refused since anyone asked.
    was_short: bool,
    counts: PoolSnapshot,
}

/// A granted buffer.
pub(super) struct Grant {
    pub(super) size: usize,
    /// The buffer, if there was an idle one; otherwise it is to be allocated.
    pub(super) buffer: Option<Vec<u8>>,
    /// What had to make room for it.
    pub(super) surplus: Vec<Vec<u8>>,
}

impl Stock {
    pub(super) fn new(config: MemoryPoolConfig) -> Self {
        let classes = Classes::new(config.chunk_size);
        Stock {
            classes,
            config,
            free: vec![Vec::new(); classes.count()],
            idle: 0,
            in_use: 0,
            size: config.initial_size,
            peak: 0,
            watched_since: None,
            was_short: false,
            counts: PoolSnapshot::default(),
        }
    }

    pub(super) fn in_use(&self) -> usize {
        self.in_use
    }

    pub(super) fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot { size: self.size, held: self.in_use + self.idle, in_use: self.in_use, ..self.counts }
    }

    /// Whether something was refused since the last call.
    pub(super) fn take_was_short(&mut self) -> bool {
        std::mem::take(&mut self.was_short)
    }

    /// Grants a buffer for `size` bytes, unless more than `max_bytes` would be in use.
    pub(super) fn take(&mut self, size: usize, max_bytes: usize) -> Option<Grant> {
        let class = self.classes.of(size);
        let size = class.map_or(size, |class| self.classes.size(class));
        let Some(in_use) = self.in_use.checked_add(size).filter(|total| *total <= max_bytes) else {
            self.refuse();
            return None;
        };
        self.in_use = in_use;
        self.peak = self.peak.max(in_use);
        let buffer = class.and_then(|class| self.free[class].pop());
        match buffer {
            Some(_) => self.idle -= size,
            None => {
                self.counts.allocations += 1;
                self.grow();
            }
        }
        Some(Grant { size, buffer, surplus: self.surplus() })
    }

    /// Grants `bytes` without a buffer, unless more than `max_bytes` would be in use; what had to make room for them.
    pub(super) fn set_aside(&mut self, bytes: usize, max_bytes: usize) -> Option<Vec<Vec<u8>>> {
        self.in_use = self.in_use.checked_add(bytes).filter(|total| *total <= max_bytes)?;
        self.peak = self.peak.max(self.in_use);
        self.grow();
        Some(self.surplus())
    }

    /// Takes back what was granted without a buffer.
    pub(super) fn give_back_aside(&mut self, bytes: usize) {
        self.in_use -= bytes;
        self.size = self.size.min(self.config.max_size.max(self.in_use));
    }

    /// Notes that a buffer was not to be had.
    pub(super) fn refuse(&mut self) {
        self.was_short = true;
        self.counts.refusals += 1;
    }

    /// Takes a buffer back that `size` bytes were granted for; hands it out again if it is not worth keeping.
    pub(super) fn give_back(&mut self, mut buffer: Vec<u8>, size: usize) -> Option<Vec<u8>> {
        self.in_use -= size;
        // What was granted beyond the budget does not enlarge it.
        self.size = self.size.min(self.config.max_size.max(self.in_use));
        match self.classes.of(size) {
            Some(class) if buffer.capacity() == size && self.in_use + self.idle + size <= self.size => {
                buffer.clear();
                self.idle += size;
                self.free[class].push(buffer);
                None
            }
            _ => Some(buffer),
        }
    }

    /// Whether the pool may hold one more chunk buffer than it does.
    pub(super) fn lacks_chunk(&self) -> bool {
        self.in_use + self.idle + self.classes.largest() <= self.size
    }

    /// Takes in a new chunk buffer, unless there is no place for it any more.
    pub(super) fn add_chunk(&mut self, buffer: Vec<u8>) -> Option<Vec<u8>> {
        let size = self.classes.largest();
        if !self.lacks_chunk() || buffer.capacity() != size {
            return Some(buffer);
        }
        self.counts.allocations += 1;
        self.idle += size;
        self.free[self.classes.count() - 1].push(buffer);
        None
    }

    /// Shrinks the pool if too much of it was idle ever since the last [`QUIET`] ago; what is to be freed.
    pub(super) fn collect(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let since = *self.watched_since.get_or_insert(now);
        if now.saturating_duration_since(since) < QUIET {
            return Vec::new();
        }
        let peak = std::mem::replace(&mut self.peak, self.in_use);
        self.watched_since = Some(now);
        let used = 1.0 - self.config.gc_threshold;
        if peak as f64 >= self.size as f64 * used {
            return Vec::new();
        }
        let size = ((peak as f64 / used).ceil() as usize).max(self.config.initial_size);
        if size >= self.size {
            return Vec::new();
        }
        self.size = size;
        self.counts.collections += 1;
        let idle = self.idle;
        let surplus = self.surplus();
        self.counts.trimmed_bytes += (idle - self.idle) as u64;
        surplus
    }

    /// Lets the pool have what is in use.
    fn grow(&mut self) {
        if self.in_use <= self.size {
            return;
        }
        let grown = (self.size as f64 * self.config.growth_factor) as usize;
        self.size = grown.min(self.config.max_size).max(self.in_use);
        self.counts.growths += 1;
    }

    /// Idle buffers beyond the pool's size: the largest first, and of a class those that were used longest ago.
    fn surplus(&mut self) -> Vec<Vec<u8>> {
        let mut surplus = Vec::new();
        for class in (0..self.classes.count()).rev() {
            let excess = (self.in_use + self.idle).saturating_sub(self.size);
            if excess == 0 {
                break;
            }
            let size = self.classes.size(class);
            let count = excess.div_ceil(size).min(self.free[class].len());
            self.idle -= count * size;
            surplus.extend(self.free[class].drain(..count));
        }
        surplus
    }
}
