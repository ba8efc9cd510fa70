//! What samplers see, and what becomes of their answers.

use std::sync::{Arc, Mutex};

use otlp_core::{KeyValue, TraceContext, Value, data::SpanKind};
use otlp_sdk::trace::{
    Sampler, TraceConfig,
    sampler::{AlwaysOff, Decision, SamplingParameters, SamplingResult, TraceIdRatio, TraceStateChange},
};

use crate::collected::{Collected, pair, string};

/// What a sampler was shown.
type Seen = (String, SpanKind, bool, Vec<(String, Value)>, usize);

#[derive(Debug, Clone)]
struct Scripted {
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: SamplingResult,
}

impl Scripted {
    fn answering(answer: SamplingResult) -> Self {
        Scripted { seen: Arc::default(), answer }
    }
}

impl Sampler for Scripted {
    fn should_sample(&self, span: &SamplingParameters<'_>) -> SamplingResult {
        let mut attributes = Vec::new();
        span.attributes.for_each(&mut |key, value| attributes.push((key.to_owned(), value.to_owned())));
        let seen = (span.name.to_owned(), span.kind, span.parent.is_some(), attributes, span.links.len());
        self.seen.lock().unwrap().push(seen);
        self.answer.clone()
    }

    fn description(&self) -> String {
        "Scripted".into()
    }
}

#[test]
fn a_sampler_sees_what_the_span_starts_with() {
    let collected = Collected::new();
    let sampler = Scripted::answering(Decision::Drop.into());
    let tracer = collected.traces(TraceConfig::default().with_sampler(sampler.clone())).tracer("sampled");
    let parent = tracer.start("root");
    let _active = parent.enter();
    let builder = tracer.span_builder("child").kind(SpanKind::Client).attributes([("a", 1)]);
    drop(builder.link(TraceContext::default(), ()).start());
    let seen = sampler.seen.lock().unwrap().clone();
    assert_eq!(
        seen,
        [
            ("root".into(), SpanKind::Internal, false, vec![], 0),
            ("child".into(), SpanKind::Client, true, vec![("a".into(), Value::I64(1))], 1),
        ]
    );
    assert_eq!(collected.spans(), []);
}

#[test]
fn attributes_and_trace_state_of_the_answer_reach_the_span() {
    let collected = Collected::new();
    let answer = SamplingResult {
        decision: Decision::RecordAndSample,
        attributes: vec![KeyValue::new("sampler", "scripted")],
        trace_state: TraceStateChange::Set("ot=th:8".into()),
    };
    let config = TraceConfig::default().with_sampler(Scripted::answering(answer));
    let span = collected.traces(config).tracer("sampled").start("span");
    assert_eq!(span.context().trace_state.as_deref(), Some("ot=th:8"));
    let cleared = SamplingResult { trace_state: TraceStateChange::Cleared, ..Decision::Drop.into() };
    let config = TraceConfig::default().with_sampler(Scripted::answering(cleared));
    let tracer = collected.traces(config).tracer("sampled");
    let child = tracer.start_with_context("child", SpanKind::Internal, &span.context());
    assert_eq!(child.context().trace_state, None);
    drop((child, span));
    let span = collected.span();
    assert_eq!(span.trace_state, "ot=th:8");
    assert_eq!(span.attributes, [pair("sampler", string("scripted"))]);
}

#[test]
fn a_span_that_is_only_recorded_is_not_exported() {
    let collected = Collected::new();
    let config = TraceConfig::default().with_sampler(Scripted::answering(Decision::RecordOnly.into()));
    let mut span = collected.traces(config).tracer("sampled").start("span");
    assert!(span.is_recording() && !span.context().is_sampled());
    span.set_attribute("a", 1);
    drop(span);
    assert_eq!(collected.spans(), []);
}

#[test]
fn the_default_follows_the_parent_and_samplers_can_be_boxed_and_shared() {
    let collected = Collected::new();
    let samplers: [Box<dyn Sampler>; 2] = [Box::new(AlwaysOff), Box::new(Arc::new(TraceIdRatio::new(0.0).unwrap()))];
    for sampler in samplers {
        let tracer = collected.traces(TraceConfig::default().with_sampler(sampler)).tracer("off");
        let root = tracer.start("root");
        assert!(!root.is_recording());
        let child = collected.tracer().start_with_context("child", SpanKind::Internal, &root.context());
        assert!(!child.is_recording());
    }
    assert!(collected.tracer().start("root").is_recording());
}
