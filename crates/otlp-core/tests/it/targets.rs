//! What is done with bytes of any kind: the bodies of the fuzz targets in `fuzz/`, run by the tests over the recorded
//! corpus and mutations of it as well. None may panic; what is read must read the same by every path.

use bytes::Bytes;
use otlp_core::{
    Signal,
    data::MetricPoints,
    json,
    propagation::{
        B3Propagator, BaggagePropagator, CompositePropagator, JaegerPropagator, Propagator, TraceContextPropagator,
    },
    wire::{decode, encode, split},
};

/// Owned data prints the same only if it is the same; unlike equality, that holds for NaN too.
fn assert_same<T: std::fmt::Debug>(one: &T, other: &T, what: &str) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"), "{what}");
}

/// A request of one signal: read by views and owned, transcoded to JSON, written again.
macro_rules! request {
    ($name:ident, $signal:expr, $decode:path, $encode:path, $json:path) => {
        pub(crate) fn $name(bytes: &[u8]) {
            let owned = $decode(bytes);
            let mut text = Vec::new();
            let transcoded = json::encode($signal, bytes, &mut text);
            assert_eq!(owned.is_ok(), transcoded.is_ok(), "views and owned data disagree on {bytes:02x?}");
            let Ok(owned) = owned else { return };
            let mut written = Vec::new();
            owned.chunks(1).for_each(|record| $encode(record, &mut written));
            let again = $decode(&written).expect("what was written can be read");
            let mut rewritten = Vec::new();
            again.chunks(1).for_each(|record| $encode(record, &mut rewritten));
            assert_eq!(written, rewritten, "writing what was read is stable");
            // Readers of JSON stop at a depth that protobuf goes beyond.
            if let Ok(read) = $json(&text) {
                assert_same(&read, &owned, "JSON and protobuf tell the same");
            }
        }
    };
}

request!(traces, Signal::Traces, decode::spans, encode::spans, json::decode_spans);
request!(logs, Signal::Logs, decode::logs, encode::logs, json::decode_logs);
request!(metrics, Signal::Metrics, decode::metrics, encode::metrics, json::decode_metrics);

/// OTLP JSON of one signal: what is read is written, and read again.
macro_rules! json {
    ($name:ident, $decode:path, $encode:path) => {
        pub(crate) fn $name(text: &[u8]) {
            let Ok(read) = $decode(text) else { return };
            let written = $encode(&read).expect("what was read can be written");
            let again = $encode(&$decode(&written).expect("what was written can be read")).expect("and written again");
            assert_eq!(written, again, "writing what was read is stable");
        }
    };
}

json!(json_traces, json::decode_spans, json::encode_spans);
json!(json_logs, json::decode_logs, json::encode_logs);
json!(json_metrics, json::decode_metrics, json::encode_metrics);

/// Entries: the first byte chooses the signal, the rest is split in halves as long as that goes.
pub(crate) fn split(bytes: &[u8]) {
    let Some((choice, entries)) = bytes.split_first() else { return };
    let signal = Signal::ALL[usize::from(*choice) % 3];
    let whole = Bytes::copy_from_slice(entries);
    let at = usize::from(*choice) / 3;
    if let Ok((first, second)) = split::entries(&whole, at) {
        assert_eq!([first, second].concat(), whole);
    }
    let Ok(items) = split::item_count(signal, &whole) else { return };
    let (mut left, mut single) = (vec![whole], 0);
    while let Some(next) = left.pop() {
        match split::halves(signal, &next) {
            Ok(Some(halves)) => {
                assert_eq!(split::item_count(signal, &halves.first), Ok(halves.first_items));
                assert_eq!(split::item_count(signal, &halves.second), Ok(halves.second_items));
                left.extend([halves.first, halves.second]);
            }
            Ok(None) => single += split::item_count(signal, &next).expect("what was split can be counted"),
            Err(error) => panic!("what can be counted can be split: {error}"),
        }
    }
    assert_eq!(single, items, "no item is lost and none is twice");
    let metrics = decode::metric_entries(&Default::default(), &Default::default(), entries);
    if let (Signal::Metrics, Ok(metrics)) = (signal, metrics) {
        let points = metrics.iter().filter(|metric| metric.points != MetricPoints::Empty);
        assert_eq!(points.map(|metric| metric.point_count() as u64).sum::<u64>(), items);
    }
}

/// Headers, one `name: value` in a line, read by each format and by all of them as one: what is found is valid and bounded,
/// and what is written of it can be sent as headers and reads as the same.
pub(crate) fn propagation(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let headers: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let formats = || -> [Box<dyn Propagator>; 5] {
        [
            Box::new(B3Propagator::single_header()),
            Box::new(B3Propagator::multiple_headers()),
            Box::new(JaegerPropagator),
            Box::new(BaggagePropagator),
            Box::new(TraceContextPropagator),
        ]
    };
    let written = |format: &dyn Propagator, headers: &Vec<(String, String)>| {
        let (context, baggage) = format.extract(headers);
        assert!(context.as_ref().is_none_or(|context| context.is_valid() && context.is_remote), "{context:?}");
        assert!(baggage.len() <= 180, "{} members", baggage.len());
        let mut written = Vec::new();
        format.inject(&context.clone().unwrap_or_default(), &baggage, &mut written);
        for (name, value) in &written {
            assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()), "{name:?}");
            assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name}: {value:?}");
        }
        assert!(written.iter().map(|(_, value)| value.len()).sum::<usize>() <= 32 << 10, "what is written is bounded");
        (context, written)
    };
    for format in formats() {
        let (context, once) = written(&*format, &headers);
        let (again, twice) = written(&*format, &once);
        assert_eq!((again, twice), (context, once), "{format:?}");
    }
    // Each format has limits of its own for baggage, so only the context is sure to survive a change of format.
    let all = CompositePropagator::new(formats().into());
    let (context, once) = written(&all, &headers);
    assert_eq!(written(&all, &once).0, context);
}
