//! Where the ids of traces and spans come from.

use std::fmt;

use otlp_core::{SpanId, TraceId};

/// Makes ids (OpenTelemetry specification, Trace SDK, "Id Generators").
///
/// An implementation returns valid ids, not all zero, that are unique in effect; an invalid one is replaced by a random
/// one. It is called on the thread that starts a span and must be quick.
pub trait IdGenerator: Send + Sync + fmt::Debug {
    /// The id of a new trace.
    fn trace_id(&self) -> TraceId;

    /// The id of a new span.
    fn span_id(&self) -> SpanId;

    /// Whether at least the last seven bytes of each trace id are random: then new traces carry the random flag of W3C
    /// Trace Context Level 2, and samplers elsewhere may rely on it.
    fn is_random(&self) -> bool {
        false
    }
}

/// Random ids, from a generator per thread that is quick and not cryptographic.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdGenerator for RandomIds {
    #[inline]
    fn trace_id(&self) -> TraceId {
        loop {
            let id = TraceId::from_bytes(fastrand::u128(..).to_be_bytes());
            if id.is_valid() {
                return id;
            }
        }
    }

    #[inline]
    fn span_id(&self) -> SpanId {
        SpanId::from_bytes(fastrand::u64(1..).to_be_bytes())
    }

    fn is_random(&self) -> bool {
        true
    }
}

/// A valid trace id from `ids`.
#[inline]
pub(super) fn trace_id(ids: &dyn IdGenerator) -> TraceId {
    Some(ids.trace_id()).filter(|id| id.is_valid()).unwrap_or_else(|| RandomIds.trace_id())
}

/// A valid span id from `ids`.
#[inline]
pub(super) fn span_id(ids: &dyn IdGenerator) -> SpanId {
    Some(ids.span_id()).filter(|id| id.is_valid()).unwrap_or_else(|| RandomIds.span_id())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[derive(Debug)]
    struct Zeros;

    impl IdGenerator for Zeros {
        fn trace_id(&self) -> TraceId {
            TraceId::INVALID
        }
        fn span_id(&self) -> SpanId {
            SpanId::INVALID
        }
    }

    #[test]
    fn an_invalid_id_is_never_used() {
        assert!(trace_id(&Zeros).is_valid());
        assert!(span_id(&Zeros).is_valid());
    }

    #[test]
    fn random_ids_differ_and_use_all_bytes() {
        let ids: HashSet<TraceId> = (0..10_000).map(|_| RandomIds.trace_id()).collect();
        assert_eq!(ids.len(), 10_000);
        for byte in 0..16 {
            let values: HashSet<u8> = ids.iter().map(|id| id.as_bytes()[byte]).collect();
            assert_eq!(values.len(), 256, "byte {byte}");
        }
        let spans: HashSet<SpanId> = (0..10_000).map(|_| RandomIds.span_id()).collect();
        assert_eq!(spans.len(), 10_000);
    }
}
