//! The atomics and locks of the state machines: the standard library's, or loom's where every order of events is tried.
//!
//! A state machine that takes everything it shares from here can be model-checked; nothing else may differ between the
//! two builds.

#[cfg(all(test, otlp_loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, otlp_loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

/// Locks, also after a panic in another holder: everything kept under these locks is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
