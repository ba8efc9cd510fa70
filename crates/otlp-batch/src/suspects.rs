//! Tells a batch that no attempt can deliver from a destination that is down.
//!
//! A batch that failed and was put off goes back into the queue without having used up anything, so that no outage loses
//! it. But a batch that makes the destination fail (it crashes the receiver, or times out each time) must neither stand
//! in the way of those behind it nor stay for ever. So the next one to be tried is another one, if there is one; and a
//! batch that takes the destination down again and again, though it had worked in between, is given up.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// So often may a batch fail where the destination had worked again, until it is given up: enough that bad luck with a
/// destination that comes and goes is no explanation.
const ROUNDS: u32 = 10;

/// The batches of one lane that came back after an attempt that failed.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The batch that failed last, if none has been delivered since.
    last: Option<u64>,
    /// How often each failed where the destination had worked again.
    rounds: BTreeMap<u64, u32>,
}

impl Suspects {
    /// The batch of `sequence` failed and was put off; whether it is to be given up. `was_up`: the destination took
    /// everything when the attempt began. It means nothing the first time, for somebody has to be the first to notice.
    pub(crate) fn failed(&self, sequence: u64, was_up: bool) -> bool {
        let state = &mut *self.0.lock();
        state.last = Some(sequence);
        let rounds = state.rounds.entry(sequence).and_modify(|rounds| *rounds += u32::from(was_up)).or_insert(0);
        *rounds >= ROUNDS
    }

    /// A batch, or a part of one, was delivered.
    pub(crate) fn delivered(&self) {
        self.0.lock().last = None;
    }

    /// The batch of `sequence` has its fate.
    pub(crate) fn forget(&self, sequence: u64) {
        self.0.lock().rounds.remove(&sequence);
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
        assert!((0..3).all(|sequence| !suspects.failed(sequence, true)), "they were the ones to notice");
        assert!((0..100_000).all(|probe| !suspects.failed(probe % 3, false)));
    }

    #[test]
    fn a_batch_that_takes_the_destination_down_again_and_again_is_given_up() {
        let suspects = Suspects::default();
        assert!((0..ROUNDS).all(|_| !suspects.failed(7, true) && !suspects.failed(7, false)));
        assert!(!suspects.failed(8, true), "that is its own affair");
        assert!(suspects.failed(7, true));
        suspects.forget(7);
        assert!(!suspects.failed(7, true), "nothing is left of it");
    }

    #[test]
    fn the_turn_goes_on_until_something_is_delivered() {
        let suspects = Suspects::default();
        assert_eq!(suspects.last(), None);
        suspects.failed(7, false);
        suspects.failed(8, false);
        assert_eq!(suspects.last(), Some(8));
        suspects.delivered();
        assert_eq!(suspects.last(), None);
    }
}
