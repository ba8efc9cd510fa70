//! What messages are held back by: what they say, of which signal.

use otlp_batch::DropReason;
use otlp_core::Signal;

/// What messages are held back by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Rejected(Signal),
    PartlyRejected(Signal),
    ReceiverWarning(Signal),
    AttemptFailed(Signal),
    Dropped(Signal, DropReason),
    DiskDamaged(Signal),
    Delivered(Signal),
}

impl Kind {
    pub(super) const COUNT: usize = 3 * (6 + DropReason::ALL.len());

    /// Its place among all of them.
    pub(super) fn index(self) -> usize {
        let (signal, kind) = match self {
            Kind::Rejected(signal) => (signal, 0),
            Kind::PartlyRejected(signal) => (signal, 1),
            Kind::ReceiverWarning(signal) => (signal, 2),
            Kind::AttemptFailed(signal) => (signal, 3),
            Kind::DiskDamaged(signal) => (signal, 4),
            Kind::Delivered(signal) => (signal, 5),
            Kind::Dropped(signal, reason) => (signal, 6 + reason as usize),
        };
        signal.index() + 3 * kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_place_of_its_own() {
        let mut indices = Vec::new();
        for signal in Signal::ALL {
            let kinds = [
                Kind::Rejected,
                Kind::PartlyRejected,
                Kind::ReceiverWarning,
                Kind::AttemptFailed,
                Kind::DiskDamaged,
                Kind::Delivered,
            ];
            indices.extend(kinds.map(|kind| kind(signal).index()));
            indices.extend(DropReason::ALL.map(|reason| Kind::Dropped(signal, reason).index()));
        }
        indices.sort_unstable();
        assert_eq!(indices, (0..Kind::COUNT).collect::<Vec<_>>());
    }
}
