//! What crosses the modules of the crate: policies on paused time, together, cancelled, and on clocks that misbehave.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adaptive;
mod bulkhead;
mod bulkhead_blocking;
mod bulkhead_model;
mod cancellation;
mod circuit_breaker;
mod circuit_breaker_control;
mod circuit_breaker_pitfalls;
mod circuit_breaker_with_others;
mod clocks;
mod composition;
mod fallback;
mod health;
mod hedge;
mod observers;
mod outlier;
mod pipeline;
mod pipeline_settings;
mod rate_limiter;
mod registry;
mod retry;
mod seed;
mod simulation;
mod timeout;
#[cfg(feature = "tower")]
mod tower_attempts;
#[cfg(feature = "tower")]
mod tower_layers;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use otlp_reliability::{Event, Observer, Rejection};

/// The error of the operations under test: one that can hold a rejection and so serve any stack of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    Refused(u32),
    Policy(Rejection),
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Failure::Policy(rejection)
    }
}

/// Keeps every event.
#[derive(Debug, Clone, Default)]
struct Record(Arc<Mutex<Vec<Event>>>);

impl Record {
    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Record {
    fn on_event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// Polls a future whose waker wakes nobody.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
