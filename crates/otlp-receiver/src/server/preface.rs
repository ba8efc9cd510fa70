//! Tells HTTP/2 from HTTP/1 by the first bytes of a connection, and gives them back to be read again.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::reading::{PollRead, Reading};

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until the bytes can only be one of both; the second value says whether it is HTTP/2.
pub(super) async fn sniff<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(Reading<S, impl PollRead<S>>, bool)> {
    let mut first = [0; HTTP2_PREFACE.len()];
    let mut to = 0;
    while to < first.len() && first[..to] == HTTP2_PREFACE[..to] {
        match stream.read(&mut first[to..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => to += read,
        }
    }
    let is_http2 = first == *HTTP2_PREFACE;
    // Where in `first` reading goes on.
    let mut from = 0;
    let replay = move |stream: Pin<&mut S>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>| {
        if from == to {
            return stream.poll_read(context, buffer);
        }
        let end = to.min(from + buffer.remaining());
        buffer.put_slice(&first[from..end]);
        from = end;
        Poll::Ready(Ok(()))
    };
    Ok((Reading::new(stream, replay), is_http2))
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
