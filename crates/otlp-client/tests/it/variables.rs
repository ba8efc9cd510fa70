//! Each environment variable has its effect, seen at the receiver, and code beats it.

use std::{collections::HashMap, process::Command, sync::Arc, time::Duration};

use otlp_batch::{BatchConfig, BatchStrategy, DeliveryObserver, DropReason, Fate, Settled};
use otlp_client::{ClientBuilder, EnhancedOtlpClient, Environment, MonitoringConfig};
use otlp_core::{
    Signal, SpanId, TraceContext, TraceFlags, TraceId, Value,
    data::{Severity, SpanKind},
    propagation::{B3Propagator, TraceContextPropagator},
};
use otlp_receiver::Receiver;
use otlp_sdk::{
    context::Context,
    logs::LogLimits,
    trace::{SpanLimits, sampler::AlwaysOn},
};

use crate::{
    monitoring::get,
    setup::{DEADLINE, builder, receiver, spans},
};

/// A variable that a child process is told by which test it is part of.
const CHILD: &str = "OTLP_TEST_CHILD";

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn builder_with(receiver: &Receiver, variables: &[(&str, &str)]) -> ClientBuilder {
    builder(receiver.http_endpoint()).0.with_environment(environment(variables))
}

fn client_with(receiver: &Receiver, variables: &[(&str, &str)]) -> EnhancedOtlpClient {
    builder_with(receiver, variables).build_blocking().unwrap()
}

/// A parent in another process.
fn remote(is_sampled: bool) -> TraceContext {
    TraceContext {
        trace_id: TraceId::from_bytes([7; 16]),
        span_id: SpanId::from_bytes([8; 8]),
        flags: TraceFlags::default().with_sampled(is_sampled),
        trace_state: Some("vendor=x".into()),
        is_remote: true,
    }
}

/// Records something of each signal.
fn record_all(client: &EnhancedOtlpClient) {
    client.tracer("test").start("work").end();
    client.logger("test").info("message");
    client.meter("test").u64_counter("count").init().add(1, &());
}

/// How many items of each signal are at the receiver.
fn arrived(receiver: &Receiver) -> [usize; 3] {
    let store = receiver.store();
    [store.spans().len(), store.metrics().len(), store.logs().len()]
}

#[test]
fn a_disabled_client_records_nothing_sends_nothing_and_passes_contexts_on() {
    let receiver = receiver();
    let disk = std::env::temp_dir().join(format!("otlp-disabled-{}", std::process::id()));
    let builder = builder_with(&receiver, &[("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_PROPAGATORS", "b3")]);
    let builder = builder.with_disk_queue(otlp_client::DiskQueueConfig::new(&disk)).with_console_exporter();
    let client = builder.build_blocking().unwrap();
    record_all(&client);
    let parent = remote(true);
    let mut span = client.tracer("test").start_with_context("work", SpanKind::Server, &parent);
    span.set_attribute("key", "value");
    assert!(!span.is_recording() && !client.logger("test").is_enabled(Severity::Fatal));
    assert_eq!(span.context(), parent, "as it came, sampled flag and all");
    assert!(!client.tracer("test").start("root").context().is_valid());
    let mut headers = HashMap::new();
    Context::new().with_span(span.context()).inject(client.propagator(), &mut headers);
    assert!(headers.contains_key("b3"), "{headers:?}");
    span.end();

    let report = client.shutdown_blocking(DEADLINE);
    assert!(report.complete && report.ledgers.iter().all(|ledger| ledger.balances()), "{report}");
    assert_eq!(Signal::ALL.map(|signal| report.ledgers[0].signal(signal).accepted), [0, 0, 0]);
    assert_eq!(arrived(&receiver), [0, 0, 0]);
    assert!(!disk.exists());
}

/// An orchestrator that asks for it would take the program for dead.
#[test]
fn the_health_endpoint_of_a_disabled_client_answers() {
    let receiver = receiver();
    let config = MonitoringConfig {
        health_check_endpoint: Some("http://localhost:0/health".to_owned()),
        metrics_export_interval: Duration::from_millis(1),
        ..MonitoringConfig::default()
    };
    let client =
        builder_with(&receiver, &[("OTEL_SDK_DISABLED", "true")]).with_monitoring(config).build_blocking().unwrap();
    let address = client.monitoring_address().expect("it is served");
    assert_eq!([get(address, "/health").status, get(address, "/ready").status], [200, 200]);
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!(arrived(&receiver), [0, 0, 0], "and nothing is sent");
}

#[test]
fn what_is_neither_true_nor_false_disables_nothing() {
    let receiver = receiver();
    let client = client_with(&receiver, &[("OTEL_SDK_DISABLED", "yes")]);
    record_all(&client);
    client.shutdown_blocking(DEADLINE);
    assert_eq!(arrived(&receiver), [1, 1, 1]);
    assert_eq!(
        environment(&[("OTEL_SDK_DISABLED", "yes")]).warnings[0].to_string(),
        "OTEL_SDK_DISABLED: \"yes\" is neither true nor false; using false"
    );
}

#[test]
fn a_signal_goes_where_its_variable_says() {
    for (variables, expected) in [
        (&[("OTEL_TRACES_EXPORTER", "none")][..], [0, 1, 1]),
        (&[("OTEL_METRICS_EXPORTER", "none")][..], [1, 0, 1]),
        (&[("OTEL_LOGS_EXPORTER", "None"), ("OTEL_TRACES_EXPORTER", "otlp")][..], [1, 1, 0]),
        (&[("OTEL_TRACES_EXPORTER", "zipkin")][..], [1, 1, 1]),
    ] {
        let receiver = receiver();
        let client = client_with(&receiver, variables);
        record_all(&client);
        assert_eq!(client.read_metrics().is_empty(), expected[1] == 0, "what nobody takes is not aggregated");
        let report = client.shutdown_blocking(DEADLINE);
        assert_eq!(arrived(&receiver), expected, "{variables:?}");
        let delivered = Signal::ALL.map(|signal| report.ledgers[0].signal(signal).delivered as usize);
        assert_eq!((delivered, report.ledgers[0].lost()), (expected, 0), "{report}");
    }
    let receiver = receiver();
    let variables = [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "otlp")];
    let client = builder_with(&receiver, &variables).with_otlp_signals([Signal::Traces]).build_blocking().unwrap();
    record_all(&client);
    client.shutdown_blocking(DEADLINE);
    assert_eq!(arrived(&receiver), [1, 0, 0], "code beats the environment");
}

/// Not a test of its own: what the next one looks at from outside.
#[test]
fn prints_what_the_environment_says() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let client = EnhancedOtlpClient::builder().with_drop_deadline(Duration::ZERO).build_blocking().unwrap();
    record_all(&client);
    client.shutdown_blocking(DEADLINE);
}

#[test]
fn the_console_is_an_exporter_by_signal_in_a_real_process() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "variables::prints_what_the_environment_says", "--nocapture"])
        .envs([(CHILD, "1"), ("OTEL_TRACES_EXPORTER", "console"), ("OTEL_METRICS_EXPORTER", "none")])
        .envs([("OTEL_LOGS_EXPORTER", "none"), ("OTEL_SERVICE_NAME", "child")])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines = |kind: &str| printed.lines().filter(|line| line.contains(&format!("{kind} child/test"))).count();
    assert_eq!([lines("span  "), lines("metric"), lines("log   ")], [1, 0, 0], "{printed}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "nothing goes to the endpoint that nobody listens to");
}

#[test]
fn the_sampler_of_the_environment_decides() {
    // By sampler and argument: whether a root, a child of a sampled and one of an unsampled parent are recorded.
    for (sampler, argument, expected) in [
        ("always_on", "", [true, true, true]),
        ("always_off", "", [false, false, false]),
        ("traceidratio", "1.0", [true, true, true]),
        ("traceidratio", "0", [false, false, false]),
        ("parentbased_always_on", "", [true, true, false]),
        ("parentbased_always_off", "", [false, true, false]),
        ("parentbased_traceidratio", "0.0", [false, true, false]),
        ("parentbased_traceidratio", "1", [true, true, false]),
        ("ParentBased_TraceIdRatio", "", [true, true, false]),
        ("parentbased_traceidratio", "2", [true, true, false]),
        ("xray", "", [true, true, false]),
    ] {
        let receiver = receiver();
        let variables = [("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)];
        let client = client_with(&receiver, &variables);
        let tracer = client.tracer("test");
        tracer.start("root").end();
        tracer.start_with_context("of sampled", SpanKind::Server, &remote(true)).end();
        tracer.start_with_context("of unsampled", SpanKind::Server, &remote(false)).end();
        client.shutdown_blocking(DEADLINE);
        let is_there = |name| !receiver.store().spans_named(name).is_empty();
        assert_eq!(["root", "of sampled", "of unsampled"].map(is_there), expected, "{sampler} {argument}");
    }
    let receiver = receiver();
    let off = [("OTEL_TRACES_SAMPLER", "always_off")];
    let client = builder_with(&receiver, &off).with_sampler(AlwaysOn).build_blocking().unwrap();
    spans(&client, 1);
    client.shutdown_blocking(DEADLINE);
    assert_eq!(receiver.store().spans().len(), 1, "code beats the environment");
}

/// The names of the headers that a client writes for a context with baggage.
fn headers(builder: ClientBuilder) -> Vec<String> {
    let client = builder.build_blocking().unwrap();
    let baggage = otlp_core::propagation::Baggage::default().with("user", "7");
    let _active = Context::new().with_span(remote(true)).with_baggage(baggage).attach();
    let mut headers = HashMap::new();
    client.inject(&mut headers);
    let mut names: Vec<String> = headers.into_keys().collect();
    names.sort_unstable();
    names
}

#[test]
fn the_propagators_of_the_environment_write_and_read() {
    let receiver = receiver();
    let of = |value| headers(builder_with(&receiver, &[("OTEL_PROPAGATORS", value)]));
    assert_eq!(of(""), ["baggage", "traceparent", "tracestate"]);
    assert_eq!(of("tracecontext"), ["traceparent", "tracestate"]);
    assert_eq!(of("baggage"), ["baggage"]);
    assert_eq!(of("b3"), ["b3"]);
    assert_eq!(of("b3multi"), ["x-b3-sampled", "x-b3-spanid", "x-b3-traceid"]);
    assert_eq!(of("jaeger"), ["uber-trace-id", "uberctx-user"]);
    assert_eq!(of("tracecontext, B3,b3,xray"), ["b3", "traceparent", "tracestate"]);
    assert_eq!(of("xray"), ["baggage", "traceparent", "tracestate"], "what is not known leaves the default");
    assert!(of("none").is_empty());

    let client = client_with(&receiver, &[("OTEL_PROPAGATORS", "b3")]);
    let carrier = HashMap::from([("B3".to_owned(), format!("{}-{}-1", "07".repeat(16), "08".repeat(8)))]);
    let expected = TraceContext { trace_state: None, ..remote(true) };
    assert_eq!(client.extract(&carrier).span(), Some(&expected));
}

#[test]
fn propagation_is_switched_off_and_chosen_in_code() {
    let receiver = receiver();
    let plain = || builder_with(&receiver, &[]);
    assert!(headers(plain().with_trace_context_propagation(false)).is_empty());
    assert_eq!(headers(plain().with_trace_context_propagation(true)).len(), 3);
    let none = || builder_with(&receiver, &[("OTEL_PROPAGATORS", "none")]);
    assert_eq!(headers(none().with_trace_context_propagation(true)).len(), 3, "code beats the environment");
    assert_eq!(headers(none().with_propagator(B3Propagator::single_header())), ["b3"]);

    let off = plain().with_trace_context_propagation(false).build_blocking().unwrap();
    let mut carrier = HashMap::new();
    Context::new().with_span(remote(true)).inject(&TraceContextPropagator, &mut carrier);
    assert_eq!(off.extract(&carrier), Context::new());
    let on = plain().with_trace_context_propagation(true).build_blocking().unwrap();
    assert_eq!(on.extract(&carrier).span(), Some(&remote(true)));
}

#[test]
fn the_batch_size_of_the_environment_closes_batches() {
    let requests = |builder: ClientBuilder, receiver: &Receiver| {
        let client = builder.build_blocking().unwrap();
        spans(&client, 10);
        client.shutdown_blocking(DEADLINE);
        assert_eq!(receiver.store().spans().len(), 10);
        receiver.requests().recent().len()
    };
    let variables = [("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")];
    let small = receiver();
    assert_eq!(requests(builder_with(&small, &variables), &small), 5);
    let code = receiver();
    let config = BatchConfig {
        strategy: BatchStrategy::Hybrid,
        batch_timeout: Duration::from_secs(3600),
        ..BatchConfig::default()
    };
    assert_eq!(requests(builder_with(&code, &variables).with_batch_config(config), &code), 1, "code beats it");
}

#[test]
fn the_queue_size_of_the_environment_bounds_the_queue() {
    let variables = [("OTEL_BLRP_MAX_QUEUE_SIZE", "4"), ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1")];
    let (builder, _) = builder("http://127.0.0.1:9");
    let client = builder.with_environment(environment(&variables)).build_blocking().unwrap();
    for _ in 0..1_000 {
        client.logger("test").info("message");
    }
    let dropped = client.ledger().signal(Signal::Logs).dropped[DropReason::QueueFull];
    assert!(dropped > 900, "{dropped}");
}

/// Hears of the fate of the first item.
struct First(std::sync::mpsc::SyncSender<(Signal, Option<DropReason>)>);

impl DeliveryObserver for First {
    fn settled(&self, settled: &Settled<'_>) {
        let reason = match settled.fate {
            Fate::Dropped(reason, _) => Some(reason),
            _ => None,
        };
        let _ = self.0.try_send((settled.signal, reason));
    }
}

/// What becomes of the first item, without flush or shutdown.
fn first_fate(builder: ClientBuilder, record: impl Fn(&EnhancedOtlpClient)) -> (Signal, Option<DropReason>) {
    let (sender, fate) = std::sync::mpsc::sync_channel(1);
    let client = builder.with_delivery_observer(Arc::new(First(sender))).build_blocking().unwrap();
    record(&client);
    fate.recv_timeout(DEADLINE).unwrap()
}

#[test]
fn the_export_timeout_of_the_environment_ends_retries() {
    for name in ["OTEL_BSP_EXPORT_TIMEOUT", "OTEL_METRIC_EXPORT_TIMEOUT"] {
        let builder = EnhancedOtlpClient::builder()
            .with_endpoint("http://127.0.0.1:9")
            .with_environment(environment(&[(name, "20"), ("OTEL_BSP_SCHEDULE_DELAY", "5")]))
            .with_diagnostics(|_| {})
            .without_circuit_breaker();
        // Five minutes otherwise.
        let fate = first_fate(builder, |client| spans(client, 1));
        assert_eq!(fate, (Signal::Traces, Some(DropReason::RetriesExhausted)), "{name}");
    }
}

#[test]
fn the_metric_interval_of_the_environment_is_kept() {
    let receiver = receiver();
    let variables = [("OTEL_METRIC_EXPORT_INTERVAL", "5"), ("OTEL_BLRP_SCHEDULE_DELAY", "5")];
    // A minute otherwise.
    let fate = first_fate(builder_with(&receiver, &variables), |client| {
        client.meter("test").u64_counter("count").init().add(1, &());
    });
    assert_eq!(fate, (Signal::Metrics, None));
}

#[test]
fn the_limits_of_the_environment_act() {
    let record = |builder: ClientBuilder, receiver: &Receiver| {
        let client = builder.build_blocking().unwrap();
        let mut span = client.tracer("test").start("work");
        for number in 0..9 {
            span.set_attribute(format!("key {number}"), "long value");
            span.add_event("event", [("a", "long value"), ("b", "x"), ("c", "y")]);
            span.add_link(&remote(true), [("a", "long value"), ("b", "x"), ("c", "y")]);
        }
        span.end();
        let attributes: Vec<_> = (0..9).map(|number| (format!("key {number}"), "long value")).collect();
        let logger = client.logger("test");
        let mut log = logger.record(Severity::Info).body("body is not limited");
        for (key, value) in &attributes {
            log = log.attribute(key, *value);
        }
        log.emit();
        client.shutdown_blocking(DEADLINE);
        (receiver.store().spans()[0].clone(), receiver.store().logs()[0].clone())
    };
    let receiver = |variables: &[(&str, &str)]| {
        let receiver = receiver();
        record(builder_with(&receiver, variables), &receiver)
    };
    let (span, log) = receiver(&[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "5"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "3"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "2"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "0"),
    ]);
    assert_eq!((span.attributes.len(), span.events.len(), span.links.len()), (5, 3, 2));
    assert_eq!((span.events[0].attributes.len(), span.links[0].attributes.len()), (1, 0));
    assert_eq!(span.attributes.get("key 0"), Some(&Value::from("long")));
    assert_eq!((log.attributes.len(), log.attributes.get("key 0")), (5, Some(&Value::from("long"))));

    let (span, log) = receiver(&[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "5"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "2"),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3"),
    ]);
    assert_eq!((span.attributes.len(), span.attributes.get("key 0")), (1, Some(&Value::from("lo"))));
    assert_eq!((log.attributes.len(), log.attributes.get("key 0")), (2, Some(&Value::from("lon"))));
    assert_eq!((span.events.len(), span.events[0].attributes.len()), (9, 3));

    let code = self::receiver();
    let variables = [("OTEL_ATTRIBUTE_COUNT_LIMIT", "1")];
    let builder = builder_with(&code, &variables).with_span_limits(SpanLimits::default());
    let (span, log) = record(builder.with_log_limits(LogLimits::default()), &code);
    assert_eq!((span.attributes.len(), log.attributes.len()), (9, 9), "code beats the environment");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_warned_of() {
    use std::os::unix::ffi::OsStrExt;
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "variables::prints_what_the_environment_says", "--nocapture"])
        .envs([(CHILD, "1"), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")])
        .env("OTEL_LOGS_EXPORTER", "none")
        .env("OTEL_SERVICE_NAME", std::ffi::OsStr::from_bytes(b"shop\xff"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "otlp: warning: OTEL_SERVICE_NAME: it is no Unicode text; it is left out\n");
}
