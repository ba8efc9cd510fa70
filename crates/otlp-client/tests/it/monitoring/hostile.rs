//! What strangers do to the health endpoint, and that the delivery does not notice.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use otlp_core::data::{LogData, MetricData, SpanData};
use otlp_exporters::{ExportResult, Exporter, async_trait};

use super::{get, served};
use crate::setup::{DEADLINE, builder, receiver, spans};

/// Sends bytes, and reads what comes until the server closes.
fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // The server may have closed already.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn garbage_slow_clients_and_many_connections_neither_stop_the_endpoint_nor_the_delivery() {
    let receiver = receiver();
    let client = builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_monitoring(served());
    let client = client.build_blocking().unwrap();
    let address = client.monitoring_address().unwrap();

    let long_path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(1 << 20));
    let large_header = format!("GET /health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let many_headers = format!("GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let garbage: Vec<u8> = (0..100_000).map(|_| fastrand::u8(..)).collect();
    for bytes in [
        b"\0\0\0\0\r\n\r\n".as_slice(),
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &garbage,
        long_path.as_bytes(),
        large_header.as_bytes(),
        many_headers.as_bytes(),
    ] {
        if bytes.first() == Some(&0x16) {
            // Waits for a line that never comes: closed by the other side here.
            drop(TcpStream::connect(address).unwrap().write_all(bytes));
            continue;
        }
        let answer = send(address, bytes);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(bytes));
        assert_eq!(get(address, "/health").status, 200);
    }

    // More than it serves at a time, all of them silent: whoever asks takes the place of one of them.
    let mut silent: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut silent {
        stream.write_all(b"GET /health HTTP/1.1\r\nx").unwrap();
    }
    spans(&client, 100);
    assert!(client.flush_blocking(DEADLINE).complete);
    assert_eq!(receiver.store().spans().len(), 100);
    assert_eq!(get(address, "/health").status, 200);
    let mut told = Vec::new();
    silent[0].set_read_timeout(Some(DEADLINE)).unwrap();
    let _ = silent[0].read_to_end(&mut told);
    assert!(!told.starts_with(b"HTTP/1.1 200"));
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 100);
}

#[test]
fn ten_thousand_connections_of_every_kind_keep_away_neither_a_probe_nor_the_delivery() {
    const EACH: usize = 2_500;
    let receiver = receiver();
    let client = builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_monitoring(served());
    let client = client.build_blocking().unwrap();
    let address = client.monitoring_address().unwrap();
    let is_over = AtomicBool::new(false);
    // Silent, slow, asking for the largest page and leaving, and with a body that never ends.
    let kinds: [&[u8]; 4] = [
        b"",
        b"GET /health HTTP/1.1\r\nhost: x\r\nslow: ",
        b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n",
    ];
    thread::scope(|scope| {
        let (is_over, client) = (&is_over, &client);
        for bytes in kinds {
            scope.spawn(move || {
                let mut held = VecDeque::new();
                for _ in 0..EACH {
                    if is_over.load(Relaxed) {
                        return;
                    }
                    // The kernel turns some away, which is its right.
                    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(20)) else {
                        continue;
                    };
                    let _ = stream.write_all(bytes);
                    held.push_back(stream);
                    if held.len() > 200 {
                        held.pop_front();
                    }
                }
            });
        }
        let mut probes = 0;
        for _ in 0..20 {
            spans(client, 50);
            assert!(client.flush_blocking(DEADLINE).complete);
            // One of a thousand who ask at once may have to ask again.
            probes += usize::from(probe(address));
        }
        is_over.store(true, Relaxed);
        assert!(probes > 10, "{probes} of 20 probes were answered");
    });
    assert_eq!(receiver.store().spans().len(), 1_000);
    assert_eq!(get(address, "/health").status, 200);
    let report = client.shutdown_blocking(DEADLINE);
    assert!(report.complete, "{report}");
}

/// Whether somebody who asks, as an orchestrator does, is answered.
fn probe(address: SocketAddr) -> bool {
    send(address, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").starts_with(b"HTTP/1.1 200")
}

#[test]
fn as_many_as_it_serves_who_say_nothing_keep_nobody_away() {
    let client = builder("http://127.0.0.1:1").0.with_monitoring(served()).build_blocking().unwrap();
    let address = client.monitoring_address().unwrap();
    let mut silent: Vec<TcpStream> = (0..32).map(|_| TcpStream::connect(address).unwrap()).collect();
    // The next that comes waits for none of them: the first of them has to leave.
    assert!(probe(address));
    let mut first = silent.remove(0);
    first.set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(matches!(first.read(&mut [0]), Ok(0) | Err(_)));
    // The others stay for as long as they may.
    silent[30].write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    silent[30].set_read_timeout(Some(DEADLINE)).unwrap();
    silent[30].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_scraper_that_stops_reading_costs_its_place_and_no_more() {
    // A page that is larger than the kernel takes at once.
    let receiver = receiver();
    let config = otlp_client::MonitoringConfig { enable_performance_metrics: true, ..served() };
    let mut builder = builder(receiver.grpc_endpoint()).0.with_grpc_transport().with_monitoring(config);
    for number in 0..20 {
        builder = builder.with_custom_exporter(Box::new(Nothing(format!("{number} {}", "x".repeat(2_000)))));
    }
    let client = builder.build_blocking().unwrap();
    let address = client.monitoring_address().unwrap();
    let held: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            stream.read_exact(&mut [0; 100]).unwrap();
            stream
        })
        .collect();
    spans(&client, 100);
    assert!(client.flush_blocking(DEADLINE).complete);
    assert_eq!(receiver.store().spans().len(), 100);
    let page = get(address, "/metrics");
    assert!(page.status == 200 && page.body.len() > 2 << 20, "{} bytes", page.body.len());
    drop(held);
}

/// Takes everything, under a long name.
struct Nothing(String);

type Answer = Result<ExportResult, Box<dyn std::error::Error + Send + Sync>>;

#[async_trait]
impl Exporter for Nothing {
    fn name(&self) -> String {
        self.0.clone()
    }

    async fn export_spans(&self, _: Vec<SpanData>) -> Answer {
        Ok(ExportResult::Success)
    }

    async fn export_metrics(&self, _: Vec<MetricData>) -> Answer {
        Ok(ExportResult::Success)
    }

    async fn export_logs(&self, _: Vec<LogData>) -> Answer {
        Ok(ExportResult::Success)
    }
}

#[test]
fn a_connection_has_one_answer_and_no_other_method_makes_a_page() {
    let client = builder("http://127.0.0.1:1").0.with_monitoring(served()).build_blocking().unwrap();
    let address = client.monitoring_address().unwrap();
    let twice = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\n\r\n".repeat(2);
    let answer = String::from_utf8(send(address, twice.as_bytes())).unwrap().to_lowercase();
    assert_eq!(answer.matches("http/1.1 ").count(), 1, "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    for method in ["OPTIONS", "POST", "PUT", "DELETE", "TRACE", "BREW"] {
        for path in ["/health", "/metrics", "/nowhere", "*"] {
            let answer = send(address, format!("{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
            let answer = String::from_utf8(answer).unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 405") || answer.starts_with("HTTP/1.1 400"),
                "{method} {path}: {answer}"
            );
        }
    }
}
