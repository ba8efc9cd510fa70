//! The memory budget and the buffers under it.
//!
//! Every byte of telemetry between a call site and its acknowledgement lives in a buffer from here, so the budget is
//! hard: what it does not grant is not allocated, and idle buffers count as well. Buffers of the usual sizes come back
//! when the last reference to their bytes is gone, wherever that happens.
//!
//! One short lock guards the books. It is taken once for each chunk and not for each record, and nothing is allocated or
//! freed under it.

mod buffer;
mod classes;
mod grant;
mod snapshot;
mod stock;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use parking_lot::{Condvar, Mutex};

pub(crate) use self::{buffer::PooledBuffer, classes::SMALLEST};
use self::{classes::Classes, stock::Stock};
pub use self::{
    grant::{MemoryBudget, MemoryGrant},
    snapshot::PoolSnapshot,
};
use crate::{ConfigError, MemoryPoolConfig};

/// How many buffers are allocated in advance at a time: the background thread has other things to do.
const AT_ONCE: usize = 256;

/// Grants buffers up to a budget.
#[derive(Debug)]
pub(crate) struct BufferPool {
    max_size: usize,
    classes: Classes,
    /// What of the budget only [`BufferPool::acquire_reserved`] grants.
    reserved: AtomicUsize,
    stock: Mutex<Stock>,
    freed: Freed,
}

/// Lets threads wait until something was given back.
#[derive(Debug, Default)]
struct Freed {
    waiting: AtomicUsize,
    line: Mutex<Line>,
    condition: Condvar,
}

/// Who waits for memory. They get it in turn: otherwise small records would take each bit that is freed, and a large one
/// would wait for ever.
#[derive(Debug, Default)]
struct Line {
    next: u64,
    tickets: BTreeSet<u64>,
}

impl BufferPool {
    /// With all of `initial_size` allocated.
    pub(crate) fn new(config: MemoryPoolConfig) -> Result<Arc<Self>, ConfigError> {
        let pool = BufferPool {
            max_size: config.max_size,
            classes: Classes::new(config.chunk_size),
            reserved: AtomicUsize::new(0),
            stock: Mutex::new(Stock::new(config)),
            freed: Freed::default(),
        };
        if !pool.fill(usize::MAX) {
            return Err(ConfigError {
                field: "initial_size",
                value: config.initial_size.to_string(),
                accepted: "no more than the system has memory for",
            });
        }
        Ok(Arc::new(pool))
    }

    /// The budget.
    pub(crate) fn max_bytes(&self) -> usize {
        self.max_size
    }

    /// How many bytes are granted at the moment.
    pub(crate) fn granted(&self) -> usize {
        self.stock.lock().in_use()
    }

    pub(crate) fn snapshot(&self) -> PoolSnapshot {
        let waiting_threads = self.freed.line.lock().tickets.len();
        PoolSnapshot { waiting_threads, ..self.stock.lock().snapshot() }
    }

    /// Sets a part of the budget aside for [`BufferPool::acquire_reserved`], so that new records cannot keep out what
    /// comes back from a disk.
    pub(crate) fn reserve(&self, bytes: usize) {
        self.reserved.store(bytes, Ordering::Relaxed);
    }

    /// What [`BufferPool::acquire`] may grant altogether.
    pub(crate) fn unreserved(&self) -> usize {
        self.max_size.saturating_sub(self.reserved.load(Ordering::Relaxed))
    }

    /// An empty buffer with room for at least `size` bytes, or `None` if the budget has no room for it.
    pub(crate) fn acquire(self: &Arc<Self>, size: usize) -> Option<PooledBuffer> {
        self.acquire_within(self.unreserved(), size)
    }

    /// As [`BufferPool::acquire`], with the whole budget.
    pub(crate) fn acquire_reserved(self: &Arc<Self>, size: usize) -> Option<PooledBuffer> {
        self.acquire_within(self.max_size, size)
    }

    /// A buffer for what is larger than the budget has room for, and without which nothing would go on.
    pub(crate) fn acquire_beyond(self: &Arc<Self>, size: usize) -> Option<PooledBuffer> {
        self.acquire_within(usize::MAX, size)
    }

    /// As [`BufferPool::acquire`], but waits for its turn and for room until `is_over`; that is asked again whenever a
    /// buffer was given back or [`BufferPool::wake`] was called.
    pub(crate) fn acquire_in_turn(self: &Arc<Self>, size: usize, is_over: impl Fn() -> bool) -> Option<PooledBuffer> {
        let mut ticket = None;
        let mut buffer = None;
        self.wait_until(|line| {
            let ticket = *ticket.get_or_insert_with(|| line.enter());
            if line.tickets.first() == Some(&ticket) {
                buffer = self.acquire(size);
            }
            let is_done = buffer.is_some() || is_over();
            if is_done {
                line.tickets.remove(&ticket);
            }
            is_done
        });
        // Now it is the next one's turn.
        self.wake();
        buffer
    }

    /// Whether threads wait for their turn, so that who comes now must wait behind them.
    pub(crate) fn has_line(&self) -> bool {
        self.freed.waiting.load(Ordering::SeqCst) > 0 && !self.freed.line.lock().tickets.is_empty()
    }

    /// Waits until `ready` holds; it is asked again whenever a buffer was given back or [`BufferPool::wake`] was called.
    pub(crate) fn wait_until_ready(&self, ready: impl Fn() -> bool) {
        self.wait_until(|_| ready());
    }

    fn wait_until(&self, mut ready: impl FnMut(&mut Line) -> bool) {
        self.freed.waiting.fetch_add(1, Ordering::SeqCst);
        let mut line = self.freed.line.lock();
        while !ready(&mut line) {
            self.freed.condition.wait(&mut line);
        }
        drop(line);
        self.freed.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Lets waiting threads look again.
    pub(crate) fn wake(&self) {
        if self.freed.waiting.load(Ordering::SeqCst) > 0 {
            // The lock orders this wake-up after the waiter's look: without it the wake-up could fall between that
            // look and the wait.
            drop(self.freed.line.lock());
            self.freed.condition.notify_all();
        }
    }

    /// What is due from time to time: frees what has been idle for too long, and allocates in advance what the pool has
    /// grown by, so that the threads that record need not. Whether something was refused since the last time.
    pub(crate) fn tend(&self, now: Instant) -> bool {
        let (surplus, was_short) = {
            let mut stock = self.stock.lock();
            (stock.collect(now), stock.take_was_short())
        };
        drop(surplus);
        self.fill(AT_ONCE);
        was_short
    }

    /// The size of buffer that one of `size` bytes is followed by if it filled up.
    pub(crate) fn larger(&self, size: usize) -> usize {
        self.classes.larger(size)
    }

    /// The size of buffer that one of `size` bytes is followed by if it stayed nearly empty.
    pub(crate) fn smaller(&self, size: usize) -> usize {
        self.classes.smaller(size)
    }

    fn acquire_within(self: &Arc<Self>, max_bytes: usize, size: usize) -> Option<PooledBuffer> {
        let grant = self.stock.lock().take(size, max_bytes)?;
        drop(grant.surplus);
        let Some(bytes) = grant.buffer.or_else(|| allocate(grant.size)) else {
            let mut stock = self.stock.lock();
            stock.give_back(Vec::new(), grant.size);
            stock.refuse();
            return None;
        };
        Some(PooledBuffer::new(bytes, grant.size, Arc::clone(self)))
    }

    /// Takes `bytes` of the budget without a buffer; `false` if there is no room, which is not told as a refusal: whoever
    /// asks can do without.
    fn set_aside(&self, bytes: usize) -> bool {
        let Some(surplus) = self.stock.lock().set_aside(bytes, self.unreserved()) else { return false };
        drop(surplus);
        true
    }

    fn give_back_aside(&self, bytes: usize) {
        self.stock.lock().give_back_aside(bytes);
        self.wake();
    }

    fn give_back(&self, bytes: Vec<u8>, size: usize) {
        let surplus = self.stock.lock().give_back(bytes, size);
        drop(surplus);
        self.wake();
    }

    /// Allocates up to `count` of the chunk buffers that the pool may hold and does not; `false` if the system refuses.
    fn fill(&self, count: usize) -> bool {
        for _ in 0..count {
            if !self.stock.lock().lacks_chunk() {
                break;
            }
            let Some(buffer) = allocate(self.classes.largest()) else { return false };
            let surplus = self.stock.lock().add_chunk(buffer);
            if surplus.is_some() {
                break;
            }
        }
        true
    }
}

impl Line {
    fn enter(&mut self) -> u64 {
        self.next += 1;
        self.tickets.insert(self.next);
        self.next
    }
}

/// An empty vector of exactly this capacity, unless the system has no memory.
fn allocate(size: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).ok()?;
    Some(bytes)
}
