//! What a scripted server responds, frame by frame.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame};
use otlp_transport::Protocol;

/// A response body, frame by frame.
#[derive(Debug, Default)]
pub(crate) struct Script {
    frames: VecDeque<Frame<Bytes>>,
    endless: bool,
}

impl Script {
    pub(crate) fn of(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        let frames = if data.is_empty() { VecDeque::new() } else { [Frame::data(data)].into() };
        Script { frames, endless: false }
    }

    pub(crate) fn trailers(mut self, trailers: HeaderMap) -> Self {
        self.frames.push_back(Frame::trailers(trailers));
        self
    }

    /// Takes the first frame out, to be changed and put back.
    pub(crate) fn take_data(&mut self) -> Bytes {
        self.frames.pop_front().and_then(|frame| frame.into_data().ok()).unwrap_or_default()
    }

    pub(crate) fn put_data(&mut self, data: Vec<u8>) {
        self.frames.push_front(Frame::data(data.into()));
    }

    /// Never ends.
    pub(crate) fn then_silence(mut self) -> Self {
        self.endless = true;
        self
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.frames.pop_front() {
            None if self.endless => Poll::Pending,
            frame => Poll::Ready(frame.map(Ok)),
        }
    }
}

/// A response with these headers and this body.
pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Script> {
    let mut response = Response::new(Script::of(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = fields(headers);
    response
}

pub(crate) fn fields(fields: &[(&str, &str)]) -> HeaderMap {
    let pairs = fields
        .iter()
        .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap()));
    pairs.collect()
}

/// A gRPC response with a message and its status in the trailers.
pub(crate) fn grpc(message: &[u8], trailers: &[(&str, &str)]) -> Response<Script> {
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message);
    let mut response = respond(200, &[("content-type", "application/grpc")], body);
    let script = std::mem::take(response.body_mut());
    *response.body_mut() = script.trailers(fields(trailers));
    response
}

/// The response with which a receiver of `protocol` accepts everything.
pub(crate) fn accepted(protocol: Protocol) -> Response<Script> {
    match protocol {
        Protocol::Grpc => grpc(b"", &[("grpc-status", "0")]),
        Protocol::HttpProtobuf => respond(200, &[("content-type", "application/x-protobuf")], ""),
        Protocol::HttpJson => respond(200, &[("content-type", "application/json")], "{}"),
    }
}
