//! A batch as it stands on the disk: the very request that is sent. Reading one back finds the records of each scope in
//! it, without copying them.

use std::sync::Arc;

use bytes::Bytes;
use otlp_core::{
    Signal,
    data::{Resource, Scope},
    wire::{
        decode::{DecodeError, Reader},
        split,
        view::{LogView, ResourceRecords, ScopeRecords, View},
    },
};

use crate::{
    Batch, Fragment,
    envelope::{ResourceEnvelope, ScopeEnvelope},
};

/// Reads batches back. It keeps the envelopes it has seen last: most batches of a queue share them.
#[derive(Debug, Default)]
pub(super) struct BatchReader {
    resource: Option<(Bytes, Arc<ResourceEnvelope>)>,
    scopes: Vec<(Bytes, Arc<ScopeEnvelope>)>,
}

/// How many scopes are remembered.
const SCOPES: usize = 64;

impl BatchReader {
    /// The batch that `request` was made of, with another sequence. What its buffer takes of the memory budget, the caller
    /// knows.
    ///
    /// # Errors
    /// If it is no request of ours: its checksum was good, so another program wrote it.
    pub(super) fn read(&mut self, signal: Signal, sequence: u64, request: &Bytes) -> Result<Batch, DecodeError> {
        let mut fragments = Vec::new();
        let mut resource = Bytes::new();
        let mut reader = Reader::new(request);
        while let Some(group) = reader.next_field()? {
            let mut envelope = Vec::new();
            let mut inside = group.message()?.reader();
            while let Some(field) = inside.next_field()? {
                match field.number() {
                    2 => {
                        let content = request.slice(field.end() - field.bytes()?.len()..field.end());
                        fragments.extend(self.scope(signal, &content)?);
                    }
                    _ => envelope.extend_from_slice(&request[field.offset()..field.end()]),
                }
            }
            resource = envelope.into();
        }
        let resource = self.resource(resource)?;
        Ok(Batch::new(signal, sequence, resource, fragments))
    }

    /// The records of one scope, which stand side by side.
    fn scope(&mut self, signal: Signal, content: &Bytes) -> Result<Option<Fragment>, DecodeError> {
        let mut envelope = Vec::new();
        let mut records: Option<(usize, usize)> = None;
        let mut reader = Reader::new(content);
        while let Some(field) = reader.next_field()? {
            match field.number() {
                2 => records = Some((records.map_or(field.offset(), |(first, _)| first), field.end())),
                _ => envelope.extend_from_slice(&content[field.offset()..field.end()]),
            }
        }
        let Some((first, end)) = records else { return Ok(None) };
        let entries = content.slice(first..end);
        let items = split::item_count(signal, &entries)?;
        Ok(Some(Fragment { scope: self.scope_envelope(envelope.into())?, entries, items, held: 0 }))
    }

    fn resource(&mut self, encoded: Bytes) -> Result<Arc<ResourceEnvelope>, DecodeError> {
        if let Some((known, envelope)) = &self.resource
            && *known == encoded
        {
            return Ok(Arc::clone(envelope));
        }
        // The envelopes of the three signals are alike.
        let resource: Resource = ResourceRecords::<LogView<'_>>::parse(&encoded)?.to_resource()?;
        let envelope = Arc::new(ResourceEnvelope::new(resource));
        self.resource = Some((encoded, Arc::clone(&envelope)));
        Ok(envelope)
    }

    fn scope_envelope(&mut self, encoded: Bytes) -> Result<Arc<ScopeEnvelope>, DecodeError> {
        if let Some((_, envelope)) = self.scopes.iter().find(|(known, _)| *known == encoded) {
            return Ok(Arc::clone(envelope));
        }
        let scope: Scope = ScopeRecords::<LogView<'_>>::parse(&encoded)?.to_scope()?;
        // The index tells scopes apart where records are collected, which these are no more.
        let envelope = Arc::new(ScopeEnvelope::new(usize::MAX, scope));
        if self.scopes.len() == SCOPES {
            self.scopes.remove(0);
        }
        self.scopes.push((encoded, Arc::clone(&envelope)));
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests {
    use otlp_core::wire::encode;

    use super::*;

    fn written() -> Batch {
        let resource = Resource { schema_url: "https://example.org/r".into(), ..Resource::default() };
        let scope = |name: &str| Scope { name: name.into(), version: "1".into(), ..Scope::default() };
        let fragment = |index, name: &str, bodies: &[&str]| {
            let mut entries = Vec::new();
            for body in bodies {
                let mut record = Vec::new();
                encode::put_string(&mut record, 3, body);
                encode::put_bytes(&mut entries, 2, &record);
            }
            let scope = Arc::new(ScopeEnvelope::new(index, scope(name)));
            Fragment { scope, entries: entries.into(), items: bodies.len() as u64, held: 0 }
        };
        let fragments = vec![fragment(0, "a", &["one", "two"]), fragment(1, "b", &["three"])];
        Batch::new(Signal::Logs, 1, Arc::new(ResourceEnvelope::new(resource)), fragments)
    }

    #[test]
    fn what_was_written_is_read_without_copying_the_records() {
        let batch = written();
        let request: Bytes = batch.to_request().segments().concat().into();
        let mut reader = BatchReader::default();
        let read = reader.read(Signal::Logs, 9, &request).unwrap();
        assert_eq!((read.sequence(), read.items()), (9, 3));
        assert_eq!(read.resource(), batch.resource());
        for (read, written) in read.fragments().iter().zip(batch.fragments()) {
            assert_eq!(
                (read.scope(), read.entries(), read.items()),
                (written.scope(), written.entries(), written.items())
            );
            assert!(request.as_ptr_range().contains(&read.entries().as_ptr()));
        }
        assert_eq!(read.to_request().segments().concat(), request);
        let again = reader.read(Signal::Logs, 10, &request).unwrap();
        assert!(
            Arc::ptr_eq(read.resource(), again.resource())
                && Arc::ptr_eq(read.fragments()[1].scope(), again.fragments()[1].scope())
        );
    }

    #[test]
    fn bytes_that_are_no_request_are_refused() {
        let mut reader = BatchReader::default();
        let request: Bytes = written().to_request().segments().concat().into();
        for cut in 1..request.len() {
            assert!(reader.read(Signal::Logs, 1, &request.slice(..cut)).is_err(), "cut at {cut}");
        }
    }
}
