//! Counts the pings of an HTTP/2 client on their way in (RFC 9113, section 6.7): the HTTP layer answers them without a
//! word. Frames are followed by their headers alone.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Requests;

/// Before the first frame.
const PREFACE: usize = 24;
const HEADER: usize = 9;
const PING: u8 = 6;
const ACKNOWLEDGES: u8 = 1;

/// An HTTP/2 stream of bytes, read from its preface on.
pub(super) struct PingCounter<S> {
    stream: S,
    requests: Requests,
    frames: Frames,
}

/// Where in a sequence of frames the bytes are.
struct Frames {
    /// Bytes to pass over until the next header.
    skip: usize,
    header: [u8; HEADER],
    /// How much of the header is there.
    known: usize,
}

impl<S> PingCounter<S> {
    pub(super) fn new(stream: S, requests: Requests) -> Self {
        PingCounter { stream, requests, frames: Frames { skip: PREFACE, header: [0; HEADER], known: 0 } }
    }
}

impl Frames {
    /// How many pings begin in the next `bytes`.
    fn follow(&mut self, mut bytes: &[u8]) -> u64 {
        let mut pings = 0;
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.known).min(bytes.len());
            self.header[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
            self.known += taken;
            bytes = &bytes[taken..];
            if self.known == HEADER {
                let [a, b, c, kind, flags, ..] = self.header;
                self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
                self.known = 0;
                pings += u64::from(kind == PING && flags & ACKNOWLEDGES == 0);
            }
        }
        pings
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PingCounter<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let pings = self.frames.follow(&buffer.filled()[before..]);
        if pings > 0 {
            self.requests.pinged(pings);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PingCounter<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_found_between_other_frames_however_the_bytes_come() {
        let frame = |kind: u8, flags: u8, len: usize| {
            let mut frame = (len as u32).to_be_bytes()[1..].to_vec();
            frame.extend([kind, flags, 0, 0, 0, 1]);
            // Looks like a ping, and is payload.
            frame.extend([0, 0, 8, PING, 0, 0, 0, 0, 0].iter().cycle().take(len));
            frame
        };
        let mut bytes = vec![b'x'; PREFACE];
        for (kind, flags, len) in
            [(4, 0, 0), (PING, 0, 8), (0, 0, 100), (PING, ACKNOWLEDGES, 8), (PING, 0, 8), (0, 1, 9)]
        {
            bytes.extend(frame(kind, flags, len));
        }
        for size in [1, 7, 64, bytes.len()] {
            let mut frames = Frames { skip: PREFACE, header: [0; HEADER], known: 0 };
            assert_eq!(bytes.chunks(size).map(|chunk| frames.follow(chunk)).sum::<u64>(), 2, "in pieces of {size}");
        }
    }
}
