//! What is no export is told so, in the words of its protocol.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use otlp_core::Signal;
use otlp_receiver::{Encoding, Receiver};

use crate::{
    client::{Client, grpc_path, grpc_request, http_request},
    messages,
};

const PROTOBUF: &str = "application/x-protobuf";

fn http(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_vec())).unwrap()
}

#[tokio::test]
async fn http_requests_that_are_no_exports() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut client = Client::http1(receiver.http_address()).await;
    let protobuf = ("content-type", PROTOBUF);
    let json = ("content-type", "application/json");
    for (status, method, path, headers, body) in [
        (404, "POST", "/v1/nothing", &[protobuf][..], &b""[..]),
        (404, "GET", "/", &[], b""),
        (405, "GET", "/v1/traces", &[protobuf], b""),
        (415, "POST", "/v1/traces", &[], b""),
        (415, "POST", "/v1/traces", &[("content-type", "text/plain")], b"hello"),
        (415, "POST", "/v1/traces", &[("content-type", "application/grpc")], b""),
        (415, "POST", "/v1/traces", &[protobuf, ("content-encoding", "br")], b""),
        (400, "POST", "/v1/traces", &[protobuf, ("content-encoding", "gzip")], b"no gzip"),
        (400, "POST", "/v1/traces", &[protobuf, ("content-encoding", "zstd")], b"no zstd"),
        (400, "POST", "/v1/traces", &[protobuf], b"\xff\xff\xff"),
        (400, "POST", "/v1/logs", &[json], b"{\"resourceLogs\":"),
        (400, "POST", "/v1/logs", &[json], b""),
        (200, "POST", "/v1/logs", &[json], b"{}"),
        (200, "POST", "/v1/metrics", &[protobuf], b""),
    ] {
        let reply = client.send(http(method, path, headers, body)).await.unwrap();
        assert_eq!(reply.status.as_u16(), status, "{method} {path} {headers:?}");
        let is_json = headers.contains(&json);
        assert_eq!(reply.headers["content-type"], if is_json { "application/json" } else { PROTOBUF });
        assert_eq!(reply.headers.get("allow").is_some(), status == 405);
        if status == 200 {
            continue;
        }
        if is_json {
            let status: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(status["code"], 3);
            assert!(status["message"].as_str().unwrap().contains("JSON"), "{status}");
        } else {
            // google.rpc.Status: a code and a message.
            assert_eq!(reply.body[0], 0x08);
            assert!(reply.body.len() > 4, "{path}: no message");
        }
    }
    assert_eq!(receiver.store().count(Signal::Traces), 0);
}

#[tokio::test]
async fn grpc_requests_that_are_no_exports() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut client = Client::http2(receiver.grpc_address()).await;
    let path = grpc_path(Signal::Traces);
    let grpc = ("content-type", "application/grpc");
    for (status, path, headers, body) in [
        (12, "/opentelemetry.proto.collector.trace.v1.TraceService/Import", &[grpc][..], &b"\0\0\0\0\0"[..]),
        (12, "/", &[grpc], b"\0\0\0\0\0"),
        (12, path, &[grpc, ("grpc-encoding", "snappy")], b"\x01\0\0\0\0"),
        (3, path, &[grpc], b""),
        (3, path, &[grpc], b"\0\0\0\0\x09abc"),
        (3, path, &[grpc], b"\0\0\0\0\x03\xff\xff\xff"),
        (3, path, &[grpc, ("grpc-encoding", "gzip")], b"\x01\0\0\0\x03abc"),
        (0, path, &[("content-type", "application/grpc+proto")], b"\0\0\0\0\0"),
        // Announced, yet not used.
        (0, path, &[grpc, ("grpc-encoding", "gzip")], b"\0\0\0\0\0"),
    ] {
        let request = http("POST", &format!("http://localhost{path}"), headers, body);
        let reply = client.send(request).await.unwrap();
        assert_eq!(reply.grpc_status(), status, "{path} {headers:?} {body:?}");
        assert_eq!(reply.headers.contains_key("grpc-message"), status != 0);
    }
    let not_grpc = http("POST", &format!("http://localhost{path}"), &[("content-type", PROTOBUF)], b"");
    assert_eq!(client.send(not_grpc).await.unwrap().status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let get = http("GET", &format!("http://localhost{path}"), &[grpc], b"");
    assert_eq!(client.send(get).await.unwrap().status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn each_port_speaks_its_own_protocol_alone() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut http1_to_grpc = Client::http1(receiver.grpc_address()).await;
    let message = || messages::request(Signal::Traces, 0, 1);
    let reply = http1_to_grpc.http(Signal::Traces, message()).await.unwrap();
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut grpc_to_http = Client::http2(receiver.http_address()).await;
    let reply = grpc_to_http.grpc(Signal::Traces, message()).await.unwrap();
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(receiver.store().count(Signal::Traces), 0);
}

#[tokio::test]
async fn an_id_of_a_wrong_length_fails_the_request_by_name() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut span = messages::span(0);
    span.span_id.push(0);
    let message = messages::traces(vec![messages::span(1), span]);
    let mut grpc = Client::http2(receiver.grpc_address()).await;
    let reply = grpc.send(grpc_request(Signal::Traces, Encoding::Zstd, message.clone())).await.unwrap();
    assert_eq!(reply.grpc_status(), 3);
    assert!(reply.headers["grpc-message"].to_str().unwrap().contains("Span.span_id takes 8 bytes"));
    let mut http = Client::http1(receiver.http_address()).await;
    let reply = http.send(http_request(Signal::Traces, PROTOBUF, Encoding::Identity, message)).await.unwrap();
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(receiver.store().count(Signal::Traces), 0, "all or nothing");
}
