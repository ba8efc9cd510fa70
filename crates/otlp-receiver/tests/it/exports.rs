//! What is sent is what the store has: signals, protocols, encodings, queries.

use otlp_core::{Signal, SpanId, TraceId, Value, data::SpanKind};
use otlp_receiver::{Answer, Encoding, Identity, Protocol, Receiver};

use crate::{
    client::{Client, PATIENCE, grpc_request, http_request},
    messages,
};

#[tokio::test]
async fn every_signal_arrives_by_every_protocol_and_encoding() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut grpc = Client::http2(receiver.grpc_address()).await;
    let mut http = Client::http1(receiver.http_address()).await;
    let mut http2 = Client::http2(receiver.http_address()).await;
    for signal in Signal::ALL {
        for encoding in Encoding::ALL {
            receiver.store().clear();
            let message = || messages::request(signal, 0, 3);
            let reply = grpc.send(grpc_request(signal, encoding, message())).await.unwrap();
            assert_eq!((reply.grpc_status(), reply.grpc_partial_success()), (0, None));

            let protobuf = http_request(signal, "application/x-protobuf", encoding, message());
            let reply = http.send(protobuf).await.unwrap();
            assert_eq!((reply.status.as_u16(), reply.http_partial_success()), (200, None));
            assert_eq!(reply.headers["content-type"], "application/x-protobuf");

            let json = http_request(signal, "application/json; charset=utf-8", encoding, messages::json(signal, 3));
            let reply = http.send(json).await.unwrap();
            assert_eq!((reply.status.as_u16(), &*reply.body), (200, &b"{}"[..]));
            assert_eq!(reply.headers["content-type"], "application/json");

            let mut over_http2 = http_request(signal, "application/x-protobuf", encoding, message());
            *over_http2.uri_mut() = format!("http://localhost/v1/{signal}").parse().unwrap();
            assert_eq!(http2.send(over_http2).await.unwrap().status.as_u16(), 200);

            assert_eq!(receiver.store().count(signal), 12, "{signal} {encoding:?}");
        }
    }
    let totals = receiver.requests().totals();
    assert_eq!((totals.requests, totals.connections), (36, 3));
    for encoding in Encoding::ALL {
        assert_eq!(totals.requests_encoded(encoding), 12);
    }
    assert!(totals.bytes > 0 && totals.wire_bytes > 0);
}

#[tokio::test]
async fn a_span_is_stored_as_it_was_sent_and_found_by_all_its_names() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut client = Client::http2(receiver.grpc_address()).await;
    client.grpc(Signal::Traces, messages::traces(vec![messages::full_span(), messages::span(12)])).await.unwrap();

    let store = receiver.store();
    let id = SpanId::from_bytes(1u64.to_be_bytes());
    let [span] = &store.spans_by_id(id)[..] else { panic!("{:?}", store.spans()) };
    assert_eq!(span.kind, SpanKind::Server);
    assert_eq!(span.parent_span_id, Some(SpanId::from_bytes([9; 8])));
    assert_eq!((span.trace_state.as_str(), span.flags), ("a=b", 0x301));
    assert_eq!(span.attributes.get("double"), Some(&Value::F64(1.5)));
    assert_eq!(span.attributes.get("bytes"), Some(&Value::Bytes(vec![1, 2])));
    assert_eq!(span.attributes.get("array"), Some(&Value::Array(vec![Value::I64(1), Value::Bool(true)])));
    assert_eq!(span.attributes.get("map"), Some(&Value::Map(vec![otlp_core::KeyValue::new("inner", "x")])));
    let dropped = (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count);
    assert_eq!(dropped, (1, 2, 3));
    assert_eq!((span.events[0].name.as_str(), span.events[0].time), ("event", 5));
    assert_eq!(span.links[0].trace_id, TraceId::from_bytes([7; 16]));
    assert_eq!((span.status.code as i32, span.status.message.as_str()), (2, "broke"));
    assert_eq!((span.start_time, span.end_time), (1_000, 2_000));
    assert_eq!((span.scope.name.as_str(), span.scope.version.as_str()), ("scope", "1.2"));
    assert_eq!(span.resource.schema_url, "https://schema");

    assert_eq!(store.spans_of_trace(span.trace_id).len(), 1);
    assert_eq!(store.spans_named("span 12").len(), 1);
    assert_eq!(store.spans_of_service("checkout").len(), 2);
    assert_eq!(store.spans_of_service("other").len(), 0);
}

#[tokio::test]
async fn what_arrives_again_is_a_duplicate_whatever_the_protocol() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut grpc = Client::http2(receiver.grpc_address()).await;
    let mut http = Client::http1(receiver.http_address()).await;
    for signal in Signal::ALL {
        grpc.grpc(signal, messages::request(signal, 0, 3)).await.unwrap();
        assert_eq!(receiver.store().duplicates(signal), []);
        http.http(signal, messages::request(signal, 0, 3)).await.unwrap();
        let duplicates = receiver.store().duplicates(signal);
        assert_eq!(duplicates.iter().map(|(_, times)| *times).collect::<Vec<_>>(), [2, 2, 2], "{signal}");
    }
    let duplicates = receiver.store().duplicates(Signal::Logs);
    assert_eq!(duplicates[0].0, Identity::Log("0".into()));
}

#[tokio::test]
async fn a_request_is_on_record_with_its_headers() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut client = Client::http1(receiver.http_address()).await;
    let message = messages::request(Signal::Traces, 0, 2);
    let len = message.len();
    let mut request = http_request(Signal::Traces, "application/x-protobuf", Encoding::Gzip, message);
    request.headers_mut().insert("authorization", "Bearer s3cret".parse().unwrap());
    client.send(request).await.unwrap();
    let record = receiver.requests().last().unwrap();
    assert_eq!(record.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(record.content_type(), Some("application/x-protobuf"));
    assert_eq!((record.path.as_str(), record.signal), ("/v1/traces", Some(Signal::Traces)));
    assert_eq!((record.protocol, record.encoding), (Some(Protocol::HttpProtobuf), Some(Encoding::Gzip)));
    assert_eq!((record.bytes, record.items), (len, 2));
    assert_eq!((record.answer, record.answered), (Some(Answer::Http(200)), true));
    assert!(!format!("{:?} {receiver:?}", receiver.requests().recent()).contains("s3cret"));
}

#[tokio::test]
async fn a_receiver_that_counts_only_keeps_nothing() {
    let receiver = Receiver::builder().count_only(true).start().await.unwrap();
    let mut grpc = Client::http2(receiver.grpc_address()).await;
    let mut http = Client::http1(receiver.http_address()).await;
    for signal in Signal::ALL {
        assert_eq!(grpc.grpc(signal, messages::request(signal, 0, 7)).await.unwrap().grpc_status(), 0);
        let json = http_request(signal, "application/json", Encoding::Zstd, messages::json(signal, 5));
        assert_eq!(http.send(json).await.unwrap().status.as_u16(), 200);
        assert_eq!(receiver.store().count(signal), 12);
        let counts = receiver.store().counts().of(signal);
        assert_eq!((counts.kept, counts.evicted, counts.bytes), (0, 0, 0));
    }
    let reply = grpc.grpc(Signal::Traces, vec![0xff; 9]).await.unwrap();
    assert_eq!(reply.grpc_status(), 3);
}

#[tokio::test]
async fn one_port_serves_both_protocols() {
    let any = "127.0.0.1:0".parse().unwrap();
    let receiver = Receiver::builder().shared_address(any).start().await.unwrap();
    assert_eq!(receiver.grpc_endpoint(), receiver.http_endpoint());
    let mut grpc = Client::http2(receiver.grpc_address()).await;
    let mut http = Client::http1(receiver.http_address()).await;
    assert_eq!(grpc.grpc(Signal::Logs, messages::request(Signal::Logs, 0, 1)).await.unwrap().grpc_status(), 0);
    assert_eq!(http.http(Signal::Logs, messages::request(Signal::Logs, 1, 1)).await.unwrap().status.as_u16(), 200);
    receiver.store().wait_for_items(Signal::Logs, 2, PATIENCE).await.unwrap();
}
