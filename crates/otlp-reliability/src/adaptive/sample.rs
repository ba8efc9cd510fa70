//! What one call tells the algorithms when it ends.

/// What one call told when it ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// How long it took, in nanoseconds.
    pub(super) latency: u64,
    /// How many calls were running, this one included.
    pub(super) in_flight: u32,
    /// Whether it was turned away for overload, or took so long that it might as well have been. Its latency then says
    /// nothing.
    pub(super) dropped: bool,
}
