//! Counts the pings of an HTTP/2 client on their way in (RFC 9113, section 6.7): the HTTP layer answers them without a
//! word. Frames are followed by their headers alone.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use super::reading::{PollRead, Reading};
use crate::Requests;

/// Before the first frame.
const PREFACE: usize = 24;
const HEADER: usize = 9;
const PING: u8 = 6;
const ACKNOWLEDGES: u8 = 1;

/// Where in a sequence of frames the bytes are.
struct Frames {
    /// Bytes to pass over until the next header.
    skip: usize,
    header: [u8; HEADER],
    /// How much of the header is there.
    known: usize,
}

/// An HTTP/2 stream of bytes, read from its preface on, whose pings `requests` hears of.
pub(super) fn count_pings<S: AsyncRead + Unpin>(stream: S, requests: Requests) -> Reading<S, impl PollRead<S>> {
    let mut frames = Frames { skip: PREFACE, header: [0; HEADER], known: 0 };
    Reading::new(stream, move |stream: Pin<&mut S>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>| {
        let before = buffer.filled().len();
        ready!(stream.poll_read(context, buffer))?;
        let pings = frames.follow(&buffer.filled()[before..]);
        if pings > 0 {
            requests.pinged(pings);
        }
        Poll::Ready(Ok(()))
    })
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
