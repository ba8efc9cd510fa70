//! A batch: encoded records on their way to a destination, as one request.

use std::{fmt, sync::Arc};

use bytes::{Bytes, BytesMut};
use otlp_core::{
    EncodedRequest, Signal,
    data::{Resource, Scope},
    wire::{encode, split},
};

use crate::envelope::{ResourceEnvelope, ScopeEnvelope};

/// Consecutive records of one scope: whole entries of field 2 of `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`.
#[derive(Clone)]
pub struct Fragment {
    pub(crate) scope: Arc<ScopeEnvelope>,
    pub(crate) entries: Bytes,
    pub(crate) items: u64,
    /// How many bytes of the memory budget its buffer takes: of one that fragments share, each its part.
    pub(crate) held: usize,
}

impl Fragment {
    /// The scope of all records.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope.scope
    }

    /// The encoded records, each with tag and length.
    pub fn entries(&self) -> &Bytes {
        &self.entries
    }

    /// How many spans, log records or data points they are.
    pub fn items(&self) -> u64 {
        self.items
    }
}

/// Encoded records of one signal that travel together. Clones and halves share the bytes.
#[derive(Clone)]
pub struct Batch {
    signal: Signal,
    sequence: u64,
    items: u64,
    resource: Arc<ResourceEnvelope>,
    fragments: Vec<Fragment>,
    /// Its requests are copies ([`PipelineBuilder::zero_copy`](crate::PipelineBuilder::zero_copy)).
    is_copied: bool,
}

impl Batch {
    pub(crate) fn new(
        signal: Signal,
        sequence: u64,
        resource: Arc<ResourceEnvelope>,
        fragments: Vec<Fragment>,
    ) -> Self {
        let items = fragments.iter().map(|fragment| fragment.items).sum();
        Batch { signal, sequence, items, resource, fragments, is_copied: false }
    }

    /// The signal of all records.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The batch's place in the order in which batches closed.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How many spans, log records or data points it holds.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// How many bytes its records have, without the envelope.
    pub fn bytes(&self) -> usize {
        self.fragments.iter().map(|fragment| fragment.entries.len()).sum()
    }

    /// The resource of all records.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource.resource
    }

    /// The records by scope.
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// The request: envelope and records in order, the records shared and not copied; without
    /// [`PipelineBuilder::zero_copy`](crate::PipelineBuilder::zero_copy) all of it is one copy.
    pub fn to_request(&self) -> EncodedRequest {
        let groups: Vec<&[Fragment]> = self.fragments.chunk_by(|a, b| Arc::ptr_eq(&a.scope, &b.scope)).collect();
        let group_lens: Vec<usize> = groups.iter().map(|group| group_len(group)).collect();
        let resource_len = self.resource.prefix.len()
            + group_lens.iter().map(|len| encode::bytes_len(2, *len)).sum::<usize>()
            + self.resource.suffix.len();

        // All that is not record goes into one buffer, cut into the slices between the records.
        let mut headers = Headers::default();
        encode::put_len(&mut headers.bytes, 1, resource_len);
        headers.bytes.extend_from_slice(&self.resource.prefix);
        for (group, len) in groups.iter().zip(group_lens) {
            encode::put_len(&mut headers.bytes, 2, len);
            headers.bytes.extend_from_slice(&group[0].scope.prefix);
            headers.cut(group.iter().map(|fragment| &fragment.entries));
            headers.bytes.extend_from_slice(&group[0].scope.suffix);
        }
        headers.bytes.extend_from_slice(&self.resource.suffix);
        let segments = headers.join();
        let segments = if self.is_copied { vec![segments.concat().into()] } else { segments };
        EncodedRequest::new(self.signal, self.items, segments)
    }

    /// Two batches with about half of the items each; `None` if there is only one item, which nothing can split.
    pub fn split(&self) -> Option<(Batch, Batch)> {
        let (first, second) = match self.fragments.as_slice() {
            [one] => {
                // Entries that cannot be read cannot be split either: they share one fate.
                let halves = split::halves(self.signal, &one.entries).ok()??;
                let part =
                    |entries, items, held| vec![Fragment { scope: Arc::clone(&one.scope), entries, items, held }];
                let held = one.held / 2;
                (
                    part(halves.first, halves.first_items, held),
                    part(halves.second, halves.second_items, one.held - held),
                )
            }
            fragments => {
                let mut taken = 0;
                let fits = |one: &&Fragment| {
                    taken += one.items;
                    taken <= self.items / 2
                };
                let at = fragments.iter().take_while(fits).count().max(1);
                let (first, second) = fragments.split_at_checked(at)?;
                (first.to_vec(), second.to_vec())
            }
        };
        (!first.is_empty() && !second.is_empty()).then(|| (self.with_fragments(first), self.with_fragments(second)))
    }

    /// A part of the batch.
    pub(crate) fn with_fragments(&self, fragments: Vec<Fragment>) -> Batch {
        Batch::new(self.signal, self.sequence, Arc::clone(&self.resource), fragments).copying(self.is_copied)
    }

    /// How many bytes of the memory budget it takes. The buffers of small fragments are mostly empty, and count in full.
    pub(crate) fn held(&self) -> usize {
        self.fragments.iter().map(|fragment| fragment.held).sum()
    }

    /// The batch with all records in one buffer that takes `held` bytes of the memory budget.
    pub(crate) fn in_buffer_of(mut self, held: usize) -> Batch {
        if let Some(first) = self.fragments.first_mut() {
            first.held = held;
        }
        self
    }

    /// The batch with another count of items: what was counted when it was recorded is what the ledger knows.
    pub(crate) fn with_items(mut self, items: u64) -> Batch {
        let excess = self.items.saturating_sub(items);
        let missing = items.saturating_sub(self.items);
        if let Some(last) = self.fragments.last_mut() {
            last.items = last.items.saturating_sub(excess) + missing;
        }
        self.items = items;
        self
    }

    /// This part of a batch with the one behind it, as one again.
    pub(crate) fn followed_by(&self, next: &Batch) -> Batch {
        let fragments = self.fragments.iter().chain(&next.fragments).cloned().collect();
        Batch::new(self.signal, self.sequence, Arc::clone(&self.resource), fragments).copying(self.is_copied)
    }

    /// The batch, whose requests are copies or not.
    pub(crate) fn copying(mut self, is_copied: bool) -> Batch {
        self.is_copied = is_copied;
        self
    }
}

#[cfg(test)]
impl Batch {
    /// A batch of traces with so many items, each an empty span.
    pub(crate) fn of_items(sequence: u64, items: u64) -> Arc<Batch> {
        let scope = Arc::new(ScopeEnvelope::new(0, Scope::default()));
        let resource = Arc::new(ResourceEnvelope::new(Resource::default()));
        let fragment = Fragment { scope, entries: [0x12, 0].repeat(items as usize).into(), items, held: 4 << 10 };
        Arc::new(Batch::new(Signal::Traces, sequence, resource, vec![fragment]))
    }
}

impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragment")
            .field("scope", &self.scope.scope.name)
            .field("items", &self.items)
            .field("bytes", &self.entries.len())
            .finish()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("signal", &self.signal)
            .field("sequence", &self.sequence)
            .field("fragments", &self.fragments)
            .finish_non_exhaustive()
    }
}

/// The content length of the `Scope…` message of fragments that share a scope.
fn group_len(group: &[Fragment]) -> usize {
    let scope = &group[0].scope;
    scope.prefix.len() + group.iter().map(|fragment| fragment.entries.len()).sum::<usize>() + scope.suffix.len()
}

/// Collects header bytes and the places where records go between them.
#[derive(Default)]
struct Headers {
    bytes: Vec<u8>,
    cuts: Vec<(usize, Vec<Bytes>)>,
}

impl Headers {
    fn cut<'a>(&mut self, records: impl Iterator<Item = &'a Bytes>) {
        self.cuts.push((self.bytes.len(), records.cloned().collect()));
    }

    fn join(self) -> Vec<Bytes> {
        let mut headers = BytesMut::from(&self.bytes[..]).freeze();
        let mut segments =
            Vec::with_capacity(self.cuts.iter().map(|(_, records)| records.len() + 1).sum::<usize>() + 1);
        let mut done = 0;
        for (at, records) in self.cuts {
            segments.push(headers.split_to(at - done));
            segments.extend(records);
            done = at;
        }
        if !headers.is_empty() {
            segments.push(headers);
        }
        segments
    }
}
