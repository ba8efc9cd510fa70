//! What a call counts as that nobody waited for.

/// What a call counts as that is dropped before it has a result, as by a timeout around the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum OnCancel {
    /// As nothing. A callee that hangs is then never noticed where the timeout is outside of the breaker.
    Ignore,
    /// As a failure.
    Failure,
    /// As a failure if it had been waiting for as long as `slow_call_duration`; otherwise as nothing: the caller lost
    /// interest before the callee was to blame.
    ///
    /// Where no `slow_call_duration` is set nothing tells the two apart, and every cancelled call counts as a failure.
    /// A call can be cancelled only while it waits for the callee, and taking an impatient caller for a hanging callee
    /// costs a break; the opposite mistake would cost the protection. Set `slow_call_duration` where callers often
    /// leave early (a hedge, a user who closes the page).
    #[default]
    FailureIfSlow,
}
