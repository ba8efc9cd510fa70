//! Configuration and assembly: [`EnhancedOtlpClient`] and its builder.
//!
//! A setting is looked for in code, then in the environment ([`Environment`]), then in the defaults of the OpenTelemetry
//! specification. Everything is checked when the client is built; building does no I/O but reading the files that
//! settings name.

mod builder;
mod client;
pub mod config;
mod diagnostics;
mod endpoints;
mod environment;
mod error;
mod leaving;
mod logging;
pub mod monitoring;
mod policies;
mod propagation;
mod receivers;
mod reload;
mod resource;
mod settings;
mod transport_events;

pub use self::{
    builder::ClientBuilder,
    client::EnhancedOtlpClient,
    config::{LogFormat, LogLevel, LoggingConfig, MonitoringConfig},
    environment::{BatchVariables, EndpointScope, Environment, ExportVariables, Selection, Warning},
    error::BuildError,
    logging::{Diagnostic, DiagnosticSeverity},
    reload::{ReloadError, Reloaded},
};
pub use otlp_batch::{DiskQueueConfig, Durability, EncryptionKey};

pub use otlp_discovery as discovery;

/// The bodies of the fuzz targets for configuration files.
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use self::config::fuzz;
