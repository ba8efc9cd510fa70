//! What strangers do to the health endpoint, and that the delivery does not notice.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

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

    // More than it serves at a time, all of them silent: it takes the next when their time is over.
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
