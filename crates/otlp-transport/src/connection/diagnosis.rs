//! Tells what a broken exchange means: what happened, whether the receiver may have processed the request, and what the
//! reader of the error should do.
//!
//! A request counts as possibly processed when all of it was handed to the connection and nothing proves the
//! contrary. These prove it:
//!
//! - hyper gave the request back: it was never written;
//! - an HTTP/2 `GOAWAY` whose last stream is below ours, or `RST_STREAM` with `REFUSED_STREAM` (RFC 9113, section 8.7);
//! - the peer's first bytes are not HTTP at all, or not HTTP/2 on an HTTP/2 connection: it could not read us;
//! - the peer ended the TLS session with an alert before it sent anything (a client certificate it did not like).

use std::error::Error;

use otlp_core::ErrorKind;

use super::{observed::Observations, socket::HttpVersion};
use crate::{config::Target, response::quoted};

/// An exchange that ended without the head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    /// What happened and what to do, without the endpoint.
    pub(crate) message: String,
    /// Whether the receiver may have processed the whole request.
    pub(crate) may_be_processed: bool,
    /// Whether the connection serves no further requests.
    pub(super) connection_broken: bool,
}

/// What is known about a failed exchange beside hyper's error.
pub(super) struct Evidence<'a> {
    pub(super) target: &'a Target,
    pub(super) version: HttpVersion,
    pub(super) observations: &'a Observations,
    /// hyper returned the request.
    pub(super) given_back: bool,
    /// The connection took the last byte of the body.
    pub(super) handed_over: bool,
}

pub(super) fn diagnose(error: &hyper::Error, evidence: &Evidence<'_>) -> Failure {
    let failure =
        |kind, message: String, may_be_processed| Failure { kind, message, may_be_processed, connection_broken: true };
    let opening = evidence.observations.opening();
    if let Some(message) = foreign_speech(&opening, evidence) {
        return failure(ErrorKind::Protocol, message, false);
    }
    // With TLS 1.3 the receiver judges our certificate when we take the session for open: its alert comes before the
    // request is written, or after.
    if let (Some(alert), true) = (evidence.observations.tls_alert(), opening.is_empty()) {
        let message = format!(
            "the receiver ended the TLS session ({alert}): it may want a client certificate, or not trust ours"
        );
        return failure(ErrorKind::Network, message, false);
    }
    if evidence.given_back {
        let message = "the connection closed before the request was sent".to_owned();
        return failure(ErrorKind::Network, message, false);
    }
    let cause = causes(error);
    match Http2Error::of(error) {
        Some(Http2Error::Refused) => Failure {
            kind: ErrorKind::Network,
            message: format!("the receiver refused the stream ({cause})"),
            may_be_processed: false,
            connection_broken: false,
        },
        Some(Http2Error::GoAway) => {
            failure(ErrorKind::Network, format!("the receiver is closing the connection ({cause})"), false)
        }
        Some(Http2Error::Reset) => Failure {
            kind: ErrorKind::Network,
            message: format!("the receiver reset the stream ({cause})"),
            may_be_processed: evidence.handed_over,
            connection_broken: false,
        },
        None if error.is_parse() => {
            let message = format!("the answer is no HTTP ({cause}): is this the port of an OTLP receiver?");
            failure(ErrorKind::Protocol, message, evidence.handed_over)
        }
        None => {
            let hint = if opening.is_empty() && !evidence.target.https {
                ": no answer came; if the port speaks TLS, use https://"
            } else {
                ""
            };
            let message = format!("the connection was lost before an answer came ({cause}){hint}");
            failure(ErrorKind::Network, message, evidence.handed_over)
        }
    }
}

/// What the first bytes of a connection betray about a peer that does not speak our protocol.
fn foreign_speech(opening: &[u8], evidence: &Evidence<'_>) -> Option<String> {
    let port = evidence.target.port;
    let speaks_http1 = opening.starts_with(b"HTTP/1.");
    // A frame header: three bytes of length, the type SETTINGS, flags, and stream 0.
    let speaks_http2 = matches!(opening, [_, _, _, 4, _, 0, 0, 0, 0, ..]);
    // A TLS record that holds an alert, which a TLS port answers to plaintext.
    let speaks_tls = opening.starts_with(&[0x15, 0x03]);
    match evidence.version {
        _ if speaks_tls => Some(format!("port {port} speaks TLS: use https://")),
        HttpVersion::Http1 if speaks_http2 => Some(format!(
            "port {port} speaks HTTP/2 only: this looks like a gRPC port (4317); use the protocol grpc, or the HTTP port (4318)"
        )),
        HttpVersion::Http2 if speaks_http1 => {
            let line = opening.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
            let line = quoted(line);
            Some(format!(
                "got {line} on an HTTP/2 connection: this looks like an HTTP/1.1 port (4318); use the protocol \
                 http/protobuf, or the gRPC port (4317)"
            ))
        }
        HttpVersion::Http2 if opening.len() >= 9 && !speaks_http2 => {
            Some(format!("port {port} does not speak HTTP/2: is this the port of an OTLP receiver?"))
        }
        _ => None,
    }
}

/// What the receiver did to our stream.
enum Http2Error {
    GoAway,
    Refused,
    Reset,
}

impl Http2Error {
    fn of(error: &hyper::Error) -> Option<Self> {
        let error = error.source()?.downcast_ref::<h2::Error>().filter(|error| error.is_remote())?;
        match error.reason() {
            _ if error.is_go_away() => Some(Http2Error::GoAway),
            Some(h2::Reason::REFUSED_STREAM) if error.is_reset() => Some(Http2Error::Refused),
            _ => error.is_reset().then_some(Http2Error::Reset),
        }
    }
}

/// The error and its sources, outermost first.
pub(crate) fn causes(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&quoted(error.to_string().as_bytes()));
        source = error.source();
    }
    text
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use std::io;

    use hyper_util::rt::TokioIo;
    use rustls::AlertDescription;

    use super::*;
    use crate::{config::Endpoints, payload::RequestBody};

    /// What hyper says when the peer is gone before a request.
    async fn broken() -> hyper::Error {
        let (near, far) = tokio::io::duplex(64);
        let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, RequestBody>(TokioIo::new(near))
            .await
            .expect("nothing is said yet");
        drop(far);
        let request = http::Request::new(RequestBody::new(Vec::new(), Default::default()));
        let (result, _) = tokio::join!(sender.try_send_request(request), connection);
        result.expect_err("nobody is there").into_error()
    }

    #[tokio::test]
    async fn an_alert_is_told_also_if_it_comes_before_the_request_is_written() {
        let target = Endpoints::base("https://localhost:4318").http(otlp_core::Signal::Traces).unwrap().unwrap();
        let (observations, error) = (Observations::default(), broken().await);
        let failures = |observations: &Observations| {
            [true, false].map(|given_back| {
                let (version, handed_over) = (HttpVersion::Http1, !given_back);
                diagnose(&error, &Evidence { target: &target, version, observations, given_back, handed_over })
            })
        };
        let unexplained = failures(&observations);
        assert!(unexplained.iter().all(|failure| !failure.message.contains("certificate")), "{unexplained:?}");
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        observations.failed(&io::Error::new(io::ErrorKind::InvalidData, alert));
        for failure in failures(&observations) {
            assert!(failure.message.contains("client certificate") && !failure.may_be_processed, "{failure:?}");
        }
    }
}
