//! The gate in every order of events: nobody is lost, nobody is let in too many, nobody overtakes.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use loom::thread::{self, Thread};

use super::gate::{Entered, Gate};
use crate::{
    Rejection, TokioClock,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread of the model. A wake-up that is lost is a deadlock, which loom reports.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

fn enter(gate: &Gate) -> Result<Entered<'_>, Rejection> {
    block_on(gate.enter(&TokioClock))
}

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// A gate, and how many are really inside.
struct Place {
    gate: Gate,
    inside: AtomicU32,
}

impl Place {
    fn new(limit: u32) -> Arc<Self> {
        Arc::new(Place { gate: Gate::new(limit, 2, None), inside: AtomicU32::new(0) })
    }

    fn visit(&self, at_most: u32) {
        let entered = enter(&self.gate).unwrap();
        assert!(self.inside.fetch_add(1, SeqCst) < at_most, "more inside than the gate allows");
        self.inside.fetch_sub(1, SeqCst);
        drop(entered);
    }

    fn assert_empty(&self, limit: u32) {
        let standing = self.gate.standing();
        assert_eq!((standing.in_flight, standing.waiting, standing.limit), (0, 0, limit));
        assert!(self.gate.try_enter().is_some(), "the gate is stuck");
    }
}

#[test]
fn loom_everyone_who_waits_comes_in_and_one_at_a_time() {
    explore(|| {
        let place = Place::new(1);
        let others: Vec<_> = (0..2)
            .map(|_| {
                let place = Arc::clone(&place);
                thread::spawn(move || place.visit(1))
            })
            .collect();
        place.visit(1);
        for other in others {
            other.join().unwrap();
        }
        place.assert_empty(1);
    });
}

#[test]
fn loom_pitfall_18_a_waiter_that_gives_up_while_it_is_its_turn_passes_it_on() {
    explore(|| {
        let place = Place::new(1);
        let entered = enter(&place.gate).unwrap();
        let impatient = {
            let place = Arc::clone(&place);
            thread::spawn(move || {
                let mut call = pin!(place.gate.enter(&TokioClock));
                drop(call.as_mut().poll(&mut Context::from_waker(Waker::noop())));
            })
        };
        let patient = {
            let place = Arc::clone(&place);
            thread::spawn(move || place.visit(1))
        };
        drop(entered);
        impatient.join().unwrap();
        patient.join().unwrap();
        place.assert_empty(1);
    });
}

#[test]
fn loom_a_limit_that_grows_lets_waiters_in() {
    explore(|| {
        let place = Place::new(0);
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let place = Arc::clone(&place);
                thread::spawn(move || place.visit(2))
            })
            .collect();
        place.gate.set_limit(2);
        place.gate.hand_out();
        for waiter in waiters {
            waiter.join().unwrap();
        }
        place.assert_empty(2);
    });
}

#[test]
fn loom_a_limit_that_shrinks_beside_calls_that_leave_strands_nobody() {
    explore(|| {
        let place = Place::new(2);
        let visitors: Vec<_> = (0..2)
            .map(|_| {
                let place = Arc::clone(&place);
                thread::spawn(move || place.visit(2))
            })
            .collect();
        place.gate.set_limit(1);
        place.gate.hand_out();
        place.visit(2);
        for visitor in visitors {
            visitor.join().unwrap();
        }
        place.assert_empty(1);
    });
}

#[test]
fn loom_a_newcomer_never_overtakes() {
    explore(|| {
        let place = Place::new(1);
        let entered = enter(&place.gate).unwrap();
        let mut waiter = pin!(place.gate.enter(&TokioClock));
        assert!(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let newcomer = {
            let place = Arc::clone(&place);
            thread::spawn(move || place.gate.try_enter().is_some())
        };
        drop(entered);
        let turn = waiter.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(turn.is_ready());
        assert!(!newcomer.join().unwrap(), "the place was the waiter's");
    });
}
