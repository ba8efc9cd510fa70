//! `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

use std::sync::Arc;

use otlp_sdk::trace::{Sampler, sampler::TraceIdRatio};

use super::reader::Reader;
use crate::config::SamplerName;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn sampler(&mut self) -> Option<Arc<dyn Sampler>> {
        let kind = self.one_of(
            SAMPLER,
            &[
                ("always_on", SamplerName::AlwaysOn),
                ("always_off", SamplerName::AlwaysOff),
                ("traceidratio", SamplerName::TraceIdRatio),
                ("parentbased_always_on", SamplerName::ParentBasedAlwaysOn),
                ("parentbased_always_off", SamplerName::ParentBasedAlwaysOff),
                ("parentbased_traceidratio", SamplerName::ParentBasedTraceIdRatio),
            ],
        );
        if kind.is_some_and(SamplerName::takes_ratio) {
            let ratio = self.ratio();
            return kind.map(|kind| kind.sampler(ratio));
        }
        if let Some(value) = self.text(ARGUMENT) {
            let accepted = "set that to traceidratio or parentbased_traceidratio";
            self.warn(
                ARGUMENT,
                format!("{value:?} is not used, for {SAMPLER} names no sampler that takes it: {accepted}"),
            );
        }
        kind.map(|kind| kind.sampler(None))
    }

    /// `None` for its default, which is all.
    fn ratio(&mut self) -> Option<TraceIdRatio> {
        let value = self.text(ARGUMENT)?;
        let ratio = value.parse().ok().and_then(|ratio| TraceIdRatio::new(ratio).ok());
        if ratio.is_none() {
            self.warn(ARGUMENT, format!("{value:?} is not accepted: it takes a number from 0 to 1; using 1"));
        }
        ratio
    }
}
