//! A frame: one batch in a segment, a header and the bytes of the batch.
//!
//! ```text
//!  0  magic                               24  items
//!  4  CRC-32C of the rest of the header   28  signal
//!  8  length of the payload               29  flags (1: encrypted)
//! 12  CRC-32C of the payload              32  wall time of the put, nanoseconds since 1970
//! 16  sequence: the number of its         40  queue time of the put, milliseconds
//!     first item                          48  payload
//! ```
//!
//! An encrypted payload begins with all that its reader needs but the key, so it can be read when the header of its
//! segment cannot. The checksum is that of the payload as it stands there.
//!
//! Queue time is how long the queue has been open, all processes together: see [`Cursor`](super::Cursor).
//!
//! The header has a checksum of its own, so that its length can be trusted before the payload is read, and a walk over
//! a segment needs the headers alone. The sequence counts all items of the signal that were ever put, so when frames
//! are missing between two, it is known how many items went with them.

use otlp_core::Signal;

use super::Fields;

pub(in crate::disk) const HEADER_LEN: usize = 48;
const ENCRYPTED: u8 = 1;
pub(in crate::disk) const FRAME_MAGIC: [u8; 4] = *b"oQf1";

/// The longest payload: above what a batch can have, and what a damaged length can make us read.
pub(in crate::disk) const MAX_PAYLOAD: usize = 80 << 20;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) struct FrameHeader {
    pub(in crate::disk) payload_len: u32,
    pub(in crate::disk) payload_checksum: u32,
    pub(in crate::disk) sequence: u64,
    pub(in crate::disk) items: u32,
    pub(in crate::disk) signal: Signal,
    pub(in crate::disk) is_encrypted: bool,
    pub(in crate::disk) put_at: u64,
    pub(in crate::disk) queue_time: u64,
}

/// The checksum of a payload that is in pieces.
pub(in crate::disk) fn payload_checksum<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    pieces.into_iter().fold(0, crc32c::crc32c_append)
}

impl FrameHeader {
    pub(in crate::disk) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&FRAME_MAGIC);
        bytes[8..12].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.payload_checksum.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.items.to_le_bytes());
        bytes[28] = self.signal.index() as u8;
        bytes[29] = if self.is_encrypted { ENCRYPTED } else { 0 };
        bytes[32..40].copy_from_slice(&self.put_at.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.queue_time.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None`: these bytes are no header, or a damaged one.
    pub(in crate::disk) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_LEN>()?;
        let mut fields = Fields(bytes);
        if fields.take() != FRAME_MAGIC || fields.u32() != crc32c::crc32c(&bytes[8..]) {
            return None;
        }
        let payload_len = fields.u32();
        let payload_checksum = fields.u32();
        let sequence = fields.u64();
        let items = fields.u32();
        let signal = *Signal::ALL.get(usize::from(fields.u8()))?;
        let flags = fields.u8();
        let reserved: [u8; 2] = fields.take();
        let (put_at, queue_time) = (fields.u64(), fields.u64());
        let end = sequence.checked_add(u64::from(items));
        let is_known = flags & !ENCRYPTED == 0 && reserved == [0; 2];
        let is_sound = payload_len as usize <= MAX_PAYLOAD && items > 0 && end.is_some() && is_known;
        let is_encrypted = flags & ENCRYPTED != 0;
        is_sound.then_some(FrameHeader {
            payload_len,
            payload_checksum,
            sequence,
            items,
            signal,
            is_encrypted,
            put_at,
            queue_time,
        })
    }

    /// What the encryption of the payload vouches for as well: everything but the checksums, which depend on it.
    pub(in crate::disk) fn authenticated(&self) -> [u8; HEADER_LEN] {
        let mut bytes = FrameHeader { payload_checksum: 0, ..*self }.encode();
        bytes[4..8].fill(0);
        bytes
    }

    /// The length of header and payload.
    pub(in crate::disk) fn frame_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.payload_len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_header() -> impl Strategy<Value = FrameHeader> {
        let sequences = 0..=u64::MAX - u64::from(u32::MAX);
        let numbers = (0..=MAX_PAYLOAD as u32, any::<u32>(), sequences, 1..=u32::MAX, any::<u64>(), any::<u64>());
        let rest = (0..3usize, any::<bool>());
        (numbers, rest).prop_map(|((len, checksum, sequence, items, put_at, queue_time), (signal, secret))| {
            FrameHeader {
                payload_len: len,
                payload_checksum: checksum,
                sequence,
                items,
                signal: Signal::ALL[signal],
                is_encrypted: secret,
                put_at,
                queue_time,
            }
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(header in any_header()) {
            prop_assert_eq!(FrameHeader::decode(&header.encode()), Some(header));
        }

        #[test]
        fn a_changed_bit_is_noticed(header in any_header(), bit in 0..HEADER_LEN * 8) {
            let mut bytes = header.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(FrameHeader::decode(&bytes), None);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = FrameHeader::decode(&bytes);
        }
    }

    #[test]
    fn the_checksum_of_pieces_is_that_of_the_whole() {
        let whole = payload_checksum([b"abcdef".as_slice()]);
        assert_eq!(payload_checksum([b"ab".as_slice(), b"", b"cdef"]), whole);
        assert_eq!(payload_checksum([b"123456789".as_slice()]), 0xE306_9283, "the check value of CRC-32C");
    }
}
