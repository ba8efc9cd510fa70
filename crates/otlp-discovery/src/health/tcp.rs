//! The check that a connection comes about.

use tokio::net::TcpStream;

use super::{CheckHealth, Checking};
use crate::Endpoint;

/// An endpoint is well if it takes a TCP connection, which is closed at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpCheck;

impl CheckHealth for TcpCheck {
    fn check<'a>(&'a self, endpoint: &'a Endpoint) -> Checking<'a> {
        Box::pin(async move {
            let connected = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await;
            connected.map(drop).map_err(|error| error.to_string())
        })
    }
}
