//! Hostile input: a clear answer or a closed connection, and the receiver goes on serving.

use std::time::Duration;

use http::StatusCode;
use otlp_core::Signal;
use otlp_receiver::{Encoding, Fault, FaultKind, Limits, Receiver};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{Client, PATIENCE, grpc_request, http_request},
    messages,
};

const PROTOBUF: &str = "application/x-protobuf";

async fn start(limits: Limits) -> Receiver {
    Receiver::builder().limits(limits).start().await.unwrap()
}

/// New connections are served by both ports.
async fn assert_serves(receiver: &Receiver) {
    let before = receiver.store().count(Signal::Logs);
    let message = || messages::request(Signal::Logs, 0, 1);
    let reply = Client::http2(receiver.grpc_address()).await.grpc(Signal::Logs, message()).await.unwrap();
    assert_eq!(reply.grpc_status(), 0);
    let reply = Client::http1(receiver.http_address()).await.http(Signal::Logs, message()).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(receiver.store().count(Signal::Logs), before + 2);
}

/// Writes as much as the peer takes, then reads to the end.
async fn converse(stream: &mut TcpStream, bytes: &[u8]) -> String {
    let _ = stream.write_all(bytes).await;
    read_to_end(stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = tokio::time::timeout(PATIENCE, stream.read(&mut chunk)).await.expect("an end in time") {
        answer.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_zip_bomb_is_too_large() {
    let receiver = start(Limits { decompressed_bytes: 1 << 20, ..Limits::default() }).await;
    let bomb = vec![0; 8 << 20];
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let mut grpc = Client::http2(receiver.grpc_address()).await;
        let reply = grpc.send(grpc_request(Signal::Traces, encoding, bomb.clone())).await.unwrap();
        assert_eq!(reply.grpc_status(), 8);
        let mut http = Client::http1(receiver.http_address()).await;
        let reply = http.send(http_request(Signal::Traces, PROTOBUF, encoding, bomb.clone())).await.unwrap();
        assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_serves(&receiver).await;
}

#[tokio::test]
async fn two_bytes_an_item_do_not_become_a_gigabyte_of_items() {
    let receiver = start(Limits { in_flight_bytes: 4 << 20, ..Limits::default() }).await;
    // 50,000 empty spans: 100 kB on the wire, tens of megabytes in memory.
    let message = messages::traces(vec![Default::default(); 50_000]);
    let mut grpc = Client::http2(receiver.grpc_address()).await;
    assert_eq!(grpc.grpc(Signal::Traces, message).await.unwrap().grpc_status(), 8);
    let json =
        [&b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}"[..], &b",{}".repeat(10_000), b"]}]}]}"].concat();
    let mut http = Client::http1(receiver.http_address()).await;
    let reply = http.send(http_request(Signal::Traces, "application/json", Encoding::Identity, json)).await.unwrap();
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_serves(&receiver).await;
}

#[tokio::test]
async fn an_endless_body_is_too_large() {
    let receiver = start(Limits { request_bytes: 100_000, ..Limits::default() }).await;
    // Announced beforehand: refused before it is sent.
    let mut stream = TcpStream::connect(receiver.http_address()).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n";
    let announced = format!("{head}content-length: 99999999999\r\n\r\n");
    assert!(converse(&mut stream, announced.as_bytes()).await.starts_with("HTTP/1.1 413"));

    let mut stream = TcpStream::connect(receiver.http_address()).await.unwrap();
    stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let endless = async {
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while writer.write_all(chunk.as_bytes()).await.is_ok() {}
    };
    let mut answer = vec![0; 12];
    let answered = async { tokio::time::timeout(PATIENCE, reader.read_exact(&mut answer)).await.unwrap().unwrap() };
    tokio::join!(endless, answered);
    assert_eq!(String::from_utf8(answer).unwrap(), "HTTP/1.1 413");

    let mut grpc = Client::http2(receiver.grpc_address()).await;
    let reply = grpc.grpc(Signal::Traces, messages::request(Signal::Traces, 0, 5_000)).await.unwrap();
    assert_eq!(reply.grpc_status(), 8);
    assert_serves(&receiver).await;
}

#[tokio::test]
async fn who_dribbles_is_cut_off() {
    let brief = Duration::from_millis(50);
    let receiver = start(Limits { header_timeout: brief, body_timeout: brief, ..Limits::default() }).await;
    for address in [receiver.http_address(), receiver.grpc_address()] {
        // Nothing at all; the beginning of a preface; the beginning of headers.
        for bytes in ["", "PRI * HT", "POST /v1/traces HTTP/1.1\r\nhost: "] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let answer = converse(&mut stream, bytes.as_bytes()).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
    }
    let mut stream = TcpStream::connect(receiver.http_address()).await.unwrap();
    let unfinished = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n\
                      content-length: 100\r\n\r\nx";
    assert!(converse(&mut stream, unfinished.as_bytes()).await.starts_with("HTTP/1.1 408"));
    assert_serves(&receiver).await;
}

#[tokio::test]
async fn huge_headers_are_refused() {
    let receiver = start(Limits::default()).await;
    let mut stream = TcpStream::connect(receiver.http_address()).await.unwrap();
    let huge = format!("POST /v1/traces HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    assert!(converse(&mut stream, huge.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let mut stream = TcpStream::connect(receiver.http_address()).await.unwrap();
    let many = format!("POST /v1/traces HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(1_000));
    assert!(converse(&mut stream, many.as_bytes()).await.starts_with("HTTP/1.1 431"));

    let mut grpc = Client::http2(receiver.grpc_address()).await;
    let mut request = grpc_request(Signal::Traces, Encoding::Identity, Vec::new());
    for index in 0..200 {
        let name = http::HeaderName::try_from(format!("x-{index}")).unwrap();
        request.headers_mut().insert(name, "y".repeat(500).parse().unwrap());
    }
    match grpc.send(request).await {
        Ok(reply) => assert_eq!(reply.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Err(broken) => assert!(!broken.after_headers),
    }
    assert_serves(&receiver).await;
}

#[tokio::test]
async fn bytes_of_no_protocol_end_the_connection() {
    let receiver = start(Limits::default()).await;
    for address in [receiver.http_address(), receiver.grpc_address()] {
        let mut preface_and_noise = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        preface_and_noise.extend([0xff; 100]);
        // A TLS handshake, noise, and HTTP/2 that turns into noise.
        for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[0xff; 1000], &preface_and_noise] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(bytes).await;
            stream.shutdown().await.unwrap();
            read_to_end(&mut stream).await;
        }
    }
    assert_eq!(receiver.requests().totals().requests, 0);
    assert_serves(&receiver).await;
}

#[tokio::test]
async fn deep_nesting_is_refused() {
    let receiver = start(Limits::default()).await;
    let depth = 10_000;
    let mut client = Client::http1(receiver.http_address()).await;
    let value = r#"{"arrayValue":{"values":["#.repeat(depth) + &"]}}".repeat(depth);
    let record = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}}}]}}]}}]}}"#);
    for body in [record.into_bytes(), b"[".repeat(depth), br#"{"a":"#.repeat(depth)] {
        let request = http_request(Signal::Logs, "application/json", Encoding::Identity, body);
        assert_eq!(client.send(request).await.unwrap().status, StatusCode::BAD_REQUEST);
    }
    // The same in protobuf: AnyValue.array_value.values, innermost first.
    let mut value = Vec::new();
    for _ in 0..depth {
        for tag in [0x0a, 0x2a] {
            value = length_delimited(tag, value);
        }
    }
    let message = [0x2a, 0x12, 0x12, 0x0a].into_iter().fold(value, |content, tag| length_delimited(tag, content));
    let reply = client.http(Signal::Logs, message).await.unwrap();
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_serves(&receiver).await;
}

fn length_delimited(tag: u8, content: Vec<u8>) -> Vec<u8> {
    let mut field = vec![tag];
    prost::encoding::encode_varint(content.len() as u64, &mut field);
    field.extend(content);
    field
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let receiver = start(Limits { connections: 3, ..Limits::default() }).await;
    let message = || messages::request(Signal::Logs, 0, 1);
    let mut within = Vec::new();
    for _ in 0..3 {
        let mut client = Client::http1(receiver.http_address()).await;
        assert_eq!(client.http(Signal::Logs, message()).await.unwrap().status, StatusCode::OK);
        within.push(client);
    }
    let mut http = Client::http1(receiver.http_address()).await;
    let reply = http.http(Signal::Logs, message()).await.unwrap();
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.headers["connection"], "close");
    let mut grpc = Client::http2(receiver.grpc_address()).await;
    assert_eq!(grpc.grpc(Signal::Logs, message()).await.unwrap().grpc_status(), 14);
    assert_eq!(within[0].http(Signal::Logs, message()).await.unwrap().status, StatusCode::OK);

    // Beyond those that are told so, they are closed.
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(TcpStream::connect(receiver.http_address()).await.unwrap());
    }
    receiver.requests().wait_for(|requests| requests.totals().refused_connections > 20, PATIENCE).await.unwrap();
}

#[tokio::test]
async fn what_requests_take_together_is_bounded() {
    let receiver = start(Limits { in_flight_bytes: 30_000, ..Limits::default() }).await;
    let head =
        "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: 25000\r\n";
    let mut holds = TcpStream::connect(receiver.http_address()).await.unwrap();
    holds.write_all(format!("{head}\r\n{}", "x".repeat(20_000)).as_bytes()).await.unwrap();
    // When exactly the first body is held cannot be seen from outside: ask until it is.
    let refused = async {
        loop {
            let mut client = Client::http1(receiver.http_address()).await;
            let body = vec![0; 15_000];
            let reply = client.http(Signal::Traces, body).await.unwrap();
            if reply.status == StatusCode::SERVICE_UNAVAILABLE {
                return;
            }
            assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    drop(holds);
    let freed = async {
        while Client::http1(receiver.http_address()).await.http(Signal::Traces, vec![0; 15_000]).await.unwrap().status
            != StatusCode::BAD_REQUEST
        {}
    };
    tokio::time::timeout(PATIENCE, freed).await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_harms_nobody() {
    let receiver = start(Limits::default()).await;
    receiver.faults().inject(Fault::BlackHole { stored: false }.on(Signal::Traces));
    for round in 1..=5 {
        let mut client = Client::http2(receiver.grpc_address()).await;
        tokio::select! {
            _ = client.grpc(Signal::Traces, messages::request(Signal::Traces, 0, 1)) => panic!("answered"),
            waited = receiver.faults().wait_for(|faults| faults.count(FaultKind::BlackHole) == round, PATIENCE) => {
                waited.unwrap();
            }
        }
    }
    let mut stream = TcpStream::connect(receiver.http_address()).await.unwrap();
    stream.write_all(b"POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    drop(stream);
    assert_serves(&receiver).await;
}
