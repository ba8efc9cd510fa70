//! An exchange whose response has begun, and the connection that it holds until the response has been read.

use http::response;
use hyper::body::Incoming;

use super::{
    deadline::Deadline,
    pool::{Http1Connection, Pool, Stream},
};
use crate::{
    payload::HandedOver,
    response::{Collected, End, collect},
};

/// The connection that a response is still being read from.
pub(super) enum Lease<'a> {
    Http1 {
        connection: Http1Connection,
        /// Where it goes back to; `None` where it serves one request alone.
        pool: Option<&'a Pool>,
    },
    /// Keeps the connection open and the stream counted until the response has been read.
    Http2(#[expect(dead_code, reason = "held for its drop")] Stream),
}

/// An exchange whose response has begun.
pub(crate) struct Exchange<'a> {
    pub(super) head: response::Parts,
    pub(super) body: Incoming,
    pub(super) lease: Lease<'a>,
    pub(super) handed_over: HandedOver,
}

/// A response, as far as it could be read.
pub(crate) struct Received {
    pub(crate) head: response::Parts,
    pub(crate) collected: Collected,
    /// Whether the receiver may have got the whole request.
    pub(crate) handed_over: bool,
}

impl Exchange<'_> {
    /// Reads the body: keeps `keep` bytes of it, and reads past `skip` more to get to the trailers. Gives an HTTP/1.1
    /// connection back if it can be used again.
    pub(crate) async fn read(self, keep: usize, skip: usize, deadline: Deadline) -> Received {
        let collected = collect(self.body, keep, skip, deadline).await;
        let handed_over = self.handed_over.is_complete();
        if let Lease::Http1 { connection, pool: Some(pool) } = self.lease
            && collected.end == End::Complete
            && handed_over
        {
            pool.put(connection);
        }
        Received { head: self.head, collected, handed_over }
    }
}
