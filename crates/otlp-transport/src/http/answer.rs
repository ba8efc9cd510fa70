//! What an HTTP response means for the request (OTLP specification, "OTLP/HTTP Response").
//!
//! The status decides. A 2xx acknowledges the request, even if the body behind it cannot be read: sending it again would
//! surely deliver it twice, so it counts as delivered, with a warning. One kind of 2xx is no acknowledgement: a web page,
//! which no OTLP receiver answers and every misdirected request gets; nobody has taken the items, and retrying would not
//! change that.

use std::time::SystemTime;

use http::{
    StatusCode,
    header::{self, HeaderMap},
};
use otlp_core::{EncodedRequest, ErrorKind, ExportError, Outcome, PartialSuccess, RetryableFailure};

use super::{HttpEncoding, retry_after::retry_after};
use crate::{
    config::Target,
    connection::Received,
    payload::ContentEncoding,
    response::{Collected, End, Status, json_acknowledgement, protobuf_acknowledgement, quoted},
};

/// A response, read as far as it went.
pub(super) struct Answer<'a> {
    target: &'a Target,
    request: &'a EncodedRequest,
    /// What was sent, and so what is expected back where the response does not say.
    encoding: HttpEncoding,
    status: StatusCode,
    headers: HeaderMap,
    /// The decompressed body, or why there is none.
    content: Result<Vec<u8>, NoContent>,
}

/// Why a body could not be had.
enum NoContent {
    /// It did not arrive whole: the receiver may have meant anything.
    BrokenOff(ErrorKind, String),
    /// It arrived, but cannot be read.
    Unreadable(String),
}

/// What a body claims to be.
enum ContentType {
    Protobuf,
    Json,
    Html,
    Other(String),
}

impl<'a> Answer<'a> {
    pub(super) fn new(
        target: &'a Target,
        request: &'a EncodedRequest,
        encoding: HttpEncoding,
        received: Received,
        limit: usize,
    ) -> Self {
        let headers = received.head.headers;
        let content = content(&headers, received.collected, limit);
        Answer { target, request, encoding, status: received.head.status, headers, content }
    }

    pub(super) fn outcome(self) -> Outcome {
        match self.status {
            status if status.is_success() => self.acknowledged(),
            StatusCode::TOO_MANY_REQUESTS => self.retry(ErrorKind::Throttled),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                self.retry(ErrorKind::Unavailable)
            }
            StatusCode::PAYLOAD_TOO_LARGE => Outcome::TooLarge(self.error(ErrorKind::TooLarge)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Refused(self.error(ErrorKind::Unauthorized)),
            status if status.is_client_error() || status.is_server_error() || status.is_redirection() => {
                Outcome::Refused(self.error(ErrorKind::Refused))
            }
            _ => Outcome::Refused(self.error(ErrorKind::Protocol)),
        }
    }

    fn acknowledged(self) -> Outcome {
        let content = match &self.content {
            Ok(content) => content,
            Err(NoContent::Unreadable(reason)) => return self.delivered_with_warning(reason),
            Err(NoContent::BrokenOff(kind, reason)) => {
                return Outcome::Retry(RetryableFailure {
                    error: ExportError::new(*kind, format!("{}: {} {reason}", self.target, self.status)),
                    after: None,
                    acknowledgement_lost: true,
                });
            }
        };
        if content.is_empty() {
            return Outcome::delivered();
        }
        let partial = match self.content_type(content) {
            ContentType::Protobuf => protobuf_acknowledgement(content),
            ContentType::Json => json_acknowledgement(self.request.signal(), content),
            ContentType::Html => {
                let message = format!(
                    "{}: answered {} with a web page: this is no OTLP receiver; check host, port and path",
                    self.target, self.status
                );
                return Outcome::Refused(ExportError::new(ErrorKind::Protocol, message));
            }
            ContentType::Other(name) => return self.delivered_with_warning(&format!("its type is {name}")),
        };
        match partial {
            // Nobody can reject more than was sent.
            Ok(PartialSuccess { rejected, message }) => {
                Outcome::Delivered(PartialSuccess { rejected: rejected.min(self.request.items()), message })
            }
            Err(_) => self.delivered_with_warning("it is malformed"),
        }
    }

    fn delivered_with_warning(&self, reason: &str) -> Outcome {
        let message = format!(
            "{}: acknowledged with {}, but the answer could not be read ({reason}), so {} it may have rejected are \
             not known",
            self.target,
            self.status,
            self.request.signal().items()
        );
        Outcome::Delivered(PartialSuccess { rejected: 0, message })
    }

    fn retry(&self, kind: ErrorKind) -> Outcome {
        Outcome::Retry(RetryableFailure {
            error: self.error(kind),
            after: retry_after(&self.headers, SystemTime::now()),
            acknowledgement_lost: false,
        })
    }

    /// Status, the receiver's own words, and what to do.
    fn error(&self, kind: ErrorKind) -> ExportError {
        let mut message = format!("{}: the receiver answered {}", self.target, self.status);
        let said = self.said();
        if !said.is_empty() {
            message.push_str(": ");
            message.push_str(&said);
        }
        if let Some(hint) = self.hint() {
            message.push_str("; ");
            message.push_str(&hint);
        }
        ExportError::new(kind, message)
    }

    fn said(&self) -> String {
        let Ok(content) = &self.content else { return String::new() };
        match self.content_type(content) {
            _ if content.is_empty() => String::new(),
            ContentType::Protobuf => Status::from_protobuf(content).map_or_else(String::new, |status| status.message),
            ContentType::Json => Status::from_json(content).map_or_else(|| quoted(content), |status| status.message),
            ContentType::Html => "a web page".to_owned(),
            ContentType::Other(_) => quoted(content),
        }
    }

    fn hint(&self) -> Option<String> {
        match self.status {
            StatusCode::BAD_REQUEST if self.says_that_it_wants_tls() => {
                Some("the port speaks TLS: use https://".to_owned())
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some("check the credentials in the headers".to_owned()),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Some(
                "check the path: a base endpoint gets v1/<signal> appended, an exact one is used as it is".to_owned(),
            ),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Some("the receiver may not know the compression or the encoding: try http/protobuf without".to_owned())
            }
            status if status.is_redirection() => {
                let location = self.headers.get(header::LOCATION).map(|value| quoted(value.as_bytes()));
                let host = location.as_deref().map_or("another address", host_of);
                Some(format!("redirects are not followed; set the endpoint to where it points ({host})"))
            }
            _ => None,
        }
    }

    /// How Go's server and nginx answer plaintext on a TLS port.
    fn says_that_it_wants_tls(&self) -> bool {
        let content = self.content.as_deref().map(quoted).unwrap_or_default().to_ascii_lowercase();
        content.contains("http request to an https server")
            || content.contains("plain http request was sent to https port")
    }

    fn content_type(&self, content: &[u8]) -> ContentType {
        let text = self.headers.get(header::CONTENT_TYPE).map(|value| quoted(value.as_bytes())).unwrap_or_default();
        let name = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "application/x-protobuf" | "application/protobuf" => ContentType::Protobuf,
            "application/json" => ContentType::Json,
            "text/html" | "application/xhtml+xml" => ContentType::Html,
            _ if content.trim_ascii_start().starts_with(b"<") => ContentType::Html,
            "" => match self.encoding {
                HttpEncoding::Protobuf => ContentType::Protobuf,
                HttpEncoding::Json => ContentType::Json,
            },
            _ => ContentType::Other(name),
        }
    }
}

fn content(headers: &HeaderMap, collected: Collected, limit: usize) -> Result<Vec<u8>, NoContent> {
    match collected.end {
        End::Complete => {}
        End::Stopped => return Err(NoContent::Unreadable(format!("it has more than {limit} bytes"))),
        End::Broken(cause) => {
            return Err(NoContent::BrokenOff(ErrorKind::Network, format!("began, but its body broke off ({cause})")));
        }
        End::TimedOut => {
            return Err(NoContent::BrokenOff(
                ErrorKind::Timeout,
                "began, but its body did not come in time".to_owned(),
            ));
        }
    }
    let name = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()).unwrap_or_default();
    let encoding = ContentEncoding::parse(name);
    let content = encoding.and_then(|encoding| encoding.decode(collected.data, limit));
    content.map_err(|reason| NoContent::Unreadable(reason.to_string()))
}

/// Scheme and host of a `Location`: its path and query may hold a token.
fn host_of(location: &str) -> &str {
    let Some((scheme, rest)) = location.split_once("://") else { return "another path of the same host" };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') { "another address" } else { &location[..scheme.len() + 3 + authority.len()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_location_only_the_host_is_shown() {
        assert_eq!(host_of("https://other:1/x?token=1"), "https://other:1");
        assert_eq!(host_of("https://user:secret@other/"), "another address");
        assert_eq!(host_of("/login?token=1"), "another path of the same host");
        assert_eq!(host_of(""), "another path of the same host");
    }
}
