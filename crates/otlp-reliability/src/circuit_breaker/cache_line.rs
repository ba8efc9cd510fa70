//! Keeps what every call reads apart from what calls write: on two threads, a word that shares its cache line with a
//! counter costs a cache miss per call.

use std::ops::Deref;

/// A value that has its cache line, and the one that processors fetch along with it, to itself.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct CacheLine<T>(pub(super) T);

impl<T> Deref for CacheLine<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
