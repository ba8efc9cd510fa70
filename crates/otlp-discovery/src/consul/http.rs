//! Asks an agent over HTTP/1.1: one request, one answer, with a limit on its size and on the time of both.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, Request as HttpRequest, Uri,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use otlp_reliability::ConfigError;
use tokio::time::timeout;

use super::{
    ConsulConfig, ConsulError,
    agent::{Answer, Ask, Request},
    tls::{self, Connector},
    token::Token,
};

/// The largest answer that is read. An instance takes about a kilobyte, so it holds a service of some ten thousand.
const MAX_ANSWER: usize = 16 << 20;

/// How long an answer may take from its head to its end. A query that blocks may wait for its head for minutes, and nobody
/// is to drip the rest for as long.
const BODY_TIME: Duration = Duration::from_secs(15);

const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-consul-token");

/// An agent behind a URL.
#[derive(Debug)]
pub(super) struct HttpAgent {
    client: Client<Connector, Full<Bytes>>,
    token: Token,
    body_time: Duration,
}

impl HttpAgent {
    pub(super) fn new(config: &ConsulConfig, is_https: bool) -> Result<Self, ConfigError> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(tls::connector(config, is_https)?);
        Ok(HttpAgent { client, token: Token::new(&config.token)?, body_time: BODY_TIME })
    }

    async fn exchange(&self, request: HttpRequest<Full<Bytes>>) -> Result<Answer, ConsulError> {
        let response = self.client.request(request).await.map_err(|error| unreachable(&error))?;
        let (parts, body) = response.into_parts();
        let body = timeout(self.body_time, Limited::new(body, MAX_ANSWER).collect()).await;
        let body = body.map_err(|_| ConsulError::Unreachable {
            reason: format!("it began to answer, and did not end within {:?}", self.body_time),
        })?;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => ConsulError::nonsense(format!("it is larger than {} MiB", MAX_ANSWER >> 20)),
            false => unreachable(&*error),
        })?;
        let body = body.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body, had_token: false, token_note: String::new() })
    }
}

impl Ask for HttpAgent {
    async fn ask(&self, request: Request) -> Result<Answer, ConsulError> {
        let after = request.timeout;
        let asked = async {
            let token = self.token.current().await;
            let uri = Uri::try_from(request.url.as_str())
                .map_err(|error| ConsulError::Unreachable { reason: format!("its URL is none for HTTP: {error}") })?;
            let mut http = HttpRequest::new(Full::new(request.body));
            *http.method_mut() = request.method;
            *http.uri_mut() = uri;
            let headers = http.headers_mut();
            headers.insert(ACCEPT, http::HeaderValue::from_static("application/json"));
            headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
            headers.insert(USER_AGENT, http::HeaderValue::from_static("otlp-discovery"));
            if let Some(value) = &token.value {
                headers.insert(TOKEN_HEADER, value.clone());
            }
            let mut answer = self.exchange(http).await?;
            answer.had_token = token.value.is_some();
            if !answer.status.is_success() {
                answer.token_note = token.note;
                answer.body = match &token.value {
                    // Some agents repeat the token that they refuse.
                    Some(value) => without(&answer.body, value.as_bytes()),
                    None => answer.body,
                };
            }
            Ok(answer)
        };
        timeout(after, asked).await.unwrap_or(Err(ConsulError::TimedOut { after }))
    }
}

/// The text with every occurrence of the secret hidden.
fn without(text: &[u8], secret: &[u8]) -> Bytes {
    let (text, secret) = (String::from_utf8_lossy(text), String::from_utf8_lossy(secret));
    text.replace(&*secret, "(token)").into()
}

/// The error with all its causes: the last one is what the operating system said.
fn unreachable(error: &(dyn Error + 'static)) -> ConsulError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_reason = next.to_string();
        if !reason.ends_with(&next_reason) {
            reason.push_str(": ");
            reason.push_str(&next_reason);
        }
        cause = next.source();
    }
    ConsulError::Unreachable { reason }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// An agent at the other end of a connection that the test holds, and the request for it.
    async fn agent() -> (HttpAgent, TcpListener, Request) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let agent = HttpAgent::new(&ConsulConfig::new(&endpoint).with_token("hunter2"), false).unwrap();
        let url = endpoint.parse().unwrap();
        (agent, listener, Request { method: http::Method::GET, url, body: Bytes::new(), timeout: SECOND })
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn an_agent_that_is_silent_is_given_up() {
        let (agent, listener, mut request) = agent().await;
        request.timeout = Duration::from_millis(20);
        let error = agent.ask(request).await.unwrap_err();
        assert_eq!(error, ConsulError::TimedOut { after: Duration::from_millis(20) });
        drop(listener);
    }

    #[tokio::test]
    async fn no_more_is_read_than_the_limit() {
        let (agent, listener, mut request) = agent().await;
        request.timeout = 60 * SECOND;
        let endless = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            _ = socket.read(&mut [0; 4096]).await;
            _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            // Ends when the other side has had enough.
            while socket.write_all(&[b' '; 65_536]).await.is_ok() {}
        });
        assert_eq!(agent.ask(request).await.unwrap_err(), ConsulError::nonsense("it is larger than 16 MiB"));
        endless.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_http_or_breaks_off_is_a_clear_error_without_the_token() {
        for bytes in
            [&b"SSH-2.0-OpenSSH\r\n"[..], b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[", &[0xff; 70_000]]
        {
            let (agent, listener, mut request) = agent().await;
            request.timeout = 60 * SECOND;
            let answered = tokio::spawn(async move {
                let (mut socket, _) = listener.accept().await.unwrap();
                _ = socket.read(&mut [0; 4096]).await;
                _ = socket.write_all(bytes).await;
            });
            let error = agent.ask(request).await.unwrap_err();
            assert!(matches!(error, ConsulError::Unreachable { .. }), "{error:?}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
            answered.await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_answer_that_drips_is_given_up_long_before_the_wait_is_over() {
        let (mut agent, listener, mut request) = agent().await;
        (agent.body_time, request.timeout) = (Duration::from_millis(50), 600 * SECOND);
        let dripping = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            _ = socket.read(&mut [0; 4096]).await;
            _ = socket.write_all(b"HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\n\r\n").await;
            // Ends when the other side has had enough.
            while socket.write_all(b"[").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let error = agent.ask(request).await.unwrap_err().to_string();
        assert!(error.contains("it began to answer, and did not end within 50ms"), "{error}");
        dripping.await.unwrap();
    }

    #[test]
    fn a_token_that_is_repeated_is_hidden() {
        assert_eq!(&without(b"ACL not found: hunter2, hunter2", b"hunter2")[..], b"ACL not found: (token), (token)");
    }
}
