//! Tells HTTP/2 from HTTP/1 by the first bytes of a connection, and gives them back to be read again.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes were read already, and are read again.
pub(super) struct Replayed<S> {
    first: [u8; HTTP2_PREFACE.len()],
    /// Where in `first` reading goes on, and where it ends.
    from: usize,
    to: usize,
    stream: S,
}

/// Reads until the bytes can only be one of both; the second value says whether it is HTTP/2.
pub(super) async fn sniff<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(Replayed<S>, bool)> {
    let mut first = [0; HTTP2_PREFACE.len()];
    let mut to = 0;
    while to < first.len() && first[..to] == HTTP2_PREFACE[..to] {
        match stream.read(&mut first[to..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => to += read,
        }
    }
    let is_http2 = first == *HTTP2_PREFACE;
    Ok((Replayed { first, from: 0, to, stream }, is_http2))
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.from == self.to {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let end = self.to.min(self.from + buffer.remaining());
        buffer.put_slice(&self.first[self.from..end]);
        self.from = end;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
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
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn what_was_sniffed_is_read_again() {
        for (bytes, expected) in [
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nframes"[..], true),
            (b"POST /v1/traces HTTP/1.1\r\n\r\n", false),
            (b"PRI * HTTP/1.1\r\n\r\nand so on", false),
        ] {
            let (mut client, server) = tokio::io::duplex(64);
            client.write_all(bytes).await.unwrap();
            drop(client);
            let (mut stream, is_http2) = sniff(server).await.unwrap();
            assert_eq!(is_http2, expected);
            let mut read = Vec::new();
            stream.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, bytes);
        }
    }

    #[tokio::test]
    async fn a_preface_in_single_bytes_is_recognised() {
        let (mut client, server) = tokio::io::duplex(1);
        let sniffed = tokio::spawn(sniff(server));
        client.write_all(HTTP2_PREFACE).await.unwrap();
        assert!(sniffed.await.unwrap().unwrap().1);
    }
}
