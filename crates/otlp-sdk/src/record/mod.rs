//! A record while it is being made: protobuf fields in a buffer that outlives the record.
//!
//! Fields are encoded when they are set, and what has been encoded is always whole: code of the user that runs in
//! between (an attribute value, an iterator of attributes) may panic or lie about its length, and its bytes do not
//! count. A record never exceeds the size that it was begun with.

mod attribute_list;
mod entry_buffer;
mod pool;
mod short_entry;
mod uncommitted;

use entry_buffer::EntryBuffer;
use otlp_core::{AttributeSet, ValueRef, wire::encode};

pub(crate) use self::{
    attribute_list::{AttributeLimit, AttributeList},
    pool::{give_back, take},
    uncommitted::Uncommitted,
};
use crate::{logs::LogProgress, trace::SpanProgress};

/// Room kept for the fields of known size that are written when a record ends: times, counts, ids, tags and lengths.
pub(crate) const TAIL: usize = 96;

/// The buffers of one span or log record. The message is `fields` and the attributes: protobuf allows any order.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// The fields that are no attributes, whole.
    pub(crate) fields: Vec<u8>,
    /// The attributes of the record itself.
    pub(crate) attributes: AttributeList,
    /// What may be replaced until the end: the message of a span's status.
    pub(crate) text: Vec<u8>,
    /// The attributes of the event or link that is being added.
    pub(crate) part: AttributeList,
    /// Where an error prints itself.
    pub(crate) message: String,
    /// The largest size of the record, in bytes.
    max_bytes: usize,
    /// The limit of `attributes`.
    limit: AttributeLimit,
    /// What only spans have; each one begins it anew.
    pub(crate) span: SpanProgress,
    /// What only log records have; each one begins it anew.
    pub(crate) log: LogProgress,
}

impl Recording {
    /// How many bytes may be added.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.max_bytes.saturating_sub(self.len() + self.text.len() + TAIL)
    }

    /// The length of the message so far.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.fields.len() + self.attributes.entries().len()
    }

    /// Appends the message to `out`, as `field`.
    #[inline]
    pub(crate) fn put(&self, out: &mut Vec<u8>, field: u32) {
        encode::put_len(out, field, self.len());
        out.extend_from_slice(&self.fields);
        out.extend_from_slice(self.attributes.entries());
    }

    /// Sets an attribute of the record itself.
    #[inline]
    pub(crate) fn set_attribute(&mut self, field: u32, key: &str, value: ValueRef<'_>) {
        let max_len = self.max_bytes.saturating_sub(self.fields.len() + self.text.len() + TAIL);
        self.attributes.set(field, key, value, &self.limit, max_len);
    }

    /// Encodes the attributes of an event or link into `part`, as `field`, within `max_len` bytes.
    pub(crate) fn encode_part(
        &mut self,
        field: u32,
        attributes: impl AttributeSet,
        limit: &AttributeLimit,
        max_len: usize,
    ) {
        self.part.clear();
        attributes.for_each(|key, value| self.part.set(field, key, value, limit, max_len));
    }

    /// Forgets the content and keeps the buffers.
    fn clear(&mut self) {
        self.fields.clear();
        self.attributes.clear();
        self.text.clear();
        self.part.clear();
    }

    /// The size of the largest buffer.
    fn largest_buffer(&self) -> usize {
        let lists = self.attributes.largest_buffer().max(self.part.largest_buffer());
        lists.max(self.fields.capacity()).max(self.text.capacity()).max(self.message.capacity())
    }
}
