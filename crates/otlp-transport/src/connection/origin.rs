//! All connections to one scheme, host and port, and the way of a request over one of them.
//!
//! A connection that was open already may have died without our knowing. A request that such a connection provably
//! never took is sent once more over a new one, within the same attempt. Everything else is left to the caller.

use std::sync::{Arc, atomic::AtomicBool};

use http::Request;
use hyper::client::conn::TrySendError;
use parking_lot::Mutex;

use super::{
    connections::{Checkout, Connection, Connections},
    deadline::Deadline,
    diagnosis::{Evidence, Failure, diagnose},
    dial::{DialError, Dialer},
    exchange::{Exchange, Lease},
    keeper::{self, Kept},
    observed::Observations,
    outgoing::Outgoing,
    socket::HttpVersion,
    tasks::{Owner, Spawner},
};
use crate::{
    config::TransportConfig,
    payload::{HandedOver, RequestBody},
};

/// The way to one scheme, host and port.
pub(crate) struct Origin {
    connections: Arc<Connections>,
    /// Whether HTTP/1.1 connections are used again.
    keeps_alive: bool,
    is_kept: Arc<AtomicBool>,
    spawner: Spawner,
    /// Its drop ends the tasks.
    _owner: Owner,
}

/// What is known about the request of an attempt that is cut off from outside.
struct Sent {
    handed_over: HandedOver,
    observations: Arc<Observations>,
    received_before: u64,
    http2: Option<u64>,
}

impl Origin {
    pub(super) fn new(dialer: Dialer, config: &TransportConfig) -> Self {
        let owner = Owner::new();
        Origin {
            connections: Arc::new(Connections::new(dialer, config, owner.spawner())),
            keeps_alive: config.pool.keep_alive,
            is_kept: Arc::default(),
            spawner: owner.spawner(),
            _owner: owner,
        }
    }

    /// Lets connections be opened ahead and idle ones be closed, by a task on the current runtime.
    pub(super) fn start(&self) {
        if let Some(kept) = Kept::begin(&self.is_kept) {
            self.spawner.spawn(keeper::keep(self.connections.clone(), kept));
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
        self.start();
        let sent = Mutex::new(None);
        match deadline.bound(self.exchange_unbounded(outgoing, &sent)).await {
            Ok(result) => result,
            Err(_) => Err(self.timed_out(sent.into_inner())),
        }
    }

    async fn exchange_unbounded(
        &self,
        outgoing: &Outgoing<'_>,
        sent: &Mutex<Option<Sent>>,
    ) -> Result<Exchange<'_>, Failure> {
        let Checkout { connection, reused } = self.connections.checkout().await?;
        match self.send(connection, outgoing, sent).await {
            Err(failure) if reused && failure.connection_broken && !failure.may_be_processed => {
                *sent.lock() = None;
                let Checkout { connection, .. } = self.connections.checkout_fresh().await?;
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
            Connection::Http2(stream) => (stream.observations.clone(), Some(stream.id)),
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
                let request = outgoing.http1(body, self.keeps_alive);
                let result = connection.sender.try_send_request(request).await;
                let pool = self.keeps_alive.then(|| &**self.connections.pool());
                (result, Lease::Http1 { connection, pool }, HttpVersion::Http1)
            }
            Connection::Http2(mut stream) => {
                let result = stream.sender.try_send_request(outgoing.http2(body)).await;
                (result, Lease::Http2(stream), HttpVersion::Http2)
            }
        };
        match result {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Ok(Exchange { head, body, lease, handed_over })
            }
            Err(error) => {
                let failure = self.diagnose(error, version, &observations, &handed_over);
                if let (Some(id), true) = (http2, failure.connection_broken) {
                    self.connections.pool().give_up(id);
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
            target: self.connections.target(),
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
                    self.connections.pool().give_up(id);
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
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Self {
        Failure { kind: error.kind, message: error.message, may_be_processed: false, connection_broken: true }
    }
}
