//! Bytes that count only once they are committed.

use std::ops::{Deref, DerefMut};

/// Appends to a buffer, and takes back what was appended unless [`Uncommitted::commit`] is called: on an early return,
/// and when code of the user unwinds.
pub(crate) struct Uncommitted<'a> {
    buffer: &'a mut Vec<u8>,
    keep: usize,
}

impl<'a> Uncommitted<'a> {
    #[inline]
    pub(crate) fn new(buffer: &'a mut Vec<u8>) -> Self {
        let keep = buffer.len();
        Uncommitted { buffer, keep }
    }

    /// How many bytes have been appended.
    #[inline]
    pub(crate) fn appended(&self) -> usize {
        self.buffer.len() - self.keep
    }

    /// Keeps what was appended.
    #[inline]
    pub(crate) fn commit(mut self) {
        self.keep = self.buffer.len();
    }
}

impl Drop for Uncommitted<'_> {
    #[inline]
    fn drop(&mut self) {
        self.buffer.truncate(self.keep);
    }
}

impl Deref for Uncommitted<'_> {
    type Target = Vec<u8>;
    #[inline]
    fn deref(&self) -> &Vec<u8> {
        self.buffer
    }
}

impl DerefMut for Uncommitted<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        self.buffer
    }
}
