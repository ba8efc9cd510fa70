//! The five services: what they are called, whom they call, and how each exports.
//!
//! Between them they use every protocol and compression, so that one run shows all of them side by side.

use std::fmt;

use clap::ValueEnum;
use otlp::config::Compression;
use otlp::config::Protocol;
use serde::{Deserialize, Serialize};

/// One of the services, in the order in which a request meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Service {
    ApiGateway,
    Order,
    User,
    Payment,
    Notification,
}

/// How a service exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportProtocol {
    Grpc,
    #[value(name = "http/protobuf")]
    HttpProtobuf,
    #[value(name = "http/json")]
    HttpJson,
}

/// How a service compresses what it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportCompression {
    None,
    Gzip,
    Zstd,
}

impl Service {
    pub(crate) const ALL: [Service; 5] =
        [Service::ApiGateway, Service::Order, Service::User, Service::Payment, Service::Notification];

    /// `service.name`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Service::ApiGateway => "api-gateway",
            Service::Order => "order",
            Service::User => "user",
            Service::Payment => "payment",
            Service::Notification => "notification",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Service::ALL.into_iter().find(|service| service.name() == name)
    }

    /// How it exports to the embedded receiver.
    pub(crate) const fn export(self) -> (ExportProtocol, ExportCompression) {
        match self {
            Service::ApiGateway => (ExportProtocol::Grpc, ExportCompression::None),
            Service::Order => (ExportProtocol::HttpJson, ExportCompression::None),
            Service::User => (ExportProtocol::HttpProtobuf, ExportCompression::None),
            Service::Payment => (ExportProtocol::Grpc, ExportCompression::Gzip),
            Service::Notification => (ExportProtocol::HttpProtobuf, ExportCompression::Zstd),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl ExportProtocol {
    pub(crate) const fn protocol(self) -> Protocol {
        match self {
            ExportProtocol::Grpc => Protocol::Grpc,
            ExportProtocol::HttpProtobuf => Protocol::HttpProtobuf,
            ExportProtocol::HttpJson => Protocol::HttpJson,
        }
    }
}

impl fmt::Display for ExportProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExportProtocol::Grpc => "gRPC",
            ExportProtocol::HttpProtobuf => "HTTP/protobuf",
            ExportProtocol::HttpJson => "HTTP/JSON",
        })
    }
}

impl ExportCompression {
    pub(crate) const fn compression(self) -> Compression {
        match self {
            ExportCompression::None => Compression::None,
            ExportCompression::Gzip => Compression::Gzip,
            ExportCompression::Zstd => Compression::Zstd,
        }
    }
}

impl fmt::Display for ExportCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExportCompression::None => "",
            ExportCompression::Gzip => " with gzip",
            ExportCompression::Zstd => " with zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for service in Service::ALL {
            assert_eq!(Service::named(service.name()), Some(service));
        }
        assert_eq!(Service::named("somebody-else"), None);
    }

    #[test]
    fn the_services_cover_every_protocol_and_compression() {
        let exports = Service::ALL.map(Service::export);
        for protocol in [ExportProtocol::Grpc, ExportProtocol::HttpProtobuf, ExportProtocol::HttpJson] {
            assert!(exports.iter().any(|(one, _)| *one == protocol), "{protocol}");
        }
        for compression in [ExportCompression::None, ExportCompression::Gzip, ExportCompression::Zstd] {
            assert!(exports.iter().any(|(_, one)| *one == compression), "{compression:?}");
        }
    }
}
