//! Any sequence of calls on a span, compared with a model through the official types; and every type of value.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValueList, any_value::Value as Official};
use otlp_core::{AttributeValue, KeyValue, SpanId, TraceContext, TraceId, Value, data::StatusCode};
use proptest::{collection::vec, prelude::*};

use crate::collected::{Collected, int, of, pair, string};

#[test]
fn every_type_of_value_arrives_as_its_official_type() {
    let collected = Collected::new();
    let mut span = collected.tracer().start("typed");
    let mut expected = Vec::new();
    {
        let mut set = |value: &dyn AttributeValue, official: AnyValue| {
            let key = format!("key {}", expected.len());
            span.set_attribute(&key, value.as_value());
            expected.push(pair(&key, official));
        };
        set(&"text", string("text"));
        set(&String::from("owned"), string("owned"));
        set(&Cow::Borrowed("cow"), string("cow"));
        set(&Arc::<str>::from("shared"), string("shared"));
        set(&"", string(""));
        set(&true, of(Official::BoolValue(true)));
        set(&false, of(Official::BoolValue(false)));
        set(&i8::MIN, int(-128));
        set(&i16::MIN, int(-32768));
        set(&i32::MIN, int(-2_147_483_648));
        set(&i64::MIN, int(i64::MIN));
        set(&isize::MAX, int(i64::MAX));
        set(&u8::MAX, int(255));
        set(&u16::MAX, int(65535));
        set(&u32::MAX, int(4_294_967_295));
        set(&u64::MAX, string("18446744073709551615"));
        set(&0usize, int(0));
        set(&0.5f32, of(Official::DoubleValue(0.5)));
        set(&f64::NEG_INFINITY, of(Official::DoubleValue(f64::NEG_INFINITY)));
        set(&[1u8, 2], of(Official::BytesValue(vec![1, 2])));
        set(&vec![0u8; 300], of(Official::BytesValue(vec![0; 300])));
        set(&["a", "b"], of(Official::ArrayValue(ArrayValue { values: vec![string("a"), string("b")] })));
        set(&Vec::<i64>::new(), of(Official::ArrayValue(ArrayValue { values: vec![] })));
        set(
            &HashMap::from([("k", 1.5)]),
            of(Official::KvlistValue(KeyValueList { values: vec![pair("k", of(Official::DoubleValue(1.5)))] })),
        );
        set(&Value::Empty, AnyValue { value: None });
    }
    drop(span);
    assert_eq!(collected.span().attributes, expected);
}

/// A call on a span.
#[derive(Debug, Clone)]
enum Call {
    Attribute(String, Value),
    Event(String, Vec<KeyValue>),
    Link(u8, Vec<KeyValue>),
    Status(StatusCode, String),
    Name(String),
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        ".{0,40}".prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        // NaN does not equal itself.
        any::<f64>().prop_map(|number| Value::F64(if number.is_nan() { 0.0 } else { number })),
        vec(any::<u8>(), 0..200).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let entry = (".{0,3}", inner.clone()).prop_map(|(key, value)| KeyValue::new(key, value));
        prop_oneof![vec(inner, 0..4).prop_map(Value::Array), vec(entry, 0..4).prop_map(Value::Map)]
    })
}

/// Few different keys, so that many are set again.
fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-f]{0,1}", "[a-b]{120,140}"]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((key(), value()).prop_map(|(key, value)| KeyValue::new(key, value)), 0..6)
}

fn call() -> impl Strategy<Value = Call> {
    let code = prop_oneof![Just(StatusCode::Unset), Just(StatusCode::Ok), Just(StatusCode::Error)];
    prop_oneof![
        6 => (key(), value()).prop_map(|(key, value)| Call::Attribute(key, value)),
        2 => (".{0,20}", attributes()).prop_map(|(name, attributes)| Call::Event(name, attributes)),
        1 => (1u8.., attributes()).prop_map(|(id, attributes)| Call::Link(id, attributes)),
        1 => (code, ".{0,200}").prop_map(|(code, message)| Call::Status(code, message)),
        1 => ".{0,200}".prop_map(Call::Name),
    ]
}

fn official(value: &Value) -> AnyValue {
    let value = match value {
        Value::Empty => None,
        Value::String(value) => Some(Official::StringValue(value.clone())),
        Value::Bool(value) => Some(Official::BoolValue(*value)),
        Value::I64(value) => Some(Official::IntValue(*value)),
        Value::F64(value) => Some(Official::DoubleValue(*value)),
        Value::Bytes(value) => Some(Official::BytesValue(value.clone())),
        Value::Array(values) => {
            Some(Official::ArrayValue(ArrayValue { values: values.iter().map(official).collect() }))
        }
        Value::Map(entries) => {
            let values = entries.iter().map(|entry| pair(&entry.key, official(&entry.value))).collect();
            Some(Official::KvlistValue(KeyValueList { values }))
        }
    };
    AnyValue { value }
}

type Pairs = Vec<(String, Value)>;

/// Sets a key of the model, in the place where it is or at the end.
fn set(pairs: &mut Pairs, key: &str, value: &Value) {
    match pairs.iter_mut().find(|(known, _)| known == key) {
        Some((_, known)) => *known = value.clone(),
        None => pairs.push((key.to_owned(), value.clone())),
    }
}

fn unique(attributes: &[KeyValue]) -> Pairs {
    let mut pairs = Vec::new();
    attributes.iter().for_each(|entry| set(&mut pairs, &entry.key, &entry.value));
    pairs
}

fn expected(pairs: &Pairs) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    pairs.iter().map(|(key, value)| pair(key, official(value))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_arrives_is_what_was_set(calls in vec(call(), 0..40)) {
        thread_local! {
            static COLLECTED: Collected = Collected::new();
        }
        let mut name = "name".to_owned();
        let (mut attributes, mut events, mut links) = (Vec::new(), Vec::new(), Vec::new());
        let mut status = (StatusCode::Unset, String::new());
        let span = COLLECTED.with(|collected| {
            let mut span = collected.tracer().start(&name);
            for call in calls {
                match call {
                    Call::Attribute(key, value) => {
                        set(&mut attributes, &key, &value);
                        span.set_attribute(key, value);
                    }
                    Call::Event(name, attributes) => {
                        span.add_event(&name, &attributes);
                        events.push((name, unique(&attributes)));
                    }
                    Call::Link(id, attributes) => {
                        let context = TraceContext {
                            trace_id: TraceId::from_bytes([id; 16]),
                            span_id: SpanId::from_bytes([id; 8]),
                            ..TraceContext::default()
                        };
                        span.add_link(&context, &attributes);
                        links.push((vec![id; 16], unique(&attributes)));
                    }
                    Call::Status(code, message) => {
                        if status.0 != StatusCode::Ok && code != StatusCode::Unset {
                            status = (code, if code == StatusCode::Error { message.clone() } else { String::new() });
                        }
                        span.set_status(code, message);
                    }
                    Call::Name(to) => {
                        span.update_name(&to);
                        name = to;
                    }
                }
            }
            drop(span);
            collected.span()
        });
        prop_assert_eq!(span.name, name);
        prop_assert_eq!(span.attributes, expected(&attributes));
        prop_assert_eq!(span.events.len(), events.len());
        for (received, (name, attributes)) in span.events.iter().zip(&events) {
            prop_assert_eq!(&received.name, name);
            prop_assert_eq!(&received.attributes, &expected(attributes));
        }
        prop_assert_eq!(span.links.len(), links.len());
        for (received, (trace_id, attributes)) in span.links.iter().zip(&links) {
            prop_assert_eq!(&received.trace_id, trace_id);
            prop_assert_eq!(&received.attributes, &expected(attributes));
        }
        let received = span.status.map_or((0, String::new()), |status| (status.code, status.message));
        prop_assert_eq!(received, (status.0 as i32, status.1));
        prop_assert_eq!(span.dropped_attributes_count + span.dropped_events_count + span.dropped_links_count, 0);
    }
}
