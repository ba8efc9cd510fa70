//! What the client prints about itself, and in which form the log records of the program travel.

use serde::{Deserialize, Serialize};

/// What the client prints about itself, and in which form the log records of the program travel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// The least severe messages about itself that the client prints. Default [`LogLevel::Info`].
    pub log_level: LogLevel,
    /// Whether the attributes of log records travel as attributes; if not, as text behind the body. Default true.
    pub enable_structured_logging: bool,
    /// Whether identical log records of an interval travel as one with a count. Default false.
    pub enable_log_aggregation: bool,
    /// The form of what the client prints about itself. Default [`LogFormat::Text`].
    pub log_format: LogFormat,
}

/// How severe a message has to be to be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// All.
    Trace,
    /// What helps to find a mistake, and all that is more severe.
    Debug,
    /// What happens seldom and is worth knowing, and all that is more severe.
    #[default]
    Info,
    /// What may lead to a loss, and what is lost.
    Warn,
    /// What is lost.
    Error,
    /// Nothing.
    Off,
}

/// The form of a printed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// One line for people.
    #[default]
    Text,
}

impl Default for LoggingConfig {
    fn default() -> Self {
        LoggingConfig {
            log_level: LogLevel::Info,
            enable_structured_logging: true,
            enable_log_aggregation: false,
            log_format: LogFormat::Text,
        }
    }
}
