//! Which connections to one origin there are, which of them are idle, and how many there may be. Opens nothing itself.
//!
//! - A connection occupies a [`Slot`] from before it is dialled until its socket is closed, so the receiver never sees more
//!   than there may be. One that is given up frees its slot at once.
//! - Requests over HTTP/2 share connections: each takes the one with the fewest streams, the oldest of those.
//! - Idle connections are closed by the [`keeper`](super::keeper), or at once if more are idle than are to be kept.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

use super::observed::Observations;
use crate::{config::TransportConfig, payload::RequestBody};

/// An HTTP/1.1 connection that serves one request at a time.
pub(super) struct Http1Connection {
    pub(super) id: u64,
    pub(super) sender: http1::SendRequest<RequestBody>,
    pub(super) observations: Arc<Observations>,
}

/// The right to use an HTTP/2 connection for one request; given back on drop.
pub(super) struct Stream {
    pub(super) id: u64,
    pub(super) sender: http2::SendRequest<RequestBody>,
    pub(super) observations: Arc<Observations>,
    /// Whether the receiver allows it now; else the request waits for another to end.
    pub(super) has_room: bool,
    pool: Weak<Pool>,
}

/// The right to have a connection; given back on drop, which its socket does once it is closed.
pub(super) struct Slot {
    pub(super) id: u64,
    pool: Weak<Pool>,
}

pub(super) struct Pool {
    max: usize,
    min: usize,
    max_idle: usize,
    idle_timeout: Duration,
    state: Mutex<State>,
    /// A request may find now what it did not find before.
    freed: Notify,
    /// A connection opened or closed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    next_id: u64,
    /// The connections that occupy a slot.
    occupied: Vec<u64>,
    /// Those of them that were closed by us, and are about to be gone.
    leaving: Vec<u64>,
    /// Idle, the most recently used last.
    http1: Vec<Idle>,
    http2: Vec<Shared>,
}

struct Idle {
    since: Instant,
    connection: Http1Connection,
}

struct Shared {
    id: u64,
    sender: http2::SendRequest<RequestBody>,
    observations: Arc<Observations>,
    streams: usize,
    /// Since when, if there are no streams.
    idle_since: Instant,
}

impl Pool {
    pub(super) fn new(config: &TransportConfig) -> Arc<Self> {
        let max = config.pool.max_connections;
        Arc::new(Pool {
            max,
            min: config.pool.min_connections,
            max_idle: config.max_idle_connections.unwrap_or(max),
            idle_timeout: config.pool.idle_timeout,
            state: Mutex::default(),
            freed: Notify::new(),
            changed: Notify::new(),
        })
    }

    /// Room for one more connection, if there is.
    pub(super) fn reserve(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.state.lock();
        if state.occupied.len() >= self.max {
            return None;
        }
        let id = state.next_id;
        state.next_id += 1;
        state.occupied.push(id);
        Some(Slot { id, pool: Arc::downgrade(self) })
    }

    /// A stream on the HTTP/2 connection that has the fewest.
    pub(super) fn stream(self: &Arc<Self>) -> Option<Stream> {
        let mut state = self.state.lock();
        let open = state.http2.iter_mut().filter(|shared| !shared.sender.is_closed());
        let shared = open.min_by_key(|shared| shared.streams)?;
        let has_room = shared.streams == 0 || shared.streams < shared.observations.stream_limit();
        Some(shared.stream(has_room, self))
    }

    /// The idle HTTP/1.1 connection that was used last and is ready.
    pub(super) fn idle(&self) -> Option<Http1Connection> {
        let mut state = self.state.lock();
        let ready = state.http1.iter().rposition(|idle| idle.connection.sender.is_ready())?;
        Some(state.http1.remove(ready).connection)
    }

    /// The idle HTTP/1.1 connection that was used last, even if its last exchange is not quite over.
    pub(super) fn almost_idle(&self) -> Option<Http1Connection> {
        let mut state = self.state.lock();
        let open = state.http1.iter().rposition(|idle| !idle.connection.sender.is_closed())?;
        Some(state.http1.remove(open).connection)
    }

    /// Resolves when looking again may find what there was not. To be made before looking.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Resolves when a connection has opened or closed. To be made before looking.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Lets requests use a new HTTP/2 connection, the first of which gets a stream.
    pub(super) fn share(
        self: &Arc<Self>,
        id: u64,
        sender: http2::SendRequest<RequestBody>,
        observations: Arc<Observations>,
    ) -> Stream {
        let mut state = self.state.lock();
        let mut shared = Shared { id, sender, observations, streams: 0, idle_since: Instant::now() };
        let stream = shared.stream(true, self);
        state.http2.push(shared);
        drop(state);
        self.changed.notify_one();
        stream
    }

    /// Takes in an HTTP/1.1 connection that has nothing to do, unless enough are idle.
    pub(super) fn put(&self, connection: Http1Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut state = self.state.lock();
        if state.idle() < self.max_idle {
            state.http1.push(Idle { since: Instant::now(), connection });
            drop(state);
            self.freed.notify_one();
        } else {
            state.leaving.push(connection.id);
        }
    }

    /// Uses the HTTP/2 connection `id` for no more requests; those in flight go on. Frees its slot.
    pub(super) fn give_up(&self, id: u64) {
        self.forget(id);
    }

    /// Whether connections are to be opened ahead.
    pub(super) fn is_short(&self) -> bool {
        self.state.lock().staying() < self.min
    }

    /// How many connections are opened ahead.
    pub(super) fn min(&self) -> usize {
        self.min
    }

    /// Closes what has been idle for too long, oldest first, as long as more than the minimum are open. Answers when to
    /// look again, unless something changes before.
    pub(super) fn close_idle(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        while state.staying() > self.min {
            let oldest = state.oldest_idle();
            match oldest {
                Some((since, id)) if now.saturating_duration_since(since) >= self.idle_timeout => state.close(id),
                // What is busy now cannot be due before a whole timeout has passed.
                oldest => return Some(oldest.map_or(now, |(since, _)| since) + self.idle_timeout),
            }
        }
        None
    }

    fn end_stream(&self, id: u64) {
        let mut state = self.state.lock();
        let Some(shared) = state.http2.iter_mut().find(|shared| shared.id == id) else { return };
        shared.streams -= 1;
        if shared.streams > 0 {
            return;
        }
        shared.idle_since = Instant::now();
        if state.idle() > self.max_idle {
            state.close(id);
        }
    }

    fn forget(&self, id: u64) {
        let mut state = self.state.lock();
        let before = state.occupied.len();
        state.occupied.retain(|occupied| *occupied != id);
        state.leaving.retain(|leaving| *leaving != id);
        state.http1.retain(|idle| idle.connection.id != id);
        state.http2.retain(|shared| shared.id != id);
        let is_freed = state.occupied.len() < before;
        drop(state);
        if is_freed {
            self.freed.notify_one();
            self.changed.notify_one();
        }
    }
}

impl State {
    /// How many connections there are and will be, if nothing happens to them.
    fn staying(&self) -> usize {
        self.occupied.len() - self.leaving.len()
    }

    fn idle(&self) -> usize {
        self.http1.len() + self.http2.iter().filter(|shared| shared.streams == 0).count()
    }

    fn oldest_idle(&self) -> Option<(Instant, u64)> {
        let http1 = self.http1.iter().map(|idle| (idle.since, idle.connection.id));
        let http2 = self.http2.iter().filter(|shared| shared.streams == 0).map(|shared| (shared.idle_since, shared.id));
        http1.chain(http2).min()
    }

    /// Lets go of an idle connection, by which its task ends and closes the socket.
    fn close(&mut self, id: u64) {
        self.http1.retain(|idle| idle.connection.id != id);
        self.http2.retain(|shared| shared.id != id);
        self.leaving.push(id);
    }
}

impl Shared {
    fn stream(&mut self, has_room: bool, pool: &Arc<Pool>) -> Stream {
        self.streams += 1;
        Stream {
            id: self.id,
            sender: self.sender.clone(),
            observations: self.observations.clone(),
            has_room,
            pool: Arc::downgrade(pool),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.end_stream(self.id);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.forget(self.id);
        }
    }
}
