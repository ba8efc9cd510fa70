//! A repeated field of numbers, packed or not: protobuf asks readers to take both.

use std::{fmt, iter::FusedIterator, marker::PhantomData};

use crate::wire::decode::{Content, DecodeError, Field, Reader, WireValue};

/// How the numbers of a repeated field are encoded, and what they are.
pub trait NumberKind {
    /// The number.
    type Number: Copy + fmt::Debug;
    /// The next number of a packed field's content, `None` at its end.
    #[doc(hidden)]
    fn next_packed(content: &mut Reader<'_>) -> Result<Option<Self::Number>, DecodeError>;
    /// The number of a field that holds just one.
    #[doc(hidden)]
    fn single(field: &Field<'_>) -> Result<Self::Number, DecodeError>;
}

/// `fixed64` numbers: the bucket counts of a histogram.
#[derive(Debug, Clone, Copy)]
pub enum Fixed64 {}

/// `double` numbers: the bounds of a histogram.
#[derive(Debug, Clone, Copy)]
pub enum Double {}

/// `uint64` numbers: the bucket counts of an exponential histogram.
#[derive(Debug, Clone, Copy)]
pub enum Varint {}

impl NumberKind for Fixed64 {
    type Number = u64;
    #[inline]
    fn next_packed(content: &mut Reader<'_>) -> Result<Option<u64>, DecodeError> {
        content.next_packed_fixed64()
    }
    fn single(field: &Field<'_>) -> Result<u64, DecodeError> {
        field.fixed64()
    }
}

impl NumberKind for Double {
    type Number = f64;
    #[inline]
    fn next_packed(content: &mut Reader<'_>) -> Result<Option<f64>, DecodeError> {
        Ok(content.next_packed_fixed64()?.map(f64::from_bits))
    }
    fn single(field: &Field<'_>) -> Result<f64, DecodeError> {
        field.double()
    }
}

impl NumberKind for Varint {
    type Number = u64;
    #[inline]
    fn next_packed(content: &mut Reader<'_>) -> Result<Option<u64>, DecodeError> {
        content.next_packed_varint()
    }
    fn single(field: &Field<'_>) -> Result<u64, DecodeError> {
        field.varint()
    }
}

/// The numbers of a repeated field.
pub struct Numbers<'a, K> {
    /// From the first occurrence of the field to the last.
    stretch: Content<'a>,
    field: u32,
    kind: PhantomData<fn() -> K>,
}

// By hand, for derives would ask the same of `K`.
impl<K> Clone for Numbers<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Numbers<'_, K> {}

impl<'a, K: NumberKind> Numbers<'a, K> {
    pub(crate) fn none(field: u32) -> Self {
        Numbers { stretch: Content::default(), field, kind: PhantomData }
    }

    /// Adds an occurrence of this field, which was read from `content` after those already added.
    #[inline]
    pub(crate) fn include(&mut self, content: &Content<'a>, field: &Field<'a>) {
        let start = if self.is_empty() { field.offset() } else { self.stretch.offset() };
        self.stretch = content.window(start, field.end());
    }

    /// Whether the field does not occur at all.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.stretch.bytes().is_empty()
    }

    /// Reads them one by one.
    pub fn iter(&self) -> NumbersIter<'a, K> {
        NumbersIter {
            reader: Some(self.stretch.reader()),
            packed: Content::default().reader(),
            field: self.field,
            kind: PhantomData,
        }
    }

    /// All numbers.
    ///
    /// # Errors
    /// If a number is not encoded as the schema asks for.
    pub fn to_vec(&self) -> Result<Vec<K::Number>, DecodeError> {
        self.iter().collect()
    }
}

impl<K: NumberKind> fmt::Debug for Numbers<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, K: NumberKind> IntoIterator for Numbers<'a, K> {
    type Item = Result<K::Number, DecodeError>;
    type IntoIter = NumbersIter<'a, K>;
    fn into_iter(self) -> NumbersIter<'a, K> {
        self.iter()
    }
}

/// Reads the numbers of [`Numbers`]; ends after the first error.
#[derive(Debug, Clone)]
pub struct NumbersIter<'a, K> {
    /// Gone once there is nothing more to read.
    reader: Option<Reader<'a>>,
    /// What is left of the packed occurrence that is being read.
    packed: Reader<'a>,
    field: u32,
    kind: PhantomData<fn() -> K>,
}

impl<K: NumberKind> NumbersIter<'_, K> {
    fn advance(&mut self) -> Result<Option<K::Number>, DecodeError> {
        let Some(reader) = self.reader.as_mut() else { return Ok(None) };
        loop {
            if let Some(number) = K::next_packed(&mut self.packed)? {
                return Ok(Some(number));
            }
            match reader.next_field()? {
                Some(field) if field.number() != self.field => {}
                Some(field) if matches!(field.value(), WireValue::Len(_)) => self.packed = field.message()?.reader(),
                Some(field) => return K::single(&field).map(Some),
                None => return Ok(None),
            }
        }
    }
}

impl<K: NumberKind> Iterator for NumbersIter<'_, K> {
    type Item = Result<K::Number, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let read = self.advance().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.reader = None;
        }
        read
    }
}

impl<K: NumberKind> FusedIterator for NumbersIter<'_, K> {}
