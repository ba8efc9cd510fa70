//! What the variables say, read from a table.

use otlp_core::propagation::Propagator;
use otlp_transport::Protocol;

use super::*;

fn read(variables: &[(&str, &str)]) -> Environment {
    Environment::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn a_signals_own_variable_beats_the_general_one() {
    let environment = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/spans"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
    ]);
    let endpoint = |signal: Signal| environment.export[signal.index()].endpoint.clone();
    assert_eq!(endpoint(Signal::Traces), Some(("http://traces:4318/spans".into(), EndpointScope::Signal)));
    assert_eq!(endpoint(Signal::Logs), Some(("http://all:4318".into(), EndpointScope::General)));
    let protocols = environment.export.each_ref().map(|one| one.protocol);
    assert_eq!(protocols, [Some(Protocol::HttpJson), Some(Protocol::HttpJson), Some(Protocol::Grpc)]);
    assert!(environment.warnings.is_empty());
}

#[test]
fn empty_means_unset() {
    let environment = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_SERVICE_NAME", "")]);
    assert_eq!((environment.export[0].endpoint.clone(), environment.service_name), (None, None));
}

#[test]
fn what_cannot_be_read_is_warned_of_once_and_left_at_its_default() {
    let environment = read(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpcc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "yes"),
    ]);
    let warnings: Vec<String> = environment.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "OTEL_EXPORTER_OTLP_PROTOCOL: \"grpcc\" is not known; accepted: grpc, http/protobuf, http/json; \
             using the default",
            "OTEL_EXPORTER_OTLP_TIMEOUT: \"10s\" is no whole number of milliseconds; using the default",
            "OTEL_EXPORTER_OTLP_INSECURE: \"yes\" is neither true nor false; using false",
        ]
    );
    assert_eq!(environment.export[0].insecure, Some(false), "only true is true");
}

#[test]
fn headers_are_percent_decoded_and_a_bad_one_does_not_show_its_value() {
    let environment = read(&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-tenant = 7 ,secret%zz=x")]);
    let expected = [("authorization", "Bearer abc"), ("x-tenant", "7")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(environment.export[0].headers, expected);
    let warning = environment.warnings[0].to_string();
    assert_eq!(warning, "OTEL_EXPORTER_OTLP_HEADERS: header 3 is not of the form name=value; it is left out");
}

/// A variable never keeps a client from being built, nor from sending anything.
#[test]
fn a_header_that_cannot_be_sent_is_left_out() {
    for pair in ["a b=secret", "=secret", "x=secret%0Asecret", "x=secret%00", "%C3%A9=secret"] {
        let value = format!("x-tenant=7,{pair}");
        let environment = read(&[("OTEL_EXPORTER_OTLP_HEADERS", &value)]);
        assert_eq!(environment.export[0].headers, [("x-tenant".to_owned(), "7".to_owned())], "{pair}");
        let warnings: Vec<String> = environment.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            ["OTEL_EXPORTER_OTLP_HEADERS: header 2 has a name or a value that no HTTP header can have; it is left out"]
        );
    }
}

#[test]
fn resource_attributes_are_discarded_whole_on_an_error() {
    let good = read(&[("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod%2Ceu,host.name=a")]);
    let expected = [KeyValue::new("deployment.environment.name", "prod,eu"), KeyValue::new("host.name", "a")];
    assert_eq!(good.resource_attributes, expected);
    let bad = read(&[("OTEL_RESOURCE_ATTRIBUTES", "host.name=a,nonsense")]);
    assert!(bad.resource_attributes.is_empty());
    assert_eq!(bad.warnings.len(), 1);
}

#[test]
fn each_bad_value_is_named_with_what_is_accepted_and_left_at_its_default() {
    for (name, value, accepted) in [
        ("OTEL_SDK_DISABLED", "1", "neither true nor false"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, console, none"),
        ("OTEL_METRICS_EXPORTER", "prometheus", "otlp, console, none"),
        ("OTEL_LOGS_EXPORTER", "file", "otlp, console, none"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "parentbased_traceidratio"),
        ("OTEL_PROPAGATORS", "xray", "tracecontext, baggage, b3, b3multi, jaeger, none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "from 1 to 3600000"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "1s", "from 1 to 3600000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "from 1 to 1000000000"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "99999999999999999999", "from 1 to 1000000000"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", "from 1 to 1000000"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1.5", "from 1 to 1000000"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0", "from 1 to 86400000"),
        ("OTEL_BLRP_EXPORT_TIMEOUT", "x", "from 1 to 86400000"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "x", "from 1 to 86400000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "from 1 to 86400000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "low", "cumulative, delta, lowmemory"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
            "base2_exponential_bucket_histogram",
            "explicit_bucket_histogram",
        ),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", "accepted: always_off"),
        ("OTEL_CONFIG_FILE", "/etc/otel.yaml", "with_client_config"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "-1", "from 0 to"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x", "from 0 to"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x", "from 0 to"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x", "from 0 to"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "x", "from 0 to"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "x", "from 0 to"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "x", "from 0 to"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "x", "from 0 to"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "x", "from 0 to"),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x", "from 0 to"),
        ("OTEL_LOG_LEVEL", "loud", "trace, debug, info, warn, error, off"),
    ] {
        let environment = read(&[(name, value)]);
        let warnings: Vec<String> = environment.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
        let warning = &warnings[0];
        assert!(warning.starts_with(name) && warning.contains(value) && warning.contains(accepted), "{warning}");
        assert_eq!(environment.batch, BatchVariables::default());
        assert!(!environment.is_disabled && environment.selection == [None; 3]);
        assert!(environment.sampler.is_none() && environment.propagator.is_none());
        assert!(environment.span_limits.is_none() && environment.log_limits.is_none());
        assert!(environment.metric_interval.is_none() && environment.log_level.is_none());
    }
    let ratio = read(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.1")]);
    let warning = ratio.warnings[0].to_string();
    assert_eq!(warning, "OTEL_TRACES_SAMPLER_ARG: \"1.1\" is not accepted: it takes a number from 0 to 1; using 1");
    assert_eq!(ratio.sampler.unwrap().description(), "AlwaysOnSampler");
    for sampler in ["", "always_on", "xray"] {
        let alone = read(&[("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", "0.1")]);
        let warning = alone.warnings.last().unwrap().to_string();
        assert!(
            warning.starts_with("OTEL_TRACES_SAMPLER_ARG: \"0.1\" is not used, for OTEL_TRACES_SAMPLER"),
            "{warning}"
        );
    }
}

#[test]
fn where_spans_and_log_records_differ_the_value_counts_that_delays_and_loses_least() {
    let environment = read(&[
        ("OTEL_BSP_SCHEDULE_DELAY", "5000"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1000"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "2000"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "256"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "30000"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "20000"),
    ]);
    let expected = BatchVariables {
        schedule_delay: Some(Duration::from_millis(100)),
        max_queue_size: Some(2000),
        max_export_batch_size: Some(256),
        export_timeout: Some(Duration::from_secs(30)),
    };
    assert_eq!(environment.batch, expected);
    assert_eq!(environment.warnings.len(), 4);
    assert_eq!(
        environment.warnings[0].to_string(),
        "OTEL_BLRP_SCHEDULE_DELAY: differs from OTEL_BSP_SCHEDULE_DELAY, and both signals share one setting; using the \
         shorter"
    );
    let config = environment.batch.config();
    assert_eq!((config.max_batch_size, config.max_queue_size), (256, 2000));
    assert_eq!(config.batch_timeout, Duration::from_millis(100));

    let same = read(&[("OTEL_BSP_SCHEDULE_DELAY", "50"), ("OTEL_BLRP_SCHEDULE_DELAY", "50")]);
    assert!(same.warnings.is_empty());
    assert_eq!(read(&[]).batch.config(), otlp_batch::BatchConfig::default());
}

/// A variable never keeps a client from being built.
#[test]
fn a_batch_is_never_larger_than_the_queue() {
    for (queue, batch, expected, warnings) in [
        ("2048", "512", 512, 0),
        ("2048", "2048", 2048, 0),
        ("2048", "", 2048, 0),
        ("2048", "2049", 2048, 1),
        ("", "1000000", 262_144, 1),
    ] {
        let variables = [("OTEL_BLRP_MAX_QUEUE_SIZE", queue), ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", batch)];
        let environment = read(&variables);
        let config = environment.batch.config();
        assert_eq!((config.max_batch_size, config.validate()), (expected, Ok(())), "{variables:?}");
        assert_eq!(environment.warnings.len(), warnings, "{variables:?}");
    }
    let environment = read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "7"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")]);
    assert_eq!(
        environment.warnings[0].to_string(),
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 8 is more than the queue holds, which is 7; using 7"
    );
}

#[test]
fn none_beside_others_is_none_and_warned_of() {
    let environment = read(&[("OTEL_PROPAGATORS", "none,b3"), ("OTEL_LOGS_EXPORTER", "otlp,none")]);
    assert_eq!(environment.propagator.unwrap().fields(), [""; 0]);
    assert_eq!(environment.selection[Signal::Logs.index()], Some(Selection { otlp: false, console: false }));
    assert_eq!(environment.warnings.len(), 2);
    let both = read(&[("OTEL_LOGS_EXPORTER", "console, otlp")]);
    assert_eq!(both.selection[Signal::Logs.index()], Some(Selection { otlp: true, console: true }));
}
