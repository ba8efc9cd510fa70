//! Waiting at the gate, as a task or as a blocked thread: both stand in the same line, no longer than they may.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use tokio::task::coop::unconstrained;

use super::{
    gate::{Entered, Gate, Joined},
    line::Ticket,
};
use crate::{Clock, Rejection};

impl Gate {
    /// Enters, at the price of waiting in line where there is one.
    ///
    /// Dropping the future leaves the line, or gives back a place that was just given.
    #[inline]
    pub(crate) async fn enter<K: Clock>(&self, clock: &K) -> Result<Entered<'_>, Rejection> {
        match self.try_enter() {
            Some(entered) => Ok(entered),
            None => self.wait(clock).await,
        }
    }

    pub(super) async fn wait<K: Clock>(&self, clock: &K) -> Result<Entered<'_>, Rejection> {
        let (mut place, max_wait) = match poll_fn(|context| Poll::Ready(self.join(context.waker()))).await {
            Joined::Entered => return Ok(Entered { gate: self }),
            Joined::Full => return Err(self.reject()),
            Joined::Waiting(ticket, max_wait) => (Place { gate: self, ticket: Some(ticket) }, max_wait),
        };
        // Unconstrained: the timer must be seen however much of tokio's cooperative budget the task has used.
        let mut limit = pin!(max_wait.map(|max_wait| unconstrained(clock.sleep(max_wait))));
        poll_fn(|context| {
            if let Some(entered) = place.entered(context.waker()) {
                return Poll::Ready(Ok(entered));
            }
            match limit.as_mut().as_pin_mut().map(|limit| limit.poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(place.give_up()),
                Some(Poll::Pending) | None => Poll::Pending,
            }
        })
        .await
    }

    /// Enters, at the price of blocking the thread while it waits in line.
    pub(crate) fn enter_blocking<K: Clock>(&self, clock: &K) -> Result<Entered<'_>, Rejection> {
        if let Some(entered) = self.try_enter() {
            return Ok(entered);
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let (mut place, max_wait) = match self.join(&waker) {
            Joined::Entered => return Ok(Entered { gate: self }),
            Joined::Full => return Err(self.reject()),
            Joined::Waiting(ticket, max_wait) => (Place { gate: self, ticket: Some(ticket) }, max_wait),
        };
        let started = max_wait.map(|_| clock.now());
        let mut waited = Duration::ZERO;
        loop {
            if let Some(entered) = place.entered(&waker) {
                return Ok(entered);
            }
            let Some((max_wait, started)) = max_wait.zip(started) else {
                thread::park();
                continue;
            };
            // The longest seen, so that a clock that goes back does not prolong the wait.
            waited = waited.max(clock.now().saturating_duration_since(started));
            if waited >= max_wait {
                return place.give_up();
            }
            thread::park_timeout(max_wait - waited);
        }
    }
}

/// A place in the line, left on drop.
struct Place<'a> {
    gate: &'a Gate,
    /// Until the place is left.
    ticket: Option<Ticket>,
}

impl<'a> Place<'a> {
    /// Leaves the line if it is the waiter's turn; if not, `waker` is called once it is.
    fn entered(&mut self, waker: &Waker) -> Option<Entered<'a>> {
        self.ticket.take_if(|ticket| self.gate.is_inside(*ticket, waker)).map(|_| Entered { gate: self.gate })
    }

    /// Leaves the line because the wait was too long, unless it has come to the waiter's turn in this moment.
    fn give_up(&mut self) -> Result<Entered<'a>, Rejection> {
        match self.ticket.take() {
            Some(ticket) if !self.gate.withdraw(ticket) => Ok(Entered { gate: self.gate }),
            _ => Err(self.gate.reject_after_wait()),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && !self.gate.withdraw(ticket)
        {
            self.gate.leave();
        }
    }
}

/// Wakes a blocked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
