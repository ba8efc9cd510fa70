//! How the endpoint is spoken to.

use std::fmt;

use otlp_transport::{Compression, Protocol};
use serde::{Deserialize, Serialize};

use super::{Check, FieldError, check, formats};

/// How the endpoint is spoken to: protocol, compression, and TLS from files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransportConfig {
    /// The protocol. Default: that of the endpoint's port, see [`TransportProtocol::of_endpoint`].
    pub protocol: TransportProtocol,
    /// How requests are compressed. Default: not at all.
    #[serde(with = "formats::compression")]
    pub compression: Compression,
    /// Whom to trust and who we are. Default: the system's roots, no client certificate.
    pub tls_config: Option<TlsConfig>,
}

/// The protocols of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportProtocol {
    /// HTTP with protobuf bodies (OTLP specification, "OTLP/HTTP").
    #[default]
    Http,
    /// HTTP with JSON bodies.
    HttpJson,
    /// gRPC (OTLP specification, "OTLP/gRPC").
    Grpc,
}

/// TLS from files. Paths may hold references, see [`ProductionConfig`](super::ProductionConfig).
///
/// An `https` endpoint needs none of it: without files, the system's roots are trusted and no client certificate is
/// shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Whether TLS is spoken; it has to say the same as the scheme of the endpoint. Default true.
    pub enabled: bool,
    /// A PEM file with our certificate, for receivers that ask for one; empty for none. It needs `key_file`.
    pub cert_file: String,
    /// A PEM file with the key of the certificate; empty for none.
    pub key_file: String,
    /// A PEM file with the certificates to trust; empty for the system's.
    pub ca_file: String,
}

impl Default for TlsConfig {
    fn default() -> Self {
        TlsConfig { enabled: true, cert_file: String::new(), key_file: String::new(), ca_file: String::new() }
    }
}

impl TransportProtocol {
    /// What an endpoint is spoken to by, if nothing else is said: gRPC at port 4317, the registered port of OTLP/gRPC,
    /// and HTTP with protobuf bodies at any other.
    pub fn of_endpoint(endpoint: &str) -> Self {
        if endpoint.trim_end_matches('/').ends_with(":4317") {
            TransportProtocol::Grpc
        } else {
            TransportProtocol::Http
        }
    }
}

impl From<TransportProtocol> for Protocol {
    fn from(protocol: TransportProtocol) -> Self {
        match protocol {
            TransportProtocol::Http => Protocol::HttpProtobuf,
            TransportProtocol::HttpJson => Protocol::HttpJson,
            TransportProtocol::Grpc => Protocol::Grpc,
        }
    }
}

/// The name in a configuration file.
impl fmt::Display for TransportProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TransportProtocol::Http => "http",
            TransportProtocol::HttpJson => "http_json",
            TransportProtocol::Grpc => "grpc",
        })
    }
}

impl Check for TransportConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let Some(tls) = &self.tls_config else { return Ok(()) };
        let half = |set, missing| {
            let reason =
                format!("{set} is set and {missing} is not: a client certificate needs both, or leave both empty");
            Err(FieldError::contradiction(format!("{path}.tls_config.{set}"), reason))
        };
        match (tls.cert_file.is_empty(), tls.key_file.is_empty()) {
            (false, true) => half("cert_file", "key_file"),
            (true, false) => half("key_file", "cert_file"),
            _ => Ok(()),
        }?;
        let has_files = !(tls.cert_file.is_empty() && tls.ca_file.is_empty());
        check(tls.enabled || !has_files, || {
            let reason = "it is false, and certificates are given that would not be used: set it, or remove tls_config";
            FieldError::contradiction(format!("{path}.tls_config.enabled"), reason)
        })
    }
}
