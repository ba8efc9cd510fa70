//! A server that answers with what a real agent answered.
//!
//! A recording is a row of exchanges: a line with `> `, the method and the path with its query, without the wait, which
//! differs each time; then the answer as it came. Requests must come in the order of the recording. When it is at its end,
//! requests wait for ever, as queries do while nothing changes.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::watch,
};

use super::{Running, until};

/// What was recorded of one request.
struct Exchange {
    request: String,
    answer: Vec<u8>,
}

/// The server. It checks at its end that everything was asked for, and nothing else.
pub(crate) struct Replay {
    address: SocketAddr,
    state: Arc<State>,
    _running: Running,
}

struct State {
    exchanges: Mutex<VecDeque<Exchange>>,
    surprises: Mutex<Vec<String>>,
    tokens: Mutex<Vec<Option<String>>>,
    left: watch::Sender<usize>,
    refused: watch::Sender<Vec<String>>,
}

impl Replay {
    pub(crate) async fn start(recording: &str) -> Self {
        Self::serve(recording, None).await
    }

    /// The same over TLS.
    #[cfg(feature = "tls")]
    pub(crate) async fn start_tls(recording: &str, tls: tokio_rustls::TlsAcceptor) -> Self {
        Self::serve(recording, Some(tls)).await
    }

    async fn serve(recording: &str, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let exchanges = parse(recording);
        let left = watch::Sender::new(exchanges.len());
        let (exchanges, surprises, tokens) = (Mutex::new(exchanges), Mutex::default(), Mutex::default());
        let state = Arc::new(State { exchanges, surprises, tokens, left, refused: watch::Sender::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = state.clone();
        let _running = Running::new(async move {
            let mut connections = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (state, tls) = (shared.clone(), tls.clone());
                connections.push(Running::new(async move {
                    match tls {
                        None => state.serve(socket).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => state.serve(socket).await,
                            Err(refused) => state.refused.send_modify(|all| all.push(refused.to_string())),
                        },
                    }
                }));
            }
        });
        Replay { address, state, _running }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many exchanges were not asked for yet.
    pub(crate) fn left(&self) -> watch::Receiver<usize> {
        self.state.left.subscribe()
    }

    /// The handshakes that failed.
    #[cfg(feature = "tls")]
    pub(crate) fn refused(&self) -> watch::Receiver<Vec<String>> {
        self.state.refused.subscribe()
    }

    /// Waits until everything was asked for; returns the token of each request.
    pub(crate) async fn finish(self) -> Vec<Option<String>> {
        until(&mut self.left(), "asked for everything recorded", |left| *left == 0).await;
        assert_eq!(*self.state.surprises.lock(), Vec::<String>::new(), "requests that were not recorded");
        std::mem::take(&mut *self.state.tokens.lock())
    }
}

impl State {
    /// Answers the requests of one connection.
    async fn serve(&self, socket: impl AsyncRead + AsyncWrite + Unpin) {
        let mut socket = BufReader::new(socket);
        while let Some((request, token)) = read_request(&mut socket).await {
            let next = self.exchanges.lock().pop_front();
            let Some(next) = next else { return std::future::pending().await };
            self.tokens.lock().push(token);
            if next.request != request {
                self.surprises.lock().push(format!("{request}, and not {}", next.request));
            }
            let sent = socket.write_all(&next.answer).await;
            self.left.send_modify(|left| *left -= 1);
            if sent.is_err() {
                return;
            }
        }
    }
}

/// Method and target without the wait, and the token.
async fn read_request(socket: &mut BufReader<impl AsyncRead + Unpin>) -> Option<(String, Option<String>)> {
    let (mut request, mut token, mut length) = (None, None, 0);
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.ok()?;
        let line = line.strip_suffix("\r\n")?;
        if request.is_none() {
            let line = line.strip_suffix(" HTTP/1.1")?;
            request = Some(line.split("&wait=").next()?.to_owned());
            continue;
        }
        match line.split_once(": ") {
            Some(("x-consul-token", value)) => token = Some(value.to_owned()),
            Some(("content-length", value)) => length = value.parse().ok()?,
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some((request?, token))
}

fn parse(recording: &str) -> VecDeque<Exchange> {
    let exchange = |text: &str| {
        let (request, answer) = text.split_once('\n').unwrap();
        let (head, body) = answer.split_once("\n\n").unwrap();
        let body = body.trim_end();
        // The agent sends the longer ones in chunks; a recording has them in one piece.
        let head: String =
            head.lines().filter(|line| !line.starts_with("Transfer-Encoding")).collect::<Vec<_>>().join("\r\n");
        let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        Exchange { request: request.to_owned(), answer: answer.into_bytes() }
    };
    let recording = format!("\n{recording}");
    recording.split("\n> ").skip(1).map(exchange).collect()
}
