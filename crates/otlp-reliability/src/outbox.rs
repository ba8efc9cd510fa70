//! Events on their way from a state machine to an observer: in the order in which they happened, and outside of the
//! state machine's lock, so that an observer may ask the state machine whatever it likes.

use std::collections::VecDeque;

use crate::sync::{Mutex, lock};

/// Events that wait to be delivered. Put in under the lock of what they tell of, delivered after it is released.
#[derive(Debug)]
pub(crate) struct Outbox<E> {
    queue: Mutex<Queue<E>>,
}

#[derive(Debug)]
struct Queue<E> {
    events: VecDeque<E>,
    delivering: bool,
}

impl<E> Outbox<E> {
    pub(crate) fn new() -> Self {
        Outbox { queue: Mutex::new(Queue { events: VecDeque::new(), delivering: false }) }
    }

    pub(crate) fn put(&self, event: E) {
        lock(&self.queue).events.push_back(event);
    }

    /// Delivers what has been put in, one after the other. While another thread (or this one, further up its stack) is
    /// delivering, it is left to that one, which keeps the order.
    pub(crate) fn deliver(&self, mut to: impl FnMut(E)) {
        while let Some((event, _delivery)) = self.next() {
            to(event);
        }
    }

    fn next(&self) -> Option<(E, Delivery<'_, E>)> {
        let mut queue = lock(&self.queue);
        if queue.delivering {
            return None;
        }
        let event = queue.events.pop_front()?;
        queue.delivering = true;
        Some((event, Delivery { queue: &self.queue }))
    }
}

/// One event being delivered; dropped also if the observer panics, so that later events still find their way.
struct Delivery<'a, E> {
    queue: &'a Mutex<Queue<E>>,
}

impl<E> Drop for Delivery<'_, E> {
    fn drop(&mut self) {
        lock(self.queue).delivering = false;
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_an_observer_causes_comes_after_what_it_was_told() {
        let outbox = Outbox::new();
        outbox.put(1);
        outbox.put(2);
        let mut seen = Vec::new();
        outbox.deliver(|event| {
            if event == 1 {
                outbox.put(3);
                outbox.deliver(|_| unreachable!("left to the delivery under way"));
            }
            seen.push(event);
        });
        assert_eq!(seen, [1, 2, 3]);
    }

    #[test]
    fn an_observer_that_panics_loses_its_own_event_only() {
        let outbox = Outbox::new();
        outbox.put(1);
        outbox.put(2);
        let panicked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outbox.deliver(|_| panic!("observer"))));
        assert!(panicked.is_err());
        let mut seen = Vec::new();
        outbox.deliver(|event| seen.push(event));
        assert_eq!(seen, [2]);
    }
}

#[cfg(all(test, otlp_loom))]
mod loom_tests {
    use loom::{
        sync::{Arc, Mutex},
        thread,
    };

    use super::*;

    #[test]
    fn loom_every_event_is_delivered_once_whoever_delivers() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let outbox = Arc::new(Outbox::new());
            let seen = Arc::new(Mutex::new(Vec::new()));
            let put = |first: u32| {
                let (outbox, seen) = (outbox.clone(), seen.clone());
                move || {
                    outbox.put(first);
                    outbox.put(first + 1);
                    outbox.deliver(|event| seen.lock().unwrap().push(event));
                }
            };
            let other = thread::spawn(put(10));
            put(20)();
            other.join().unwrap();
            let seen = seen.lock().unwrap().clone();
            let of = |first: u32| seen.iter().copied().filter(|event| event / 10 == first / 10).collect::<Vec<_>>();
            assert_eq!((of(10), of(20)), (vec![10, 11], vec![20, 21]));
        });
    }
}
