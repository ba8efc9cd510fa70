//! Reads the body of a request into memory, within the limits.

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::{
    failure::{Failure, GrpcCode},
    limits::{BudgetExhausted, Limits, Reservation},
};

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body did not arrive within {0:?}")]
    Timeout(std::time::Duration),
    #[error(transparent)]
    Budget(#[from] BudgetExhausted),
    #[error("the body broke off: {0}")]
    BrokenOff(hyper::Error),
}

/// The whole body, of at most `limits.request_bytes`; it counts against `reservation` as it grows.
pub(super) async fn read(body: Incoming, limits: &Limits, reservation: &mut Reservation) -> Result<Bytes, BodyError> {
    // Who says beforehand that it is too much is not listened to.
    if body.size_hint().lower() > limits.request_bytes as u64 {
        return Err(BodyError::TooLarge(limits.request_bytes));
    }
    match tokio::time::timeout(limits.body_timeout, collect(body, limits.request_bytes, reservation)).await {
        Ok(result) => result,
        Err(_) => Err(BodyError::Timeout(limits.body_timeout)),
    }
}

async fn collect(mut body: Incoming, limit: usize, reservation: &mut Reservation) -> Result<Bytes, BodyError> {
    // A body that comes in one piece, as small ones do, is not copied.
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::BrokenOff)?.into_data() else { continue };
        if data.is_empty() {
            continue;
        }
        if first.len() + joined.len() + data.len() > limit {
            return Err(BodyError::TooLarge(limit));
        }
        reservation.grow(data.len())?;
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        let failure = match &error {
            BodyError::TooLarge(_) => Failure::too_large(),
            BodyError::Timeout(_) => {
                Failure::grpc(GrpcCode::DeadlineExceeded).with_http_status(http::StatusCode::REQUEST_TIMEOUT)
            }
            BodyError::Budget(error) => error.failure(),
            BodyError::BrokenOff(_) => Failure::grpc(GrpcCode::InvalidArgument),
        };
        failure.with_message(error.to_string())
    }
}
