//! A stream that is read in a way of its own, and written to as it is.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What [`AsyncRead::poll_read`] does with a stream.
pub(super) trait PollRead<S>:
    FnMut(Pin<&mut S>, &mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>>
{
}

impl<S, R> PollRead<S> for R where R: FnMut(Pin<&mut S>, &mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>> {}

/// A stream with the way in which it is read.
pub(super) struct Reading<S, R> {
    stream: S,
    read: R,
}

impl<S, R> Reading<S, R>
where
    R: FnMut(Pin<&mut S>, &mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<()>>,
{
    /// `stream`, read by `read`.
    pub(super) fn new(stream: S, read: R) -> Self {
        Reading { stream, read }
    }
}

impl<S: Unpin, R: PollRead<S> + Unpin> AsyncRead for Reading<S, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Reading { stream, read } = &mut *self;
        read(Pin::new(stream), context, buffer)
    }
}

impl<S: AsyncWrite + Unpin, R: Unpin> AsyncWrite for Reading<S, R> {
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
