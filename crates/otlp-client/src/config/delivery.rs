//! Where items go beside the OTLP receivers, and how long a client that is dropped may deliver.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Check, FieldError, formats, in_range};

/// Where items go beside the OTLP receivers, and how long a client that is dropped may deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// Whether every item is printed on standard output as well. Default false.
    pub console: bool,
    /// How long dropping the last handle without a shutdown may deliver. 0 to 1 h; default 500 ms.
    #[serde(with = "formats::duration")]
    pub drop_deadline: Duration,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        DeliveryConfig { console: false, drop_deadline: Duration::from_millis(500) }
    }
}

impl Check for DeliveryConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let range = Duration::ZERO..=Duration::from_secs(3600);
        in_range(path, "drop_deadline", self.drop_deadline, range, "0 ms to 1 h")
    }
}
