//! How many connections there are to one origin, and how long: plain data.

use std::time::Duration;

use super::ConfigError;

/// More connections than a process has ports for to one receiver help nobody.
const MOST_CONNECTIONS: usize = 10_000;
const LONGEST_CONNECT: Duration = Duration::from_secs(3600);
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 3600);

/// The connections of a transport to one scheme, host and port.
///
/// One HTTP/2 connection serves any number of requests, and stays the normal case: another is opened once the receiver
/// allows no more concurrent streams on those that are open. HTTP/1.1 needs a connection for each request in flight.
///
/// ```
/// use std::time::Duration;
/// use otlp_transport::ConnectionPoolConfig;
///
/// let pool = ConnectionPoolConfig {
///     max_connections: 200,
///     min_connections: 20,
///     connection_timeout: Duration::from_secs(5),
///     idle_timeout: Duration::from_secs(300),
///     keep_alive: true,
/// };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionPoolConfig {
    /// How many connections are open at most, 1 to 10,000; default 200. Requests beyond them wait, within the time of
    /// their attempt. A connection that is given up, because it stays silent or the receiver is closing it, counts no
    /// more: its successor need not wait for its last answers.
    pub max_connections: usize,
    /// How many are opened ahead, with the first request or when the transport is started, and kept though they are idle;
    /// default 0. One that dies is replaced, less and less often if the receiver keeps closing them.
    pub min_connections: usize,
    /// The longest that resolving the name, connecting and the TLS handshake may take together, at most an hour; default
    /// 5 s.
    pub connection_timeout: Duration,
    /// How long a connection beyond `min_connections` may be idle before it is closed, at most a day; default 90 s, which
    /// is less than most balancers and address translators remember a silent connection.
    pub idle_timeout: Duration,
    /// Whether connections are kept alive; default yes. Then TCP probes silent ones, HTTP/2 ones are pinged as
    /// [`KeepAlive`](crate::KeepAlive) says, and HTTP/1.1 ones are used again. Otherwise there are neither probes nor
    /// pings, and each HTTP/1.1 request has a connection of its own.
    pub keep_alive: bool,
}

impl Default for ConnectionPoolConfig {
    fn default() -> Self {
        ConnectionPoolConfig {
            max_connections: 200,
            min_connections: 0,
            connection_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(90),
            keep_alive: true,
        }
    }
}

impl ConnectionPoolConfig {
    /// # Errors
    ///
    /// A value out of its range, or two that contradict each other.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MOST_CONNECTIONS).contains(&self.max_connections) {
            return Err(ConfigError::value("max_connections", self.max_connections, "1 to 10000"));
        }
        if self.min_connections > self.max_connections {
            let value = format!("{} with max_connections {}", self.min_connections, self.max_connections);
            return Err(ConfigError::value("min_connections", value, "0 to max_connections"));
        }
        let in_range = |timeout: Duration, longest| !timeout.is_zero() && timeout <= longest;
        if !in_range(self.connection_timeout, LONGEST_CONNECT) {
            let value = format!("{:?}", self.connection_timeout);
            return Err(ConfigError::value("connection_timeout", value, "more than zero, at most an hour"));
        }
        if !in_range(self.idle_timeout, LONGEST_IDLE) {
            let value = format!("{:?}", self.idle_timeout);
            return Err(ConfigError::value("idle_timeout", value, "more than zero, at most a day"));
        }
        if !self.keep_alive && self.min_connections > 0 {
            let value = format!("{} with keep_alive false", self.min_connections);
            return Err(ConfigError::value("min_connections", value, "0, or keep_alive true"));
        }
        Ok(())
    }
}

/// When HTTP/2 connections are pinged: it finds out about a dead one while requests wait on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// Time without a frame from the receiver after which it is pinged, 1 ms to 1 day; default 20 s.
    pub interval: Duration,
    /// Time without an answer after which the connection counts as lost, 1 ms to 1 day; default 10 s.
    pub timeout: Duration,
    /// Whether to ping while no request is in flight, too. Default: no, for many servers close connections that are
    /// pinged while idle more often than they like.
    pub while_idle: bool,
}

impl KeepAlive {
    /// # Errors
    ///
    /// A value out of its range.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (name, time) in [("keep-alive interval", self.interval), ("keep-alive timeout", self.timeout)] {
            if !(Duration::from_millis(1)..=Duration::from_secs(24 * 3600)).contains(&time) {
                return Err(ConfigError::value(name, format!("{time:?}"), "1 ms to 1 day"));
            }
        }
        Ok(())
    }
}

impl Default for KeepAlive {
    fn default() -> Self {
        KeepAlive { interval: Duration::from_secs(20), timeout: Duration::from_secs(10), while_idle: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_or_is_out_of_range_is_refused_by_name() {
        type Change = fn(&mut ConnectionPoolConfig);
        let changes: [(Change, &str); 8] = [
            (|pool| pool.max_connections = 0, r#"max_connections is "0"; accepted: 1 to 10000"#),
            (|pool| pool.max_connections = usize::MAX, "max_connections is"),
            (|pool| pool.min_connections = 201, r#"min_connections is "201 with max_connections 200""#),
            (|pool| (pool.min_connections, pool.keep_alive) = (1, false), "keep_alive"),
            (|pool| pool.connection_timeout = Duration::ZERO, "connection_timeout is"),
            (|pool| pool.connection_timeout = Duration::MAX, "connection_timeout is"),
            (|pool| pool.idle_timeout = Duration::ZERO, "idle_timeout is"),
            (|pool| pool.idle_timeout = Duration::MAX, "idle_timeout is"),
        ];
        for (change, said) in changes {
            let mut pool = ConnectionPoolConfig::default();
            assert_eq!(pool.check(), Ok(()));
            change(&mut pool);
            let error = pool.check().unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
