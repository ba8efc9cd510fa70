//! The protobuf reader: goes over the fields of a message, borrows what they hold, and trusts nothing.
//!
//! Every length is checked against the bytes that are there before it is used, nothing is allocated, and nesting is
//! bounded, so no input makes it panic, overflow or recurse without end.

use super::{DecodeError, DecodeErrorKind};

/// How deep messages may be nested, the limit of other protobuf readers too.
pub const MAX_DEPTH: u32 = 100;

/// The content of a message: its bytes, and where they stand in the buffer that was handed in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Content<'a> {
    bytes: &'a [u8],
    offset: usize,
    depth: u32,
}

/// Goes over the fields of one message, in the order in which they stand.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    content: Content<'a>,
    position: usize,
}

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    number: u32,
    depth: u32,
    offset: usize,
    end: usize,
    value: WireValue<'a>,
}

/// What a field holds, as protobuf's wire types tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireValue<'a> {
    /// Integers, booleans and enums.
    Varint(u64),
    /// `fixed64`, `sfixed64` and `double`.
    Fixed64(u64),
    /// Strings, bytes, messages and packed repeated numbers.
    Len(&'a [u8]),
    /// `fixed32`, `sfixed32` and `float`.
    Fixed32(u32),
}

impl<'a> Content<'a> {
    /// The content of an outermost message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Content { bytes, offset: 0, depth: 0 }
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A reader of its fields.
    #[inline]
    pub fn reader(self) -> Reader<'a> {
        Reader { content: self, position: 0 }
    }

    /// The part of this content from byte `start` to byte `end`, both counted like [`DecodeError::offset`]; empty if
    /// they are not within this content.
    #[inline]
    pub(crate) fn window(&self, start: usize, end: usize) -> Content<'a> {
        let range = start.wrapping_sub(self.offset)..end.wrapping_sub(self.offset);
        Content { bytes: self.bytes.get(range).unwrap_or_default(), offset: start, depth: self.depth }
    }

    /// Where the content begins, counted like [`DecodeError::offset`].
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Reader<'a> {
    /// A reader of the fields of an outermost message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Content::new(bytes).reader()
    }

    /// The next field, or `None` at the end. Groups, which OTLP never used, are skipped.
    ///
    /// # Errors
    /// Whatever makes the bytes no protobuf. The reader must not be used after an error.
    #[inline(always)]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        while self.position < self.content.bytes.len() {
            let start = self.position;
            let (number, wire_type) = self.tag()?;
            if let Some(value) = self.value(number, wire_type, start)? {
                return Ok(Some(Field {
                    number,
                    depth: self.content.depth,
                    offset: self.content.offset + start,
                    end: self.content.offset + self.position,
                    value,
                }));
            }
        }
        Ok(None)
    }

    /// The value of a field whose tag was read, `None` for a group, which is skipped.
    #[inline(always)]
    fn value(&mut self, number: u32, wire_type: u8, start: usize) -> Result<Option<WireValue<'a>>, DecodeError> {
        Ok(Some(match wire_type {
            0 => WireValue::Varint(self.varint()?),
            1 => WireValue::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = self.varint()?;
                WireValue::Len(self.take(len)?)
            }
            5 => WireValue::Fixed32(u32::from_le_bytes(self.array()?)),
            3 => {
                self.skip_group(number, self.content.depth)?;
                return Ok(None);
            }
            4 => return Err(self.error(DecodeErrorKind::UnmatchedGroupEnd, start)),
            _ => return Err(self.error(DecodeErrorKind::InvalidTag, start)),
        }))
    }

    #[cold]
    fn skip_group(&mut self, group: u32, depth: u32) -> Result<(), DecodeError> {
        if depth >= MAX_DEPTH {
            return Err(self.error(DecodeErrorKind::TooDeep, self.position));
        }
        loop {
            let start = self.position;
            match self.tag()? {
                (number, 4) if number == group => return Ok(()),
                (number, 3) => self.skip_group(number, depth + 1)?,
                (number, wire_type) => {
                    self.value(number, wire_type, start)?;
                }
            }
        }
    }

    #[inline(always)]
    fn tag(&mut self) -> Result<(u32, u8), DecodeError> {
        let start = self.position;
        let tag = self.varint()?;
        match u32::try_from(tag) {
            Ok(tag) if tag >= 8 => Ok((tag >> 3, tag as u8 & 7)),
            _ => Err(self.error(DecodeErrorKind::InvalidTag, start)),
        }
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.content.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        let rest = &self.content.bytes[self.position..];
        for (index, &byte) in rest.iter().take(10).enumerate() {
            // The tenth byte has room for the 64th bit alone.
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.position += index + 1;
                return Ok(value);
            }
        }
        let kind = if rest.len() < 10 { DecodeErrorKind::Truncated } else { DecodeErrorKind::VarintOverflow };
        Err(self.error(kind, self.position))
    }

    #[inline(always)]
    fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let rest = &self.content.bytes[self.position..];
        match usize::try_from(len).ok().and_then(|len| rest.get(..len)) {
            Some(bytes) => {
                self.position += bytes.len();
                Ok(bytes)
            }
            None => Err(self.error(DecodeErrorKind::Truncated, self.position)),
        }
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.content.bytes[self.position..].first_chunk() {
            Some(bytes) => {
                self.position += N;
                Ok(*bytes)
            }
            None => Err(self.error(DecodeErrorKind::Truncated, self.position)),
        }
    }

    #[cold]
    fn error(&self, kind: DecodeErrorKind, position: usize) -> DecodeError {
        DecodeError::new(kind, self.content.offset + position)
    }

    /// The varints of a packed field, read from its content: `None` at the end.
    #[inline]
    pub(crate) fn next_packed_varint(&mut self) -> Result<Option<u64>, DecodeError> {
        if self.position < self.content.bytes.len() { self.varint().map(Some) } else { Ok(None) }
    }

    /// The fixed 64-bit numbers of a packed field, read from its content: `None` at the end.
    #[inline]
    pub(crate) fn next_packed_fixed64(&mut self) -> Result<Option<u64>, DecodeError> {
        if self.position < self.content.bytes.len() {
            self.array().map(|bytes| Some(u64::from_le_bytes(bytes)))
        } else {
            Ok(None)
        }
    }
}

impl<'a> Field<'a> {
    /// The number of the field in the schema.
    #[inline]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What it holds.
    #[inline]
    pub fn value(&self) -> WireValue<'a> {
        self.value
    }

    /// Where its tag stands, counted like [`DecodeError::offset`].
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Where the next field stands.
    #[inline]
    pub fn end(&self) -> usize {
        self.end
    }

    /// The value of an integer, boolean or enum field.
    ///
    /// # Errors
    /// If it is encoded as another type. So for all that follow.
    #[inline]
    pub fn varint(&self) -> Result<u64, DecodeError> {
        match self.value {
            WireValue::Varint(value) => Ok(value),
            _ => Err(self.wrong_type("a varint")),
        }
    }

    /// The value of a `uint32` field: the low 32 bits, as protobuf asks for.
    #[inline]
    pub fn uint32(&self) -> Result<u32, DecodeError> {
        self.varint().map(|value| value as u32)
    }

    /// The number of an `enum` field.
    #[inline]
    pub fn enumeration(&self) -> Result<i32, DecodeError> {
        self.varint().map(|value| value as i32)
    }

    /// The value of a `sint32` field (zigzag).
    #[inline]
    pub fn sint32(&self) -> Result<i32, DecodeError> {
        self.uint32().map(|value| (value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// The value of a `fixed64` or `sfixed64` field.
    #[inline]
    pub fn fixed64(&self) -> Result<u64, DecodeError> {
        match self.value {
            WireValue::Fixed64(value) => Ok(value),
            _ => Err(self.wrong_type("eight bytes")),
        }
    }

    /// The value of a `double` field.
    #[inline]
    pub fn double(&self) -> Result<f64, DecodeError> {
        self.fixed64().map(f64::from_bits)
    }

    /// The value of a `fixed32` field.
    #[inline]
    pub fn fixed32(&self) -> Result<u32, DecodeError> {
        match self.value {
            WireValue::Fixed32(value) => Ok(value),
            _ => Err(self.wrong_type("four bytes")),
        }
    }

    /// The value of a `bytes` field.
    #[inline]
    pub fn bytes(&self) -> Result<&'a [u8], DecodeError> {
        match self.value {
            WireValue::Len(bytes) => Ok(bytes),
            _ => Err(self.wrong_type("bytes with their length")),
        }
    }

    /// The value of a `string` field.
    #[inline]
    pub fn string(&self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?)
            .map_err(|_| DecodeError::new(DecodeErrorKind::InvalidUtf8 { field: self.number }, self.offset))
    }

    /// The content of a message field, one level deeper.
    #[inline]
    pub fn message(&self) -> Result<Content<'a>, DecodeError> {
        let bytes = self.bytes()?;
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::new(DecodeErrorKind::TooDeep, self.offset));
        }
        Ok(Content { bytes, offset: self.end - bytes.len(), depth: self.depth + 1 })
    }

    #[cold]
    pub(crate) fn wrong_type(&self, expected: &'static str) -> DecodeError {
        DecodeError::new(DecodeErrorKind::WrongWireType { field: self.number, expected }, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode;

    fn error(bytes: &[u8]) -> (DecodeErrorKind, usize) {
        let mut reader = Reader::new(bytes);
        loop {
            match reader.next_field() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{bytes:?} was read to its end"),
                Err(error) => return (error.kind(), error.offset()),
            }
        }
    }

    #[test]
    fn every_wire_type_is_read_and_groups_are_skipped() {
        let mut bytes = Vec::new();
        encode::put_uint_always(&mut bytes, 1, u64::MAX);
        // Group 9 with a nested group 2 and a varint field within.
        bytes.extend([9 << 3 | 3, 2 << 3 | 3, 1 << 3, 7, 2 << 3 | 4, 9 << 3 | 4]);
        encode::put_fixed64(&mut bytes, 2, 5);
        encode::put_bytes(&mut bytes, 3, b"abc");
        encode::put_fixed32(&mut bytes, 4, 6);
        let mut reader = Reader::new(&bytes);
        let mut fields = Vec::new();
        while let Some(field) = reader.next_field().unwrap() {
            fields.push((field.number(), field.value()));
        }
        let expected = [
            (1, WireValue::Varint(u64::MAX)),
            (2, WireValue::Fixed64(5)),
            (3, WireValue::Len(b"abc")),
            (4, WireValue::Fixed32(6)),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_offset() {
        assert_eq!(error(&[0x08]), (DecodeErrorKind::Truncated, 1));
        assert_eq!(error(&[0x08, 1, 0x0a, 5, 1]), (DecodeErrorKind::Truncated, 4));
        assert_eq!(error(&[0x09, 1, 2]), (DecodeErrorKind::Truncated, 1));
        assert_eq!(
            error(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).0,
            DecodeErrorKind::Truncated
        );
        let mut long = vec![0x08];
        long.extend([0xff; 10]);
        assert_eq!(error(&long), (DecodeErrorKind::VarintOverflow, 1));
        assert_eq!(error(&[0x08, 1, 0x00]), (DecodeErrorKind::InvalidTag, 2));
        assert_eq!(error(&[0x0e]), (DecodeErrorKind::InvalidTag, 0));
        assert_eq!(error(&[0x0c]), (DecodeErrorKind::UnmatchedGroupEnd, 0));
        assert_eq!(error(&[0x0b, 0x14]), (DecodeErrorKind::UnmatchedGroupEnd, 1));
        assert_eq!(error(&[0x0b; 5000]).0, DecodeErrorKind::TooDeep);
    }

    #[test]
    fn a_field_of_another_type_is_refused() {
        let field = Reader::new(&[0x08, 1]).next_field().unwrap().unwrap();
        assert!(field.string().is_err() && field.fixed64().is_err() && field.fixed32().is_err());
        assert_eq!(
            field.bytes().unwrap_err().to_string(),
            "invalid OTLP protobuf at byte 0: field 1 is not encoded as bytes with their length"
        );
    }

    #[test]
    fn zigzag_reads_what_the_writer_wrote() {
        for value in [0, 1, -1, i32::MIN, i32::MAX] {
            let mut bytes = vec![];
            encode::put_sint32(&mut bytes, 1, value);
            let read = Reader::new(&bytes).next_field().unwrap().map_or(0, |field| field.sint32().unwrap());
            assert_eq!(read, value);
        }
    }
}
