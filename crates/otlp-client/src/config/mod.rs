//! The configuration as data: what a file may say and what code may say, part by part.
//!
//! Each part is a plain structure whose fields all act. What goes beyond them is said by further methods of
//! [`ClientBuilder`](crate::ClientBuilder).

mod logging;
mod monitoring;

pub use self::{
    logging::{LogFormat, LogLevel, LoggingConfig},
    monitoring::MonitoringConfig,
};
