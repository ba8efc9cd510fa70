//! A batch of spans as one batch per trace, for destinations that keep the spans of a trace together. What must hold: each
//! span is in exactly one of them, and none is copied.

use std::{collections::HashMap, sync::Arc};

use otlp_core::{
    Signal, TraceId,
    wire::{decode::DecodeError, split},
};

use crate::{Batch, Fragment};

impl Batch {
    /// The spans of each trace as a batch of their own, in the order in which the traces begin here. They share the bytes
    /// of this one. Records that are no spans stay together, without a trace.
    ///
    /// # Errors
    /// If the spans cannot be read.
    pub fn by_trace(&self) -> Result<Vec<(TraceId, Batch)>, DecodeError> {
        if self.signal() != Signal::Traces {
            return Ok(vec![(TraceId::INVALID, self.clone())]);
        }
        let mut places = HashMap::new();
        let mut traces: Vec<(TraceId, Vec<Fragment>)> = Vec::new();
        for fragment in self.fragments() {
            for run in split::trace_runs(fragment.entries())? {
                let place = *places.entry(run.trace_id).or_insert_with(|| {
                    traces.push((run.trace_id, Vec::new()));
                    traces.len() - 1
                });
                let scope = Arc::clone(&fragment.scope);
                // The whole batch accounts for the buffer.
                traces[place].1.push(Fragment { scope, entries: run.entries, items: run.items, held: 0 });
            }
        }
        Ok(traces.into_iter().map(|(trace, fragments)| (trace, self.with_fragments(fragments))).collect())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use otlp_core::{
        data::{Resource, Scope, SpanData},
        wire::{
            encode,
            view::{TracesView, View},
        },
    };

    use super::*;
    use crate::envelope::{ResourceEnvelope, ScopeEnvelope};

    fn span(trace: u8, name: &str) -> SpanData {
        SpanData { trace_id: TraceId::from_bytes([trace; 16]), name: name.into(), ..Default::default() }
    }

    fn entries(spans: &[SpanData]) -> Bytes {
        let mut entries = Vec::new();
        for span in spans {
            let mut content = Vec::new();
            encode::span(span, &mut content);
            encode::put_bytes(&mut entries, 2, &content);
        }
        entries.into()
    }

    #[test]
    fn every_span_is_in_the_batch_of_its_trace_alone() {
        let scope = |index| Arc::new(ScopeEnvelope::new(index, Scope::default()));
        let resource = Arc::new(ResourceEnvelope::new(Resource::default()));
        let fragment = |index, spans: &[SpanData]| Fragment {
            scope: scope(index),
            entries: entries(spans),
            items: spans.len() as u64,
            held: 0,
        };
        let fragments = vec![
            fragment(0, &[span(1, "a"), span(1, "b"), span(2, "c"), span(1, "d")]),
            fragment(1, &[span(2, "e"), span(3, "f")]),
        ];
        let batch = Batch::new(Signal::Traces, 7, resource, fragments);
        let mut found = Vec::new();
        for (trace, part) in batch.by_trace().unwrap() {
            let request = part.to_request().to_contiguous();
            let mut names = String::new();
            for of_resource in TracesView::parse(&request).unwrap().resources {
                for of_scope in of_resource.unwrap().scopes {
                    for span in of_scope.unwrap().records {
                        let span = span.unwrap();
                        assert_eq!(span.trace_id, trace);
                        names.push_str(span.name);
                    }
                }
            }
            assert_eq!(part.items(), names.len() as u64);
            found.push(names);
        }
        assert_eq!(found, ["abd", "ce", "f"]);
    }
}
