//! What a call holds from the machine while it runs, and in what it can end.

/// No start.
pub(super) const UNTIMED: u64 = u64::MAX;

/// What a call was let through as. Lent and never moved once a call has it: a copy right after the fields were written
/// would cost more than all the rest of a call.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) generation: u32,
    pub(super) kind: Kind,
    /// When the call started, or [`UNTIMED`] while nobody may ask.
    pub(super) started: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its result goes into the window.
    Watched,
    /// Its result decides.
    Probe,
    /// Its result is of no interest.
    Unwatched,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Failure,
    Ignored,
    Cancelled,
}
