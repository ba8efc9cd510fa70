//! The W3C Baggage format: the header `baggage`.

use super::{Baggage, header};
use crate::{
    TraceContext,
    propagation::{Extract, Inject, Propagator},
};

const BAGGAGE: &str = "baggage";

/// Carries baggage by W3C Baggage. Carries no trace context.
///
/// Names that are no HTTP token do not travel; values travel percent-encoded. Of metadata, properties whose name is no
/// token stay behind. At most 180 members and 8192 bytes are written and read; what is beyond is left out by whole
/// members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BaggagePropagator;

impl Propagator for BaggagePropagator {
    fn inject(&self, _: &TraceContext, baggage: &Baggage, carrier: &mut dyn Inject) {
        let value = header::encode(baggage);
        if !value.is_empty() {
            carrier.set(BAGGAGE, value);
        }
    }

    fn extract(&self, carrier: &dyn Extract) -> (Option<TraceContext>, Baggage) {
        (None, header::decode(&carrier.get_all(BAGGAGE)))
    }

    fn fields(&self) -> Vec<&'static str> {
        vec![BAGGAGE]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn baggage_travels_without_a_trace() {
        let baggage =
            Baggage::default().with("tenant", "blue & green").with_metadata("tier", "gold", "priority=low;sticky");
        let mut carrier = HashMap::new();
        BaggagePropagator.inject(&TraceContext::default(), &baggage, &mut carrier);
        assert_eq!(carrier["baggage"], "tenant=blue%20&%20green,tier=gold;priority=low;sticky");
        assert_eq!(BaggagePropagator.extract(&carrier), (None, baggage));
    }

    #[test]
    fn nothing_is_written_for_no_baggage() {
        let mut carrier = HashMap::new();
        BaggagePropagator.inject(&TraceContext::default(), &Baggage::default(), &mut carrier);
        BaggagePropagator.inject(&TraceContext::default(), &Baggage::default().with("no token", "1"), &mut carrier);
        assert!(carrier.is_empty());
    }

    #[test]
    fn several_headers_are_one() {
        let carrier: Vec<_> = ["a=1", "b=2"].map(|value| ("Baggage".to_owned(), value.to_owned())).into();
        assert_eq!(BaggagePropagator.extract(&carrier).1, Baggage::from_iter([("a", "1"), ("b", "2")]));
    }
}
