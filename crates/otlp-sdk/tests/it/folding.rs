//! Identical records travel as one, attributes travel as text, and nothing is lost by either.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry_proto::tonic::{common::v1::any_value::Value as Official, logs::v1::LogRecord};
use otlp_batch::{Intake, Producer};
use otlp_core::{Signal, TraceContext, Value, data::Severity};
use otlp_sdk::logs::{LogAggregation, LogConfig, LoggerProvider};
use proptest::prelude::*;

use crate::collected::{Collected, int, pair, string};

fn folding() -> LogConfig {
    let aggregation = LogAggregation { interval: Duration::from_secs(3600), ..LogAggregation::default() };
    LogConfig { aggregation: Some(aggregation), ..LogConfig::default() }
}

fn attribute<'a>(record: &'a LogRecord, key: &str) -> Option<&'a Official> {
    record.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

/// How many records this one stands for.
fn count(record: &LogRecord) -> i64 {
    match attribute(record, "log_count") {
        Some(Official::IntValue(count)) => *count,
        None => 1,
        Some(other) => panic!("log_count is {other:?}"),
    }
}

fn text<'a>(record: &'a LogRecord, key: &str) -> &'a str {
    match attribute(record, key) {
        Some(Official::StringValue(text)) => text,
        other => panic!("{key} is {other:?}"),
    }
}

#[test]
fn identical_records_are_one_with_a_count_and_the_times_of_the_first_and_the_last() {
    let collected = Collected::new();
    let provider = collected.logs(folding());
    let logger = provider.logger("shop");
    for second in [5, 3, 9] {
        let at = UNIX_EPOCH + Duration::from_secs(second);
        let record = logger.record(Severity::Warn).body("card declined").attribute("attempt", 2);
        record.timestamp(at).observed_timestamp(at).emit();
    }
    logger.record(Severity::Warn).body("alone").attribute("attempt", 2).emit();

    let records = collected.log_records();
    assert_eq!(records.len(), 2, "{records:?}");
    let (folded, alone) = (&records[0], &records[1]);
    assert_eq!(folded.body, Some(string("card declined")));
    assert_eq!((folded.severity_number, folded.severity_text.as_str()), (13, "WARN"));
    assert_eq!(folded.attributes[..2], [pair("attempt", int(2)), pair("log_count", int(3))]);
    assert_eq!(text(folded, "first_observed_timestamp"), "1970-01-01T00:00:03.000000000Z");
    assert_eq!(text(folded, "last_observed_timestamp"), "1970-01-01T00:00:09.000000000Z");
    assert_eq!((folded.time_unix_nano, folded.observed_time_unix_nano), (5_000_000_000, 3_000_000_000));
    assert_eq!(alone.attributes, [pair("attempt", int(2))], "one that stays alone is as it was");
    assert_eq!(provider.folded_records(), 2);
    assert_eq!(collected.ledger().signal(Signal::Logs).accepted, 2);
}

#[test]
fn whatever_makes_a_difference_keeps_records_apart() {
    let collected = Collected::new();
    let provider = collected.logs(folding());
    let logger = provider.logger("one");
    let emit = || {
        logger.record(Severity::Info).body("x").attribute("a", 1).attribute("b", "2").emit();
        provider.logger("two").record(Severity::Info).body("x").attribute("a", 1).attribute("b", "2").emit();
        logger.record(Severity::Warn).body("x").attribute("a", 1).attribute("b", "2").emit();
        logger.record(Severity::Info).severity_text("NOTICE").body("x").attribute("a", 1).attribute("b", "2").emit();
        logger.record(Severity::Info).body("y").attribute("a", 1).attribute("b", "2").emit();
        logger.record(Severity::Info).body("x").attribute("a", 2).attribute("b", "2").emit();
        logger.record(Severity::Info).body("x").attribute("a", "1").attribute("b", "2").emit();
        logger.record(Severity::Info).body("x").attribute("a", 1).emit();
        logger.record(Severity::Info).event_name("e").body("x").attribute("a", 1).attribute("b", "2").emit();
    };
    emit();
    emit();
    let records = collected.log_records();
    assert_eq!(records.iter().map(count).collect::<Vec<_>>(), [2; 9], "{records:?}");
}

#[test]
fn the_order_of_attributes_makes_no_difference() {
    let collected = Collected::new();
    let logger = collected.logs(folding()).logger("shop");
    // More attributes than are searched one by one, in orders that differ from map to map.
    for _ in 0..10 {
        let attributes: HashMap<String, Value> =
            (0..40).map(|number| (format!("key {number}"), number.into())).collect();
        logger.record(Severity::Info).body("x").attributes(attributes).emit();
    }
    let record = collected.log_record();
    assert_eq!((count(&record), record.attributes.len()), (10, 43));
}

#[test]
fn a_folded_record_has_the_ids_that_all_have() {
    let collected = Collected::new();
    let logger = collected.logs(folding()).logger("shop");
    let tracer = collected.tracer();
    let (parent, other) = (tracer.start("parent"), tracer.start("other"));
    let child = tracer.start_with_context("child", otlp_core::data::SpanKind::Internal, &parent.context());
    let emit = |body: &str, context: &TraceContext| logger.record(Severity::Info).body(body).context(context).emit();
    for (body, contexts) in [
        ("same span", [parent.context(), parent.context()]),
        ("same trace", [parent.context(), child.context()]),
        ("other trace", [parent.context(), other.context()]),
        ("none", [TraceContext::default(), TraceContext::default()]),
    ] {
        contexts.iter().for_each(|context| emit(body, context));
    }
    let ids: Vec<_> = collected.log_records().into_iter().map(|record| (record.trace_id, record.span_id)).collect();
    let (trace, span) = (parent.context().trace_id.to_bytes().to_vec(), parent.context().span_id.to_bytes().to_vec());
    assert_eq!(ids, [(trace.clone(), span), (trace, vec![]), (vec![], vec![]), (vec![], vec![])]);
}

#[test]
fn what_there_is_no_room_for_goes_its_way_at_once() {
    let collected = Collected::new();
    let few = |max_records, max_bytes| LogConfig {
        aggregation: Some(LogAggregation { interval: Duration::from_secs(3600), max_records, max_bytes }),
        ..LogConfig::default()
    };
    let provider = collected.logs(few(2, 1 << 20));
    for body in ["a", "b", "c", "a", "c"] {
        provider.logger("shop").info(body);
    }
    assert_eq!(collected.ledger().signal(Signal::Logs).accepted, 2, "c goes its way, twice");
    assert_eq!(provider.folded_records(), 1);
    let by_bytes = collected.logs(few(1_000, 50));
    by_bytes.logger("shop").info("x".repeat(100));
    assert_eq!(collected.ledger().signal(Signal::Logs).accepted, 3);
}

#[test]
fn a_record_that_has_the_attributes_of_folding_is_not_folded() {
    let collected = Collected::new();
    let provider = collected.logs(folding());
    for _ in 0..2 {
        provider.logger("shop").record(Severity::Info).body("x").attribute("log_count", 7).emit();
    }
    let records = collected.log_records();
    assert_eq!(records.iter().map(count).collect::<Vec<_>>(), [7, 7]);
    assert_eq!(provider.folded_records(), 0);
}

#[test]
fn a_shutdown_hands_on_what_is_held_back_and_later_records_are_counted_as_lost() {
    let collected = Collected::new();
    let provider = collected.logs(folding());
    let logger = provider.logger("shop");
    logger.info("held");
    logger.info("held");
    assert_eq!(collected.ledger().signal(Signal::Logs).accepted, 0);
    collected.shut_down();
    let logs = *collected.ledger().signal(Signal::Logs);
    assert_eq!((logs.accepted, logs.delivered), (1, 1), "{logs:?}");
    logger.info("late");
    assert_eq!(collected.ledger().lost(), 1);
    assert_eq!(provider.folded_records(), 1);
}

#[test]
fn without_structure_attributes_are_behind_the_message() {
    let collected = Collected::new();
    let provider = collected.logs(LogConfig { is_structured: false, ..LogConfig::default() });
    let logger = provider.logger("shop");
    logger.record(Severity::Warn).body("card declined").attribute("attempt", 1).attribute("by", "A B").emit();
    logger.record(Severity::Warn).attribute("attempt", 1).attribute("attempt", 2).event_name("e").emit();
    logger.record(Severity::Warn).body(HashMap::from([("k", 1)])).attribute("x", 1.5).emit();
    logger.record(Severity::Warn).body(3).emit();
    logger.info("plain");
    let records = collected.log_records();
    let bodies: Vec<_> = records.iter().map(|record| record.body.clone().unwrap()).collect();
    let expected = ["card declined attempt=1 by=\"A B\"", "attempt=2", "{k:1} x=1.5", "3", "plain"].map(string);
    assert_eq!(bodies, expected);
    assert!(records.iter().all(|record| record.attributes.is_empty() && record.dropped_attributes_count == 0));
    assert_eq!((records[1].event_name.as_str(), records[1].severity_text.as_str()), ("e", "WARN"));
}

#[test]
fn text_records_still_say_what_the_limits_left_out_and_fold() {
    let collected = Collected::new();
    let limits = otlp_sdk::logs::LogLimits { attribute_count: 1, value_length: Some(3) };
    let provider = collected.logs(LogConfig { limits, is_structured: false, ..folding() });
    for _ in 0..2 {
        provider.logger("shop").record(Severity::Info).body("x").attributes([("a", "long"), ("b", "y")]).emit();
    }
    let record = collected.log_record();
    assert_eq!((record.body.clone(), record.dropped_attributes_count), (Some(string("x a=lon")), 1));
    assert_eq!(count(&record), 2);
}

/// What a program may do to a folding provider.
#[derive(Debug, Clone)]
enum Step {
    Emit { scope: usize, severity: u8, body: usize, keys: Vec<u8>, in_span: bool },
    Tick,
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    let emit = (0..2usize, 9..11u8, 0..3usize, Just(vec![1u8, 2, 3]).prop_shuffle(), any::<bool>());
    let emit =
        emit.prop_map(|(scope, severity, body, keys, in_span)| Step::Emit { scope, severity, body, keys, in_span });
    prop_oneof![8 => emit, 1 => Just(Step::Tick), 1 => Just(Step::Release)]
}

/// Steps on a provider that folds; what was emitted, by what identifies it.
fn run(
    provider: &LoggerProvider,
    intake: &Intake,
    span: &TraceContext,
    steps: &[Step],
) -> BTreeMap<(String, i32), i64> {
    let (mut emitted, none) = (BTreeMap::new(), TraceContext::default());
    for step in steps {
        match step {
            Step::Emit { scope, severity, body, keys, in_span } => {
                let body = format!("{scope} {body}");
                let logger = provider.logger(format!("scope {scope}"));
                let mut record = logger.record(Severity::from_number(i32::from(*severity))).body(&body);
                for key in keys {
                    record = record.attribute(format!("key {key}"), *key);
                }
                record.context(if *in_span { span } else { &none }).emit();
                *emitted.entry((body, i32::from(*severity))).or_default() += 1;
            }
            Step::Tick => provider.tick(intake),
            Step::Release => provider.release(intake),
        }
    }
    emitted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sum_of_the_counts_is_what_was_emitted(
        steps in prop::collection::vec(step(), 0..200),
        max_records in 0..8usize,
        is_due_at_once in any::<bool>(),
    ) {
        let collected = Collected::new();
        let interval = if is_due_at_once { Duration::ZERO } else { Duration::from_secs(3600) };
        let aggregation = LogAggregation { interval, max_records, ..LogAggregation::default() };
        let provider = collected.logs(LogConfig { aggregation: Some(aggregation), ..LogConfig::default() });
        let span = collected.tracer().start("span").context();
        let emitted = run(&provider, collected.intake(), &span, &steps);

        let mut arrived = BTreeMap::new();
        let records = collected.log_records();
        for record in &records {
            let Some(Official::StringValue(body)) = record.body.clone().and_then(|body| body.value) else {
                panic!("a body is a text");
            };
            *arrived.entry((body, record.severity_number)).or_default() += count(record);
        }
        prop_assert_eq!(&arrived, &emitted);
        let total: i64 = emitted.values().sum();
        let accepted = collected.ledger().signal(Signal::Logs).accepted;
        prop_assert_eq!(accepted, records.len() as u64);
        prop_assert_eq!(accepted + provider.folded_records(), total as u64);
    }
}
