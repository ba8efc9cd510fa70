//! The waiting line: who waits, in the order of coming.
//!
//! A waiter is known by its ticket. One that is no longer in the line has been let in; nothing else says so, and so
//! nothing else can disagree. The line is bounded by whoever adds to it.

use std::{collections::VecDeque, task::Waker, time::Duration};

/// Names a waiter. Tickets grow, so the line is sorted by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    waker: Waker,
}

/// The line, and what is looked at only by those who come to it.
#[derive(Debug)]
pub(super) struct Line {
    waiters: VecDeque<Waiter>,
    /// How many have ever waited; the next ticket.
    joined: u64,
    /// The longest that a waiter who comes now will wait.
    pub(super) max_wait: Option<Duration>,
}

impl Line {
    pub(super) fn new(max_wait: Option<Duration>) -> Self {
        Line { waiters: VecDeque::new(), joined: 0, max_wait }
    }

    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// How many have ever waited.
    pub(super) fn joined(&self) -> u64 {
        self.joined
    }

    /// Adds a waiter at the end.
    pub(super) fn push(&mut self, waker: Waker) -> Ticket {
        let ticket = Ticket(self.joined);
        self.joined += 1;
        self.waiters.push_back(Waiter { ticket, waker });
        ticket
    }

    /// Takes the one who has waited longest.
    pub(super) fn pop(&mut self) -> Option<Waker> {
        self.waiters.pop_front().map(|waiter| waiter.waker)
    }

    /// Takes a waiter who gives up. `None`: it has been let in.
    ///
    /// Those who wait longest give up first, so this is nearly always the head of the line.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waker> {
        let place = self.place_of(ticket)?;
        self.waiters.remove(place).map(|waiter| waiter.waker)
    }

    /// The waker to call when it is the waiter's turn. `None`: it has been let in.
    pub(super) fn waker_of(&mut self, ticket: Ticket) -> Option<&mut Waker> {
        let place = self.place_of(ticket)?;
        self.waiters.get_mut(place).map(|waiter| &mut waiter.waker)
    }

    fn place_of(&self, ticket: Ticket) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }
}
