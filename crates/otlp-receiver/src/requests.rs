//! What was asked: a bounded log of requests, and totals of requests, connections, bytes and encodings.

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::HeaderMap;
use otlp_core::Signal;
use parking_lot::Mutex;

use crate::{
    Encoding,
    changes::{Changes, WaitTimeout},
};

/// The log forgets its oldest records beyond so many.
const LOGGED_REQUESTS: usize = 4096;

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
    encodings: [u64; 3],
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

impl RequestRecord {
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

/// A handle to what a receiver was asked. Clones share the content.
#[derive(Clone)]
pub struct Requests {
    shared: Arc<Shared>,
}

struct Shared {
    log: Mutex<Log>,
    changes: Arc<Changes>,
}

#[derive(Default)]
struct Log {
    /// Their ids follow each other.
    records: VecDeque<RequestRecord>,
    totals: Totals,
}

impl Requests {
    pub(crate) fn new(changes: Arc<Changes>) -> Self {
        Requests { shared: Arc::new(Shared { log: Mutex::default(), changes }) }
    }

    /// The last 4096 requests, oldest first.
    pub fn recent(&self) -> Vec<RequestRecord> {
        self.shared.log.lock().records.iter().cloned().collect()
    }

    /// The last request.
    pub fn last(&self) -> Option<RequestRecord> {
        self.shared.log.lock().records.back().cloned()
    }

    /// The totals.
    pub fn totals(&self) -> Totals {
        self.shared.log.lock().totals
    }

    /// Waits until `holds` of these requests, for at most `within`. The condition is evaluated at the start and after
    /// each change of the receiver.
    ///
    /// # Errors
    /// [`WaitTimeout`] if the time is over first.
    pub async fn wait_for(
        &self,
        mut holds: impl FnMut(&Requests) -> bool,
        within: Duration,
    ) -> Result<(), WaitTimeout> {
        self.shared.changes.wait(|| holds(self), within, || format!("{:?}", self.totals())).await
    }

    /// As [`Requests::wait_for`], for threads that may block.
    ///
    /// # Errors
    /// [`WaitTimeout`] if the time is over first.
    pub fn wait_for_blocking(
        &self,
        mut holds: impl FnMut(&Requests) -> bool,
        within: Duration,
    ) -> Result<(), WaitTimeout> {
        self.shared.changes.wait_blocking(|| holds(self), within, || format!("{:?}", self.totals()))
    }

    /// Takes down a request whose headers have arrived, and gives it its number.
    pub(crate) fn begin(&self, connection: u64, tls: Option<TlsVersion>, path: &str, headers: HeaderMap) -> u64 {
        let mut log = self.shared.log.lock();
        let id = log.totals.requests;
        log.totals.requests += 1;
        log.records.push_back(RequestRecord {
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
        });
        if log.records.len() > LOGGED_REQUESTS {
            log.records.pop_front();
        }
        drop(log);
        self.shared.changes.record();
        id
    }

    /// Adds to a record what has become known, unless it is forgotten already.
    pub(crate) fn update(&self, id: u64, update: impl FnOnce(&mut RequestRecord)) {
        let mut log = self.shared.log.lock();
        let first = log.records.front().map_or(0, |record| record.id);
        let index = id.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some(record) = index.and_then(|index| log.records.get_mut(index)) {
            update(record);
        }
        drop(log);
        self.shared.changes.record();
    }

    /// Takes down the body of a request.
    pub(crate) fn received(&self, id: u64, encoding: Encoding, wire_bytes: usize, bytes: usize) {
        let mut log = self.shared.log.lock();
        log.totals.encodings[encoding.index()] += 1;
        log.totals.wire_bytes += wire_bytes as u64;
        log.totals.bytes += bytes as u64;
        drop(log);
        self.update(id, |record| {
            (record.encoding, record.wire_bytes, record.bytes) = (Some(encoding), wire_bytes, bytes);
        });
    }

    /// Takes down a connection, and gives it its number.
    pub(crate) fn connected(&self) -> u64 {
        let mut log = self.shared.log.lock();
        log.totals.connections += 1;
        log.totals.most_connections = log.totals.most_connections.max(log.totals.open_connections());
        let id = log.totals.connections - 1;
        drop(log);
        self.shared.changes.record();
        id
    }

    /// Takes down that a connection has ended.
    pub(crate) fn disconnected(&self) {
        self.shared.log.lock().totals.closed_connections += 1;
        self.shared.changes.record();
    }

    /// Takes down HTTP/2 pings.
    pub(crate) fn pinged(&self, pings: u64) {
        self.shared.log.lock().totals.pings += pings;
        self.shared.changes.record();
    }

    /// Takes down a connection that was closed at once.
    pub(crate) fn refused_connection(&self) {
        self.shared.log.lock().totals.refused_connections += 1;
        self.shared.changes.record();
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("totals", &self.totals()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_updates_find_their_record() {
        let requests = Requests::new(Arc::default());
        for _ in 0..LOGGED_REQUESTS + 5 {
            requests.begin(0, None, "/v1/traces", HeaderMap::new());
        }
        requests.update(2, |_| panic!("a forgotten record was found"));
        requests.update(7, |record| record.items = 9);
        let recent = requests.recent();
        assert_eq!(recent.len(), LOGGED_REQUESTS);
        assert_eq!((recent[0].id, recent[2].id, recent[2].items), (5, 7, 9));
    }

    #[test]
    fn header_values_are_not_printed() {
        let requests = Requests::new(Arc::default());
        let mut headers = HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("Bearer s3cret"));
        requests.begin(0, None, "/v1/traces", headers);
        let record = requests.last().unwrap();
        assert_eq!(record.header("authorization"), Some("Bearer s3cret"));
        assert!(!format!("{record:?}").contains("s3cret"));
    }
}
