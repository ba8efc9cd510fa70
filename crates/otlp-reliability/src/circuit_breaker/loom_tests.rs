//! The breaker's machine in every order of events: transitions are told once, probes are counted exactly, and nothing
//! of an earlier generation decides.

use std::time::Duration;

use loom::{sync::Arc, thread};

use super::{
    CircuitBreakerConfig, CircuitState, Window,
    machine::{Machine, Surroundings},
    ticket::Outcome,
    window::{Sample, Totals, Windows},
};
use crate::sync::{
    Mutex,
    atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    lock,
};

/// A clock that stands still, and a count of what was told.
struct Told {
    now: AtomicU64,
    changes: Mutex<Vec<(CircuitState, CircuitState)>>,
}

impl Surroundings for Told {
    fn now(&self) -> u64 {
        self.now.load(SeqCst)
    }

    fn changed(&self, from: CircuitState, to: CircuitState) {
        assert_ne!(from, to, "told of a change that was none");
        lock(&self.changes).push((from, to));
    }

    fn probe_returned(&self) {}
}

struct Breaker {
    machine: Machine,
    told: Told,
}

impl Breaker {
    fn new(config: CircuitBreakerConfig) -> Arc<Self> {
        let told = Told { now: AtomicU64::new(0), changes: Mutex::new(Vec::new()) };
        Arc::new(Breaker { machine: Machine::new(config), told })
    }

    /// Whether a call was let through, and ended so.
    fn call(&self, outcome: Outcome) -> bool {
        match self.machine.admit(&self.told) {
            Ok(ticket) => {
                self.machine.settle(&self.told, &ticket, outcome);
                true
            }
            Err(_) => false,
        }
    }

    fn state(&self) -> CircuitState {
        self.machine.word().state()
    }

    /// How many transitions were told, and how many of them opened the breaker. Each begins where the last one ended.
    fn told(&self) -> (usize, usize) {
        let changes = lock(&self.told.changes);
        let mut state = CircuitState::Closed;
        for (from, to) in changes.iter() {
            assert_eq!(*from, state, "told in another order");
            state = *to;
        }
        assert_eq!(state, self.state(), "the last one was not told");
        (changes.len(), changes.iter().filter(|(_, to)| *to == CircuitState::Open).count())
    }
}

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// Opens after `failures` in a row, for a second; one probe.
fn streak(failures: u32) -> CircuitBreakerConfig {
    CircuitBreakerConfig::consecutive(failures, Duration::from_secs(1))
}

fn both(breaker: &Arc<Breaker>, other: impl FnOnce(&Breaker) + Send + 'static, own: impl FnOnce(&Breaker)) {
    let shared = Arc::clone(breaker);
    let thread = thread::spawn(move || other(&shared));
    own(breaker);
    thread.join().unwrap();
}

#[test]
fn loom_failures_that_race_open_it_once() {
    explore(|| {
        let breaker = Breaker::new(streak(2));
        both(&breaker, |breaker| _ = breaker.call(Outcome::Failure), |breaker| _ = breaker.call(Outcome::Failure));
        assert_eq!((breaker.state(), breaker.told()), (CircuitState::Open, (1, 1)));
    });
}

#[test]
fn loom_callers_that_race_for_the_end_of_the_break_get_one_probe() {
    explore(|| {
        let breaker = Breaker::new(streak(1));
        breaker.call(Outcome::Failure);
        breaker.told.now.store(1_000_000_000, SeqCst);
        let admitted = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&admitted);
        // The tickets are kept: nobody says how it ended.
        both(
            &breaker,
            move |breaker| _ = breaker.machine.admit(&breaker.told).map(|_| counted.fetch_add(1, SeqCst)),
            |breaker| _ = breaker.machine.admit(&breaker.told).map(|_| admitted.fetch_add(1, SeqCst)),
        );
        assert_eq!(admitted.load(SeqCst), 1);
        assert_eq!((breaker.state(), breaker.told()), (CircuitState::HalfOpen, (2, 1)));
    });
}

#[test]
fn loom_probes_that_race_decide_once_and_by_both_results() {
    explore(|| {
        let breaker = Breaker::new(streak(1).with_half_open_probes(2));
        breaker.machine.force(&breaker.told, CircuitState::HalfOpen);
        let (one, other) = (breaker.machine.admit(&breaker.told), breaker.machine.admit(&breaker.told));
        let (one, other) = (one.unwrap(), other.unwrap());
        both(
            &breaker,
            move |breaker| breaker.machine.settle(&breaker.told, &other, Outcome::Success),
            |breaker| breaker.machine.settle(&breaker.told, &one, Outcome::Failure),
        );
        assert_eq!((breaker.state(), breaker.told()), (CircuitState::Open, (2, 1)), "both must succeed");
    });
}

#[test]
fn loom_a_probe_given_back_is_there_for_a_caller_that_comes_or_the_next_one() {
    explore(|| {
        let breaker = Breaker::new(streak(1));
        breaker.machine.force(&breaker.told, CircuitState::HalfOpen);
        let probe = breaker.machine.admit(&breaker.told).unwrap();
        both(
            &breaker,
            move |breaker| breaker.machine.settle(&breaker.told, &probe, Outcome::Ignored),
            |breaker| _ = breaker.call(Outcome::Ignored),
        );
        assert_eq!(breaker.machine.word().admitted(), 0);
        assert!(breaker.call(Outcome::Success));
        assert_eq!(breaker.state(), CircuitState::Closed);
    });
}

#[test]
fn loom_a_permit_dropped_while_another_opens_it_decides_nothing_later() {
    explore(|| {
        let breaker = Breaker::new(streak(1));
        let dropped = breaker.machine.admit(&breaker.told).unwrap();
        both(
            &breaker,
            move |breaker| breaker.machine.settle(&breaker.told, &dropped, Outcome::Cancelled),
            |breaker| {
                breaker.call(Outcome::Failure);
                breaker.machine.force(&breaker.told, CircuitState::HalfOpen);
            },
        );
        let word = breaker.machine.word();
        assert_eq!((word.state(), word.admitted(), word.failed()), (CircuitState::HalfOpen, 0, 0));
        assert_eq!(breaker.told(), (2, 1), "one of the two failures opened it");
    });
}

#[test]
fn loom_a_probe_and_its_timeout_race_to_one_verdict() {
    explore(|| {
        let breaker = Breaker::new(streak(1).with_half_open_timeout(Duration::from_secs(1)));
        breaker.machine.force(&breaker.told, CircuitState::HalfOpen);
        let probe = breaker.machine.admit(&breaker.told).unwrap();
        breaker.told.now.store(1_000_000_000, SeqCst);
        both(
            &breaker,
            move |breaker| breaker.machine.settle(&breaker.told, &probe, Outcome::Success),
            |breaker| drop(breaker.machine.admit(&breaker.told)),
        );
        assert!(matches!(breaker.state(), CircuitState::Closed | CircuitState::Open));
        assert_eq!(breaker.told().0, 2, "closed by the probe or given up, never both");
        let word = breaker.machine.word();
        assert_eq!((word.admitted(), word.succeeded()), (0, 0), "the new state knows nothing of the probe");
    });
}

const FAILED: Sample = Sample { failed: true, slow: false };
const FINE: Sample = Sample { failed: false, slow: false };

#[test]
fn loom_the_totals_of_a_count_window_are_those_of_its_slots() {
    explore(|| {
        // Two slots and four results: threads meet in the same slot.
        let windows = Arc::new(Windows::new(Some(Window::Count(2))));
        let other = Arc::clone(&windows);
        let thread = thread::spawn(move || {
            other.push(0, FAILED, || 0);
            other.push(0, FINE, || 0);
        });
        windows.push(0, FAILED, || 0);
        thread.join().unwrap();
        let held = windows.totals(0, 0);
        assert_eq!(held.calls, 2);
        // What is pushed now takes the old results out again, one by one: nothing may be left of them.
        windows.push(0, FINE, || 0);
        windows.push(0, FINE, || 0);
        assert_eq!(windows.totals(0, 0), Totals { calls: 2, failed: 0, slow: 0 });
    });
}

#[test]
fn loom_transitions_that_follow_each_other_are_told_in_their_order() {
    explore(|| {
        let breaker = Breaker::new(streak(1));
        both(
            &breaker,
            |breaker| breaker.machine.force(&breaker.told, CircuitState::HalfOpen),
            |breaker| _ = breaker.call(Outcome::Failure),
        );
        assert!(matches!(breaker.told(), (1 | 2, 0 | 1)));
    });
}

#[test]
fn loom_a_result_that_comes_while_a_window_is_resized_leaves_the_totals_right() {
    for (old, new) in [(2, 1), (1, 2)] {
        explore(move || {
            let windows = Arc::new(Windows::new(Some(Window::Count(old))));
            windows.push(0, FAILED, || 0);
            let other = Arc::clone(&windows);
            let thread = thread::spawn(move || _ = other.push(0, FAILED, || 0));
            windows.reshape(Some(Window::Count(new)), 0, 0);
            thread.join().unwrap();
            assert!(windows.totals(0, 0).failed >= 1, "at least the newest that fits is kept");
            for _ in 0..new {
                windows.push(0, FINE, || 0);
            }
            assert_eq!(windows.totals(0, 0), Totals { calls: u64::from(new), failed: 0, slow: 0 });
        });
    }
}

#[test]
fn loom_a_straggler_of_the_last_generation_leaves_a_window_alone() {
    for window in [Window::Count(1), Window::Time { length: Duration::from_secs(1) }] {
        explore(move || {
            let windows = Arc::new(Windows::new(Some(window)));
            let other = Arc::clone(&windows);
            let straggler = thread::spawn(move || _ = other.push(0, FAILED, || 0));
            windows.push(1, FINE, || 0);
            straggler.join().unwrap();
            assert_eq!(windows.totals(1, 0), Totals { calls: 1, failed: 0, slow: 0 });
            if window == Window::Count(1) {
                windows.push(1, FINE, || 0);
                assert_eq!(windows.totals(1, 0).calls, 1, "the slot was still the first result's");
            }
        });
    }
}

#[test]
fn loom_no_result_of_a_time_window_is_lost_when_an_epoch_begins() {
    explore(|| {
        let windows = Arc::new(Windows::new(Some(Window::Time { length: Duration::from_secs(10) })));
        windows.push(0, FAILED, || 0);
        let other = Arc::clone(&windows);
        // The eleventh second begins in the bucket of the first.
        let thread = thread::spawn(move || _ = other.push(0, FAILED, || 10_000_000_000));
        windows.push(0, FINE, || 10_000_000_000);
        thread.join().unwrap();
        assert_eq!(windows.totals(0, 10_000_000_000), Totals { calls: 2, failed: 1, slow: 0 });
    });
}
