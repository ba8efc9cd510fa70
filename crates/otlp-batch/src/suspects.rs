//! Tells a batch that no attempt can deliver from a destination that is down.
//!
//! A batch that failed and was put off goes back into the queue without having used up anything, so that no outage loses
//! it. But a batch that makes the destination fail (it crashes the receiver, or times out each time) must neither stand
//! in the way of those behind it nor stay for ever. So the next one to be tried is another one, if there is one; and a
//! batch that fails again and again while others are delivered in between is given up.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// In so many rounds may a batch fail and others be delivered, until it is given up: enough that bad luck with a
/// destination that comes and goes is no explanation.
const ROUNDS: u32 = 10;

/// The batches of one lane that came back after an attempt that failed.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many batches were delivered.
    delivered: u64,
    /// The batch that failed last, if none has been delivered since.
    last: Option<u64>,
    by_sequence: BTreeMap<u64, Suspect>,
}

#[derive(Debug, Default)]
struct Suspect {
    /// [`State::delivered`] when it failed last.
    delivered: u64,
    /// In how many rounds it failed although others had been delivered in between.
    rounds: u32,
}

impl Suspects {
    /// The batch of `sequence` failed and was put off; whether it is to be given up.
    pub(crate) fn failed(&self, sequence: u64) -> bool {
        let state = &mut *self.0.lock();
        state.last = Some(sequence);
        let suspect = state.by_sequence.entry(sequence).or_insert(Suspect { delivered: state.delivered, rounds: 0 });
        if suspect.delivered != state.delivered {
            suspect.delivered = state.delivered;
            suspect.rounds += 1;
        }
        suspect.rounds >= ROUNDS
    }

    /// A batch, or a part of one, was delivered.
    pub(crate) fn delivered(&self) {
        let mut state = self.0.lock();
        state.delivered += 1;
        state.last = None;
    }

    /// The batch of `sequence` has its fate.
    pub(crate) fn forget(&self, sequence: u64) {
        self.0.lock().by_sequence.remove(&sequence);
    }

    /// The batch behind which the next one to be tried stands, if it is not the oldest's turn.
    pub(crate) fn last(&self) -> Option<u64> {
        self.0.lock().last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_makes_nobody_guilty() {
        let suspects = Suspects::default();
        assert!((0..100_000).all(|round| !suspects.failed(round % 3)));
        suspects.delivered();
        assert!((0..100_000).all(|round| !suspects.failed(round % 3)));
    }

    #[test]
    fn a_batch_that_fails_while_others_are_delivered_is_given_up() {
        let suspects = Suspects::default();
        assert!(!suspects.failed(7));
        for _ in 1..ROUNDS {
            suspects.delivered();
            assert!(!suspects.failed(7) && !suspects.failed(7));
        }
        suspects.delivered();
        assert!(suspects.failed(7));
        suspects.forget(7);
        assert!(!suspects.failed(7), "nothing is left of it");
    }

    #[test]
    fn the_turn_goes_on_until_something_is_delivered() {
        let suspects = Suspects::default();
        assert_eq!(suspects.last(), None);
        suspects.failed(7);
        suspects.failed(8);
        assert_eq!(suspects.last(), Some(8));
        suspects.delivered();
        assert_eq!(suspects.last(), None);
    }
}
