//! The body of every answer: whole, with or without trailers, or broken as a fault asks for.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::wire::{ConnectionControl, LAST_BYTES};
use crate::Requests;

/// How much of an oversized answer is made at once.
const FLOOD_CHUNK: Bytes = Bytes::from_static(&[0; 16 << 10]);

pub(crate) struct AnswerBody {
    content: Content,
    /// Where to note that the whole answer was handed to the connection.
    record: Option<(Requests, u64)>,
}

enum Content {
    Whole {
        data: Bytes,
        trailers: Option<HeaderMap>,
    },
    /// `first`, then so many zero bytes, then trailers.
    Flood {
        first: Bytes,
        left: usize,
        trailers: Option<HeaderMap>,
    },
    /// `first`, then the break.
    Broken {
        first: Bytes,
        what: Broken,
    },
    Over,
}

/// What breaks after the first bytes of an answer.
pub(crate) enum Broken {
    /// After this sleep: a reset overtakes what HTTP/2 has not written yet.
    Stream(Option<Pin<Box<Sleep>>>),
    Connection(Arc<ConnectionControl>),
}

/// Makes the HTTP layer reset the stream.
#[derive(Debug)]
pub(crate) struct StreamReset;

impl fmt::Display for StreamReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream is reset, as a scripted fault asks for")
    }
}

impl std::error::Error for StreamReset {}

impl AnswerBody {
    pub(crate) fn whole(data: impl Into<Bytes>) -> Self {
        AnswerBody { content: Content::Whole { data: data.into(), trailers: None }, record: None }
    }

    pub(crate) fn with_trailers(data: impl Into<Bytes>, trailers: HeaderMap) -> Self {
        AnswerBody { content: Content::Whole { data: data.into(), trailers: Some(trailers) }, record: None }
    }

    pub(crate) fn flood(first: impl Into<Bytes>, bytes: usize, trailers: Option<HeaderMap>) -> Self {
        AnswerBody { content: Content::Flood { first: first.into(), left: bytes, trailers }, record: None }
    }

    pub(crate) fn broken(first: impl Into<Bytes>, what: Broken) -> Self {
        AnswerBody { content: Content::Broken { first: first.into(), what }, record: None }
    }

    /// The same body, which notes in the record of request `id` when all of it was taken.
    pub(crate) fn noted_in(mut self, requests: Requests, id: u64) -> Self {
        self.record = Some((requests, id));
        if self.is_end_stream() {
            // Nobody will ask for its content, for there is none.
            self.note();
        }
        self
    }

    fn note(&mut self) {
        if let Some((requests, id)) = self.record.take() {
            requests.update(id, |record| record.answered = true);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = StreamReset;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamReset>>> {
        let frame = match std::mem::replace(&mut self.content, Content::Over) {
            Content::Whole { data, trailers } if !data.is_empty() => {
                self.content = Content::Whole { data: Bytes::new(), trailers };
                Some(Frame::data(data))
            }
            Content::Whole { trailers, .. } => trailers.map(Frame::trailers),
            Content::Flood { first, left, trailers } if !first.is_empty() => {
                self.content = Content::Flood { first: Bytes::new(), left, trailers };
                Some(Frame::data(first))
            }
            Content::Flood { left: 0, trailers, .. } => trailers.map(Frame::trailers),
            Content::Flood { first, left, trailers } => {
                let chunk = FLOOD_CHUNK.slice(..left.min(FLOOD_CHUNK.len()));
                self.content = Content::Flood { first, left: left - chunk.len(), trailers };
                Some(Frame::data(chunk))
            }
            Content::Broken { first, what } if !first.is_empty() => {
                self.content = Content::Broken { first: Bytes::new(), what };
                Some(Frame::data(first))
            }
            Content::Broken { first, what: Broken::Stream(sleep) } => {
                let mut sleep = sleep.unwrap_or_else(|| Box::pin(tokio::time::sleep(LAST_BYTES)));
                if sleep.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Some(Err(StreamReset)));
                }
                self.content = Content::Broken { first, what: Broken::Stream(Some(sleep)) };
                return Poll::Pending;
            }
            Content::Broken { first, what: Broken::Connection(control) } => {
                control.reset_after_write();
                self.content = Content::Broken { first, what: Broken::Connection(control) };
                // The connection is dropped, and this body with it: nobody needs to be woken.
                return Poll::Pending;
            }
            Content::Over => None,
        };
        if self.is_end_stream() {
            self.note();
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole { data, trailers } => data.is_empty() && trailers.is_none(),
            Content::Flood { first, left, trailers } => first.is_empty() && *left == 0 && trailers.is_none(),
            Content::Broken { .. } => false,
            Content::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole { data, trailers: None } => SizeHint::with_exact(data.len() as u64),
            Content::Flood { first, left, trailers: None } => SizeHint::with_exact((first.len() + left) as u64),
            _ => SizeHint::default(),
        }
    }
}
