//! One request and the response to it.

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Version,
    header::{CONNECTION, HOST, HeaderValue},
    response,
};
use hyper::body::Incoming;

use super::{
    deadline::Deadline,
    origin::Origin,
    pool::{Http1Connection, Stream},
    route::Route,
};
use crate::{
    payload::{HandedOver, RequestBody},
    response::{Collected, End, collect},
};

/// A request that is ready to be sent, any number of times.
pub(crate) struct Outgoing<'a> {
    pub(super) route: &'a Route,
    pub(super) headers: &'a HeaderMap,
    pub(super) segments: &'a [Bytes],
}

impl Outgoing<'_> {
    /// With `keeps_alive`, the connection is to serve further requests.
    pub(super) fn http1(&self, body: RequestBody, keeps_alive: bool) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.route.path.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(HOST, self.route.host.clone());
        if !keeps_alive {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        request
    }

    pub(super) fn http2(&self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.route.absolute.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// The connection that a response is still being read from.
pub(super) enum Lease {
    Http1(Http1Connection),
    /// Keeps the connection open and the stream counted until the response has been read.
    Http2(#[expect(dead_code, reason = "held for its drop")] Stream),
}

/// An exchange whose response has begun.
pub(crate) struct Exchange<'a> {
    pub(super) origin: &'a Origin,
    pub(super) head: response::Parts,
    pub(super) body: Incoming,
    pub(super) lease: Lease,
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
        if let (Lease::Http1(connection), End::Complete, true) = (self.lease, &collected.end, handed_over) {
            self.origin.put_back(connection);
        }
        Received { head: self.head, collected, handed_over }
    }
}
