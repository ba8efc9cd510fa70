//! What all requests and connections come to.

use crate::Encoding;

/// Totals since the start of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Requests.
    pub requests: u64,
    /// Bytes of bodies as they arrived.
    pub wire_bytes: u64,
    /// Bytes of messages, decompressed.
    pub bytes: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that were accepted and have ended.
    pub closed_connections: u64,
    /// The most connections that were open at once.
    pub most_connections: u64,
    /// Connections that were closed at once, because there were too many.
    pub refused_connections: u64,
    /// HTTP/2 pings of clients.
    pub pings: u64,
    pub(super) encodings: [u64; 3],
}

impl Totals {
    /// Connections that are open.
    pub fn open_connections(&self) -> u64 {
        self.connections - self.closed_connections
    }

    /// Requests that came in this encoding.
    pub fn requests_encoded(&self, encoding: Encoding) -> u64 {
        self.encodings[encoding.index()]
    }
}
