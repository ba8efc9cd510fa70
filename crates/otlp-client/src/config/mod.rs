//! The configuration as data: what a file may say and what code may say, part by part.
//!
//! Each part is a plain structure whose fields all act. What goes beyond them is said by further methods of
//! [`ClientBuilder`](crate::ClientBuilder).

mod batch;
mod client_config;
mod connection;
mod disk_queue;
mod field_error;
mod file;
mod formats;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod logging;
mod monitoring;
mod production;
mod reference;
mod retry;
mod security;
mod transport;
mod yaml;

pub use self::{
    client_config::ClientConfig,
    connection::ConnectionConfig,
    field_error::{FieldError, FieldProblem, Place},
    file::ConfigFileError,
    logging::{LogFormat, LogLevel, LoggingConfig},
    monitoring::MonitoringConfig,
    production::ProductionConfig,
    reference::literal,
    retry::{ErrorType, RetryConfig},
    security::SecurityConfig,
    transport::{TlsConfig, TransportConfig, TransportProtocol},
};
pub(crate) use self::{
    field_error::{Check, check, in_range},
    reference::Process,
};
pub use crate::{builder::default_retry, endpoints::default_circuit_breaker};
