//! The state word: everything that decides whether a call may run, in 64 bits, so that one load tells it.
//!
//! From the lowest bit: the state (3), the probes admitted, succeeded and failed since the breaker is half open (10
//! each), the generation (30). What must hold: each transition raises the generation, and whatever was begun under
//! another generation no longer counts.

use super::CircuitState;

/// The largest number of probes: what a field of the word holds.
pub(super) const MAX_PROBES: u32 = (1 << PROBE_BITS) - 1;

const STATE_BITS: u32 = 3;
const PROBE_BITS: u32 = 10;
const ADMITTED: u32 = STATE_BITS;
const SUCCEEDED: u32 = ADMITTED + PROBE_BITS;
const FAILED: u32 = SUCCEEDED + PROBE_BITS;
const GENERATION: u32 = FAILED + PROBE_BITS;

/// The bits of a generation; after the last comes the first.
pub(super) const GENERATION_MASK: u32 = (1 << 30) - 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    /// Closed, in the first generation.
    pub(super) const FIRST: Word = Word(0);

    pub(super) fn from_bits(bits: u64) -> Self {
        Word(bits)
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) fn state(self) -> CircuitState {
        match self.0 & ((1 << STATE_BITS) - 1) {
            0 => CircuitState::Closed,
            1 => CircuitState::Open,
            2 => CircuitState::HalfOpen,
            3 => CircuitState::ForcedClosed,
            _ => CircuitState::Isolated,
        }
    }

    #[inline]
    pub(super) fn generation(self) -> u32 {
        (self.0 >> GENERATION) as u32
    }

    /// The word after a transition to `state`: of the next generation, without probes.
    pub(super) fn next(self, state: CircuitState) -> Self {
        let state = match state {
            CircuitState::Closed => 0,
            CircuitState::Open => 1,
            CircuitState::HalfOpen => 2,
            CircuitState::ForcedClosed => 3,
            CircuitState::Isolated => 4,
        };
        let generation = self.generation().wrapping_add(1) & GENERATION_MASK;
        Word(u64::from(generation) << GENERATION | state)
    }

    /// How many probes have been let through and have not been given back.
    pub(super) fn admitted(self) -> u32 {
        self.field(ADMITTED)
    }

    /// How many probes found that the callee works.
    pub(super) fn succeeded(self) -> u32 {
        self.field(SUCCEEDED)
    }

    /// How many probes found that it does not.
    pub(super) fn failed(self) -> u32 {
        self.field(FAILED)
    }

    pub(super) fn with_probe(self) -> Self {
        Word(self.0 + (1 << ADMITTED))
    }

    pub(super) fn without_probe(self) -> Self {
        Word(self.0 - (1 << ADMITTED))
    }

    pub(super) fn with_result(self, failed: bool) -> Self {
        Word(self.0 + if failed { 1 << FAILED } else { 1 << SUCCEEDED })
    }

    fn field(self, shift: u32) -> u32 {
        (self.0 >> shift) as u32 & MAX_PROBES
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_the_packing_and_every_transition_is_a_generation() {
        let mut word = Word::FIRST;
        assert_eq!(word.state(), CircuitState::Closed);
        for (state, generation) in [
            (CircuitState::Open, 1),
            (CircuitState::HalfOpen, 2),
            (CircuitState::ForcedClosed, 3),
            (CircuitState::Isolated, 4),
            (CircuitState::Closed, 5),
        ] {
            word = word.next(state);
            assert_eq!((word.state(), word.generation()), (state, generation));
            assert_eq!(Word::from_bits(word.bits()), word);
        }
    }

    #[test]
    fn full_probe_fields_leave_their_neighbours_alone() {
        let mut word = Word::FIRST.next(CircuitState::HalfOpen);
        for _ in 0..MAX_PROBES {
            word = word.with_probe().with_result(true).with_result(false);
        }
        assert_eq!((word.admitted(), word.succeeded(), word.failed()), (MAX_PROBES, MAX_PROBES, MAX_PROBES));
        assert_eq!((word.state(), word.generation()), (CircuitState::HalfOpen, 1));
        assert_eq!(word.without_probe().admitted(), MAX_PROBES - 1);
        assert_eq!(word.next(CircuitState::Open).admitted(), 0, "a transition forgets the probes");
    }

    #[test]
    fn generations_start_again_after_the_last() {
        let last = Word(u64::from(GENERATION_MASK) << GENERATION);
        assert_eq!(last.next(CircuitState::Open).generation(), 0);
        assert_eq!(last.next(CircuitState::Open).state(), CircuitState::Open);
    }
}
