//! An HTTP body of a few frames that are all there from the beginning, so that a header and a payload are sent as they
//! lie, without being copied together.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The frames not yet sent.
pub(crate) struct FrameBody {
    frames: VecDeque<Frame<Bytes>>,
}

impl FrameBody {
    /// A body of `frames`, in this order.
    pub(crate) fn new(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Self {
        FrameBody { frames: frames.into_iter().collect() }
    }

    /// One uncompressed gRPC message whose content is `parts`, one after the other.
    pub(crate) fn grpc<const N: usize>(parts: [Bytes; N]) -> Self {
        let length: usize = parts.iter().map(Bytes::len).sum();
        let mut header = vec![0];
        header.extend_from_slice(&(length as u32).to_be_bytes());
        FrameBody::new(std::iter::once(Bytes::from(header)).chain(parts).map(Frame::data))
    }
}

impl Body for FrameBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.frames.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum())
    }
}
