//! The `OTEL_*` environment variables.
//!
//! Empty means unset. What cannot be read is left at its default, with a [`Warning`] that names the variable, the value
//! and what is accepted. Follows "Environment Variable Specification" and "OpenTelemetry Protocol Exporter" of the
//! OpenTelemetry specification.

use std::{fmt, time::Duration};

use otlp_core::{KeyValue, Signal};
use otlp_sdk::metrics::TemporalityPreference;
use otlp_transport::{Compression, Protocol};
use percent_encoding::percent_decode_str;

use crate::LogLevel;

/// A setting that could not be used, and what is used instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The variable or option.
    pub name: String,
    /// What is wrong with it, what is accepted, and what is used instead. Never a secret.
    pub problem: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.problem)
    }
}

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

/// All that the variables say.
#[derive(Clone, Default)]
pub struct Environment {
    /// By [`Signal::index`].
    pub export: [ExportVariables; 3],
    /// `OTEL_SERVICE_NAME`.
    pub service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub resource_attributes: Vec<KeyValue>,
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
    pub temporality: Option<TemporalityPreference>,
    /// `OTEL_LOG_LEVEL`.
    pub log_level: Option<LogLevel>,
    /// What could not be used.
    pub warnings: Vec<Warning>,
}

impl Environment {
    /// Reads the variables of this process.
    pub fn from_process() -> Self {
        Environment::read(|name| std::env::var(name).ok())
    }

    /// Reads the variables that `lookup` finds.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader { lookup, warnings: Vec::new() };
        let export = Signal::ALL.map(|signal| reader.export(signal));
        let service_name = reader.text("OTEL_SERVICE_NAME");
        let resource_attributes = reader.resource_attributes();
        let temporality = reader.one_of(
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            &[
                ("cumulative", TemporalityPreference::Cumulative),
                ("delta", TemporalityPreference::Delta),
                ("lowmemory", TemporalityPreference::LowMemory),
            ],
        );
        let log_level = reader.one_of(
            "OTEL_LOG_LEVEL",
            &[
                ("trace", LogLevel::Trace),
                ("debug", LogLevel::Debug),
                ("info", LogLevel::Info),
                ("warn", LogLevel::Warn),
                ("error", LogLevel::Error),
                ("off", LogLevel::Off),
            ],
        );
        let warnings = reader.warnings;
        Environment { export, service_name, resource_attributes, temporality, log_level, warnings }
    }
}

struct Reader<L> {
    lookup: L,
    warnings: Vec<Warning>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn warn(&mut self, name: &str, problem: String) {
        let warning = Warning { name: name.to_owned(), problem };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The variable of one signal, else the general one.
    fn export_variable(&self, signal: Signal, suffix: &str) -> Option<(String, String, EndpointScope)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{suffix}", signal.name().to_uppercase());
        if let Some(value) = self.text(&own) {
            return Some((own, value, EndpointScope::Signal));
        }
        let general = format!("OTEL_EXPORTER_OTLP_{suffix}");
        self.text(&general).map(|value| (general, value, EndpointScope::General))
    }

    fn export(&mut self, signal: Signal) -> ExportVariables {
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
            timeout: self.milliseconds(signal),
            headers: self.headers(signal),
            compression: self.export_choice(
                signal,
                "COMPRESSION",
                &[("none", Compression::None), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)],
            ),
            insecure: self.boolean(signal),
            certificate: value(self, "CERTIFICATE"),
            client_key: value(self, "CLIENT_KEY"),
            client_certificate: value(self, "CLIENT_CERTIFICATE"),
        }
    }

    fn export_choice<T: Copy>(&mut self, signal: Signal, suffix: &str, choices: &[(&str, T)]) -> Option<T> {
        let (name, value, _) = self.export_variable(signal, suffix)?;
        self.choose(&name, &value, choices)
    }

    fn one_of<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.text(name)?;
        self.choose(name, &value, choices)
    }

    fn choose<T: Copy>(&mut self, name: &str, value: &str, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(value)).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let accepted: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            self.warn(name, format!("{value:?} is not known; accepted: {}; using the default", accepted.join(", ")));
        }
        found
    }

    fn milliseconds(&mut self, signal: Signal) -> Option<Duration> {
        let (name, value, _) = self.export_variable(signal, "TIMEOUT")?;
        let parsed = value.parse().ok().map(Duration::from_millis);
        if parsed.is_none() {
            self.warn(&name, format!("{value:?} is no whole number of milliseconds; using the default"));
        }
        parsed
    }

    fn boolean(&mut self, signal: Signal) -> Option<bool> {
        let (name, value, _) = self.export_variable(signal, "INSECURE")?;
        if value.eq_ignore_ascii_case("true") {
            return Some(true);
        }
        if !value.eq_ignore_ascii_case("false") {
            self.warn(&name, format!("{value:?} is neither true nor false; using false"));
        }
        Some(false)
    }

    /// Headers in the form of W3C baggage without properties. A value may be a secret and is never shown.
    fn headers(&mut self, signal: Signal) -> Vec<(String, String)> {
        let Some((name, value, _)) = self.export_variable(signal, "HEADERS") else { return Vec::new() };
        let mut headers = Vec::new();
        for (index, pair) in value.split(',').map(str::trim).enumerate().filter(|(_, pair)| !pair.is_empty()) {
            match pair.split_once('=').and_then(|(key, value)| Some((decoded(key)?, decoded(value)?))) {
                Some((key, value)) if !key.is_empty() => headers.push((key, value)),
                _ => self.warn(&name, format!("header {} is not of the form name=value; it is left out", index + 1)),
            }
        }
        headers
    }

    /// Discarded whole on an error, as the specification says.
    fn resource_attributes(&mut self) -> Vec<KeyValue> {
        const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let Some(value) = self.text(NAME) else { return Vec::new() };
        let mut attributes = Vec::new();
        for pair in value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').and_then(|(key, value)| Some((decoded(key)?, decoded(value)?))) {
                Some((key, value)) if !key.is_empty() => attributes.push(KeyValue::new(key, value)),
                _ => {
                    self.warn(NAME, format!("{pair:?} is not of the form key=value; all of it is left out"));
                    return Vec::new();
                }
            }
        }
        attributes
    }
}

/// Percent-decoded text; `None` if that is no UTF-8 or a `%` is not followed by two hex digits.
fn decoded(text: &str) -> Option<String> {
    let text = text.trim();
    let is_complete = text.split('%').skip(1).all(|after| {
        after.len() >= 2 && after.is_char_boundary(2) && after[..2].bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    is_complete.then(|| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        Environment::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_signals_own_variable_beats_the_general_one() {
        let environment = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/spans"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
        ]);
        let endpoint = |signal: Signal| environment.export[signal.index()].endpoint.clone();
        assert_eq!(endpoint(Signal::Traces), Some(("http://traces:4318/spans".into(), EndpointScope::Signal)));
        assert_eq!(endpoint(Signal::Logs), Some(("http://all:4318".into(), EndpointScope::General)));
        let protocols = environment.export.each_ref().map(|one| one.protocol);
        assert_eq!(protocols, [Some(Protocol::HttpJson), Some(Protocol::HttpJson), Some(Protocol::Grpc)]);
        assert!(environment.warnings.is_empty());
    }

    #[test]
    fn empty_means_unset() {
        let environment = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_SERVICE_NAME", "")]);
        assert_eq!((environment.export[0].endpoint.clone(), environment.service_name), (None, None));
    }

    #[test]
    fn what_cannot_be_read_is_warned_of_once_and_left_at_its_default() {
        let environment = read(&[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpcc"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_EXPORTER_OTLP_INSECURE", "yes"),
        ]);
        let warnings: Vec<String> = environment.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "OTEL_EXPORTER_OTLP_PROTOCOL: \"grpcc\" is not known; accepted: grpc, http/protobuf, http/json; \
                 using the default",
                "OTEL_EXPORTER_OTLP_TIMEOUT: \"10s\" is no whole number of milliseconds; using the default",
                "OTEL_EXPORTER_OTLP_INSECURE: \"yes\" is neither true nor false; using false",
            ]
        );
        assert_eq!(environment.export[0].insecure, Some(false), "only true is true");
    }

    #[test]
    fn headers_are_percent_decoded_and_a_bad_one_does_not_show_its_value() {
        let environment =
            read(&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-tenant = 7 ,secret%zz=x")]);
        let expected = [("authorization", "Bearer abc"), ("x-tenant", "7")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(environment.export[0].headers, expected);
        let warning = environment.warnings[0].to_string();
        assert_eq!(warning, "OTEL_EXPORTER_OTLP_HEADERS: header 3 is not of the form name=value; it is left out");
    }

    #[test]
    fn resource_attributes_are_discarded_whole_on_an_error() {
        let good = read(&[("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod%2Ceu,host.name=a")]);
        let expected = [KeyValue::new("deployment.environment.name", "prod,eu"), KeyValue::new("host.name", "a")];
        assert_eq!(good.resource_attributes, expected);
        let bad = read(&[("OTEL_RESOURCE_ATTRIBUTES", "host.name=a,nonsense")]);
        assert!(bad.resource_attributes.is_empty());
        assert_eq!(bad.warnings.len(), 1);
    }
}
