//! The memory budget and the buffers under it.
//!
//! Every byte of telemetry between a call site and its acknowledgement lives in a buffer from here, so the budget is
//! hard: what it does not grant is not allocated. Buffers of the usual sizes go back to free lists when the last
//! reference to their bytes is gone, wherever that happens.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use crossbeam_queue::ArrayQueue;
use parking_lot::{Condvar, Mutex};

use crate::MemoryPoolConfig;

/// The smallest buffer, which a thread starts with.
pub(crate) const SMALLEST: usize = 4 << 10;

/// How many times larger each class of buffers is than the one below.
const STEP: usize = 4;

/// How large a buffer is that was asked for this many bytes.
pub(crate) fn buffer_size(bytes: usize) -> usize {
    let mut size = SMALLEST;
    while size < bytes {
        size = size.saturating_mul(STEP);
    }
    size
}

/// How many buffers of one class wait for reuse.
const KEPT: usize = 64;

/// Grants buffers up to a budget.
#[derive(Debug)]
pub(crate) struct BufferPool {
    max_bytes: usize,
    largest: usize,
    /// What of the budget only [`BufferPool::acquire_reserved`] grants.
    reserved: AtomicUsize,
    granted: AtomicUsize,
    /// Free buffers of `SMALLEST * STEP^n` bytes; their bytes are not part of `granted`.
    free: Vec<ArrayQueue<Vec<u8>>>,
    freed: Freed,
}

/// Lets threads wait until something was given back.
#[derive(Debug, Default)]
struct Freed {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    condition: Condvar,
}

/// A buffer that counts against the budget until it is dropped.
#[derive(Debug)]
pub(crate) struct PooledBuffer {
    bytes: Vec<u8>,
    granted: usize,
    pool: Arc<BufferPool>,
}

impl BufferPool {
    pub(crate) fn new(config: MemoryPoolConfig) -> Arc<Self> {
        let mut free = Vec::new();
        let mut size = SMALLEST;
        while size < config.chunk_size {
            free.push(ArrayQueue::new(KEPT));
            size *= STEP;
        }
        free.push(ArrayQueue::new(KEPT));
        Arc::new(BufferPool {
            max_bytes: config.max_size,
            largest: config.chunk_size,
            reserved: AtomicUsize::new(0),
            granted: AtomicUsize::new(0),
            free,
            freed: Freed::default(),
        })
    }

    /// The budget.
    pub(crate) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// How many bytes are granted at the moment.
    pub(crate) fn granted(&self) -> usize {
        self.granted.load(Ordering::Relaxed)
    }

    /// Sets a part of the budget aside for [`BufferPool::acquire_reserved`], so that new records cannot keep out what
    /// comes back from a disk.
    pub(crate) fn reserve(&self, bytes: usize) {
        self.reserved.store(bytes, Ordering::Relaxed);
    }

    /// What [`BufferPool::acquire`] may grant altogether.
    pub(crate) fn unreserved(&self) -> usize {
        self.max_bytes.saturating_sub(self.reserved.load(Ordering::Relaxed))
    }

    /// An empty buffer with room for at least `size` bytes, or `None` if the budget has no room for it.
    pub(crate) fn acquire(self: &Arc<Self>, size: usize) -> Option<PooledBuffer> {
        self.acquire_within(self.unreserved(), size)
    }

    /// As [`BufferPool::acquire`], with the whole budget.
    pub(crate) fn acquire_reserved(self: &Arc<Self>, size: usize) -> Option<PooledBuffer> {
        self.acquire_within(self.max_bytes, size)
    }

    /// A buffer for what is larger than the budget has room for, and without which nothing would go on.
    pub(crate) fn acquire_beyond(self: &Arc<Self>, size: usize) -> Option<PooledBuffer> {
        self.acquire_within(usize::MAX, size)
    }

    fn acquire_within(self: &Arc<Self>, max_bytes: usize, size: usize) -> Option<PooledBuffer> {
        let class = self.class_of(size);
        let size = class.map_or(size, |class| self.class_size(class));
        self.granted
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |granted| {
                granted.checked_add(size).filter(|total| *total <= max_bytes)
            })
            .ok()?;
        let bytes = class.and_then(|class| self.free[class].pop()).unwrap_or_else(|| Vec::with_capacity(size));
        Some(PooledBuffer { bytes, granted: size, pool: Arc::clone(self) })
    }

    /// Whether [`BufferPool::acquire`] would grant `size` bytes at this moment.
    pub(crate) fn has_room(&self, size: usize) -> bool {
        let size = self.class_of(size).map_or(size, |class| self.class_size(class));
        self.granted().saturating_add(size) <= self.unreserved()
    }

    /// The larger class that a buffer which filled up is followed by.
    pub(crate) fn larger(&self, size: usize) -> usize {
        (size * STEP).min(self.largest)
    }

    /// The smaller class that a buffer which stayed nearly empty is followed by.
    pub(crate) fn smaller(&self, size: usize) -> usize {
        (size / STEP).max(SMALLEST)
    }

    /// Waits until `ready` holds; it is asked again whenever a buffer was given back or [`BufferPool::wake`] was called.
    pub(crate) fn wait_until(&self, mut ready: impl FnMut() -> bool) {
        self.freed.waiting.fetch_add(1, Ordering::SeqCst);
        let mut guard = self.freed.lock.lock();
        while !ready() {
            self.freed.condition.wait(&mut guard);
        }
        drop(guard);
        self.freed.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Lets waiting threads look again.
    pub(crate) fn wake(&self) {
        if self.freed.waiting.load(Ordering::SeqCst) > 0 {
            // The lock orders this wake-up after the waiter's look: without it the wake-up could fall between that
            // look and the wait.
            drop(self.freed.lock.lock());
            self.freed.condition.notify_all();
        }
    }

    /// The class of buffers that hold `size` bytes; none if only a buffer made to measure does.
    fn class_of(&self, size: usize) -> Option<usize> {
        (0..self.free.len()).find(|class| self.class_size(*class) >= size)
    }

    fn class_size(&self, class: usize) -> usize {
        if class + 1 == self.free.len() { self.largest } else { SMALLEST * STEP.pow(class as u32) }
    }
}

impl PooledBuffer {
    /// The bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes it was made for.
    pub(crate) fn size(&self) -> usize {
        self.granted
    }

    /// The vector to write to.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Freezes the content; the buffer goes back when the last slice of it is dropped.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() == self.granted
            && let Some(class) = self.pool.class_of(self.granted)
        {
            bytes.clear();
            // A full free list frees the buffer instead.
            let _ = self.pool.free[class].push(bytes);
        }
        self.pool.granted.fetch_sub(self.granted, Ordering::Relaxed);
        self.pool.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Arc<BufferPool> {
        BufferPool::new(MemoryPoolConfig { initial_size: 64 << 10, max_size: 256 << 10, ..MemoryPoolConfig::default() })
    }

    #[test]
    fn the_budget_is_hard_and_comes_back_with_the_last_slice() {
        let pool = pool();
        let mut held: Vec<_> = std::iter::from_fn(|| pool.acquire(60 << 10)).collect();
        assert_eq!((held.len(), pool.granted()), (4, 256 << 10));
        let mut one = held.pop().unwrap();
        one.bytes_mut().extend_from_slice(b"abc");
        let whole = one.freeze();
        let part = whole.slice(1..2);
        drop(whole);
        assert!(pool.acquire(1).is_none(), "a slice still holds the buffer");
        drop(part);
        assert!(pool.acquire(1).is_some());
    }

    #[test]
    fn buffers_of_a_class_are_used_again() {
        let pool = pool();
        let address = pool.acquire(10_000).unwrap().bytes_mut().as_ptr();
        assert_eq!(pool.acquire(16_000).unwrap().bytes_mut().as_ptr(), address);
        assert_eq!(pool.acquire(16_000).unwrap().size(), 16 << 10);
    }

    #[test]
    fn a_buffer_made_to_measure_is_not_kept() {
        let pool = pool();
        assert_eq!(pool.acquire(100_000).unwrap().size(), 100_000);
        assert_eq!(pool.granted(), 0);
        assert!(pool.free.iter().all(ArrayQueue::is_empty));
        assert!(pool.acquire(usize::MAX).is_none());
    }

    #[test]
    fn what_is_reserved_is_kept_for_those_who_ask_for_it() {
        let pool = pool();
        pool.reserve(64 << 10);
        let held: Vec<_> = std::iter::from_fn(|| pool.acquire(64 << 10)).collect();
        assert_eq!((held.len(), pool.has_room(1)), (3, false));
        let reserved = pool.acquire_reserved(64 << 10);
        assert!(reserved.is_some() && pool.acquire_reserved(1).is_none());
        assert!(pool.acquire_beyond(1 << 20).is_some(), "a buffer without which nothing goes on");
    }

    #[test]
    fn a_waiting_thread_sees_what_is_given_back() {
        let pool = pool();
        let held: Vec<_> = std::iter::from_fn(|| pool.acquire(64 << 10)).collect();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let mut got = None;
                pool.wait_until(|| {
                    got = pool.acquire(64 << 10);
                    got.is_some()
                });
                got.map(|buffer| buffer.size())
            });
            drop(held);
            assert_eq!(waiter.join().unwrap(), Some(64 << 10));
        });
    }
}
