//! What can be done to a request.

use std::time::Duration;

use crate::failure::{Failure, GrpcCode, RetryHint};

/// What is done to a request instead of serving it.
///
/// A fault strikes after the request has arrived in full and turned out to be valid. Where a fault says `stored`: with
/// `true` the items are put into the store first, so that only the acknowledgement is lost, and a sender that tries
/// again delivers twice; with `false` the receiver takes nothing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// A failed answer. Nothing is stored.
    Fail(Failure),
    /// A partial success: some items are recorded as rejected, the others stored.
    Reject {
        /// Which items.
        which: Rejection,
        /// `error_message` of the answer.
        message: String,
    },
    /// Waits, then goes on: with another fault, or by serving the request.
    Delay {
        /// How long.
        by: Duration,
        /// What comes then.
        then: Option<Box<Fault>>,
    },
    /// Stores, then waits before it acknowledges.
    LateAnswer {
        /// How long.
        by: Duration,
    },
    /// Reads the request and never answers.
    BlackHole {
        /// Whether the items are stored.
        stored: bool,
    },
    /// Breaks the answer off.
    Reset {
        /// Whether the items are stored.
        stored: bool,
        /// When it breaks.
        point: ResetPoint,
        /// What breaks.
        scope: ResetScope,
    },
    /// The whole receiver dies: listeners close, all connections are reset.
    Die {
        /// Whether the items are stored.
        stored: bool,
        /// When it comes back on the same ports by itself; with `None`, at [`restart`](crate::Receiver::restart).
        back_after: Option<Duration>,
    },
    /// An answer of nonsense.
    Garbage {
        /// Whether the items are stored.
        stored: bool,
        /// What is nonsense.
        layer: GarbageLayer,
    },
    /// A successful answer whose message is this many bytes long, to be refused by a sender that bounds answers.
    OversizedAnswer {
        /// Whether the items are stored.
        stored: bool,
        /// Length of the message in bytes.
        bytes: u32,
    },
}

/// Which items of a request a [`Fault::Reject`] rejects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rejection {
    /// The first so many, or all if there are fewer. Zero with a message is what OTLP calls a warning.
    First(u64),
    /// This part of them, 0.0 to 1.0, evenly spread.
    Fraction(f64),
}

/// When a [`Fault::Reset`] breaks an answer off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResetPoint {
    /// Before its first byte.
    BeforeHeaders,
    /// After its headers.
    AfterHeaders,
}

/// What a [`Fault::Reset`] breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResetScope {
    /// The HTTP/2 stream: other requests on the connection are not concerned. Over HTTP/1, the connection.
    Stream,
    /// The TCP connection (RST), with all that is in flight on it.
    Connection,
}

/// What is nonsense in a [`Fault::Garbage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GarbageLayer {
    /// The response message, in an otherwise well-formed answer.
    Message,
    /// The bytes on the connection. The connection is closed after them.
    Connection,
}

/// The sort of a [`Fault`], to be counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FaultKind {
    /// [`Fault::Fail`].
    Fail,
    /// [`Fault::Reject`].
    Reject,
    /// [`Fault::Delay`].
    Delay,
    /// [`Fault::LateAnswer`].
    LateAnswer,
    /// [`Fault::BlackHole`].
    BlackHole,
    /// [`Fault::Reset`].
    Reset,
    /// [`Fault::Die`].
    Die,
    /// [`Fault::Garbage`].
    Garbage,
    /// [`Fault::OversizedAnswer`].
    OversizedAnswer,
}

impl Fault {
    /// A failed answer with this gRPC code, and over HTTP with the status that belongs to it.
    pub fn grpc(code: GrpcCode) -> Self {
        Fault::Fail(Failure::grpc(code))
    }

    /// A failed answer with this HTTP status, and over gRPC with the closest code.
    pub fn http(status: http::StatusCode) -> Self {
        Fault::Fail(Failure::http(status))
    }

    /// `RESOURCE_EXHAUSTED` or 429, asking the sender to come back after `delay`.
    pub fn throttle(delay: Duration) -> Self {
        Fault::Fail(Failure::grpc(GrpcCode::ResourceExhausted).with_retry(RetryHint::After(delay)))
    }

    /// Rejects the first `count` items of each request.
    pub fn reject(count: u64) -> Self {
        Fault::Reject { which: Rejection::First(count), message: "rejected by a scripted fault".to_owned() }
    }

    /// Rejects a part of each request's items, 0.0 to 1.0, evenly spread.
    pub fn reject_fraction(fraction: f64) -> Self {
        Fault::Reject { which: Rejection::Fraction(fraction), message: "rejected by a scripted fault".to_owned() }
    }

    /// Accepts all items and says `message` beside.
    pub fn warning(message: impl Into<String>) -> Self {
        Fault::Reject { which: Rejection::First(0), message: message.into() }
    }

    /// Serves the request `by` later.
    pub fn delay(by: Duration) -> Self {
        Fault::Delay { by, then: None }
    }

    /// This fault, `by` later.
    pub fn delayed(self, by: Duration) -> Self {
        Fault::Delay { by, then: Some(Box::new(self)) }
    }

    /// The TCP connection is reset after the answer's headers, with nothing stored.
    pub fn reset() -> Self {
        Fault::Reset { stored: false, point: ResetPoint::AfterHeaders, scope: ResetScope::Connection }
    }

    /// The items are stored, and the TCP connection is reset after the answer's headers: the acknowledgement is lost.
    pub fn lost_acknowledgement() -> Self {
        Fault::Reset { stored: true, point: ResetPoint::AfterHeaders, scope: ResetScope::Connection }
    }

    /// The sort of this fault.
    pub fn kind(&self) -> FaultKind {
        match self {
            Fault::Fail(_) => FaultKind::Fail,
            Fault::Reject { .. } => FaultKind::Reject,
            Fault::Delay { .. } => FaultKind::Delay,
            Fault::LateAnswer { .. } => FaultKind::LateAnswer,
            Fault::BlackHole { .. } => FaultKind::BlackHole,
            Fault::Reset { .. } => FaultKind::Reset,
            Fault::Die { .. } => FaultKind::Die,
            Fault::Garbage { .. } => FaultKind::Garbage,
            Fault::OversizedAnswer { .. } => FaultKind::OversizedAnswer,
        }
    }

    /// Whether the items are stored although the answer, if any, is not the plain acknowledgement in time.
    pub fn stores(&self) -> bool {
        match self {
            Fault::LateAnswer { .. } => true,
            Fault::BlackHole { stored }
            | Fault::Reset { stored, .. }
            | Fault::Die { stored, .. }
            | Fault::Garbage { stored, .. }
            | Fault::OversizedAnswer { stored, .. } => *stored,
            Fault::Fail(_) | Fault::Reject { .. } | Fault::Delay { .. } => false,
        }
    }
}

impl Rejection {
    /// Whether the item at `index` is among the rejected ones.
    pub(crate) fn rejects(self, index: u64) -> bool {
        match self {
            Rejection::First(count) => index < count,
            // Item i is rejected when the running total of the fraction passes a whole number at it.
            Rejection::Fraction(fraction) => {
                let total = |items: u64| (items as f64 * fraction.clamp(0.0, 1.0)).floor();
                total(index + 1) > total(index)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_spread_evenly_and_rounds_down() {
        let rejected = |fraction, items| (0..items).filter(|i| Rejection::Fraction(fraction).rejects(*i)).count();
        assert_eq!(rejected(0.5, 10), 5);
        assert_eq!(rejected(0.25, 7), 1);
        assert_eq!(rejected(1.0, 7), 7);
        assert_eq!(rejected(0.0, 7), 0);
        assert!(Rejection::Fraction(0.5).rejects(1) && !Rejection::Fraction(0.5).rejects(0));
    }
}
