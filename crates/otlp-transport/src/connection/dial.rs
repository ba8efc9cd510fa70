//! Opens one connection: resolves the name, tries its addresses, shakes hands.

use std::{io, time::Duration};

use otlp_core::ErrorKind;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};

use super::{
    diagnosis::causes,
    socket::{HttpVersion, Socket},
    tls::Tls,
};
use crate::config::Target;

/// How long a connection is silent before TCP probes it: less than address translators remember it for.
const PROBE_AFTER: Duration = Duration::from_secs(30);
/// How long TCP waits between probes that nobody answers.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows))]
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// Why there is no connection. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DialError {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl DialError {
    /// hyper could not begin to speak HTTP.
    pub(super) fn handshake(error: hyper::Error) -> Self {
        DialError {
            kind: ErrorKind::Network,
            message: format!("the connection broke before a request was sent ({})", causes(&error)),
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls(message: impl Into<String>) -> Self {
        DialError { kind: ErrorKind::Network, message: message.into() }
    }
}

/// Opens connections to one origin.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) target: Target,
    pub(super) timeout: Duration,
    /// Whether TCP probes silent connections.
    pub(super) probes: bool,
    /// `Some` exactly for `https`.
    pub(super) tls: Option<Tls>,
    /// What is spoken without TLS, where nothing is negotiated.
    pub(super) plaintext: HttpVersion,
}

impl Dialer {
    pub(super) async fn dial(&self) -> Result<(Socket, HttpVersion), DialError> {
        // Too far away to count is as good as never.
        let deadline =
            Instant::now().checked_add(self.timeout).unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
        match timeout_at(deadline, self.connect(deadline)).await {
            Ok(result) => result,
            Err(_) => Err(self.timed_out()),
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<(Socket, HttpVersion), DialError> {
        let stream = self.connect_tcp(deadline).await?;
        // Requests are written whole; waiting to fill a segment only delays their last one.
        stream.set_nodelay(true).map_err(|error| self.unreachable(&error))?;
        if self.probes {
            SockRef::from(&stream).set_tcp_keepalive(&probes()).map_err(|error| self.unreachable(&error))?;
        }
        match &self.tls {
            Some(tls) => tls.handshake(stream).await,
            None => Ok((Socket::Plain(stream), self.plaintext)),
        }
    }

    /// Tries the addresses in the resolver's order. Each gets its share of the time that is left, so that one black
    /// hole (often the IPv6 address) does not hide the others.
    async fn connect_tcp(&self, deadline: Instant) -> Result<TcpStream, DialError> {
        let Target { host, port, .. } = &self.target;
        let addresses: Vec<_> = lookup_host((host.as_str(), *port))
            .await
            .map_err(|error| DialError {
                kind: ErrorKind::Network,
                message: format!("the name {host:?} could not be resolved ({error}): is it spelt right?"),
            })?
            .collect();
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for (index, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            // An address list is never longer than a `u32`.
            let share = left / (addresses.len() - index) as u32;
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(if failure.kind() == io::ErrorKind::TimedOut { self.timed_out() } else { self.unreachable(&failure) })
    }

    fn unreachable(&self, error: &io::Error) -> DialError {
        let Target { host, port, .. } = &self.target;
        let message = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!("connection refused: is a receiver listening on {host} port {port}?")
            }
            _ => format!("could not connect ({error})"),
        };
        DialError { kind: ErrorKind::Network, message }
    }

    fn timed_out(&self) -> DialError {
        let Target { host, port, .. } = &self.target;
        let timeout = self.timeout;
        DialError {
            kind: ErrorKind::Timeout,
            message: format!(
                "no connection to {host} port {port} within {timeout:?}: is the host up, and does a firewall drop packets?"
            ),
        }
    }
}

fn probes() -> TcpKeepalive {
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER);
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows))]
    let probes = probes.with_interval(PROBE_INTERVAL);
    probes
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Endpoints;

    #[tokio::test]
    async fn tcp_probes_silent_connections_if_it_is_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        for probes in [true, false] {
            let target = Endpoints::base(url.as_str()).http(otlp_core::Signal::Traces).unwrap().unwrap();
            let timeout = Duration::from_secs(5);
            let dialer = Dialer { target, timeout, probes, tls: None, plaintext: HttpVersion::Http1 };
            let (socket, _) = dialer.dial().await.unwrap();
            let Socket::Plain(stream) = socket else { unreachable!("the target is plaintext") };
            assert_eq!(SockRef::from(&stream).keepalive().unwrap(), probes);
            #[cfg(target_os = "linux")]
            if probes {
                assert_eq!(SockRef::from(&stream).tcp_keepalive_time().unwrap(), PROBE_AFTER);
            }
        }
    }
}
