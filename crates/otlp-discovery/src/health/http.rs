//! The check that a path answers with success.

use std::pin::pin;

use http_body_util::Empty;
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{CheckHealth, Checking};
use crate::Endpoint;

/// An endpoint is well if a GET of a path, over HTTP/1.1 in plaintext, is answered with 2xx. Its body is not read.
#[derive(Debug, Clone)]
pub struct HttpCheck {
    path: String,
    port: Option<u16>,
}

impl HttpCheck {
    /// Asks for `path`, for instance `/health`.
    pub fn new(path: impl Into<String>) -> Self {
        HttpCheck { path: path.into(), port: None }
    }

    /// Asks another port than that of the endpoint.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    async fn ask(&self, endpoint: &Endpoint) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut asked = endpoint.clone();
        asked.port = self.port.unwrap_or(endpoint.port);
        let stream = TcpStream::connect((asked.host.as_str(), asked.port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(&self.path)
            .header(header::HOST, asked.to_string())
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        let mut answer = pin!(sender.send_request(request));
        // The connection is driven here and not in a task, so that a check that is dropped leaves nothing behind.
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            ended = connection => {
                ended?;
                answer.await
            }
        };
        let status = answer?.status();
        if status.is_success() { Ok(()) } else { Err(format!("GET {} is answered with {status}", self.path).into()) }
    }
}

impl CheckHealth for HttpCheck {
    fn check<'a>(&'a self, endpoint: &'a Endpoint) -> Checking<'a> {
        Box::pin(async move { self.ask(endpoint).await.map_err(|error| error.to_string()) })
    }
}
