//! All connections to one scheme, host and port, and the way of a request over one of them.
//!
//! A connection that was open already may have died without our knowing. A request that such a connection provably
//! never took is sent once more over a new one, within the same attempt. Everything else is left to the caller.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use http::Request;
use hyper::{
    client::conn::{TrySendError, http1, http2},
    rt::Executor,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;

use super::{
    deadline::Deadline,
    diagnosis::{Evidence, Failure, diagnose},
    dial::{DialError, Dialer},
    exchange::{Exchange, Lease, Outgoing},
    idle::{Http1Connection, IdleConnections},
    observed::{Observations, Observed},
    socket::HttpVersion,
    tasks::{Owner, Spawner},
};
use crate::{
    config::KeepAlive,
    payload::{HandedOver, RequestBody},
};

/// The connections to one scheme, host and port.
pub(crate) struct Origin {
    dialer: Dialer,
    keep_alive: Option<KeepAlive>,
    http2: Mutex<Option<Http2Connection>>,
    idle: IdleConnections,
    /// Whether the last connection spoke HTTP/1.1: then requests open one each instead of waiting for a shared one.
    speaks_http1: AtomicBool,
    /// Held while a shared connection is opened, so that one opens and the others wait. Keeps why it failed last.
    dialing: tokio::sync::Mutex<Option<DialError>>,
    /// How many dials under `dialing` have failed: tells those who waited that the failure is theirs, too.
    failed_dials: AtomicU64,
    connections: AtomicU64,
    spawner: Spawner,
    /// Its drop ends the tasks.
    _owner: Owner,
}

/// The shared HTTP/2 connection.
#[derive(Clone)]
struct Http2Connection {
    id: u64,
    sender: http2::SendRequest<RequestBody>,
    observations: Arc<Observations>,
}

enum Connection {
    Http1(Http1Connection),
    Http2(Http2Connection),
}

/// A connection to send on, and whether it had been used before.
struct Checkout {
    connection: Connection,
    reused: bool,
}

/// What is known about the request of an attempt that is cut off from outside.
struct Sent {
    handed_over: HandedOver,
    observations: Arc<Observations>,
    received_before: u64,
    http2: Option<u64>,
}

impl Origin {
    pub(super) fn new(dialer: Dialer, keep_alive: Option<KeepAlive>, max_idle: usize) -> Self {
        let owner = Owner::new();
        Origin {
            speaks_http1: AtomicBool::new(dialer.tls.is_none() && dialer.plaintext == HttpVersion::Http1),
            dialer,
            keep_alive,
            http2: Mutex::new(None),
            idle: IdleConnections::new(max_idle),
            dialing: tokio::sync::Mutex::new(None),
            failed_dials: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            spawner: owner.spawner(),
            _owner: owner,
        }
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    ///
    /// No head came before the deadline. The failure says whether the request may have been processed all the same.
    ///
    /// # Cancellation
    ///
    /// Dropping the future cancels the request: an HTTP/2 stream is reset, an HTTP/1.1 connection is closed.
    pub(crate) async fn exchange(&self, outgoing: &Outgoing<'_>, deadline: Deadline) -> Result<Exchange<'_>, Failure> {
        let sent = Mutex::new(None);
        match deadline.bound(self.exchange_unbounded(outgoing, &sent)).await {
            Ok(result) => result,
            Err(_) => Err(self.timed_out(sent.into_inner())),
        }
    }

    /// Keeps an HTTP/1.1 connection whose exchange is over.
    pub(super) fn put_back(&self, connection: Http1Connection) {
        self.idle.put(connection);
    }

    async fn exchange_unbounded(
        &self,
        outgoing: &Outgoing<'_>,
        sent: &Mutex<Option<Sent>>,
    ) -> Result<Exchange<'_>, Failure> {
        let Checkout { connection, reused } = self.checkout().await?;
        match self.send(connection, outgoing, sent).await {
            Err(failure) if reused && failure.connection_broken && !failure.may_be_processed => {
                *sent.lock() = None;
                let Checkout { connection, .. } = self.checkout_fresh().await?;
                self.send(connection, outgoing, sent).await
            }
            result => result,
        }
    }

    async fn send(
        &self,
        connection: Connection,
        outgoing: &Outgoing<'_>,
        sent: &Mutex<Option<Sent>>,
    ) -> Result<Exchange<'_>, Failure> {
        let handed_over = HandedOver::default();
        let (observations, http2) = match &connection {
            Connection::Http1(connection) => (connection.observations.clone(), None),
            Connection::Http2(connection) => (connection.observations.clone(), Some(connection.id)),
        };
        *sent.lock() = Some(Sent {
            handed_over: handed_over.clone(),
            received_before: observations.received(),
            observations: observations.clone(),
            http2,
        });
        let body = RequestBody::new(outgoing.segments.to_vec(), handed_over.clone());
        let (result, lease, version) = match connection {
            Connection::Http1(mut connection) => {
                let result = connection.sender.try_send_request(outgoing.http1(body)).await;
                (result, Lease::Http1(connection), HttpVersion::Http1)
            }
            Connection::Http2(mut connection) => {
                let result = connection.sender.try_send_request(outgoing.http2(body)).await;
                (result, Lease::Http2 { _sender: connection.sender }, HttpVersion::Http2)
            }
        };
        match result {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Ok(Exchange { origin: self, head, body, lease, handed_over })
            }
            Err(error) => {
                let failure = self.diagnose(error, version, &observations, &handed_over);
                if let (Some(id), true) = (http2, failure.connection_broken) {
                    self.retire(id);
                }
                Err(failure)
            }
        }
    }

    fn diagnose(
        &self,
        error: TrySendError<Request<RequestBody>>,
        version: HttpVersion,
        observations: &Observations,
        handed_over: &HandedOver,
    ) -> Failure {
        let evidence = Evidence {
            target: &self.dialer.target,
            version,
            observations,
            given_back: error.message().is_some(),
            handed_over: handed_over.is_complete(),
        };
        diagnose(error.error(), &evidence)
    }

    /// An attempt ran out of time. An HTTP/2 connection that stayed silent all the while is not used again: it may
    /// lead into a black hole, which TCP finds out only minutes later.
    fn timed_out(&self, sent: Option<Sent>) -> Failure {
        let (message, may_be_processed) = match sent {
            None => ("the attempt ran out of time before a connection was open", false),
            Some(sent) => {
                if let (Some(id), true) = (sent.http2, sent.observations.received() == sent.received_before) {
                    self.retire(id);
                }
                if sent.handed_over.is_complete() {
                    ("no answer came in time: is the receiver overloaded, or the request timeout too short?", true)
                } else {
                    ("the receiver did not take the request in time: is it overloaded?", false)
                }
            }
        };
        Failure {
            kind: otlp_core::ErrorKind::Timeout,
            message: message.to_owned(),
            may_be_processed,
            connection_broken: true,
        }
    }

    async fn checkout(&self) -> Result<Checkout, Failure> {
        if let Some(connection) = self.open_http2() {
            return Ok(Checkout { connection: Connection::Http2(connection), reused: true });
        }
        if let Some(connection) = self.idle.take() {
            return Ok(Checkout { connection: Connection::Http1(connection), reused: true });
        }
        self.checkout_fresh().await
    }

    /// A connection that no request has failed on: a new one, or a shared one that others opened meanwhile.
    async fn checkout_fresh(&self) -> Result<Checkout, Failure> {
        let connection = if self.speaks_http1.load(Ordering::Relaxed) {
            self.open().await?
        } else {
            let failed_before = self.failed_dials.load(Ordering::Acquire);
            let mut last_failure = self.dialing.lock().await;
            if let Some(connection) = self.open_http2() {
                return Ok(Checkout { connection: Connection::Http2(connection), reused: true });
            }
            if let (Some(failure), true) = (&*last_failure, self.failed_dials.load(Ordering::Acquire) != failed_before)
            {
                return Err(failure.clone().into());
            }
            match self.open().await {
                Ok(connection) => connection,
                Err(failure) => {
                    self.failed_dials.fetch_add(1, Ordering::AcqRel);
                    *last_failure = Some(failure.clone());
                    return Err(failure.into());
                }
            }
        };
        Ok(Checkout { connection, reused: false })
    }

    async fn open(&self) -> Result<Connection, DialError> {
        let (socket, version) = self.dialer.dial().await?;
        let (socket, observations) = Observed::new(socket);
        self.speaks_http1.store(version == HttpVersion::Http1, Ordering::Relaxed);
        let io = TokioIo::new(socket);
        match version {
            HttpVersion::Http1 => {
                let (sender, connection) = http1::handshake(io).await.map_err(DialError::handshake)?;
                // How it ended is told to the request that is in flight.
                self.spawner.execute(connection);
                Ok(Connection::Http1(Http1Connection { sender, observations }))
            }
            HttpVersion::Http2 => {
                let mut builder = http2::Builder::new(self.spawner.clone());
                if let Some(pings) = self.keep_alive {
                    builder
                        .timer(TokioTimer::new())
                        .keep_alive_interval(pings.interval)
                        .keep_alive_timeout(pings.timeout)
                        .keep_alive_while_idle(pings.while_idle);
                }
                let (sender, connection) = builder.handshake(io).await.map_err(DialError::handshake)?;
                self.spawner.execute(connection);
                let id = self.connections.fetch_add(1, Ordering::Relaxed);
                let connection = Http2Connection { id, sender, observations };
                *self.http2.lock() = Some(connection.clone());
                Ok(Connection::Http2(connection))
            }
        }
    }

    fn open_http2(&self) -> Option<Http2Connection> {
        let mut slot = self.http2.lock();
        if slot.as_ref().is_some_and(|connection| connection.sender.is_closed()) {
            *slot = None;
        }
        slot.clone()
    }

    /// Sends no more requests on the HTTP/2 connection `id`; those in flight go on.
    fn retire(&self, id: u64) {
        let mut slot = self.http2.lock();
        if slot.as_ref().is_some_and(|connection| connection.id == id) {
            *slot = None;
        }
    }
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Self {
        Failure { kind: error.kind, message: error.message, may_be_processed: false, connection_broken: true }
    }
}
