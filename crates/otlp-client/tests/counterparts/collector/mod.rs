//! The OpenTelemetry Collector, which writes what it receives to files: a request a line, in OTLP JSON of its own encoder.

#[cfg(feature = "kafka")]
mod kafka;
mod restart;
mod signals;
mod tls;

use std::{fs, path::Path};

use otlp_core::json;
use otlp_transport::Protocol;

use crate::{
    server::{Server, Start, program},
    telemetry::Telemetry,
};

/// A running Collector.
struct Collector {
    server: Server,
}

impl Collector {
    /// Starts one that receives OTLP; `None` if there is none. `tls` are settings of its receivers, in YAML.
    fn start(tls: &str) -> Option<Self> {
        let program = program("COLLECTOR_BIN")?;
        let server = Server::start(program, |folder, [health, grpc, http]| {
            let receiver = |port: u16| format!("{{ endpoint: \"127.0.0.1:{port}\"{tls} }}");
            let (grpc, http) = (receiver(grpc), receiver(http));
            configured(folder, health, "otlp", &format!("{{ protocols: {{ grpc: {grpc}, http: {http} }} }}"))
        });
        Some(Collector { server })
    }

    /// Where it takes this protocol, as `host:port`.
    fn address(&self, protocol: Protocol) -> String {
        let port = self.server.port(if protocol == Protocol::Grpc { 1 } else { 2 });
        format!("localhost:{port}")
    }

    /// Everything that it has received, once it has ended.
    fn received(&mut self) -> Telemetry {
        self.server.stop();
        self.written()
    }

    /// What it has written so far: whole lines.
    fn written(&self) -> Telemetry {
        let mut received = Telemetry::default();
        for request in lines(self.server.folder(), "traces") {
            received.spans.extend(json::decode_spans(request.as_bytes()).unwrap());
        }
        for request in lines(self.server.folder(), "metrics") {
            received.metrics.extend(json::decode_metrics(request.as_bytes()).unwrap());
        }
        for request in lines(self.server.folder(), "logs") {
            received.logs.extend(json::decode_logs(request.as_bytes()).unwrap());
        }
        received.sorted()
    }
}

/// The requests that a Collector has written, in the words of its own encoder.
fn lines(folder: &Path, signal: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join(signal)).unwrap_or_default();
    // What is behind the last line end is being written.
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
}

/// Writes the configuration of a Collector with one receiver.
fn configured(folder: &Path, health: u16, receiver: &str, settings: &str) -> Start {
    let exporter = |signal| {
        let path = folder.join(signal);
        format!("  file/{signal}: {{ path: {path:?}, append: true, flush_interval: 100ms }}\n")
    };
    let pipeline = |signal| format!("    {signal}: {{ receivers: [{receiver}], exporters: [file/{signal}] }}\n");
    let signals = ["traces", "metrics", "logs"];
    let exporters: String = signals.iter().map(exporter).collect();
    let pipelines: String = signals.iter().map(pipeline).collect();
    let config = format!(
        "extensions:\n  health_check: {{ endpoint: \"127.0.0.1:{health}\" }}\n\
         receivers:\n  {receiver}: {settings}\n\
         exporters:\n{exporters}\
         service:\n  extensions: [health_check]\n  telemetry: {{ metrics: {{ level: none }} }}\n  pipelines:\n{pipelines}"
    );
    let path = folder.join("config.yaml");
    fs::write(&path, config).unwrap();
    Start { arguments: vec!["--config".to_owned(), path.display().to_string()], health: (health, "/") }
}
