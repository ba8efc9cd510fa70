//! Idle HTTP/1.1 connections, the most recently used one first out.

use std::{sync::Arc, time::Duration};

use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::observed::Observations;
use crate::payload::RequestBody;

/// Balancers and address translators forget silent connections, often without a word; 90 s is below most of their
/// limits.
const LONGEST_IDLE: Duration = Duration::from_secs(90);

/// An HTTP/1.1 connection that serves one request at a time.
pub(super) struct Http1Connection {
    pub(super) sender: SendRequest<RequestBody>,
    pub(super) observations: Arc<Observations>,
}

/// A bounded stack of them.
pub(super) struct IdleConnections {
    limit: usize,
    kept: Mutex<Vec<(Instant, Http1Connection)>>,
}

impl IdleConnections {
    pub(super) fn new(limit: usize) -> Self {
        IdleConnections { limit, kept: Mutex::new(Vec::new()) }
    }

    /// The connection that was used last and is ready; those that closed or grew old meanwhile are dropped.
    pub(super) fn take(&self) -> Option<Http1Connection> {
        let mut kept = self.kept.lock();
        kept.retain(|(since, connection)| !connection.sender.is_closed() && since.elapsed() < LONGEST_IDLE);
        let ready = kept.iter().rposition(|(_, connection)| connection.sender.is_ready())?;
        Some(kept.remove(ready).1)
    }

    /// Keeps `connection`, unless there are enough.
    pub(super) fn put(&self, connection: Http1Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut kept = self.kept.lock();
        if kept.len() < self.limit {
            kept.push((Instant::now(), connection));
        }
    }
}
