//! The machine against a naive model of a breaker that keeps everything in lists and forgets nothing.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    time::Duration,
};

use proptest::prelude::*;

use super::{
    BreakDuration, CircuitBreakerConfig, CircuitState, Window,
    machine::{Machine, Surroundings},
    ticket::{Outcome, Ticket},
};
use crate::timeline::nanos;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct World {
    now: Cell<u64>,
    changes: RefCell<Vec<(CircuitState, CircuitState)>>,
}

impl Surroundings for World {
    fn now(&self) -> u64 {
        self.now.get()
    }

    fn changed(&self, from: CircuitState, to: CircuitState) {
        self.changes.borrow_mut().push((from, to));
    }

    fn probe_returned(&self) {}
}

/// What the settings of the test mean, spelt out.
struct Model {
    state: CircuitState,
    /// Which stay in the current state this is.
    stay: u32,
    results: VecDeque<bool>,
    failures_in_a_row: u32,
    openings: u32,
    break_ends: u64,
    probes: u32,
    probe_results: Vec<bool>,
    changes: Vec<(CircuitState, CircuitState)>,
}

impl Model {
    const WINDOW: usize = 6;
    const MINIMUM: usize = 4;
    const IN_A_ROW: u32 = 3;
    const PROBES: u32 = 3;
    const NEEDED: usize = 2;

    fn config() -> CircuitBreakerConfig {
        CircuitBreakerConfig::new()
            .with_window(Window::Count(Self::WINDOW as u32))
            .with_failure_rate(0.5)
            .with_minimum_calls(Self::MINIMUM as u32)
            .with_consecutive_failures(Self::IN_A_ROW)
            .with_half_open_probes(Self::PROBES)
            .with_half_open_successes(Self::NEEDED as u32)
            .with_half_open_timeout(None)
            .with_break_duration(BreakDuration::growing(SECOND, 4 * SECOND))
    }

    fn new() -> Self {
        Model {
            state: CircuitState::Closed,
            stay: 0,
            results: VecDeque::new(),
            failures_in_a_row: 0,
            openings: 0,
            break_ends: 0,
            probes: 0,
            probe_results: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn go(&mut self, to: CircuitState, now: u64) {
        self.changes.push((self.state, to));
        self.state = to;
        self.stay += 1;
        self.results.clear();
        self.failures_in_a_row = 0;
        self.probes = 0;
        self.probe_results.clear();
        match to {
            CircuitState::Open => {
                self.openings += 1;
                self.break_ends = now + nanos(SECOND) * (1 << (self.openings - 1).min(2));
            }
            CircuitState::Closed => self.openings = 0,
            _ => {}
        }
    }

    /// In which stay a call is let through, if it is.
    fn admit(&mut self, now: u64) -> Option<u32> {
        if self.state == CircuitState::Open && now >= self.break_ends {
            self.go(CircuitState::HalfOpen, now);
        }
        match self.state {
            CircuitState::Closed | CircuitState::ForcedClosed => Some(self.stay),
            CircuitState::HalfOpen if self.probes < Self::PROBES => {
                self.probes += 1;
                Some(self.stay)
            }
            _ => None,
        }
    }

    fn settle(&mut self, stay: u32, failed: Option<bool>, now: u64) {
        if stay != self.stay {
            return;
        }
        match (self.state, failed) {
            (CircuitState::Closed, Some(failed)) => {
                self.results.push_back(failed);
                if self.results.len() > Self::WINDOW {
                    self.results.pop_front();
                }
                self.failures_in_a_row = if failed { self.failures_in_a_row + 1 } else { 0 };
                let failures = self.results.iter().filter(|failed| **failed).count();
                if self.failures_in_a_row >= Self::IN_A_ROW
                    || (self.results.len() >= Self::MINIMUM && 2 * failures >= self.results.len())
                {
                    self.go(CircuitState::Open, now);
                }
            }
            (CircuitState::HalfOpen, None) => self.probes -= 1,
            (CircuitState::HalfOpen, Some(failed)) => {
                self.probe_results.push(failed);
                let failures = self.probe_results.iter().filter(|failed| **failed).count();
                if self.probe_results.len() - failures >= Self::NEEDED {
                    self.go(CircuitState::Closed, now);
                } else if failures > Self::PROBES as usize - Self::NEEDED {
                    self.go(CircuitState::Open, now);
                }
            }
            _ => {}
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Begin,
    /// Ends one of the calls that are under way.
    End(usize, Outcome),
    Wait(u64),
    Force(CircuitState),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        5 => Just(Outcome::Success),
        5 => Just(Outcome::Failure),
        1 => Just(Outcome::Ignored),
        1 => Just(Outcome::Cancelled),
    ];
    let forced = prop_oneof![
        Just(CircuitState::Closed),
        Just(CircuitState::Open),
        Just(CircuitState::HalfOpen),
        Just(CircuitState::ForcedClosed),
        Just(CircuitState::Isolated),
    ];
    prop_oneof![
        20 => Just(Step::Begin),
        20 => (any::<usize>(), outcome).prop_map(|(call, outcome)| Step::End(call, outcome)),
        4 => (0..3000u64).prop_map(Step::Wait),
        1 => forced.prop_map(Step::Force),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_naive_breaker(steps in proptest::collection::vec(step(), 0..400)) {
        let (machine, world, mut model) = (Machine::new(Model::config()), World::default(), Model::new());
        let mut calls: Vec<(Ticket, u32)> = Vec::new();
        for step in steps {
            let now = world.now.get();
            match step {
                Step::Begin => {
                    let (ticket, stay) = (machine.admit(&world), model.admit(now));
                    prop_assert_eq!(ticket.is_ok(), stay.is_some());
                    calls.extend(ticket.ok().zip(stay));
                }
                Step::End(call, outcome) if !calls.is_empty() => {
                    let (ticket, stay) = calls.swap_remove(call % calls.len());
                    let failed = match outcome {
                        Outcome::Success => Some(false),
                        // A cancelled call is a failure while no call is timed.
                        Outcome::Failure | Outcome::Cancelled => Some(true),
                        Outcome::Ignored => None,
                    };
                    machine.settle(&world, &ticket, outcome);
                    model.settle(stay, failed, now);
                }
                Step::End(..) => {}
                Step::Wait(millis) => world.now.set(now + nanos(Duration::from_millis(millis))),
                Step::Force(state) => {
                    machine.force(&world, state);
                    model.go(state, now);
                }
            }
            let (word, totals) = (machine.word(), machine.totals(now));
            prop_assert_eq!(word.state(), model.state);
            prop_assert_eq!(totals.calls, model.results.len() as u64);
            prop_assert_eq!(machine.failures_in_a_row(), model.failures_in_a_row);
            prop_assert_eq!((word.admitted(), word.succeeded() + word.failed()),
                (model.probes, model.probe_results.len() as u32));
        }
        prop_assert_eq!(world.changes.into_inner(), model.changes);
    }
}
