//! The gate: how many calls are inside, how many may be, and whether anybody waits. One word, so that every decision is
//! one exchange.
//!
//! What must hold:
//!
//! - Nobody enters past the limit as it is at that moment. A limit that shrinks turns nobody out; it keeps others out
//!   until enough have left.
//! - While somebody waits, whoever leaves passes the place to the head of the line, and newcomers go to its end.
//!   [`WAITING`] says that somebody waits. It changes only under the line's lock, and is set in the same exchange that
//!   finds no room: a call that leaves later sees it, a call that left earlier makes the exchange fail.
//! - A place that was passed to a waiter belongs to it from then on; a waiter that is gone by then passes it on.
//! - Wakers are called, and dropped, without the lock: they may run anything, this gate included.

use std::{task::Waker, time::Duration};

use super::line::{Line, Ticket};
use crate::{
    Rejection,
    sync::{
        Mutex,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
        lock,
    },
};

/// The largest limit that the word has room for.
pub(crate) const MAX_LIMIT: u32 = u32::MAX >> 1;

/// Somebody is in the line. Above the limit, which is above the calls inside.
const WAITING: u64 = 1 << 63;
const LIMIT_SHIFT: u32 = 32;

/// Lets so many calls in at once. Shared by the bulkhead and the adaptive limit.
#[derive(Debug)]
pub(crate) struct Gate {
    word: AtomicU64,
    /// Written under the line's lock; read without it by those who would be turned away anyhow.
    max_waiting: AtomicU32,
    line: Mutex<Line>,
    rejected: AtomicU64,
    timed_out: AtomicU64,
}

/// How a gate stands, and what it has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u32,
    pub(crate) in_flight: u32,
    pub(crate) waiting: u32,
    pub(crate) waited: u64,
    pub(crate) rejected: u64,
    pub(crate) timed_out: u64,
}

/// The answer to a call that asks for a place in the line.
pub(super) enum Joined {
    /// There was room after all: the call is inside.
    Entered,
    /// The call waits, no longer than so long.
    Waiting(Ticket, Option<Duration>),
    /// The line is full.
    Full,
}

impl Gate {
    /// A gate for `limit` calls at once, at most [`MAX_LIMIT`].
    pub(crate) fn new(limit: u32, max_waiting: u32, max_wait: Option<Duration>) -> Self {
        Gate {
            word: AtomicU64::new(u64::from(limit.min(MAX_LIMIT)) << LIMIT_SHIFT),
            max_waiting: AtomicU32::new(max_waiting),
            line: Mutex::new(Line::new(max_wait)),
            rejected: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
        }
    }

    /// A gate with the same settings and nobody at it.
    pub(crate) fn afresh(&self) -> Self {
        let line = lock(&self.line);
        Gate::new(limit(self.word.load(Relaxed)), self.max_waiting.load(Relaxed), line.max_wait)
    }

    /// Enters if there is room and nobody waits.
    #[inline]
    pub(crate) fn try_enter(&self) -> Option<Entered<'_>> {
        let mut word = self.word.load(Relaxed);
        while word & WAITING == 0 && has_room(word) {
            match self.word.compare_exchange_weak(word, word + 1, Acquire, Relaxed) {
                Ok(_) => return Some(Entered { gate: self }),
                Err(changed) => word = changed,
            }
        }
        None
    }

    /// Gives back the place of a call that was inside.
    #[inline]
    pub(crate) fn leave(&self) {
        if self.word.fetch_sub(1, Release) & WAITING != 0 {
            self.hand_out();
        }
    }

    /// Lets in from the line as many as there is room for.
    pub(crate) fn hand_out(&self) {
        loop {
            let mut line = lock(&self.line);
            if line.is_empty() || !self.enter_for_waiter() {
                return;
            }
            let first = line.pop();
            let more = !line.is_empty() && has_room(self.word.load(Relaxed));
            self.tell_whether_anybody_waits(&line);
            drop(line);
            if let Some(waker) = first {
                waker.wake();
            }
            if !more {
                return;
            }
        }
    }

    /// Changes the limit, and lets nobody in yet: [`Gate::hand_out`] does. Two steps for those who set the limit under
    /// a lock of their own.
    pub(crate) fn set_limit(&self, limit: u32) {
        let _line = lock(&self.line);
        self.write_limit(limit);
    }

    /// Changes the limit and who may wait, together, and lets nobody in yet.
    pub(crate) fn set(&self, limit: u32, max_waiting: u32, max_wait: Option<Duration>) {
        let mut line = lock(&self.line);
        self.write_limit(limit);
        self.max_waiting.store(max_waiting, Relaxed);
        line.max_wait = max_wait;
    }

    /// Goes to the end of the line, unless there is room after all.
    pub(super) fn join(&self, waker: &Waker) -> Joined {
        let max_waiting = self.max_waiting.load(Relaxed);
        if max_waiting == 0 {
            // Turning away is what an overloaded gate does most: without the lock.
            return if self.try_enter().map(Entered::keep).is_some() { Joined::Entered } else { Joined::Full };
        }
        let mut line = lock(&self.line);
        let mut word = self.word.load(Relaxed);
        loop {
            let enters = line.is_empty() && has_room(word);
            if !enters && line.len() >= max_waiting as usize {
                return Joined::Full;
            }
            let next = if enters { word + 1 } else { word | WAITING };
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Ok(_) if enters => return Joined::Entered,
                Ok(_) => return Joined::Waiting(line.push(waker.clone()), line.max_wait),
                Err(changed) => word = changed,
            }
        }
    }

    /// Whether a waiter has been let in; if not, `waker` is called once it is.
    pub(super) fn is_inside(&self, ticket: Ticket, waker: &Waker) -> bool {
        let mut line = lock(&self.line);
        let replaced = match line.waker_of(ticket) {
            None => return true,
            Some(known) if known.will_wake(waker) => None,
            Some(known) => Some(std::mem::replace(known, waker.clone())),
        };
        drop(line);
        drop(replaced);
        false
    }

    /// Takes a waiter out of the line. False: it has been let in, and must leave.
    pub(super) fn withdraw(&self, ticket: Ticket) -> bool {
        let mut line = lock(&self.line);
        let removed = line.remove(ticket);
        self.tell_whether_anybody_waits(&line);
        drop(line);
        removed.is_some()
    }

    /// Counts a call that is turned away.
    #[cold]
    pub(crate) fn reject(&self) -> Rejection {
        self.rejected.fetch_add(1, Relaxed);
        Rejection::Full
    }

    /// Counts a call that is turned away because it waited too long.
    #[cold]
    pub(super) fn reject_after_wait(&self) -> Rejection {
        self.timed_out.fetch_add(1, Relaxed);
        self.reject()
    }

    /// How many calls are inside.
    pub(crate) fn in_flight(&self) -> u32 {
        calls_inside(self.word.load(Relaxed))
    }

    pub(crate) fn standing(&self) -> Standing {
        let line = lock(&self.line);
        let word = self.word.load(Relaxed);
        Standing {
            limit: limit(word),
            in_flight: calls_inside(word),
            waiting: u32::try_from(line.len()).unwrap_or(u32::MAX),
            waited: line.joined(),
            rejected: self.rejected.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
        }
    }

    /// Takes a place on behalf of the head of the line. Under the lock, so that only leaving calls come between.
    fn enter_for_waiter(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while has_room(word) {
            match self.word.compare_exchange_weak(word, word + 1, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(changed) => word = changed,
            }
        }
        false
    }

    /// Under the lock.
    fn tell_whether_anybody_waits(&self, line: &Line) {
        if line.is_empty() {
            self.word.fetch_and(!WAITING, AcqRel);
        }
    }

    /// Under the lock.
    fn write_limit(&self, limit: u32) {
        let limit = u64::from(limit.min(MAX_LIMIT)) << LIMIT_SHIFT;
        let mut word = self.word.load(Relaxed);
        loop {
            let next = word & (WAITING | u64::from(u32::MAX)) | limit;
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(changed) => word = changed,
            }
        }
    }
}

fn calls_inside(word: u64) -> u32 {
    word as u32
}

fn limit(word: u64) -> u32 {
    ((word & !WAITING) >> LIMIT_SHIFT) as u32
}

fn has_room(word: u64) -> bool {
    calls_inside(word) < limit(word)
}

/// A place inside, given back on drop: at any await point, and after a panic.
#[derive(Debug)]
#[must_use]
pub(crate) struct Entered<'a> {
    pub(super) gate: &'a Gate,
}

impl Entered<'_> {
    /// Keeps the place beyond the borrow; whoever keeps it owes the gate a [`Gate::leave`].
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        self.gate.leave();
    }
}
