//! Finds each request a connection: an open one that is free, or a new one.
//!
//! While no connection is known to speak HTTP/1.1, one request dials and the others wait for it: most likely they will
//! share what it opens. If it fails, they fail with it.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use hyper::{
    client::conn::{http1, http2},
    rt::Executor,
};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{
    dial::{DialError, Dialer},
    observed::{Observations, Observed},
    pool::{Http1Connection, Pool, Slot, Stream},
    socket::HttpVersion,
    tasks::Spawner,
};
use crate::{
    config::{KeepAlive, Target, TransportConfig},
    payload::RequestBody,
};

/// The connections to one scheme, host and port.
pub(super) struct Connections {
    dialer: Dialer,
    pings: Option<KeepAlive>,
    pool: Arc<Pool>,
    /// Whether the last connection spoke HTTP/1.1: then requests open one each instead of waiting for a shared one.
    speaks_http1: AtomicBool,
    /// Held while a shared connection is opened, so that one opens and the others wait. Keeps why it failed last.
    dialing: tokio::sync::Mutex<Option<DialError>>,
    /// How many dials under `dialing` have failed: tells those who waited that the failure is theirs, too.
    failed_dials: AtomicU64,
    spawner: Spawner,
}

pub(super) enum Connection {
    Http1(Http1Connection),
    Http2(Stream),
}

/// A connection to send on, and whether it had been used before.
pub(super) struct Checkout {
    pub(super) connection: Connection,
    pub(super) reused: bool,
}

impl Checkout {
    fn reused(connection: Connection) -> Self {
        Checkout { connection, reused: true }
    }

    fn fresh(connection: Connection) -> Self {
        Checkout { connection, reused: false }
    }
}

impl Connections {
    pub(super) fn new(dialer: Dialer, config: &TransportConfig, spawner: Spawner) -> Self {
        Connections {
            speaks_http1: AtomicBool::new(dialer.tls.is_none() && dialer.plaintext == HttpVersion::Http1),
            dialer,
            pings: config.pings(),
            pool: Pool::new(config),
            dialing: tokio::sync::Mutex::new(None),
            failed_dials: AtomicU64::new(0),
            spawner,
        }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(super) fn target(&self) -> &Target {
        &self.dialer.target
    }

    /// A connection that is open, if one is free, or a new one.
    pub(super) async fn checkout(&self) -> Result<Checkout, DialError> {
        match self.pool.stream() {
            Some(stream) if stream.has_room => return Ok(Checkout::reused(Connection::Http2(stream))),
            Some(busy) => return Ok(self.another(busy).await),
            None => {}
        }
        if let Some(connection) = self.pool.idle() {
            return Ok(Checkout::reused(Connection::Http1(connection)));
        }
        self.checkout_fresh().await
    }

    /// A connection that no request has failed on: a new one, or a shared one that others opened meanwhile. Only if
    /// there may be no more, one that was used before.
    pub(super) async fn checkout_fresh(&self) -> Result<Checkout, DialError> {
        loop {
            // In the line before looking: of two connections that become free now, each wakes another request.
            let mut freed = pin!(self.pool.freed());
            freed.as_mut().enable();
            if self.speaks_http1.load(Ordering::Relaxed) {
                if let Some(slot) = self.pool.reserve() {
                    return self.open(slot).await.map(Checkout::fresh);
                }
                if let Some(mut connection) = self.pool.almost_idle() {
                    if connection.sender.ready().await.is_ok() {
                        return Ok(Checkout::reused(Connection::Http1(connection)));
                    }
                    continue;
                }
            } else {
                let failed_before = self.failed_dials.load(Ordering::Acquire);
                let mut last_failure = self.dialing.lock().await;
                let busy = match self.pool.stream() {
                    Some(stream) if stream.has_room => return Ok(Checkout::reused(Connection::Http2(stream))),
                    busy => busy,
                };
                if let (Some(failure), true) =
                    (&*last_failure, self.failed_dials.load(Ordering::Acquire) != failed_before)
                {
                    return Err(failure.clone());
                }
                if self.speaks_http1.load(Ordering::Relaxed) {
                    continue;
                }
                if let Some(slot) = self.pool.reserve() {
                    match self.open(slot).await {
                        Ok(connection) => return Ok(Checkout::fresh(connection)),
                        Err(failure) => {
                            self.failed_dials.fetch_add(1, Ordering::AcqRel);
                            *last_failure = Some(failure.clone());
                            return Err(failure);
                        }
                    }
                }
                if let Some(busy) = busy {
                    return Ok(Checkout::reused(Connection::Http2(busy)));
                }
            }
            freed.await;
        }
    }

    /// One more shared connection, since the receiver allows no more streams on those that are open. If there are enough,
    /// somebody is about to open one, or none can be opened, the request waits for its turn on `busy`.
    async fn another(&self, busy: Stream) -> Checkout {
        if let Ok(_dialing) = self.dialing.try_lock()
            && let Some(slot) = self.pool.reserve()
            && let Ok(connection) = self.open(slot).await
        {
            return Checkout::fresh(connection);
        }
        Checkout::reused(Connection::Http2(busy))
    }

    /// Opens a connection that nobody waits for. `false` if that failed.
    pub(super) async fn open_ahead(&self) -> bool {
        let Some(slot) = self.pool.reserve() else { return false };
        match self.open(slot).await {
            Ok(Connection::Http1(connection)) => {
                self.pool.put(connection);
                true
            }
            // Shared already.
            Ok(Connection::Http2(_)) => true,
            Err(_) => false,
        }
    }

    async fn open(&self, slot: Slot) -> Result<Connection, DialError> {
        let (socket, version) = self.dialer.dial().await?;
        let id = slot.id;
        // The receiver counts a connection for as long as its socket is open, and so do we.
        let (socket, observations) = Observed::new(socket, slot);
        self.speaks_http1.store(version == HttpVersion::Http1, Ordering::Relaxed);
        let io = TokioIo::new(socket);
        match version {
            HttpVersion::Http1 => {
                let (sender, connection) = http1::handshake(io).await.map_err(DialError::handshake)?;
                // How it ended is told to the request that is in flight.
                self.spawner.execute(connection);
                Ok(Connection::Http1(Http1Connection { id, sender, observations }))
            }
            HttpVersion::Http2 => {
                let mut builder = http2::Builder::new(self.spawner.clone());
                if let Some(pings) = self.pings {
                    builder
                        .timer(TokioTimer::new())
                        .keep_alive_interval(pings.interval)
                        .keep_alive_timeout(pings.timeout)
                        .keep_alive_while_idle(pings.while_idle);
                }
                let (sender, connection) = builder.handshake(io).await.map_err(DialError::handshake)?;
                observations.allows_streams(connection.current_max_send_streams());
                self.spawner.execute(watching_streams(connection, observations.clone()));
                Ok(Connection::Http2(self.pool.share(id, sender, observations)))
            }
        }
    }
}

/// Runs an HTTP/2 connection, and notes how many streams the receiver allows whenever it may have said so.
async fn watching_streams<T>(
    connection: http2::Connection<T, RequestBody, Spawner>,
    observations: Arc<Observations>,
) -> hyper::Result<()>
where
    T: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let mut connection = pin!(connection);
    poll_fn(|context| {
        let ended = connection.as_mut().poll(context);
        observations.allows_streams(connection.current_max_send_streams());
        ended
    })
    .await
}
