//! The operation that all cases run, and what became of a call.

use std::{fmt, hint::black_box};

use otlp_reliability::Rejection;

/// The error of a call, of one word as `std::io::Error` is.
///
/// A smaller one would lie beside the tag of its `Result` in one word, which compilers write in parts and read back as a
/// whole; the processor then waits longer for that than for a policy, and by chance for one policy and not for another.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(crate) enum CallError {
    /// The operation failed.
    Failed = 1,
    /// A policy turned the call away.
    Rejected = 2,
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Failed => formatter.write_str("failed"),
            CallError::Rejected => formatter.write_str("rejected"),
        }
    }
}

impl std::error::Error for CallError {}

impl From<Rejection> for CallError {
    fn from(_: Rejection) -> Self {
        CallError::Rejected
    }
}

/// How the operation behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It succeeds.
    Succeeds,
    /// Every second call fails, so that no breaker opens that tolerates half.
    HalfFails,
    /// Every call fails.
    Fails,
}

impl Behaviour {
    /// The operation: ready when it is first polled. The optimiser knows neither whether it fails nor what it answers, so
    /// it has to make every call, in every case the same.
    ///
    /// Only words go through the black box. A result would be written there in parts and read back as a whole, and the
    /// processor would wait longer for that than for a policy.
    #[inline]
    pub(crate) async fn call(self, turn: u64) -> Result<u64, CallError> {
        let fails = match self {
            Behaviour::Succeeds => false,
            Behaviour::HalfFails => turn % 2 == 1,
            Behaviour::Fails => true,
        };
        if black_box(fails) { Err(CallError::Failed) } else { Ok(black_box(turn)) }
    }
}

/// What became of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) rejected: u64,
}

impl Tally {
    pub(crate) fn add<E: IsRejection>(&mut self, result: &Result<u64, E>) {
        match result {
            Ok(_) => self.succeeded += 1,
            Err(error) if error.is_rejection() => self.rejected += 1,
            Err(_) => self.failed += 1,
        }
    }
}

/// Errors that tell a policy's rejection from the operation's failure.
pub(crate) trait IsRejection {
    fn is_rejection(&self) -> bool;
}

impl IsRejection for CallError {
    fn is_rejection(&self) -> bool {
        matches!(self, CallError::Rejected)
    }
}

impl IsRejection for tower::BoxError {
    fn is_rejection(&self) -> bool {
        !matches!(self.downcast_ref(), Some(CallError::Failed))
    }
}
