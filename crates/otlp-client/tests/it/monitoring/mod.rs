//! What a client tells of itself: figures, metrics of its own, its health endpoint, its alerts.

mod alerts;
mod endpoint;
mod exposition;
mod figures;
mod hostile;
mod own_metrics;
mod webhooks;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use otlp_client::MonitoringConfig;

use crate::setup::DEADLINE;

/// A health endpoint on a port that the kernel gives, and no metrics but those that a test switches on.
fn served() -> MonitoringConfig {
    MonitoringConfig {
        enable_performance_metrics: false,
        enable_resource_metrics: false,
        enable_custom_metrics: true,
        metrics_export_interval: std::time::Duration::from_secs(3600),
        health_check_endpoint: Some("http://localhost:0/health".to_owned()),
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
}

/// Sends what may be a request, and reads until the server closes.
fn request(address: SocketAddr, text: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// Waits for a condition that another thread makes true.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "{what}");
        std::thread::yield_now();
    }
}
