//! From the bytes of a request to its items: decompressed, decoded or merely counted.

use bytes::Bytes;
use otlp_core::Signal;
use prost::Message;

use crate::{
    compression::{DecompressError, Encoding},
    convert, count,
    failure::{Failure, GrpcCode},
    items::Items,
    limits::{BudgetExhausted, Reservation},
    message::collector::{ExportLogsServiceRequest, ExportMetricsServiceRequest, ExportTraceServiceRequest},
    weigh,
};

/// The encoding of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Protobuf,
    Json,
}

/// Why the bytes are no request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    #[error(transparent)]
    Budget(#[from] BudgetExhausted),
    #[error("the request is no valid protobuf: {0}")]
    Protobuf(#[from] prost::DecodeError),
    #[error("the request is no valid OTLP: {0}")]
    Id(#[from] convert::InvalidId),
    #[error(transparent)]
    Count(#[from] count::Malformed),
    #[error("the request is no valid OTLP JSON: {0}")]
    Json(#[from] otlp_core::json::JsonError),
}

/// The message of at most `limit` bytes; it counts against `reservation`.
pub(crate) fn decompress(
    content: Bytes,
    encoding: Encoding,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, DecodeError> {
    let message = encoding.decompress(content, limit)?;
    if encoding != Encoding::Identity {
        reservation.grow(message.len())?;
    }
    Ok(message)
}

/// The items of a decompressed request. What they take in memory counts against `reservation` before it is taken.
pub(crate) fn items(
    signal: Signal,
    format: Format,
    message: &Bytes,
    count_only: bool,
    reservation: &mut Reservation,
) -> Result<Items, DecodeError> {
    if count_only && format == Format::Protobuf {
        return Ok(Items::Counted(signal, count::items(signal, message)?));
    }
    reservation.grow(match format {
        Format::Protobuf => weigh::protobuf(signal, message)?,
        Format::Json => weigh::json(message),
    })?;
    Ok(match (format, signal) {
        (Format::Protobuf, Signal::Traces) => {
            Items::Spans(convert::spans(ExportTraceServiceRequest::decode(message.clone())?)?)
        }
        (Format::Protobuf, Signal::Metrics) => {
            Items::Metrics(convert::metrics(ExportMetricsServiceRequest::decode(message.clone())?)?)
        }
        (Format::Protobuf, Signal::Logs) => {
            Items::Logs(convert::logs(ExportLogsServiceRequest::decode(message.clone())?)?)
        }
        (Format::Json, _) => {
            let items = json(signal, message)?;
            if count_only { Items::Counted(signal, items.count()) } else { items }
        }
    })
}

fn json(signal: Signal, message: &[u8]) -> Result<Items, otlp_core::json::JsonError> {
    Ok(match signal {
        Signal::Traces => Items::Spans(otlp_core::json::decode_spans(message)?),
        Signal::Metrics => Items::Metrics(otlp_core::json::decode_metrics(message)?),
        Signal::Logs => Items::Logs(otlp_core::json::decode_logs(message)?),
    })
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        let failure = match &error {
            DecodeError::Decompress(DecompressError::TooLarge { .. }) => Failure::too_large(),
            DecodeError::Budget(error) => error.failure(),
            _ => Failure::grpc(GrpcCode::InvalidArgument),
        };
        failure.with_message(error.to_string())
    }
}
