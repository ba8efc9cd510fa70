//! The index of blocking queries, by the rules of Consul's documentation for clients: no I/O, no clock.
//!
//! An index that goes backwards means that the state was restored or the agent lost it: to wait for the old one to be
//! passed would be to wait for hours. An index of zero would turn blocking queries into a busy loop.

/// The index to wait behind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Index(Option<u64>);

/// What an answer meant for the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Something happened since.
    Advanced,
    /// The wait ended without a change.
    Same,
    /// It cannot be waited behind; the next query does not block.
    Reset,
}

impl Index {
    /// What the next query waits behind; `None` for one that answers at once.
    pub(super) fn get(self) -> Option<u64> {
        self.0
    }

    /// Enters the index of an answer.
    pub(super) fn enter(&mut self, answered: u64) -> Step {
        let (next, step) = match self.0 {
            _ if answered == 0 => (None, Step::Reset),
            Some(last) if answered < last => (None, Step::Reset),
            Some(last) if answered == last => (Some(answered), Step::Same),
            _ => (Some(answered), Step::Advanced),
        };
        self.0 = next;
        step
    }

    /// Forgets it, so that the next query answers at once.
    pub(super) fn reset(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_advances_stays_or_starts_over() {
        let mut index = Index::default();
        let rows = [
            (7, Step::Advanced, Some(7)),
            (7, Step::Same, Some(7)),
            (u64::MAX, Step::Advanced, Some(u64::MAX)),
            (3, Step::Reset, None),
            (3, Step::Advanced, Some(3)),
            (0, Step::Reset, None),
            (0, Step::Reset, None),
            (1, Step::Advanced, Some(1)),
        ];
        for (answered, step, next) in rows {
            assert_eq!((index.enter(answered), index.get()), (step, next), "{answered}");
        }
        index.reset();
        assert_eq!(index, Index::default());
    }
}
