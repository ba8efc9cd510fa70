//! Which slot belongs to the calling thread.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use crate::chunk::Slot;

/// This thread's slots, by the number of their pipeline.
struct ThreadSlots(RefCell<Vec<(u64, Arc<Slot>)>>);

thread_local! {
    static SLOTS: ThreadSlots = const { ThreadSlots(RefCell::new(Vec::new())) };
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

impl Drop for ThreadSlots {
    fn drop(&mut self) {
        for (_, slot) in self.0.get_mut().drain(..) {
            slot.lock().orphaned = true;
        }
    }
}

/// Calls `with` with the calling thread's slot of a pipeline, which `make` makes the first time. `None` if the thread
/// is so far in its end that its thread-local storage is gone.
#[inline]
pub(crate) fn with_slot<R>(
    pipeline: u64,
    make: impl FnOnce() -> Arc<Slot>,
    with: impl FnOnce(&Slot) -> R,
) -> Option<R> {
    SLOTS
        .try_with(|slots| {
            if let Ok(slots) = slots.0.try_borrow()
                && let Some((_, slot)) = slots.iter().find(|(id, _)| *id == pipeline)
            {
                return Some(with(slot));
            }
            let slot = make();
            let mut slots = slots.0.try_borrow_mut().ok()?;
            slots.retain(|(_, slot)| !slot.lock().closed);
            slots.push((pipeline, Arc::clone(&slot)));
            drop(slots);
            Some(with(&slot))
        })
        .ok()
        .flatten()
}

/// Marks the calling thread as a pipeline's background thread, which must never wait for itself.
pub(crate) fn enter_background() {
    IS_BACKGROUND.set(true);
}

/// Whether the calling thread is a pipeline's background thread.
pub(crate) fn is_background() -> bool {
    IS_BACKGROUND.try_with(Cell::get).unwrap_or(false)
}
