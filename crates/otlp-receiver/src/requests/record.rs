//! What is known of one request.

use std::{fmt, time::SystemTime};

use http::HeaderMap;
use otlp_core::Signal;

use crate::Encoding;

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    HttpProtobuf,
    /// JSON over HTTP.
    HttpJson,
}

/// What the receiver decided to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// A gRPC status; zero is success.
    Grpc(i32),
    /// An HTTP status.
    Http(u16),
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A request, as far as it is known.
///
/// `Debug` prints the names of the headers, not their values.
#[derive(Clone)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The number of the request, from 0, in the order in which their headers arrived.
    pub id: u64,
    /// The number of the connection that it came by.
    pub connection: u64,
    /// The version of TLS of that connection; `None` for plaintext.
    pub tls: Option<TlsVersion>,
    /// When its headers had arrived.
    pub at: SystemTime,
    /// The path.
    pub path: String,
    /// How it came; `None` if its path or content type told neither.
    pub protocol: Option<Protocol>,
    /// The signal, by its path.
    pub signal: Option<Signal>,
    /// How it was compressed; `None` if in a way that the receiver does not know.
    pub encoding: Option<Encoding>,
    /// All headers.
    pub headers: HeaderMap,
    /// Bytes of its body as it arrived.
    pub wire_bytes: usize,
    /// Bytes of its message, decompressed.
    pub bytes: usize,
    /// How many items it had.
    pub items: u64,
    /// The answer; `None` if there is none yet, or never will be.
    pub answer: Option<Answer>,
    /// Whether the whole answer was handed to the connection. (It may still have been lost on the way.)
    pub answered: bool,
}

impl RequestRecord {
    /// What is known once the headers have arrived.
    pub(super) fn new(id: u64, connection: u64, tls: Option<TlsVersion>, path: &str, headers: HeaderMap) -> Self {
        RequestRecord {
            id,
            connection,
            tls,
            at: SystemTime::now(),
            path: path.to_owned(),
            protocol: None,
            signal: None,
            encoding: None,
            headers,
            wire_bytes: 0,
            bytes: 0,
            items: 0,
            answer: None,
            answered: false,
        }
    }

    /// The value of a header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of `content-type`.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }
}

impl fmt::Debug for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestRecord")
            .field("id", &self.id)
            .field("connection", &self.connection)
            .field("tls", &self.tls)
            .field("at", &self.at)
            .field("path", &self.path)
            .field("protocol", &self.protocol)
            .field("encoding", &self.encoding)
            .field("headers", &self.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>())
            .field("wire_bytes", &self.wire_bytes)
            .field("bytes", &self.bytes)
            .field("items", &self.items)
            .field("answer", &self.answer)
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_not_printed() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("Bearer s3cret"));
        let record = RequestRecord::new(0, 0, None, "/v1/traces", headers);
        assert_eq!(record.header("authorization"), Some("Bearer s3cret"));
        assert!(!format!("{record:?}").contains("s3cret"));
    }
}
