//! A repeated message field, read as it is iterated.

use std::{fmt, iter::FusedIterator, marker::PhantomData};

use crate::wire::decode::{Content, DecodeError, Field, Reader};

/// What can be read from the content of a message.
pub trait View<'a>: Sized {
    /// Reads the message's own fields.
    ///
    /// # Errors
    /// What is wrong with these fields. What is nested is looked at when it is iterated.
    fn read(content: Content<'a>) -> Result<Self, DecodeError>;

    /// [`View::read`] for the bytes of an outermost message.
    ///
    /// # Errors
    /// As [`View::read`].
    fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::read(Content::new(bytes))
    }
}

/// The messages of a repeated field.
///
/// It remembers the stretch of bytes from the first message of the field to the last, so that iterating costs one pass
/// over that stretch, which holds nothing else in all encodings that writers produce.
pub struct Messages<'a, T> {
    stretch: Content<'a>,
    field: u32,
    message: PhantomData<fn() -> T>,
}

// By hand, for derives would ask the same of `T`.
impl<T> Clone for Messages<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Messages<'_, T> {}

impl<'a, T> Messages<'a, T> {
    /// No message yet of the field with this number.
    pub(crate) fn none(field: u32) -> Self {
        Messages::within(Content::default(), field)
    }

    /// The messages of the field with this number in `content`, found in one pass that reads none of them.
    pub(crate) fn of(content: Content<'a>, field: u32) -> Result<Self, DecodeError> {
        let mut messages = Messages::none(field);
        let mut reader = content.reader();
        while let Some(found) = reader.next_field()? {
            if found.number() == field {
                messages.include(&content, &found)?;
            }
        }
        Ok(messages)
    }

    /// The same without the pass: whatever else is in `content` is skipped while iterating.
    pub(crate) fn within(content: Content<'a>, field: u32) -> Self {
        Messages { stretch: content, field, message: PhantomData }
    }

    /// Adds a message of this field, which was read from `content` after those already added.
    #[inline]
    pub(crate) fn include(&mut self, content: &Content<'a>, field: &Field<'a>) -> Result<(), DecodeError> {
        field.bytes()?;
        let start = if self.is_empty() { field.offset() } else { self.stretch.offset() };
        self.stretch = content.window(start, field.end());
        Ok(())
    }

    /// Whether there are none; exact unless made by [`Messages::within`], where other fields count too.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.stretch.bytes().is_empty()
    }

    /// How many there are: one pass that reads none of them.
    ///
    /// # Errors
    /// If the bytes are no protobuf.
    pub fn count(&self) -> Result<usize, DecodeError> {
        let mut reader = self.stretch.reader();
        let mut count = 0;
        while let Some(field) = reader.next_field()? {
            count += usize::from(field.number() == self.field);
        }
        Ok(count)
    }

    /// The fields that hold the messages, not yet read.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Result<Field<'a>, DecodeError>> + use<'a, T> {
        let number = self.field;
        let mut reader = Some(self.stretch.reader());
        std::iter::from_fn(move || next_of(&mut reader, number))
    }
}

impl<'a, T: View<'a>> Messages<'a, T> {
    /// Reads them one by one.
    #[inline]
    pub fn iter(&self) -> MessagesIter<'a, T> {
        MessagesIter { reader: Some(self.stretch.reader()), field: self.field, message: PhantomData }
    }
}

impl<'a, T: View<'a> + fmt::Debug> fmt::Debug for Messages<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: View<'a>> IntoIterator for Messages<'a, T> {
    type Item = Result<T, DecodeError>;
    type IntoIter = MessagesIter<'a, T>;
    fn into_iter(self) -> MessagesIter<'a, T> {
        self.iter()
    }
}

impl<'a, T: View<'a>> IntoIterator for &Messages<'a, T> {
    type Item = Result<T, DecodeError>;
    type IntoIter = MessagesIter<'a, T>;
    fn into_iter(self) -> MessagesIter<'a, T> {
        self.iter()
    }
}

/// Reads the messages of [`Messages`]; ends after the first error.
#[derive(Debug, Clone)]
pub struct MessagesIter<'a, T> {
    /// Gone once there is nothing more to read.
    reader: Option<Reader<'a>>,
    field: u32,
    message: PhantomData<fn() -> T>,
}

impl<'a, T: View<'a>> Iterator for MessagesIter<'a, T> {
    type Item = Result<T, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let read = next_of(&mut self.reader, self.field)?.and_then(|field| T::read(field.message()?));
        if read.is_err() {
            self.reader = None;
        }
        Some(read)
    }
}

impl<'a, T: View<'a>> FusedIterator for MessagesIter<'a, T> {}

/// The next field with this number; the reader is gone at the end and after an error.
#[inline]
fn next_of<'a>(reader: &mut Option<Reader<'a>>, number: u32) -> Option<Result<Field<'a>, DecodeError>> {
    loop {
        match reader.as_mut()?.next_field() {
            Ok(Some(field)) if field.number() == number => return Some(Ok(field)),
            Ok(Some(_)) => {}
            Ok(None) => {
                *reader = None;
                return None;
            }
            Err(error) => {
                *reader = None;
                return Some(Err(error));
            }
        }
    }
}
