//! OTLP JSON: round trips of our own, and both ways between us and the official types.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use otlp_core::{
    Attributes, EncodedRequest, KeyValue, Signal, Value,
    data::{HistogramPoint, LogData, MetricData, MetricPoints, SpanData, SpanKind, StatusCode, Temporality},
    json,
    wire::encode,
};
use proptest::{collection::vec, prelude::ProptestConfig, prop_assert_eq, proptest};

use crate::{official, strategy};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spans_survive_json(span in strategy::span()) {
        let spans = [span];
        let text = json::encode_spans(&spans).unwrap();
        prop_assert_eq!(json::decode_spans(&text).unwrap(), &spans);
        let read: ExportTraceServiceRequest = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(read, official::traces(&spans));
        let theirs = serde_json::to_vec(&official::traces(&spans)).unwrap();
        prop_assert_eq!(json::decode_spans(&theirs).unwrap(), spans);
    }

    #[test]
    fn logs_survive_json(log in strategy::log()) {
        let logs = [log];
        let text = json::encode_logs(&logs).unwrap();
        prop_assert_eq!(json::decode_logs(&text).unwrap(), &logs);
        let read: ExportLogsServiceRequest = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(read, official::logs(&logs));
        let theirs = serde_json::to_vec(&official::logs(&logs)).unwrap();
        prop_assert_eq!(json::decode_logs(&theirs).unwrap(), logs);
    }

    #[test]
    fn metrics_survive_json(metric in strategy::metric()) {
        let metrics = [metric];
        let text = json::encode_metrics(&metrics).unwrap();
        prop_assert_eq!(json::decode_metrics(&text).unwrap(), &metrics);
        let read: ExportMetricsServiceRequest = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(read, official::metrics(&metrics));
        let theirs = serde_json::to_vec(&official::metrics(&metrics)).unwrap();
        prop_assert_eq!(json::decode_metrics(&theirs).unwrap(), metrics);
    }

    #[test]
    fn a_request_in_pieces_is_the_json_of_the_whole(spans in vec(strategy::span(), 0..3), at in 0usize..200) {
        let mut bytes = Vec::new();
        encode::spans(&spans, &mut bytes);
        let bytes = Bytes::from(bytes);
        let at = at.min(bytes.len());
        let pieces = vec![bytes.slice(..at), bytes.slice(at..)];
        let request = EncodedRequest::new(Signal::Traces, spans.len() as u64, pieces);
        prop_assert_eq!(json::encode_request(&request).unwrap(), json::encode_spans(&spans).unwrap());
    }
}

#[test]
fn the_example_of_the_specification_is_read() {
    // From the OTLP repository, examples/trace.json, with names of enums and both cases of hex beside.
    let text = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":
        {"stringValue":"my.service"}}]},"scopeSpans":[{"scope":{"name":"my.library","version":"1.0.0","attributes":
        [{"key":"my.scope.attribute","value":{"stringValue":"some scope attribute"}}]},"spans":[{"traceId":
        "5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"EEE19B7EC3C1B173","name":
        "I'm a server span","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"kind":
        "SPAN_KIND_SERVER","status":{"code":"STATUS_CODE_ERROR"},"unknown":{"a":[1]},"links":null,"attributes":
        [{"key":"my.span.attr","value":{"stringValue":"some value"}}]}]}]}]}"#;
    let [span] = <[SpanData; 1]>::try_from(json::decode_spans(text).unwrap()).unwrap();
    assert_eq!(span.trace_id.to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!(span.parent_span_id.unwrap().to_string(), "eee19b7ec3c1b173");
    assert_eq!((span.start_time, span.end_time), (1544712660000000000, 1544712661000000000));
    assert_eq!((span.kind, span.status.code), (SpanKind::Server, StatusCode::Error));
    assert_eq!(span.resource.service_name(), Some("my.service"));
    assert_eq!(span.scope.name, "my.library");
    assert_eq!(span.attributes.get("my.span.attr").and_then(Value::as_str), Some("some value"));
}

#[test]
fn both_forms_of_numbers_and_every_base64_are_read() {
    let text = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":12,"observedTimeUnixNano":"13",
        "severityNumber":"9","flags":1e0,"body":{"kvlistValue":{"values":[
            {"key":"a","value":{"intValue":-7}},
            {"key":"b","value":{"intValue":"-9223372036854775808"}},
            {"key":"c","value":{"bytesValue":"+/8="}},
            {"key":"d","value":{"bytesValue":"-_8"}},
            {"key":"e","value":{"arrayValue":{"values":[{},null,{"doubleValue":"-Infinity"}]}}},
            {"key":"f"}]}}}]}]}]}"#;
    let logs = json::decode_logs(text).unwrap();
    assert_eq!((logs[0].timestamp, logs[0].observed_timestamp, logs[0].flags), (12, 13, 1));
    assert_eq!(logs[0].severity.number(), 9);
    let expected = [
        ("a", Value::I64(-7)),
        ("b", Value::I64(i64::MIN)),
        ("c", Value::Bytes(vec![0xfb, 0xff])),
        ("d", Value::Bytes(vec![0xfb, 0xff])),
        ("e", Value::Array(vec![Value::Empty, Value::Empty, Value::F64(f64::NEG_INFINITY)])),
        ("f", Value::Empty),
    ];
    assert_eq!(logs[0].body, Value::Map(expected.map(|(key, value)| KeyValue::new(key, value)).to_vec()));
}

#[test]
fn doubles_that_json_lacks_survive() {
    let point = HistogramPoint {
        explicit_bounds: vec![f64::NEG_INFINITY, f64::INFINITY],
        sum: Some(f64::NAN),
        min: Some(0.0),
        ..Default::default()
    };
    let points = MetricPoints::Histogram { points: vec![point], temporality: Temporality::Delta };
    let text = json::encode_metrics(&[MetricData { points, ..Default::default() }]).unwrap();
    let read = json::decode_metrics(&text).unwrap();
    let MetricPoints::Histogram { points, .. } = &read[0].points else { panic!("{read:?}") };
    assert_eq!(points[0].explicit_bounds, [f64::NEG_INFINITY, f64::INFINITY]);
    assert!(points[0].sum.unwrap().is_nan());
    assert_eq!((points[0].min, points[0].max), (Some(0.0), None));
}

#[test]
fn an_error_names_the_path_and_what_is_accepted() {
    let span =
        |member: &str| format!(r#"{{"resourceSpans":[{{}},{{"scopeSpans":[{{"spans":[{{}},{{{member}}}]}}]}}]}}"#);
    for (member, path, message) in [
        (r#""traceId":"xyz""#, "traceId", r#""xyz" is not a trace id of 32 hex digits"#),
        (
            r#""startTimeUnixNano":-1"#,
            "startTimeUnixNano",
            "-1 is not an unsigned 64-bit integer, as a string or a number",
        ),
        (r#""name":[]"#, "name", "a list is not a string"),
        (r#""flags":4294967296"#, "flags", "4294967296 is not an unsigned 32-bit integer"),
        (r#""events":[{"name":{}}]"#, "events[0].name", "an object is not a string"),
        (
            r#""status":{"code":"BAD"}"#,
            "status.code",
            r#""BAD" is not one of 0 (STATUS_CODE_UNSET), 1 (STATUS_CODE_OK), 2 (STATUS_CODE_ERROR)"#,
        ),
        (r#""attributes":[{"value":{"bytesValue":"?"}}]"#, "attributes[0].value.bytesValue", r#""?" is not base64"#),
        (
            r#""attributes":[{"value":{"boolValue":"true"}}]"#,
            "attributes[0].value.boolValue",
            r#""true" is not true or false"#,
        ),
        (
            r#""attributes":[{"value":{"doubleValue":"inf"}}]"#,
            "attributes[0].value.doubleValue",
            r#""inf" is not a number, "NaN", "Infinity" or "-Infinity""#,
        ),
    ] {
        let error = json::decode_spans(span(member).as_bytes()).unwrap_err();
        assert_eq!(error.path(), format!("resourceSpans[1].scopeSpans[0].spans[1].{path}"));
        assert_eq!(error.message(), message);
    }
    assert_eq!(json::decode_spans(b"[]").unwrap_err().to_string(), "invalid OTLP JSON: a list is not an object");
    assert!(json::decode_spans(b"{").unwrap_err().to_string().starts_with("invalid OTLP JSON: EOF"));
}

#[test]
fn the_deepest_value_that_is_written_can_be_read_and_a_deeper_one_is_refused() {
    let mut value = Value::from(1);
    for _ in 0..100 {
        value = Value::Map(vec![KeyValue::new("k", value)]);
    }
    let exemplar = otlp_core::data::Exemplar {
        filtered_attributes: Attributes::from(vec![KeyValue::new("k", value)]),
        ..Default::default()
    };
    let point = otlp_core::data::NumberPoint { exemplars: vec![exemplar], ..Default::default() };
    let points = MetricPoints::Gauge { points: vec![point] };
    json::decode_metrics(&json::encode_metrics(&[MetricData { points, ..Default::default() }]).unwrap()).unwrap();

    let text = [r#"{"resourceLogs":"#, &"[".repeat(100_000)].concat();
    assert!(json::decode_logs(text.as_bytes()).unwrap_err().message().contains("recursion limit"));
}

#[test]
fn bytes_that_are_no_request_leave_the_buffer_as_it_was() {
    let mut out = b"before".to_vec();
    let mut request = Vec::new();
    encode::logs(&[LogData { severity_text: "text".into(), ..Default::default() }], &mut request);
    let last = request.len() - 1;
    request[last] = 0xff;
    assert!(json::encode(Signal::Logs, &request, &mut out).is_err());
    assert_eq!(out, b"before");
}
