//! Why bytes are no OTLP message, and where.

use std::fmt;

/// Bytes that cannot be read: what is wrong, and at which byte of what was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    kind: DecodeErrorKind,
    offset: usize,
}

/// What is wrong with the bytes of a [`DecodeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// A field claims more bytes than follow: the message was cut, or its lengths are wrong.
    Truncated,
    /// A varint of more than ten bytes, or one that exceeds 64 bits.
    VarintOverflow,
    /// A tag with field number zero, with a number beyond 2^29 - 1, or with a wire type that protobuf does not have.
    InvalidTag,
    /// The end of a group that was not begun.
    UnmatchedGroupEnd,
    /// A known field that is encoded as another type.
    WrongWireType {
        /// The number of the field.
        field: u32,
        /// How the schema encodes it.
        expected: &'static str,
    },
    /// A string field that is not UTF-8.
    InvalidUtf8 {
        /// The number of the field.
        field: u32,
    },
    /// A field of fixed length that has another one.
    WrongLength {
        /// The number of the field.
        field: u32,
        /// What it is.
        what: &'static str,
        /// How many bytes it has.
        got: usize,
    },
    /// Messages nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
}

impl DecodeError {
    /// An error of `kind` at byte `offset`.
    #[cold]
    pub fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        DecodeError { kind, offset }
    }

    /// What is wrong.
    pub fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Where: the byte, from zero, of the buffer that was handed to the reader.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid OTLP protobuf at byte {}: ", self.offset)?;
        match self.kind {
            DecodeErrorKind::Truncated => f.write_str("the message ends within a field"),
            DecodeErrorKind::VarintOverflow => f.write_str("a varint has more than 64 bits"),
            DecodeErrorKind::InvalidTag => f.write_str("no field has this number or wire type"),
            DecodeErrorKind::UnmatchedGroupEnd => f.write_str("a group ends that was not begun"),
            DecodeErrorKind::WrongWireType { field, expected } => {
                write!(f, "field {field} is not encoded as {expected}")
            }
            DecodeErrorKind::InvalidUtf8 { field } => write!(f, "field {field} is a string but not UTF-8"),
            DecodeErrorKind::WrongLength { field, what, got } => {
                write!(f, "field {field} is {what} but has {got} bytes")
            }
            DecodeErrorKind::TooDeep => {
                write!(f, "messages are nested deeper than {} levels", super::MAX_DEPTH)
            }
        }
    }
}

impl std::error::Error for DecodeError {}
