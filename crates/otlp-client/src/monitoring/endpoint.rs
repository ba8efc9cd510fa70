//! Where the health endpoint listens: from the URL of the configuration to a bound socket.
//!
//! No name is resolved, and without being asked to it listens to nobody but this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use http::Uri;
use otlp_batch::ConfigError;

use super::{MonitoringError, error::refused};

const FIELD: &str = "health_check_endpoint";

/// The path that asks for the health where the URL names none.
const HEALTH: &str = "/health";

/// What the health endpoint is bound to, and the path that asks for the health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndpointAddress {
    address: SocketAddr,
    path: String,
}

/// A bound health endpoint that nobody serves yet.
pub(crate) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) path: String,
}

impl EndpointAddress {
    /// Reads `http://<localhost or IP address>:<port>/<path>`.
    pub(crate) fn parse(url: &str, is_public: bool) -> Result<Self, ConfigError> {
        let shown: String = crate::config::shown(url).chars().take(200).collect();
        let refuse = |accepted| Err(refused(FIELD, &shown, accepted));
        let Ok(uri) = url.parse::<Uri>() else {
            return refuse("a URL such as http://localhost:8080/health");
        };
        if uri.scheme_str() != Some("http") {
            return refuse(
                "a URL that begins with http://: it is served in plaintext, so put a proxy before it for https",
            );
        }
        if uri.query().is_some() || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return refuse("a URL without user, password and query");
        }
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let ip = match host.parse::<IpAddr>() {
            Ok(ip) => ip,
            Err(_) if host.eq_ignore_ascii_case("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Err(_) => return refuse("localhost, or an IP address of this machine, as the host"),
        };
        if !ip.is_loopback() && !is_public {
            return refuse(
                "a loopback address such as localhost or 127.0.0.1, unless with_monitoring_public(true), or health.public \
                 in a file, lets other machines ask",
            );
        }
        let Some(port) = uri.port_u16() else {
            return refuse("a URL with a port, such as http://localhost:8080/health");
        };
        let path = match uri.path() {
            "" | "/" => HEALTH,
            path => path,
        };
        if matches!(path, "/ready" | "/metrics") {
            return refuse("a path other than /ready and /metrics, which have meanings of their own");
        }
        Ok(EndpointAddress { address: SocketAddr::new(ip, port), path: path.to_owned() })
    }

    /// Binds it. No other program can have the port.
    pub(crate) fn listen(self) -> Result<Listening, MonitoringError> {
        let EndpointAddress { address, path } = self;
        let bind = |error| MonitoringError::Bind { address, error };
        let listener = TcpListener::bind(address).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        Ok(Listening { listener, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_port_and_path_are_read() {
        for (url, address, path) in [
            ("http://localhost:8080/health", "127.0.0.1:8080", "/health"),
            ("http://LOCALHOST:0", "127.0.0.1:0", "/health"),
            ("http://127.0.0.1:9/", "127.0.0.1:9", "/health"),
            ("http://[::1]:8080/live/it", "[::1]:8080", "/live/it"),
        ] {
            let expected = EndpointAddress { address: address.parse().unwrap(), path: path.into() };
            assert_eq!(EndpointAddress::parse(url, false).unwrap(), expected);
        }
        assert!(EndpointAddress::parse("http://0.0.0.0:8080/health", true).is_ok());
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_name_value_and_what_is_accepted() {
        for (url, is_public, accepted) in [
            ("", false, "a URL such as"),
            ("no url at all", false, "a URL such as"),
            ("localhost:8080", false, "begins with http://"),
            ("https://localhost:8080/health", false, "begins with http://"),
            ("http://localhost/health", false, "with a port"),
            ("http://localhost:99999/health", true, "a URL "),
            ("http://user:secret@localhost:80/health", true, "without user"),
            ("http://localhost:80/health?key=secret", true, "without user"),
            ("http://example.com:8080/health", true, "localhost, or an IP address"),
            ("http://0.0.0.0:8080/health", false, "with_monitoring_public(true)"),
            ("http://[::]:8080/health", false, "with_monitoring_public(true)"),
            ("http://192.168.0.7:8080/health", false, "a loopback address"),
            ("http://localhost:8080/metrics", false, "other than /ready and /metrics"),
        ] {
            let error = EndpointAddress::parse(url, is_public).unwrap_err();
            assert_eq!(error.field, "health_check_endpoint");
            assert!(error.accepted.contains(accepted), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
