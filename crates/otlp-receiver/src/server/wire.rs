//! The socket of a connection, with the means to break it: reset it, or speak garbage on it.
//!
//! A wire that is dropped after [`ConnectionControl::reset`] closes with RST instead of FIN, so an aborted connection
//! looks like a process that died.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};

/// How long a connection or stream that is to break after its next bytes waits for them: they may have left already.
pub(super) const LAST_BYTES: Duration = Duration::from_millis(20);

/// No HTTP of any version, and no TLS either.
const GARBAGE: &[u8] = b"\x00\xff\xfe garbage \x80\x81\r\n\r\n";

const OPEN: u8 = 0;
/// The next bytes still leave, then the connection breaks.
const BREAK_AFTER_WRITE: u8 = 1;
/// Garbage leaves in place of the next bytes, then the connection breaks.
const GARBLE: u8 = 2;
/// Nothing leaves any more; this and all that follow mean that nobody can be answered.
const BROKEN: u8 = 3;
/// The garbage has left.
const GARBLED: u8 = 4;
/// It was closed in order.
const CLOSED: u8 = 5;

/// What requests of a connection can do to it.
#[derive(Debug)]
pub(crate) struct ConnectionControl {
    id: u64,
    state: AtomicU8,
    changed: Notify,
}

impl ConnectionControl {
    pub(super) fn new(id: u64) -> Arc<Self> {
        Arc::new(ConnectionControl { id, state: AtomicU8::new(OPEN), changed: Notify::new() })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Resets the connection now.
    pub(crate) fn reset(&self) {
        self.set(BROKEN);
    }

    /// Resets the connection as soon as what is to be written now has left.
    pub(crate) fn reset_after_write(&self) {
        self.set(BREAK_AFTER_WRITE);
    }

    /// Sends garbage in place of what is written next, then closes the connection.
    pub(crate) fn garble(&self) {
        self.set(GARBLE);
    }

    /// Whether nothing can be answered any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state.load(Ordering::Acquire) >= BROKEN
    }

    /// Waits until the connection is to be dropped.
    pub(super) async fn broken(&self) {
        loop {
            // Created before the state is read: a change in between still wakes it.
            let changed = self.changed.notified();
            match self.state.load(Ordering::Acquire) {
                BROKEN | GARBLED => return,
                BREAK_AFTER_WRITE => {
                    if tokio::time::timeout(LAST_BYTES, changed).await.is_err() {
                        self.set(BROKEN);
                    }
                }
                _ => changed.await,
            }
        }
    }

    /// States are only ever left for higher ones: what is broken stays so, whoever asks for what.
    fn set(&self, state: u8) {
        if self.state.fetch_max(state, Ordering::AcqRel) < state {
            self.changed.notify_waiters();
        }
    }
}

pub(super) struct Wire {
    stream: TcpStream,
    control: Arc<ConnectionControl>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, control: Arc<ConnectionControl>) -> Self {
        Wire { stream, control }
    }

    fn poll_out(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
        len: usize,
    ) -> Poll<io::Result<usize>> {
        match self.control.state.load(Ordering::Acquire) {
            BROKEN | GARBLED => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            GARBLE => {
                ready!(Pin::new(&mut self.stream).poll_write(context, GARBAGE))?;
                self.control.set(GARBLED);
                // Said to be written, so that the HTTP layer has no reason to try again.
                Poll::Ready(Ok(len))
            }
            BREAK_AFTER_WRITE => {
                let written = ready!(write(Pin::new(&mut self.stream), context))?;
                self.control.set(BROKEN);
                Poll::Ready(Ok(written))
            }
            _ => write(Pin::new(&mut self.stream), context),
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.control.state.load(Ordering::Acquire) == BROKEN {
            // A socket that cannot be told how to close still closes.
            let _ = self.stream.set_zero_linger();
        } else {
            self.control.set(CLOSED);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_out(context, |stream, context| stream.poll_write(context, bytes), bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = slices.iter().map(|slice| slice.len()).sum();
        self.poll_out(context, |stream, context| stream.poll_write_vectored(context, slices), len)
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
