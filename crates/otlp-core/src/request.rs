//! An encoded OTLP request: a rope of byte buffers that is never joined on its way to the socket.

use bytes::Bytes;

use crate::Signal;

/// The protobuf bytes of one `Export…ServiceRequest`, in pieces that follow each other.
///
/// A clone shares the bytes; retries and several destinations send the same memory.
#[derive(Debug, Clone)]
pub struct EncodedRequest {
    signal: Signal,
    items: u64,
    len: usize,
    segments: Vec<Bytes>,
}

impl EncodedRequest {
    /// A request of `items` items from its consecutive pieces.
    pub fn new(signal: Signal, items: u64, segments: Vec<Bytes>) -> Self {
        EncodedRequest { signal, items, len: segments.iter().map(Bytes::len).sum(), segments }
    }

    /// The signal, which chooses the path or method.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// How many spans, log records or data points it carries.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// How many bytes it has, uncompressed.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The consecutive pieces.
    pub fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    /// All bytes in one buffer; copies unless there is just one piece.
    pub fn to_contiguous(&self) -> Bytes {
        match self.segments.as_slice() {
            [one] => one.clone(),
            many => {
                let mut joined = Vec::with_capacity(self.len);
                for segment in many {
                    joined.extend_from_slice(segment);
                }
                joined.into()
            }
        }
    }
}
