//! Waiting for a breaker that is open, without calling.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use super::{CircuitBreaker, machine::Wait};
use crate::{Clock, Observer};

impl<J, K: Clock, O: Observer> CircuitBreaker<J, K, O> {
    /// Completes when the next call would be let through, be it as a probe; at once while the breaker is closed.
    ///
    /// For a caller that keeps its work where it is while the callee is down, instead of having it rejected. It
    /// promises nothing: of several who wait for the same probe, those who come too late are rejected, and wait again.
    /// It ends with the break, or earlier if the breaker is reset, closed or made half open by hand; while the breaker
    /// is isolated it waits. A clock that ends the sleep early ends the waiting early.
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn ready(&self) {
        loop {
            // Before the breaker is looked at: what changes from here on is not missed.
            let mut news = pin!(self.core.news.notified());
            news.as_mut().enable();
            let (nanos, probes_of) = match self.core.machine.wait(&self.host()) {
                Wait::No => return,
                Wait::Change => {
                    news.await;
                    continue;
                }
                Wait::Break(nanos) => (nanos, None),
                Wait::Probes { generation, nanos } => (nanos, Some(generation)),
            };
            let mut sleep = pin!(self.core.clock.sleep(Duration::from_nanos(nanos)));
            let is_over = poll_fn(|context| {
                if news.as_mut().poll(context).is_ready() {
                    return Poll::Ready(false);
                }
                sleep.as_mut().poll(context).map(|()| true)
            })
            .await;
            match probes_of {
                Some(generation) if is_over => self.core.machine.give_up_probes(&self.host(), generation),
                None if is_over => return,
                _ => {}
            }
        }
    }
}
