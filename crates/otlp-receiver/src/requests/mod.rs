//! What was asked: a bounded log of requests, and totals of requests, connections, bytes and encodings.

mod record;
mod totals;

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use http::HeaderMap;
use parking_lot::Mutex;

pub use self::{
    record::{Answer, Protocol, RequestRecord, TlsVersion},
    totals::Totals,
};
use crate::{
    Encoding,
    changes::{Changes, WaitTimeout},
};

/// The log forgets its oldest records beyond so many.
const LOGGED_REQUESTS: usize = 4096;

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
        log.records.push_back(RequestRecord::new(id, connection, tls, path, headers));
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
}
