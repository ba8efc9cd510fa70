//! A server that speaks bytes, and the bytes of HTTP that it may want to speak or to wait for.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
    task::JoinSet,
};

/// A server that reads until `enough` says so and then writes `answer`; ends the connection or leaves it open.
pub(crate) struct RawServer {
    pub(crate) address: SocketAddr,
    accepts: Arc<AtomicUsize>,
    read: Arc<Notify>,
    _task: JoinSet<()>,
}

impl RawServer {
    pub(crate) async fn start(
        enough: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
        answer: impl Into<Vec<u8>>,
        close: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(answer.into());
        let enough = Arc::new(enough);
        let accepts = Arc::new(AtomicUsize::new(0));
        let read = Arc::new(Notify::new());
        let mut task = JoinSet::new();
        let (count, signal) = (accepts.clone(), read.clone());
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let (enough, answer, signal) = (enough.clone(), answer.clone(), signal.clone());
                connections.spawn(async move {
                    let mut got = Vec::new();
                    while !enough(&got) {
                        if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    signal.notify_one();
                    let _ = stream.write_all(&answer).await;
                    if close {
                        let _ = stream.shutdown().await;
                        // Reads to the end, since closing with unread bytes would reset the connection and destroy
                        // the answer on its way.
                        while stream.read_buf(&mut got).await.unwrap_or(0) > 0 {}
                    } else {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        RawServer { address, accepts, read, _task: task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn accepts(&self) -> usize {
        self.accepts.load(Ordering::SeqCst)
    }

    /// Waits until a connection has been read from far enough.
    pub(crate) async fn wait_for_request(&self) {
        self.read.notified().await;
    }
}

/// An HTTP/2 frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The SETTINGS frame with which a server begins.
pub(crate) fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[])
}

/// Whether an HTTP/2 client has sent the end of its first stream.
pub(crate) fn http2_request_sent(bytes: &[u8]) -> bool {
    const PREFACE: usize = 24;
    let mut rest = bytes.get(PREFACE..).unwrap_or_default();
    while let [a, b, c, kind, flags, _, _, _, _, payload @ ..] = rest {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some(next) = payload.get(len..) else { return false };
        if *kind == 0 && flags & 1 == 1 {
            return true;
        }
        rest = next;
    }
    false
}

/// Whether an HTTP/1.1 client has sent a request with a `content-length` in full.
pub(crate) fn http1_request_sent(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let len: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    bytes.len() >= head.len() + 4 + len
}
