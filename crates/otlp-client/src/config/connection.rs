//! How long to wait for the endpoint, and how many connections to it there may be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Check, FieldError, formats, in_range};

/// How long to wait for the endpoint, and how many connections to it there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionConfig {
    /// The longest that a connection may take to come about, TLS included. 1 ms to 1 h; default 5 s.
    #[serde(with = "formats::duration")]
    pub connect_timeout: Duration,
    /// The longest that one attempt to deliver may take. 1 ms to 1 h; default 10 s.
    #[serde(with = "formats::duration")]
    pub request_timeout: Duration,
    /// How long a connection may be idle before it is closed. 1 ms to 1 day; default 90 s.
    #[serde(with = "formats::duration")]
    pub keep_alive_timeout: Duration,
    /// How many idle connections are kept. 0 to `max_connections`; default 100.
    pub max_idle_connections: usize,
    /// How many connections are open at most. 1 to 10,000; default 200.
    pub max_connections: usize,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        ConnectionConfig {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(90),
            max_idle_connections: 100,
            max_connections: 200,
        }
    }
}

impl Check for ConnectionConfig {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        let (least, hour, day) = (Duration::from_millis(1), Duration::from_secs(3600), Duration::from_secs(86_400));
        let wait = |name, value| in_range(path, name, value, least..=hour, "1 ms to 1 h");
        wait("connect_timeout", self.connect_timeout)?;
        wait("request_timeout", self.request_timeout)?;
        in_range(path, "keep_alive_timeout", self.keep_alive_timeout, least..=day, "1 ms to 1 day")?;
        in_range(path, "max_connections", self.max_connections, 1..=10_000, "1 to 10000 connections")?;
        let accepted = "0 to max_connections connections";
        in_range(path, "max_idle_connections", self.max_idle_connections, 0..=self.max_connections, accepted)
    }
}
