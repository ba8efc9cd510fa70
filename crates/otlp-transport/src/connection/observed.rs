//! A socket that remembers what diagnosis needs: the first bytes that came, how many came, and how reading failed.
//!
//! hyper reports "invalid HTTP version" where the truth is "this is the TLS port"; only the bytes themselves tell. When
//! writing fails, hyper may end without reading; why the receiver closed is then among what it said last.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How many of the first received bytes are kept: a status line, or more than any frame header.
const OPENING_BYTES: usize = 96;
/// How long a failure of writing is held back for what came before it, which the runtime may learn of later.
const PATIENCE: Duration = Duration::from_millis(100);

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

    pub(super) fn failed(&self, error: &io::Error) {
        if let Some(alert) = super::tls::alert(error) {
            *self.tls_alert.lock() = Some(alert);
        }
    }
}

/// A socket, its [`Observations`], and what is to be dropped once the socket is closed.
pub(super) struct Observed<S, H> {
    socket: S,
    observations: Arc<Observations>,
    last_words: LastWords,
    // Fields are dropped in their order.
    _held: H,
}

/// What the receiver said before writing to it failed.
#[derive(Default)]
struct LastWords {
    /// The failure, which is told when they are known or it takes too long.
    failure: Option<(io::Error, Pin<Box<Sleep>>)>,
    /// For whoever reads on.
    unread: Vec<u8>,
}

impl<S, H> Observed<S, H> {
    pub(super) fn new(socket: S, held: H) -> (Self, Arc<Observations>) {
        let observations = Arc::new(Observations::default());
        let last_words = LastWords::default();
        (Observed { socket, observations: observations.clone(), last_words, _held: held }, observations)
    }
}

impl<S: AsyncRead + Unpin, H> Observed<S, H> {
    /// Writes, and if that fails before anything came, looks at what there is to read before it says so.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.last_words.failure.is_none() {
            match ready!(write(Pin::new(&mut self.socket), cx)) {
                Err(error) if self.observations.received() == 0 => {
                    self.last_words.failure = Some((error, Box::pin(sleep(PATIENCE))));
                }
                written => return Poll::Ready(written),
            }
        }
        self.listen(cx).map(Err)
    }

    /// Waits for last words, and gives the failure of writing.
    fn listen(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut room = [0; OPENING_BYTES];
        let mut buf = ReadBuf::new(&mut room);
        match Pin::new(&mut self.socket).poll_read(cx, &mut buf) {
            Poll::Ready(Ok(())) => {
                self.observations.saw(buf.filled());
                self.last_words.unread.extend_from_slice(buf.filled());
            }
            Poll::Ready(Err(error)) => self.observations.failed(&error),
            Poll::Pending => {
                if let Some((_, patience)) = &mut self.last_words.failure {
                    ready!(patience.as_mut().poll(cx));
                }
            }
        }
        let failure = self.last_words.failure.take();
        Poll::Ready(failure.map_or_else(|| io::ErrorKind::BrokenPipe.into(), |(error, _)| error))
    }
}

impl<S: AsyncRead + Unpin, H: Unpin> AsyncRead for Observed<S, H> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.last_words.unread.is_empty() {
            let count = buf.remaining().min(self.last_words.unread.len());
            buf.put_slice(&self.last_words.unread[..count]);
            self.last_words.unread.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.socket).poll_read(cx, buf));
        match &result {
            Ok(()) => self.observations.saw(&buf.filled()[before..]),
            Err(error) => self.observations.failed(error),
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Unpin> AsyncWrite for Observed<S, H> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |socket, cx| socket.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |socket, cx| socket.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |socket, cx| socket.poll_write_vectored(cx, bufs))
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

    #[tokio::test]
    async fn when_writing_fails_what_came_before_is_seen_and_can_still_be_read() {
        let (mut far, near) = tokio::io::duplex(4096);
        let (mut near, observations) = Observed::new(near, ());
        far.write_all(b"HTTP/1.1 413 Content Too Large\r\n\r\n").await.unwrap();
        drop(far);
        near.write_all(b"POST").await.unwrap_err();
        assert!(observations.opening().starts_with(b"HTTP/1.1 413"));
        let mut read = String::new();
        near.read_to_string(&mut read).await.unwrap();
        assert_eq!((read.len() as u64, observations.received()), (34, 34), "{read}");
    }

    #[tokio::test(start_paused = true)]
    async fn last_words_that_come_late_are_waited_for_and_those_that_do_not_come_are_not_for_long() {
        for says in [&b"bye"[..], b""] {
            let (mut far, near) = tokio::io::duplex(64);
            let (mut near, observations) = Observed::new(Half(near), ());
            let (written, ()) = tokio::join!(near.write_all(b"POST"), async {
                tokio::time::sleep(PATIENCE / 2).await;
                far.write_all(says).await.unwrap();
            });
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            assert_eq!(observations.opening(), says);
        }
    }

    /// Reads, and takes nothing.
    struct Half(tokio::io::DuplexStream);

    impl AsyncRead for Half {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Half {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
}
