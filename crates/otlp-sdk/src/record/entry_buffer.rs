//! Encoded entries in a buffer that is initialised beyond them.
//!
//! An entry of known size is then written in one step: one check of the room, one new length, and between them plain
//! copies into a slice. Growing a `Vec` part by part costs twice as much, and attributes are most of what a span costs.

/// The smallest buffer, in bytes: the attributes of most records fit.
const SMALLEST: usize = 512;

/// Entries one after the other.
#[derive(Debug, Default)]
pub(super) struct EntryBuffer {
    /// Initialised as far as it reaches, of which the first `len` bytes are entries.
    buffer: Vec<u8>,
    len: usize,
}

impl EntryBuffer {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Adds `count` bytes, which may be anything: the caller overwrites them all.
    #[inline]
    pub(super) fn claim(&mut self, count: usize) -> &mut [u8] {
        let (start, end) = (self.len, self.len + count);
        if end > self.buffer.len() {
            self.grow(end);
        }
        self.len = end;
        &mut self.buffer[start..end]
    }

    /// Puts `entry` in the place of `old_len` bytes at `start`.
    pub(super) fn splice(&mut self, start: usize, old_len: usize, entry: &[u8]) {
        let end = self.len;
        if entry.len() > old_len {
            self.claim(entry.len() - old_len);
        } else {
            self.len -= old_len - entry.len();
        }
        self.buffer.copy_within(start + old_len..end, start + entry.len());
        self.buffer[start..start + entry.len()].copy_from_slice(entry);
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        self.buffer.resize(end.next_power_of_two().max(SMALLEST), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_put_in_the_place_of_shorter_equal_and_longer_ones() {
        let mut buffer = EntryBuffer::default();
        for byte in 0..100 {
            buffer.claim(10).fill(byte);
        }
        assert_eq!(buffer.len(), 1000);
        buffer.splice(990, 10, &[200; 600]);
        buffer.splice(500, 10, &[201; 3]);
        buffer.splice(0, 10, &[202; 10]);
        buffer.splice(buffer.len(), 0, &[203; 2]);
        let mut expected = [[202; 10].as_slice(), &buffer.bytes()[10..500], &[201; 3]].concat();
        expected.extend((51..99).flat_map(|byte| [byte; 10]));
        expected.extend([200; 600].iter().chain(&[203; 2]));
        assert_eq!(buffer.bytes(), expected);
        buffer.clear();
        assert!(buffer.bytes().is_empty());
    }
}
