//! How the pool grows, shrinks and refuses, in virtual time, and that its books are right among threads.

use std::time::{Duration, Instant};

use super::{stock::QUIET, *};

const CHUNK: usize = 64 << 10;

fn config(initial_size: usize, max_size: usize) -> MemoryPoolConfig {
    MemoryPoolConfig { initial_size, max_size, chunk_size: CHUNK, ..MemoryPoolConfig::default() }
}

fn pool_of(config: MemoryPoolConfig) -> Arc<BufferPool> {
    BufferPool::new(config).expect("there is memory")
}

fn pool() -> Arc<BufferPool> {
    pool_of(config(CHUNK, 4 * CHUNK))
}

fn chunks(pool: &Arc<BufferPool>, count: usize) -> Vec<PooledBuffer> {
    (0..count).map(|_| pool.acquire(CHUNK).expect("the budget has room")).collect()
}

/// Looks at the pool as the background thread does, in virtual time.
struct Watch {
    now: Instant,
}

impl Watch {
    fn new(pool: &BufferPool) -> Self {
        let now = Instant::now();
        pool.tend(now);
        Watch { now }
    }

    /// Nothing happens for so long that the pool may shrink.
    fn quiet(&mut self, pool: &BufferPool) {
        self.now += QUIET;
        pool.tend(self.now);
    }
}

#[test]
fn the_initial_size_is_allocated_at_once_and_used_before_anything_else() {
    let pool = pool_of(config(4 * CHUNK, 16 * CHUNK));
    let at_start = pool.snapshot();
    assert_eq!((at_start.size, at_start.held, at_start.in_use, at_start.allocations), (4 * CHUNK, 4 * CHUNK, 0, 4));
    let held = chunks(&pool, 4);
    assert_eq!((pool.snapshot().allocations, pool.snapshot().in_use), (4, 4 * CHUNK));
    drop(held);
    assert_eq!(pool.snapshot().held, 4 * CHUNK);
}

#[test]
fn the_pool_grows_by_its_factor_and_the_growth_is_allocated_in_advance() {
    let pool = pool_of(MemoryPoolConfig { growth_factor: 3.0, ..config(2 * CHUNK, 100 * CHUNK) });
    let held = chunks(&pool, 3);
    let grown = pool.snapshot();
    assert_eq!((grown.size, grown.held, grown.growths), (6 * CHUNK, 3 * CHUNK, 1));
    pool.tend(Instant::now());
    assert_eq!((pool.snapshot().held, pool.snapshot().allocations), (6 * CHUNK, 6));
    let more = chunks(&pool, 3);
    assert_eq!((pool.snapshot().allocations, pool.snapshot().growths), (6, 1), "what was needed was there");
    drop(chunks(&pool, 1));
    assert_eq!((pool.snapshot().size, pool.snapshot().growths), (18 * CHUNK, 2));
    drop((held, more));
    assert_eq!(pool.snapshot().held, 7 * CHUNK);
}

#[test]
fn the_pool_does_not_grow_beyond_its_maximum() {
    let pool = pool_of(MemoryPoolConfig { growth_factor: 16.0, ..config(2 * CHUNK, 5 * CHUNK) });
    let held: Vec<_> = std::iter::from_fn(|| pool.acquire(CHUNK)).collect();
    let full = pool.snapshot();
    assert_eq!((held.len(), full.size, full.held, full.growths, full.refusals), (5, 5 * CHUNK, 5 * CHUNK, 1, 1));
    pool.tend(Instant::now());
    assert_eq!(pool.snapshot().held, 5 * CHUNK);
}

#[test]
fn the_pool_shrinks_to_where_its_idle_share_is_the_threshold_again() {
    let pool = pool_of(config(2 * CHUNK, 64 * CHUNK));
    let mut watch = Watch::new(&pool);
    drop(chunks(&pool, 64));
    watch.quiet(&pool);
    assert_eq!((pool.snapshot().held, pool.snapshot().collections), (64 * CHUNK, 0), "it was all needed a moment ago");
    let _held = chunks(&pool, 2);
    watch.quiet(&pool);
    let trimmed = pool.snapshot();
    // More than 0.8 of 64 were idle; of ten, two are a fifth.
    assert_eq!((trimmed.size / CHUNK, trimmed.held, trimmed.collections), (10, 10 * CHUNK, 1), "{trimmed:?}");
    assert_eq!(trimmed.trimmed_bytes, 54 * CHUNK as u64);
    watch.quiet(&pool);
    assert_eq!(pool.snapshot(), trimmed, "it rests there");
}

#[test]
fn the_pool_keeps_what_is_less_idle_than_the_threshold_and_never_less_than_its_initial_size() {
    let pool = pool_of(config(4 * CHUNK, 64 * CHUNK));
    let mut watch = Watch::new(&pool);
    drop(chunks(&pool, 64));
    watch.quiet(&pool);
    let held = chunks(&pool, 16);
    watch.quiet(&pool);
    assert_eq!((pool.snapshot().held, pool.snapshot().collections), (64 * CHUNK, 0));
    drop(held);
    watch.quiet(&pool);
    watch.quiet(&pool);
    let quiet = pool.snapshot();
    assert_eq!((quiet.size, quiet.held, quiet.trimmed_bytes), (4 * CHUNK, 4 * CHUNK, 60 * CHUNK as u64));
}

#[test]
fn a_threshold_of_one_never_shrinks() {
    let pool = pool_of(MemoryPoolConfig { gc_threshold: 1.0, ..config(CHUNK, 64 * CHUNK) });
    let mut watch = Watch::new(&pool);
    drop(chunks(&pool, 64));
    (0..4).for_each(|_| watch.quiet(&pool));
    assert_eq!((pool.snapshot().held, pool.snapshot().collections), (64 * CHUNK, 0));
}

#[test]
fn a_short_quiet_frees_nothing() {
    let pool = pool_of(config(CHUNK, 64 * CHUNK));
    let mut watch = Watch::new(&pool);
    drop(chunks(&pool, 64));
    watch.quiet(&pool);
    pool.tend(watch.now + QUIET - Duration::from_millis(1));
    assert_eq!(pool.snapshot().held, 64 * CHUNK);
}

#[test]
fn an_idle_buffer_of_another_size_makes_room_before_the_pool_grows() {
    let pool = pool_of(config(4 * CHUNK, 64 * CHUNK));
    let small = pool.acquire(1).unwrap();
    let snapshot = pool.snapshot();
    assert_eq!((snapshot.size, snapshot.growths, snapshot.held), (4 * CHUNK, 0, 3 * CHUNK + small.size()));
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
    assert_eq!((pool.granted(), pool.snapshot().held), (0, 0), "a chunk made room for it");
    assert!(pool.acquire(usize::MAX).is_none());
}

#[test]
fn what_is_reserved_is_kept_for_those_who_ask_for_it() {
    let pool = pool();
    pool.reserve(CHUNK);
    let held: Vec<_> = std::iter::from_fn(|| pool.acquire(CHUNK)).collect();
    assert_eq!(held.len(), 3);
    let reserved = pool.acquire_reserved(CHUNK);
    assert!(reserved.is_some() && pool.acquire_reserved(1).is_none());
    let beyond = pool.acquire_beyond(1 << 20);
    assert!(beyond.is_some(), "a buffer without which nothing goes on");
    drop(beyond);
    assert_eq!(pool.snapshot().size, 4 * CHUNK, "and which does not enlarge the budget");
}

#[test]
fn a_refusal_is_told_once() {
    let pool = pool();
    let _held = chunks(&pool, 4);
    assert!(!pool.tend(Instant::now()));
    assert!(pool.acquire(1).is_none());
    assert!(pool.tend(Instant::now()) && !pool.tend(Instant::now()));
}

#[test]
fn what_is_set_aside_counts_like_a_buffer_and_is_no_refusal_where_there_is_no_room() {
    let pool = pool();
    let memory = MemoryBudget::new(Arc::clone(&pool));
    let buffers = chunks(&pool, 3);
    let grant = memory.set_aside(CHUNK - 1).expect("there is room");
    assert_eq!((pool.granted(), grant.bytes()), (4 * CHUNK - 1, CHUNK - 1));
    assert!(memory.set_aside(2).is_none() && memory.set_aside(usize::MAX).is_none());
    assert_eq!((pool.snapshot().refusals, pool.tend(Instant::now())), (0, false));
    assert!(pool.acquire(1).is_none(), "it is not there for records");
    drop(buffers);
    drop(grant);
    assert_eq!(pool.granted(), 0);
    pool.reserve(3 * CHUNK);
    assert!(memory.set_aside(CHUNK + 1).is_none(), "what is reserved for the disk stays so");
    let whole = chunks(&pool, 1);
    assert!(memory.set_aside(1).is_none());
    drop(whole);
    let pool = self::pool();
    let idle = chunks(&pool, 4);
    drop(idle);
    let grant = MemoryBudget::new(Arc::clone(&pool)).set_aside(2 * CHUNK);
    let snapshot = pool.snapshot();
    assert!(grant.is_some() && snapshot.held <= snapshot.size, "idle buffers make room: {snapshot:?}");
}

#[test]
fn a_waiting_thread_gets_what_is_given_back() {
    let pool = pool();
    let held = chunks(&pool, 4);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| pool.acquire_in_turn(CHUNK, || false).map(|buffer| buffer.size()));
        drop(held);
        assert_eq!(waiter.join().unwrap(), Some(CHUNK));
    });
}

#[test]
fn who_waits_for_much_is_not_overtaken_by_those_who_want_little() {
    let pool = pool();
    let mut held = chunks(&pool, 4);
    std::thread::scope(|scope| {
        let large = scope.spawn(|| pool.acquire_in_turn(4 * CHUNK, || false).map(|buffer| buffer.size()));
        while !pool.has_line() {
            std::thread::yield_now();
        }
        let small = scope.spawn(|| pool.acquire_in_turn(1, || false).map(|buffer| buffer.size()));
        while pool.freed.line.lock().tickets.len() < 2 {
            std::thread::yield_now();
        }
        let mut was_overtaken = false;
        while let Some(one) = held.pop() {
            was_overtaken |= small.is_finished();
            drop(one);
        }
        assert!(!was_overtaken, "room for a small one is not yet room for the large one");
        assert_eq!((large.join().unwrap(), small.join().unwrap()), (Some(4 * CHUNK), Some(SMALLEST)));
    });
    assert!(!pool.has_line());
}

#[test]
fn threads_that_take_and_give_back_at_once_leave_the_books_right() {
    let pool = pool_of(config(2 * CHUNK, 8 * CHUNK));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                let mut held = Vec::new();
                for step in 0..5_000_usize {
                    held.extend(pool.acquire([1, 10_000, CHUNK, 100_000][(step * 7 + thread) % 4]));
                    if step % 3 == thread % 3 {
                        held.pop();
                    }
                    if held.len() > 4 {
                        held.clear();
                    }
                    let snapshot = pool.snapshot();
                    assert!(snapshot.in_use <= snapshot.held && snapshot.held <= snapshot.size, "{snapshot:?}");
                    assert!(snapshot.size <= 8 * CHUNK);
                }
            });
        }
    });
    assert_eq!(pool.granted(), 0);
}
