//! `OTEL_PROPAGATORS`.

use std::sync::Arc;

use otlp_core::propagation::CompositePropagator;

use super::reader::Reader;
use crate::config::PropagatorName;

const PROPAGATORS: &str = "OTEL_PROPAGATORS";

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// The propagators in their order, each once. One that is not known is left out; if none is known, the default stays.
    pub(super) fn propagator(&mut self) -> Option<Arc<CompositePropagator>> {
        let choices = [
            ("tracecontext", Some(PropagatorName::TraceContext)),
            ("baggage", Some(PropagatorName::Baggage)),
            ("b3", Some(PropagatorName::B3)),
            ("b3multi", Some(PropagatorName::B3Multi)),
            ("jaeger", Some(PropagatorName::Jaeger)),
            ("none", None),
        ];
        let mut kinds = Vec::new();
        for part in self.list(PROPAGATORS)? {
            match choices.iter().find(|(name, _)| *name == part) {
                Some((_, kind)) => kinds.push(*kind),
                None => {
                    let accepted: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                    let problem = format!("{part:?} is not known; accepted: {}; it is left out", accepted.join(", "));
                    self.warn(PROPAGATORS, problem);
                }
            }
        }
        if kinds.is_empty() {
            return None;
        }
        if kinds.contains(&None) && kinds.len() > 1 {
            self.warn(PROPAGATORS, "none stands beside others; using none".to_owned());
            kinds.clear();
        }
        let names: Vec<PropagatorName> = kinds.into_iter().flatten().collect();
        Some(Arc::new(PropagatorName::composite(&names)))
    }
}
