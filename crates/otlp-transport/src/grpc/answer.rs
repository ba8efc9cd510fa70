//! What the response to a gRPC call means for the request (OTLP specification, "OTLP/gRPC Response").
//!
//! The status decides; it comes in the trailers, or in the headers of a response without a body. OK acknowledges the
//! request even if the message behind it cannot be read: that is a warning and no reason to deliver it twice. A response
//! that breaks off before its status leaves us without an acknowledgement. One that ends without a status, or is no gRPC
//! at all, is mapped from its HTTP status as gRPC prescribes.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE, response};
use otlp_core::{EncodedRequest, ErrorKind, ExportError, Outcome, PartialSuccess, RetryableFailure};
use percent_encoding::percent_decode;

use super::{GRPC_ACCEPT_ENCODING, GRPC_ENCODING, PREFIX, code::Code};
use crate::{
    config::Target,
    connection::Received,
    http::retry_after,
    payload::ContentEncoding,
    response::{Collected, End, Status, protobuf_acknowledgement, quoted},
};

/// `-bin` headers are base64, and peers differ in whether they pad.
const BINARY_HEADER: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How servers say that a message is larger than they take: grpc-go and the C core, tonic, tonic while decompressing,
/// grpc-java, grpc-dotnet.
const TOO_LARGE: [&str; 5] = [
    "larger than max",
    "message length too large",
    "exceeded while decompressing",
    "exceeds maximum size",
    "exceeds the maximum configured message size",
];

/// The request that a response answers.
pub(super) struct Answer<'a> {
    pub(super) target: &'a Target,
    pub(super) request: &'a EncodedRequest,
    /// The longest message that is read.
    pub(super) limit: usize,
}

impl Answer<'_> {
    /// Whether the receiver refused our credentials.
    pub(super) fn is_unauthenticated(&self, received: &Received) -> bool {
        match status(&received.head, &received.collected) {
            Some(fields) => {
                fields.get("grpc-status").is_some_and(|code| Code::parse(code.as_bytes()) == Code::Unauthenticated)
            }
            None => received.head.status == StatusCode::UNAUTHORIZED,
        }
    }

    pub(super) fn outcome(&self, received: Received) -> Outcome {
        let Received { head, collected, handed_over } = received;
        match status(&head, &collected) {
            Some(status) => self.by_status(status, &head, &collected),
            None => self.without_status(&head, &collected, handed_over),
        }
    }

    fn by_status(&self, fields: &HeaderMap, head: &response::Parts, collected: &Collected) -> Outcome {
        let value = |name: &str| fields.get(name).map(|value| value.as_bytes()).unwrap_or_default();
        let code = Code::parse(value("grpc-status"));
        if code == Code::Ok {
            return self.acknowledged(head, collected);
        }
        let message = quoted(&percent_decode(value("grpc-message")).collect::<Vec<u8>>());
        let details = BINARY_HEADER.decode(value("grpc-status-details-bin")).ok();
        let details = details.and_then(|details| Status::from_protobuf(&details)).unwrap_or_default();
        let message = if message.is_empty() { details.message } else { message };
        let retry = |kind| {
            Outcome::Retry(RetryableFailure {
                error: self.error(kind, code, &message, &head.headers),
                after: details.retry_delay,
                acknowledgement_lost: false,
            })
        };
        match code {
            // tonic answers OUT_OF_RANGE, which would be retryable, where others answer RESOURCE_EXHAUSTED.
            Code::ResourceExhausted | Code::OutOfRange if says_too_large(&message) => {
                Outcome::TooLarge(self.error(ErrorKind::TooLarge, code, &message, &head.headers))
            }
            Code::ResourceExhausted if details.retry_delay.is_some() => retry(ErrorKind::Throttled),
            Code::DeadlineExceeded => retry(ErrorKind::Timeout),
            Code::Cancelled | Code::Aborted | Code::OutOfRange | Code::Unavailable | Code::DataLoss => {
                retry(ErrorKind::Unavailable)
            }
            Code::Unauthenticated | Code::PermissionDenied => {
                Outcome::Refused(self.error(ErrorKind::Unauthorized, code, &message, &head.headers))
            }
            _ => Outcome::Refused(self.error(ErrorKind::Refused, code, &message, &head.headers)),
        }
    }

    fn acknowledged(&self, head: &response::Parts, collected: &Collected) -> Outcome {
        match self.partial_success(head, collected) {
            Ok(PartialSuccess { rejected, message }) => {
                // Nobody can reject more than was sent.
                Outcome::Delivered(PartialSuccess { rejected: rejected.min(self.request.items()), message })
            }
            Err(reason) => {
                let message = format!(
                    "{}: acknowledged, but the answer could not be read ({reason}), so {} it may have rejected are not \
                     known",
                    self.target,
                    self.request.signal().items()
                );
                Outcome::Delivered(PartialSuccess { rejected: 0, message })
            }
        }
    }

    fn partial_success(&self, head: &response::Parts, collected: &Collected) -> Result<PartialSuccess, String> {
        if collected.overflowed {
            return Err(format!("it has more than {} bytes", self.limit));
        }
        // OK without a message has nothing to say beside that.
        let Some((prefix, message)) = collected.data.split_at_checked(PREFIX) else {
            return if collected.data.is_empty() { Ok(PartialSuccess::default()) } else { Err("it is cut".to_owned()) };
        };
        if u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize != message.len() {
            return Err("its length is wrong".to_owned());
        }
        let encoding = match prefix[0] {
            0 => ContentEncoding::Identity,
            _ => {
                let name = head.headers.get(GRPC_ENCODING).map(|value| value.as_bytes()).unwrap_or_default();
                let encoding = ContentEncoding::parse(name).map_err(|reason| reason.to_string())?;
                if encoding == ContentEncoding::Identity {
                    return Err("it is compressed, but does not say how".to_owned());
                }
                encoding
            }
        };
        let message = encoding.decode(message.to_vec(), self.limit).map_err(|reason| reason.to_string())?;
        protobuf_acknowledgement(&message).map_err(|_| "it is malformed".to_owned())
    }

    fn without_status(&self, head: &response::Parts, collected: &Collected, handed_over: bool) -> Outcome {
        let is_grpc =
            head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        if head.status == StatusCode::OK && is_grpc {
            let (kind, what) = match &collected.end {
                End::Broken(cause) => (ErrorKind::Network, format!("the answer broke off before its status ({cause})")),
                End::TimedOut => (ErrorKind::Timeout, "the status of the answer did not come in time".to_owned()),
                End::Complete => {
                    return self.refused("the answer has no grpc-status: is there a proxy that drops trailers?");
                }
                End::Stopped => return self.refused("the answer is endless, and so without a status"),
            };
            return Outcome::Retry(RetryableFailure {
                error: ExportError::new(kind, format!("{}: {what}", self.target)),
                after: None,
                acknowledgement_lost: handed_over,
            });
        }
        let code = Code::of_http(head.status);
        let text = format!("the answer is HTTP {} and no gRPC", head.status);
        let error = |kind| self.error(kind, code, &text, &head.headers);
        match code {
            Code::Unavailable => {
                let throttled = head.status == StatusCode::TOO_MANY_REQUESTS;
                Outcome::Retry(RetryableFailure {
                    error: error(if throttled { ErrorKind::Throttled } else { ErrorKind::Unavailable }),
                    after: retry_after(&head.headers, std::time::SystemTime::now()),
                    acknowledgement_lost: false,
                })
            }
            _ if head.status == StatusCode::PAYLOAD_TOO_LARGE => Outcome::TooLarge(error(ErrorKind::TooLarge)),
            Code::Unauthenticated | Code::PermissionDenied => Outcome::Refused(error(ErrorKind::Unauthorized)),
            Code::Unimplemented | Code::Internal => Outcome::Refused(error(ErrorKind::Refused)),
            _ => Outcome::Refused(error(ErrorKind::Protocol)),
        }
    }

    fn refused(&self, what: &str) -> Outcome {
        Outcome::Refused(ExportError::new(ErrorKind::Protocol, format!("{}: {what}", self.target)))
    }

    fn error(&self, kind: ErrorKind, code: Code, message: &str, headers: &HeaderMap) -> ExportError {
        let mut text = format!("{}: the receiver answered {code}", self.target);
        if !message.is_empty() {
            text.push_str(": ");
            text.push_str(message);
        }
        match code {
            Code::Unauthenticated | Code::PermissionDenied => text.push_str("; check the credentials in the headers"),
            Code::Unimplemented => {
                let accepted = headers.get(GRPC_ACCEPT_ENCODING).map(|value| quoted(value.as_bytes()));
                let accepted = accepted.map_or_else(String::new, |list| format!(" (it accepts {list})"));
                let signal = self.request.signal();
                text.push_str(&format!(
                    "; the receiver may not take {signal}, or not know the compression{accepted}, or be no OTLP receiver"
                ));
            }
            _ => {}
        }
        ExportError::new(kind, text)
    }
}

/// The fields that hold the status: the trailers, or the headers of a response without a body.
fn status<'a>(head: &'a response::Parts, collected: &'a Collected) -> Option<&'a HeaderMap> {
    let has_status = |fields: &&HeaderMap| fields.contains_key("grpc-status");
    collected.trailers.as_ref().filter(has_status).or(Some(&head.headers).filter(has_status))
}

fn says_too_large(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    TOO_LARGE.iter().any(|phrase| message.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_every_make_are_understood_to_say_too_large() {
        for message in [
            "grpc: received message larger than max (5000000 vs. 4194304)",
            "grpc: received message after decompression larger than max (5000000 vs. 4194304)",
            "Received message larger than max (5000000 vs. 4194304)",
            "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes",
            "Error decompressing: size limit, of `4194304` bytes, exceeded while decompressing message",
            "gRPC message exceeds maximum size 4194304: 5000000",
            "Received message exceeds the maximum configured message size.",
        ] {
            assert!(says_too_large(message), "{message}");
        }
        for message in ["", "quota exceeded", "too many requests", "memory limit exceeded"] {
            assert!(!says_too_large(message), "{message}");
        }
    }

    #[test]
    fn binary_headers_are_read_with_and_without_padding() {
        for text in ["CAg=", "CAg"] {
            assert_eq!(BINARY_HEADER.decode(text).unwrap(), [8, 8]);
        }
    }
}
