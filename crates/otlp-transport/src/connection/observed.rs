//! A socket that remembers what diagnosis needs: the first bytes that came, how many came, and how reading failed.
//!
//! hyper reports "invalid HTTP version" where the truth is "this is the TLS port"; only the bytes themselves tell.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many of the first received bytes are kept: a status line, or more than any frame header.
const OPENING_BYTES: usize = 96;

/// What was seen on a connection, above TLS.
#[derive(Debug, Default)]
pub(super) struct Observations {
    received: AtomicU64,
    opening: Mutex<Vec<u8>>,
    tls_alert: Mutex<Option<String>>,
    stream_limit: AtomicUsize,
}

impl Observations {
    /// How many bytes have come so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// The first bytes that came.
    pub(super) fn opening(&self) -> Vec<u8> {
        self.opening.lock().clone()
    }

    /// The TLS alert with which the receiver ended the session.
    pub(super) fn tls_alert(&self) -> Option<String> {
        self.tls_alert.lock().clone()
    }

    /// How many concurrent streams the receiver allows, as far as it said so.
    pub(super) fn stream_limit(&self) -> usize {
        self.stream_limit.load(Ordering::Relaxed)
    }

    /// The receiver allows so many concurrent streams (SETTINGS_MAX_CONCURRENT_STREAMS).
    pub(super) fn allows_streams(&self, limit: usize) {
        self.stream_limit.store(limit, Ordering::Relaxed);
    }

    fn saw(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let before = self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if before < OPENING_BYTES as u64 {
            let mut opening = self.opening.lock();
            let missing = OPENING_BYTES - opening.len();
            opening.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        }
    }

    fn failed(&self, error: &io::Error) {
        if let Some(alert) = super::tls::alert(error) {
            *self.tls_alert.lock() = Some(alert);
        }
    }
}

/// A socket, its [`Observations`], and what is to be dropped once the socket is closed.
pub(super) struct Observed<S, H> {
    socket: S,
    observations: Arc<Observations>,
    // Fields are dropped in their order.
    _held: H,
}

impl<S, H> Observed<S, H> {
    pub(super) fn new(socket: S, held: H) -> (Self, Arc<Observations>) {
        let observations = Arc::new(Observations::default());
        (Observed { socket, observations: observations.clone(), _held: held }, observations)
    }
}

impl<S: AsyncRead + Unpin, H: Unpin> AsyncRead for Observed<S, H> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.socket).poll_read(cx, buf));
        match &result {
            Ok(()) => self.observations.saw(&buf.filled()[before..]),
            Err(error) => self.observations.failed(error),
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin, H: Unpin> AsyncWrite for Observed<S, H> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn the_first_bytes_are_kept_and_all_are_counted() {
        let (mut far, near) = tokio::io::duplex(4096);
        let (mut near, observations) = Observed::new(near, ());
        let sent: Vec<u8> = (0..=255).collect();
        for part in sent.chunks(50) {
            far.write_all(part).await.unwrap();
            let mut read = vec![0; part.len()];
            near.read_exact(&mut read).await.unwrap();
            assert_eq!(read, part);
        }
        assert_eq!(observations.received(), 256);
        assert_eq!(observations.opening(), sent[..OPENING_BYTES]);
    }
}
