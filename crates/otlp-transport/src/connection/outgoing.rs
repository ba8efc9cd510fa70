//! A request that is ready to be sent, any number of times, and its head in the words of each version of HTTP.

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Uri, Version,
    header::{CONNECTION, HOST, HeaderValue},
};

use crate::{
    config::{ConfigError, Target},
    payload::RequestBody,
};

/// Where requests go, as their heads say it.
pub(super) struct Destination {
    absolute: Uri,
    path: Uri,
    host: HeaderValue,
}

impl Destination {
    /// `path` at the host of `target`.
    ///
    /// # Errors
    ///
    /// One of them holds characters that HTTP cannot carry.
    pub(super) fn new(target: &Target, path: &str) -> Result<Self, ConfigError> {
        let invalid = |reason: &str| ConfigError::Endpoint { value: target.to_string(), reason: reason.to_owned() };
        let uri = |text: &str| {
            let reason = "it holds characters that HTTP cannot carry: percent-encode them";
            Uri::try_from(text).map_err(|_| invalid(reason))
        };
        Ok(Destination {
            absolute: uri(&format!("{}://{}{path}", target.scheme(), target.authority))?,
            path: uri(path)?,
            host: HeaderValue::try_from(&target.authority)
                .map_err(|_| invalid("the host holds characters that HTTP cannot carry"))?,
        })
    }
}

/// A request that is ready to be sent, any number of times.
pub(crate) struct Outgoing<'a> {
    pub(super) destination: &'a Destination,
    pub(super) headers: &'a HeaderMap,
    pub(super) segments: &'a [Bytes],
}

impl Outgoing<'_> {
    /// With `keeps_alive`, the connection is to serve further requests.
    pub(super) fn http1(&self, body: RequestBody, keeps_alive: bool) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.destination.path.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(HOST, self.destination.host.clone());
        if !keeps_alive {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        request
    }

    pub(super) fn http2(&self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.destination.absolute.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        request
    }
}
