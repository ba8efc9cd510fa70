//! `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

use std::sync::Arc;

use otlp_sdk::trace::{
    Sampler,
    sampler::{AlwaysOff, AlwaysOn, ParentBased, TraceIdRatio},
};

use super::reader::Reader;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

#[derive(Clone, Copy)]
enum Kind {
    AlwaysOn,
    AlwaysOff,
    Ratio,
    ParentBasedAlwaysOn,
    ParentBasedAlwaysOff,
    ParentBasedRatio,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    pub(super) fn sampler(&mut self) -> Option<Arc<dyn Sampler>> {
        let kind = self.one_of(
            SAMPLER,
            &[
                ("always_on", Kind::AlwaysOn),
                ("always_off", Kind::AlwaysOff),
                ("traceidratio", Kind::Ratio),
                ("parentbased_always_on", Kind::ParentBasedAlwaysOn),
                ("parentbased_always_off", Kind::ParentBasedAlwaysOff),
                ("parentbased_traceidratio", Kind::ParentBasedRatio),
            ],
        )?;
        Some(match kind {
            Kind::AlwaysOn => Arc::new(AlwaysOn),
            Kind::AlwaysOff => Arc::new(AlwaysOff),
            Kind::ParentBasedAlwaysOn => Arc::new(ParentBased::new(AlwaysOn)),
            Kind::ParentBasedAlwaysOff => Arc::new(ParentBased::new(AlwaysOff)),
            Kind::Ratio => match self.ratio() {
                Some(ratio) => Arc::new(ratio),
                None => Arc::new(AlwaysOn),
            },
            Kind::ParentBasedRatio => match self.ratio() {
                Some(ratio) => Arc::new(ParentBased::new(ratio)),
                None => Arc::new(ParentBased::new(AlwaysOn)),
            },
        })
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
