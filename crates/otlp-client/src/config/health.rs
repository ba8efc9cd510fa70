//! Who may ask how the client is, and what it takes to be ready.

use serde::{Deserialize, Serialize};

/// Who may ask how the client is, and what it takes to be ready, beside
/// [`MonitoringConfig::health_check_endpoint`](super::MonitoringConfig::health_check_endpoint).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthConfig {
    /// Whether the health endpoint may listen on an address that other machines can reach. It speaks plaintext and asks
    /// nobody for a password. Default false.
    pub public: bool,
    /// Whether an endpoint that is down makes the client unready, so that `/ready` answers 503. Default false: it is
    /// degraded then.
    pub endpoints_required: bool,
}
