//! The first bytes of a segment: what the file is, and how to read the rest.
//!
//! ```text
//!  0  magic "otlpqseg"        32  salt of the segment's key, zeros if it is not encrypted
//!  8  version                 48  check value of the key, zeros if it is not encrypted
//! 12  flags (1: encrypted)    60  CRC-32C of all before
//! 16  number of the segment
//! 24  time of creation, nanoseconds since 1970
//! ```

use super::{Fields, VERSION};

pub(in crate::disk) const HEADER_LEN: usize = 64;
const MAGIC: &[u8; 8] = b"otlpqseg";
const ENCRYPTED: u32 = 1;

/// The header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) struct SegmentHeader {
    pub(in crate::disk) number: u64,
    pub(in crate::disk) created_at: u64,
    pub(in crate::disk) encryption: Option<KeyHint>,
}

/// What an encrypted segment says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) struct KeyHint {
    pub(in crate::disk) salt: [u8; 16],
    /// Derived from the key: tells a wrong key from damaged data.
    pub(in crate::disk) check: [u8; 12],
}

/// Why a file is no segment that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) enum HeaderError {
    /// Too short, another magic or a wrong checksum.
    Damaged,
    /// Sound, but of a version that this program does not know.
    UnknownVersion(u32),
}

impl SegmentHeader {
    pub(in crate::disk) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.created_at.to_le_bytes());
        if let Some(hint) = &self.encryption {
            bytes[12..16].copy_from_slice(&ENCRYPTED.to_le_bytes());
            bytes[32..48].copy_from_slice(&hint.salt);
            bytes[48..60].copy_from_slice(&hint.check);
        }
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(in crate::disk) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes = bytes.first_chunk::<HEADER_LEN>().ok_or(HeaderError::Damaged)?;
        let mut fields = Fields(bytes);
        let magic = fields.take();
        let version = fields.u32();
        let flags = fields.u32();
        let number = fields.u64();
        let created_at = fields.u64();
        let hint = KeyHint { salt: fields.take(), check: fields.take() };
        if &magic != MAGIC || fields.u32() != crc32c::crc32c(&bytes[..60]) {
            return Err(HeaderError::Damaged);
        }
        if version != VERSION || flags & !ENCRYPTED != 0 {
            return Err(HeaderError::UnknownVersion(version));
        }
        Ok(SegmentHeader { number, created_at, encryption: (flags & ENCRYPTED != 0).then_some(hint) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: SegmentHeader = SegmentHeader { number: 7, created_at: 1_800_000_000_000_000_000, encryption: None };

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(SegmentHeader::decode(&HEADER.encode()), Ok(HEADER));
        let encrypted = SegmentHeader { encryption: Some(KeyHint { salt: [1; 16], check: [2; 12] }), ..HEADER };
        assert_eq!(SegmentHeader::decode(&encrypted.encode()), Ok(encrypted));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let bytes = HEADER.encode();
        for at in 0..HEADER_LEN {
            let mut damaged = bytes;
            damaged[at] ^= 0x10;
            assert_eq!(SegmentHeader::decode(&damaged), Err(HeaderError::Damaged), "byte {at}");
            assert_eq!(SegmentHeader::decode(&bytes[..at]), Err(HeaderError::Damaged), "cut at {at}");
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let mut bytes = HEADER.encode();
        bytes[8] = 2;
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::UnknownVersion(2)));
    }
}
