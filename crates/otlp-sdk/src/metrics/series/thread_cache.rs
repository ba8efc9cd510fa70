//! The series that a thread used last, direct-mapped by hash.
//!
//! A hit takes no lock and no reference count. An entry keeps its series alive, so a thread can pin as many series as
//! there are slots; [`release_everywhere`] makes each thread empty its cache when it next fills a slot.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Series;

/// A power of two: 8 KiB of pointers per thread that records metrics.
const SLOTS: usize = 1024;

struct ThreadCache {
    /// Empty until the first series.
    slots: Vec<Option<Arc<Series>>>,
    generation: u64,
}

thread_local! {
    static CACHE: RefCell<ThreadCache> = const { RefCell::new(ThreadCache { slots: Vec::new(), generation: 0 }) };
}

/// Moves on when caches are to be emptied.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Calls `visit` with the series that was remembered under `hash`, if any, and returns what it says.
///
/// Nothing is found while the thread ends, or while it is remembering something further up the stack.
#[inline]
pub(in crate::metrics) fn visit(hash: u64, visit: impl FnOnce(&Series) -> bool) -> bool {
    CACHE
        .try_with(|cache| {
            let Ok(cache) = cache.try_borrow() else { return false };
            match cache.slots.get(slot_of(hash)) {
                Some(Some(series)) => visit(series),
                _ => false,
            }
        })
        .unwrap_or(false)
}

/// Remembers `series` under `hash`, in place of what was there.
pub(in crate::metrics) fn remember(hash: u64, series: Arc<Series>) {
    // An error means that the thread ends, or that an attribute set of the caller records metrics while it is read.
    let _ = CACHE.try_with(|cache| {
        let Ok(mut cache) = cache.try_borrow_mut() else { return };
        let generation = GENERATION.load(Ordering::Relaxed);
        if cache.slots.is_empty() || cache.generation != generation {
            cache.slots.clear();
            cache.slots.resize(SLOTS, None);
            cache.generation = generation;
        }
        cache.slots[slot_of(hash)] = Some(series);
    });
}

/// Asks all threads to let go of the series that they remember.
pub(in crate::metrics) fn release_everywhere() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

#[inline]
fn slot_of(hash: u64) -> usize {
    hash as usize & (SLOTS - 1)
}
