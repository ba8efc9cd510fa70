//! The request body: the segments of a request as frames, without a joining copy.
//!
//! It also knows the one thing that decides whether an answer that never came may hide a success: whether the whole
//! body left our hands. A receiver cannot have processed a request whose last byte it was never sent.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    vec,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The largest frame. A connection takes a frame whole into its queue, and the next one once that has room: in pieces,
/// the last byte of a large segment leaves our hands about when the socket takes it, and not when the first one does.
const LARGEST_FRAME: usize = 64 << 10;

/// Set once the connection has taken the last byte of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandedOver(Arc<AtomicBool>);

impl HandedOver {
    /// Whether all bytes of the request were given to the connection, so that they may have reached the receiver.
    pub(crate) fn is_complete(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn complete(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The segments of a request as a body of known size.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// What is left of the segment that is being sent.
    current: Bytes,
    segments: vec::IntoIter<Bytes>,
    remaining: usize,
    handed_over: HandedOver,
}

impl RequestBody {
    pub(crate) fn new(segments: Vec<Bytes>, handed_over: HandedOver) -> Self {
        let remaining = segments.iter().map(Bytes::len).sum();
        if remaining == 0 {
            // A body without bytes is never polled; its head alone is the whole request.
            handed_over.complete();
        }
        RequestBody { current: Bytes::new(), segments: segments.into_iter(), remaining, handed_over }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.current.is_empty() {
            let Some(segment) = self.segments.find(|segment| !segment.is_empty()) else { return Poll::Ready(None) };
            self.current = segment;
        }
        let len = self.current.len().min(LARGEST_FRAME);
        let frame = self.current.split_to(len);
        self.remaining -= len;
        if self.remaining == 0 {
            self.handed_over.complete();
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(body: &mut RequestBody) -> Option<Bytes> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut context) {
            Poll::Ready(frame) => frame.map(|frame| frame.unwrap().into_data().unwrap()),
            Poll::Pending => unreachable!("the body never waits"),
        }
    }

    #[test]
    fn segments_go_out_as_the_memory_they_are() {
        let segments = vec![Bytes::from(vec![1; 10]), Bytes::new(), Bytes::from(vec![2; 5])];
        let handed_over = HandedOver::default();
        let mut body = RequestBody::new(segments.clone(), handed_over.clone());
        assert_eq!(body.size_hint().exact(), Some(15));
        assert_eq!(next(&mut body).unwrap().as_ptr(), segments[0].as_ptr());
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(!body.is_end_stream() && !handed_over.is_complete());
        assert_eq!(next(&mut body).unwrap().as_ptr(), segments[2].as_ptr());
        assert!(body.is_end_stream() && handed_over.is_complete());
        assert_eq!(next(&mut body), None);
    }

    #[test]
    fn a_large_segment_leaves_in_pieces_of_the_same_memory() {
        let segment = Bytes::from(vec![1; 2 * LARGEST_FRAME + 1]);
        let handed_over = HandedOver::default();
        let mut body = RequestBody::new(vec![segment.clone()], handed_over.clone());
        for (start, len) in [(0, LARGEST_FRAME), (LARGEST_FRAME, LARGEST_FRAME), (2 * LARGEST_FRAME, 1)] {
            assert!(!handed_over.is_complete());
            let piece = next(&mut body).unwrap();
            assert_eq!((piece.as_ptr(), piece.len()), (segment[start..].as_ptr(), len));
        }
        assert!(handed_over.is_complete());
        assert_eq!(next(&mut body), None);
    }

    #[test]
    fn a_body_without_bytes_is_complete_at_once() {
        let handed_over = HandedOver::default();
        assert!(RequestBody::new(vec![Bytes::new()], handed_over.clone()).is_end_stream());
        assert!(handed_over.is_complete());
    }
}
