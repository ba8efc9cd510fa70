//! A record while it is being made: protobuf fields in a buffer that outlives the record.
//!
//! Fields are encoded when they are set, and what has been encoded is always whole: code of the user that runs in
//! between (an attribute value, an iterator of attributes) may panic or lie about its length, and the bytes are rolled
//! back. A record never exceeds the size that it was begun with.

mod attribute_table;
mod pool;
mod short_entry;
mod uncommitted;

use otlp_core::{AttributeSet, ValueRef, wire::encode::ValueLimit};

pub(crate) use self::{
    attribute_table::{AttributeLimit, AttributeTable},
    pool::{give_back, take},
    uncommitted::Uncommitted,
};
use crate::{logs::LogProgress, trace::SpanProgress};

/// Room kept for the fields of known size that are written when a record ends: times, counts, ids, tags and lengths.
pub(crate) const TAIL: usize = 96;

/// The buffers of one span or log record.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// Fields of the message, whole.
    pub(crate) body: Vec<u8>,
    /// Where the attributes are in `body`.
    pub(crate) attributes: AttributeTable,
    /// What may be replaced until the end: the message of a span's status.
    pub(crate) text: Vec<u8>,
    /// Where an event or a link is put together.
    pub(crate) part: Part,
    /// The largest size of the record.
    pub(crate) max_bytes: usize,
    /// What only spans have; each one begins it anew.
    pub(crate) span: SpanProgress,
    /// What only log records have; each one begins it anew.
    pub(crate) log: LogProgress,
}

/// A message within the record.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    attributes: AttributeTable,
    /// Where an error prints itself.
    pub(crate) message: String,
}

impl Recording {
    /// How many bytes may be added.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.max_bytes.saturating_sub(self.body.len() + self.text.len() + TAIL)
    }

    /// Sets an attribute of the record itself.
    #[inline]
    pub(crate) fn set_attribute(&mut self, field: u32, key: &str, value: ValueRef<'_>, limit: AttributeLimit) {
        let max_len = self.body.len() + self.room();
        self.attributes.set(&mut self.body, max_len, field, key, value, limit);
    }

    /// Forgets the content and keeps the buffers.
    fn clear(&mut self) {
        self.body.clear();
        self.attributes.clear();
        self.text.clear();
        self.part.clear();
    }

    /// The size of the largest buffer.
    fn largest_buffer(&self) -> usize {
        let part = &self.part;
        let buffers = [self.body.capacity(), self.text.capacity(), part.bytes.capacity(), part.message.capacity()];
        buffers.into_iter().fold(self.attributes.memory().max(part.attributes.memory()), usize::max)
    }
}

impl Part {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.attributes.clear();
    }

    /// Appends attributes as `field`, and how many a limit removed.
    pub(crate) fn put_attributes(
        &mut self,
        field: u32,
        attributes: impl AttributeSet,
        count: usize,
        value_length: ValueLimit,
        max_len: usize,
    ) -> u32 {
        let limit = AttributeLimit { count, value_length };
        attributes.for_each(|key, value| self.attributes.set(&mut self.bytes, max_len, field, key, value, limit));
        self.attributes.dropped()
    }
}
