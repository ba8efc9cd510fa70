//! Failed answers: one description that each protocol puts into its own words.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use crate::message::rpc;

/// The status codes of gRPC; the numbers are those on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GrpcCode {
    /// Success.
    Ok = 0,
    /// Cancelled, mostly by the caller.
    Cancelled = 1,
    /// A failure that says no more.
    Unknown = 2,
    /// The request is wrong, whatever the state of the receiver.
    InvalidArgument = 3,
    /// It took too long.
    DeadlineExceeded = 4,
    /// Something that was asked for is not there.
    NotFound = 5,
    /// Something that was to be created is there.
    AlreadyExists = 6,
    /// The caller is known and not allowed to.
    PermissionDenied = 7,
    /// Too much: a quota, a size, a rate.
    ResourceExhausted = 8,
    /// The receiver is not in the state that the request needs.
    FailedPrecondition = 9,
    /// Given up, for example for a conflict.
    Aborted = 10,
    /// Beyond what is valid now.
    OutOfRange = 11,
    /// The receiver does not know the method.
    Unimplemented = 12,
    /// The receiver broke.
    Internal = 13,
    /// The receiver cannot serve now.
    Unavailable = 14,
    /// Data is lost or damaged for good.
    DataLoss = 15,
    /// The caller is not known.
    Unauthenticated = 16,
}

impl GrpcCode {
    /// All codes but `Ok`.
    pub const FAILURES: [GrpcCode; 16] = [
        GrpcCode::Cancelled,
        GrpcCode::Unknown,
        GrpcCode::InvalidArgument,
        GrpcCode::DeadlineExceeded,
        GrpcCode::NotFound,
        GrpcCode::AlreadyExists,
        GrpcCode::PermissionDenied,
        GrpcCode::ResourceExhausted,
        GrpcCode::FailedPrecondition,
        GrpcCode::Aborted,
        GrpcCode::OutOfRange,
        GrpcCode::Unimplemented,
        GrpcCode::Internal,
        GrpcCode::Unavailable,
        GrpcCode::DataLoss,
        GrpcCode::Unauthenticated,
    ];

    /// The number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The HTTP status that `google.rpc.Code` assigns to it.
    pub fn http_status(self) -> StatusCode {
        match self {
            GrpcCode::Ok => StatusCode::OK,
            // 499 has no constant; the range check of `from_u16` cannot fail for it.
            GrpcCode::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            GrpcCode::InvalidArgument | GrpcCode::FailedPrecondition | GrpcCode::OutOfRange => StatusCode::BAD_REQUEST,
            GrpcCode::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            GrpcCode::NotFound => StatusCode::NOT_FOUND,
            GrpcCode::AlreadyExists | GrpcCode::Aborted => StatusCode::CONFLICT,
            GrpcCode::PermissionDenied => StatusCode::FORBIDDEN,
            GrpcCode::Unauthenticated => StatusCode::UNAUTHORIZED,
            GrpcCode::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            GrpcCode::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            GrpcCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            GrpcCode::Unknown | GrpcCode::Internal | GrpcCode::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The code for a failure that is known by its HTTP status: in the main the table of the gRPC documentation,
    /// "HTTP to gRPC Status Code Mapping", but 400 is the sender's fault and 413 a size.
    fn of_http_status(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => GrpcCode::InvalidArgument,
            401 => GrpcCode::Unauthenticated,
            403 => GrpcCode::PermissionDenied,
            404 => GrpcCode::Unimplemented,
            413 => GrpcCode::ResourceExhausted,
            429 | 502 | 503 | 504 => GrpcCode::Unavailable,
            _ => GrpcCode::Unknown,
        }
    }
}

/// When a failed answer asks the sender to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryHint {
    /// After this time: `RetryInfo` over gRPC; `Retry-After` in whole seconds, rounded up, over HTTP.
    After(Duration),
    /// At this moment: `Retry-After` as a date over HTTP; the time until then as `RetryInfo` over gRPC.
    At(SystemTime),
}

/// A failed answer.
///
/// It has a gRPC code and an HTTP status, so that one description serves whichever protocol the request came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(crate) code: GrpcCode,
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) retry: Option<RetryHint>,
}

impl Failure {
    /// The failure with this gRPC code; over HTTP, the status that `google.rpc.Code` assigns to it.
    pub fn grpc(code: GrpcCode) -> Self {
        Failure { code, status: code.http_status(), message: format!("{code:?}"), retry: None }
    }

    /// The failure with this HTTP status; over gRPC, the code closest to it.
    pub fn http(status: StatusCode) -> Self {
        Failure { code: GrpcCode::of_http_status(status), status, message: status.to_string(), retry: None }
    }

    /// The request is larger than the receiver takes, ever.
    pub(crate) fn too_large() -> Self {
        Failure::grpc(GrpcCode::ResourceExhausted).with_http_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// The same failure with this status over HTTP.
    pub fn with_http_status(self, status: StatusCode) -> Self {
        Failure { status, ..self }
    }

    /// The same failure with this message.
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Failure { message: message.into(), ..self }
    }

    /// The same failure, asking the sender to come back then.
    pub fn with_retry(self, hint: RetryHint) -> Self {
        Failure { retry: Some(hint), ..self }
    }

    /// The gRPC code.
    pub fn code(&self) -> GrpcCode {
        self.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// `google.rpc.Status`: the body over HTTP, `grpc-status-details-bin` over gRPC.
    pub(crate) fn to_status(&self) -> rpc::Status {
        let delay = self.retry.map(|hint| match hint {
            RetryHint::After(delay) => delay,
            RetryHint::At(moment) => moment.duration_since(SystemTime::now()).unwrap_or_default(),
        });
        rpc::Status {
            code: self.code.number(),
            message: self.message.clone(),
            details: delay.map(rpc::Any::retry_info).into_iter().collect(),
        }
    }

    /// The value of `Retry-After`.
    pub(crate) fn retry_after(&self) -> Option<String> {
        self.retry.map(|hint| match hint {
            RetryHint::After(delay) => (delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).to_string(),
            RetryHint::At(moment) => httpdate::fmt_http_date(moment),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_rounded_up_to_whole_seconds_over_http() {
        let failure = Failure::grpc(GrpcCode::Unavailable).with_retry(RetryHint::After(Duration::from_millis(1500)));
        assert_eq!(failure.retry_after().as_deref(), Some("2"));
        assert_eq!(failure.status(), StatusCode::SERVICE_UNAVAILABLE);
        let failure = failure.with_retry(RetryHint::At(SystemTime::UNIX_EPOCH));
        assert_eq!(failure.retry_after().as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    }

    #[test]
    fn codes_number_as_on_the_wire() {
        let numbers: Vec<_> = GrpcCode::FAILURES.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
        assert_eq!(Failure::http(StatusCode::BAD_GATEWAY).code(), GrpcCode::Unavailable);
    }
}
