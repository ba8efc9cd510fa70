//! The variables of the OTLP exporter ("OpenTelemetry Protocol Exporter" of the specification): one for all signals, and
//! one for each that beats it.

use std::time::Duration;

use otlp_core::Signal;
use otlp_transport::{Compression, Protocol};

use super::{reader::Reader, resource::decoded};

/// What the variables say of the export of one signal; `None` where they say nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExportVariables {
    /// The endpoint and whether it is the general one, to which HTTP appends the path of the signal.
    pub endpoint: Option<(String, EndpointScope)>,
    /// How to speak to it.
    pub protocol: Option<Protocol>,
    /// The longest that one attempt may take; zero means no limit.
    pub timeout: Option<Duration>,
    /// Names and values of headers.
    pub headers: Vec<(String, String)>,
    /// How requests are compressed.
    pub compression: Option<Compression>,
    /// Whether an endpoint without scheme is spoken to in plaintext.
    pub insecure: Option<bool>,
    /// A file with certificates (PEM) to trust instead of the system's.
    pub certificate: Option<String>,
    /// A file with our own key (PEM).
    pub client_key: Option<String>,
    /// A file with our own certificates (PEM).
    pub client_certificate: Option<String>,
}

/// Whether an endpoint is for all signals or for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointScope {
    /// For all: HTTP appends `v1/<signal>`.
    General,
    /// For one: it is used as it is.
    Signal,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    /// The variable of one signal, else the general one.
    fn export_variable(&self, signal: Signal, suffix: &str) -> Option<(String, String, EndpointScope)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{suffix}", signal.name().to_uppercase());
        if let Some(value) = self.text(&own) {
            return Some((own, value, EndpointScope::Signal));
        }
        let general = format!("OTEL_EXPORTER_OTLP_{suffix}");
        self.text(&general).map(|value| (general, value, EndpointScope::General))
    }

    pub(super) fn export(&mut self, signal: Signal) -> ExportVariables {
        let value = |reader: &Self, suffix| reader.export_variable(signal, suffix).map(|(_, value, _)| value);
        ExportVariables {
            endpoint: self.export_variable(signal, "ENDPOINT").map(|(_, value, scope)| (value, scope)),
            protocol: self.export_choice(
                signal,
                "PROTOCOL",
                &[
                    ("grpc", Protocol::Grpc),
                    ("http/protobuf", Protocol::HttpProtobuf),
                    ("http/json", Protocol::HttpJson),
                ],
            ),
            timeout: self.attempt_timeout(signal),
            headers: self.headers(signal),
            compression: self.export_choice(
                signal,
                "COMPRESSION",
                &[("none", Compression::None), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)],
            ),
            insecure: self.insecure(signal),
            certificate: value(self, "CERTIFICATE"),
            client_key: value(self, "CLIENT_KEY"),
            client_certificate: value(self, "CLIENT_CERTIFICATE"),
        }
    }

    fn export_choice<T: Copy>(&mut self, signal: Signal, suffix: &str, choices: &[(&str, T)]) -> Option<T> {
        let (name, value, _) = self.export_variable(signal, suffix)?;
        self.choose(&name, &value, choices)
    }

    fn attempt_timeout(&mut self, signal: Signal) -> Option<Duration> {
        let (name, value, _) = self.export_variable(signal, "TIMEOUT")?;
        let parsed = value.parse().ok().map(Duration::from_millis);
        if parsed.is_none() {
            self.warn(&name, format!("{value:?} is no whole number of milliseconds; using the default"));
        }
        parsed
    }

    fn insecure(&mut self, signal: Signal) -> Option<bool> {
        let (name, value, _) = self.export_variable(signal, "INSECURE")?;
        Some(self.boolean(&name, &value))
    }

    /// Headers in the form of W3C baggage without properties. A value may be a secret and is never shown, and what stands
    /// in the place of a name may be a part of one.
    fn headers(&mut self, signal: Signal) -> Vec<(String, String)> {
        let Some((name, value, _)) = self.export_variable(signal, "HEADERS") else { return Vec::new() };
        let mut headers = Vec::new();
        for (index, pair) in value.split(',').map(str::trim).enumerate().filter(|(_, pair)| !pair.is_empty()) {
            match pair.split_once('=').and_then(|(key, value)| Some((decoded(key)?, decoded(value)?))) {
                Some((key, value)) if can_be_sent(&key, &value) => headers.push((key, value)),
                Some(_) => {
                    let problem = "has a name or a value that no HTTP header can have; it is left out";
                    self.warn(&name, format!("header {} {problem}", index + 1));
                }
                None => self.warn(&name, format!("header {} is not of the form name=value; it is left out", index + 1)),
            }
        }
        headers
    }
}

fn can_be_sent(name: &str, value: &str) -> bool {
    http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok()
}
