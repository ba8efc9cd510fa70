//! Why a Kafka exporter could not be made. What must hold: no value of a property gets into an error, for it may be a
//! password.

use std::{error::Error, fmt};

/// Why a Kafka exporter could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KafkaConfigError {
    /// A setting has a value that is not accepted.
    Setting {
        /// The setting, without `with_`.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A property that the exporter answers for itself.
    Owned {
        /// The property.
        property: String,
        /// What is there instead.
        instead: &'static str,
    },
    /// A property that librdkafka does not know, or a value that it does not take.
    Property {
        /// The property.
        property: String,
        /// What librdkafka says of it, which does not repeat the value.
        reason: String,
    },
    /// librdkafka could not start: a contradiction between properties, or no thread to be had.
    Start {
        /// What it says.
        reason: String,
    },
}

impl KafkaConfigError {
    pub(super) fn refused(field: &'static str, value: String, accepted: &'static str) -> Self {
        KafkaConfigError::Setting { field, value, accepted }
    }
}

impl fmt::Display for KafkaConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KafkaConfigError::Setting { field, value, accepted } => {
                write!(f, "kafka: {field} is {value}, but takes {accepted}")
            }
            KafkaConfigError::Owned { property, instead } => {
                write!(f, "kafka: the property {property} cannot be set; instead of it there is {instead}")
            }
            KafkaConfigError::Property { property, reason } => {
                write!(f, "kafka: the property {property} is not taken by librdkafka: {reason}")
            }
            KafkaConfigError::Start { reason } => write!(f, "kafka: the producer cannot start: {reason}"),
        }
    }
}

impl Error for KafkaConfigError {}
