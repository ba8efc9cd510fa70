//! The journal of the cursor: what got its fate since the cursor was written.
//!
//! ```text
//!  0  magic "otlpqjnl"
//!  8  version
//! 12  CRC-32C of the cursor that it continues
//! 16  CRC-32C of all before
//! 20  entries, each 24 bytes: the first item, after the last, the signal, and the CRC-32C of the file up to here
//! ```
//!
//! It is never synced, so that an entry costs no more than a small write: it survives the process, and not always a power
//! cut. As each checksum covers all that stands before it, the sound part of a file is a beginning of it, whatever stood
//! in its blocks at an earlier time; and a journal says nothing beside another cursor than its own.

use otlp_core::Signal;

use super::{Fields, VERSION};

const MAGIC: &[u8; 8] = b"otlpqjnl";
pub(in crate::disk) const HEADER_LEN: usize = 20;
const ENTRY_LEN: usize = 24;

/// So much of a journal is read. A log begins a new one much earlier.
pub(in crate::disk) const MAX_LEN: usize = 4 << 20;

/// Encodes a journal, entry after entry.
#[derive(Debug)]
pub(in crate::disk) struct JournalEncoder {
    /// Of all that was encoded.
    checksum: u32,
}

impl JournalEncoder {
    /// Begins one that continues the cursor of this [mark](super::Cursor::mark); and its header.
    pub(in crate::disk) fn begin(cursor: u32) -> (Self, Vec<u8>) {
        let mut encoder = JournalEncoder { checksum: 0 };
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&cursor.to_le_bytes());
        encoder.seal(&mut header, 0);
        (encoder, header)
    }

    /// Appends that `first..end` has its fate.
    pub(in crate::disk) fn entry(&mut self, signal: Signal, first: u64, end: u64, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend_from_slice(&first.to_le_bytes());
        into.extend_from_slice(&end.to_le_bytes());
        into.extend_from_slice(&(signal.index() as u32).to_le_bytes());
        self.seal(into, start);
    }

    fn seal(&mut self, bytes: &mut Vec<u8>, start: usize) {
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes[start..]);
        bytes.extend_from_slice(&self.checksum.to_le_bytes());
    }
}

/// What a journal says: the entries before the first that is not sound. None, if it continues another cursor.
pub(in crate::disk) fn entries(bytes: &[u8], cursor: u32) -> impl Iterator<Item = (Signal, u64, u64)> + '_ {
    let (mut expected, header) = JournalEncoder::begin(cursor);
    let entries = bytes.strip_prefix(header.as_slice()).unwrap_or_default();
    entries.chunks_exact(ENTRY_LEN).map_while(move |entry| {
        let mut fields = Fields(entry);
        let (first, end) = (fields.u64(), fields.u64());
        let signal = Signal::ALL.get(usize::try_from(fields.u32()).ok()?).copied()?;
        let mut again = Vec::with_capacity(ENTRY_LEN);
        expected.entry(signal, first, end, &mut again);
        (again == entry && first < end).then_some((signal, first, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: [(Signal, u64, u64); 3] = [(Signal::Logs, 5, 9), (Signal::Traces, 0, 1), (Signal::Logs, 1, 3)];

    fn journal() -> Vec<u8> {
        let (mut encoder, mut bytes) = JournalEncoder::begin(7);
        ENTRIES.into_iter().for_each(|(signal, first, end)| encoder.entry(signal, first, end, &mut bytes));
        bytes
    }

    fn read(bytes: &[u8], cursor: u32) -> Vec<(Signal, u64, u64)> {
        entries(bytes, cursor).collect()
    }

    #[test]
    fn it_is_read_beside_its_own_cursor_alone() {
        assert_eq!(read(&journal(), 7), ENTRIES);
        assert_eq!(read(&journal(), 8), []);
    }

    #[test]
    fn wherever_it_is_cut_or_damaged_what_stands_before_is_read() {
        let bytes = journal();
        for at in 0..bytes.len() {
            let whole = at.saturating_sub(HEADER_LEN) / ENTRY_LEN;
            assert_eq!(read(&bytes[..at], 7), ENTRIES[..whole], "cut at {at}");
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(read(&damaged, 7), ENTRIES[..whole], "damaged at {at}");
        }
    }

    #[test]
    fn what_an_earlier_journal_left_behind_the_end_is_not_read() {
        let (mut encoder, mut bytes) = JournalEncoder::begin(8);
        encoder.entry(Signal::Metrics, 1, 2, &mut bytes);
        let old = journal();
        bytes.extend_from_slice(&old[bytes.len()..]);
        assert_eq!(read(&bytes, 8), [(Signal::Metrics, 1, 2)]);
    }
}
