//! The protocols of OTLP, by name.

use std::{fmt, str::FromStr};

use crate::config::ConfigError;

/// How OTLP is spoken (`OTEL_EXPORTER_OTLP_PROTOCOL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// `grpc`, port 4317.
    Grpc,
    /// `http/protobuf`, port 4318: the default of the specification.
    #[default]
    HttpProtobuf,
    /// `http/json`, port 4318.
    HttpJson,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Grpc => "grpc",
            Protocol::HttpProtobuf => "http/protobuf",
            Protocol::HttpJson => "http/json",
        })
    }
}

impl FromStr for Protocol {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "grpc" => Ok(Protocol::Grpc),
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            "http/json" => Ok(Protocol::HttpJson),
            _ => Err(ConfigError::value("protocol", text, "grpc, http/protobuf, http/json")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_read_back_from_their_names() {
        for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        let error = "http".parse::<Protocol>().unwrap_err().to_string();
        assert_eq!(error, r#"protocol is "http"; accepted: grpc, http/protobuf, http/json"#);
    }
}
