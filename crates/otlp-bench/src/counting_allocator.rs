//! The global allocator: the system's own, with a switch that makes it count.
//!
//! Counting is off unless a child asks for it, because two threads that bump one counter would distort the CPU figures of
//! whoever allocates most. Off, the cost is one relaxed load of a line that nobody writes.
//!
//! Invariants, on which soundness rests:
//! - every call is passed on to [`System`] with the caller's own arguments, and its answer is returned unchanged;
//! - nothing here allocates, locks or panics, so the allocator is never entered again from within.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator { on: AtomicBool::new(false), count: AtomicU64::new(0) };

struct CountingAllocator {
    on: AtomicBool,
    count: AtomicU64,
}

impl CountingAllocator {
    #[inline]
    fn count_one(&self) {
        if self.on.load(Relaxed) {
            self.count.fetch_add(1, Relaxed);
        }
    }
}

// SAFETY: `System` upholds the contract of `GlobalAlloc`; this only counts before it passes each call on unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count_one();
        // SAFETY: the caller's obligations are exactly those of `System::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count_one();
        // SAFETY: as above, of `System::alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count_one();
        // SAFETY: `block` came from this allocator, that is from `System`, with this layout.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from this allocator, that is from `System`, with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Counts from now on.
pub(crate) fn start_counting() {
    ALLOCATOR.on.store(true, Relaxed);
}

/// How many blocks were allocated or resized, by all threads, while counting was on.
pub(crate) fn counted() -> u64 {
    ALLOCATOR.count.load(Relaxed)
}
