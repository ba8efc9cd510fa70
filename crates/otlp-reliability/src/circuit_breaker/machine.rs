//! The decisions of a circuit breaker, without a clock, an observer or a future: it is told the time when it asks, and
//! tells what changed.
//!
//! What must hold, in every order of threads:
//!
//! - The state word is written only under the lock of the ledger, and read without it. A call through a closed breaker
//!   takes no lock and writes nothing but its own result.
//! - Every transition is a generation, and is told exactly once, in the order in which they happened, and outside of the
//!   lock.
//! - A half-open breaker lets through as many calls as it has probes, and no result of another generation decides.
//! - Whatever happens to the probes, some later call or the waiting for one moves the breaker on.

use std::time::Duration;

use super::{
    CircuitBreakerConfig, CircuitState, OnCancel,
    cache_line::CacheLine,
    limits::Limits,
    streak::Streak,
    tally::Tally,
    ticket::{Kind, Outcome, Ticket, UNTIMED},
    window::{Sample, Totals, Windows},
    word::Word,
};
use crate::{
    Rejection,
    outbox::Outbox,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        lock,
    },
    timeline::nanos,
};

/// No end.
const NEVER: u64 = u64::MAX;

/// What the machine needs from outside.
pub(super) trait Surroundings {
    /// The time, in nanoseconds since the breaker was made.
    fn now(&self) -> u64;

    /// The breaker went from one state to another, or began the same state anew.
    fn changed(&self, from: CircuitState, to: CircuitState);

    /// A probe was given back, for another call to take.
    fn probe_returned(&self);
}

/// How long to wait until a call has a chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    No,
    /// The break is over after so many nanoseconds.
    Break(u64),
    /// The probes of this generation are taken for lost after so many nanoseconds.
    Probes {
        generation: u32,
        nanos: u64,
    },
    /// Until something changes.
    Change,
}

#[derive(Debug)]
pub(super) struct Machine {
    gate: CacheLine<Gate>,
    streak: CacheLine<Streak>,
    windows: Windows,
    tally: CacheLine<Tally>,
    ledger: Mutex<Ledger>,
    /// Transitions that have yet to be told, put in under the lock of the ledger.
    outbox: Outbox<(CircuitState, CircuitState)>,
}

/// What every call reads, and only transitions and reloads write.
#[derive(Debug)]
struct Gate {
    word: AtomicU64,
    /// When the break is over; stored before the word says that there is one.
    break_ends: AtomicU64,
    /// When the probes are taken for lost; stored before the word says that there are any.
    patience_ends: AtomicU64,
    limits: Limits,
}

/// What transitions need. Whoever holds its lock is the only one to write the state word.
#[derive(Debug)]
struct Ledger {
    config: CircuitBreakerConfig,
    /// Openings since the last recovery.
    openings: u32,
}

impl Machine {
    pub(super) fn new(config: CircuitBreakerConfig) -> Self {
        Machine {
            gate: CacheLine(Gate {
                word: AtomicU64::new(Word::FIRST.bits()),
                break_ends: AtomicU64::new(NEVER),
                patience_ends: AtomicU64::new(NEVER),
                limits: Limits::new(&config),
            }),
            streak: CacheLine(Streak::new()),
            windows: Windows::new(config.rated_window()),
            tally: CacheLine(Tally::new()),
            ledger: Mutex::new(Ledger { config, openings: 0 }),
            outbox: Outbox::new(),
        }
    }

    /// Lets a call through, or turns it away.
    #[inline]
    pub(super) fn admit(&self, host: &impl Surroundings) -> Result<Ticket, Rejection> {
        let word = self.word();
        let (generation, kind) = if word.state() == CircuitState::Closed {
            (word.generation(), Kind::Watched)
        } else {
            self.admit_unless_open(host).inspect_err(|_| self.tally.rejected.add())?
        };
        let started = if self.gate.limits.count_slow_calls() { host.now() } else { UNTIMED };
        Ok(Ticket { generation, kind, started })
    }

    #[cold]
    fn admit_unless_open(&self, host: &impl Surroundings) -> Result<(u32, Kind), Rejection> {
        loop {
            let word = self.word();
            match word.state() {
                CircuitState::Closed => return Ok((word.generation(), Kind::Watched)),
                CircuitState::ForcedClosed => return Ok((word.generation(), Kind::Unwatched)),
                CircuitState::Isolated => return Err(Rejection::Open { retry_after: None }),
                CircuitState::Open => {
                    let now = host.now();
                    let left = self.gate.break_ends.load(Ordering::Acquire).saturating_sub(now);
                    if left == 0 {
                        self.change(host, now, |current| (current == word).then_some(CircuitState::HalfOpen));
                    } else if self.word() == word {
                        return Err(Rejection::Open { retry_after: Some(Duration::from_nanos(left)) });
                    }
                }
                CircuitState::HalfOpen => {
                    if self.verdict(word).is_some() {
                        // Other settings made the results that are there enough.
                        self.change(host, host.now(), |current| self.verdict_of(word.generation(), current));
                    } else if word.admitted() < self.gate.limits.probes().permitted {
                        if self.take_probe(word) {
                            return Ok((word.generation(), Kind::Probe));
                        }
                    } else if self.patience_left(host) == Some(0) {
                        self.give_up_probes(host, word.generation());
                    } else if self.word() == word {
                        return Err(Rejection::Open { retry_after: None });
                    }
                }
            }
        }
    }

    /// Takes in how a call ended. Each ticket ends once.
    #[inline]
    pub(super) fn settle(&self, host: &impl Surroundings, ticket: &Ticket, outcome: Outcome) {
        let failed = match outcome {
            Outcome::Success => Some(false),
            Outcome::Failure => Some(true),
            Outcome::Ignored => None,
            Outcome::Cancelled => self.blame_for_cancelled(host, ticket),
        };
        match (ticket.kind, failed) {
            (Kind::Watched, Some(failed)) => self.record(host, ticket, failed),
            (Kind::Probe, failed) => self.settle_probe(host, ticket, failed),
            (Kind::Watched, None) | (Kind::Unwatched, _) => {}
        }
    }

    /// Notes when a call begins to wait, if that may matter when it is cancelled.
    #[inline]
    pub(super) fn begin_to_wait(&self, host: &impl Surroundings, ticket: &mut Ticket) {
        if ticket.started == UNTIMED && self.gate.limits.time_cancelled_calls() {
            ticket.started = host.now();
        }
    }

    #[inline]
    fn record(&self, host: &impl Surroundings, ticket: &Ticket, failed: bool) {
        let generation = ticket.generation;
        if self.word().generation() != generation {
            self.tally.outdated.add();
            return;
        }
        let (slow, now) = self.slowness(host, ticket);
        if failed {
            self.tally.failures.add();
        }
        if slow {
            self.tally.slow_calls.add();
        }
        let longest_streak = self.gate.limits.streak();
        let mut opens = false;
        if longest_streak > 0 {
            if failed {
                opens = self.streak.failed(generation) >= longest_streak;
            } else {
                self.streak.succeeded(generation);
            }
        }
        let totals = self.windows.push(generation, Sample { failed, slow }, || now.unwrap_or_else(|| host.now()));
        opens |= totals.is_some_and(|totals| self.gate.limits.are_exceeded_by(totals));
        if opens {
            self.trip(host, generation);
        }
    }

    #[cold]
    fn trip(&self, host: &impl Surroundings, generation: u32) {
        self.change(host, host.now(), |current| (current.generation() == generation).then_some(CircuitState::Open));
    }

    /// Whether a call was slow, and the time if it had to be asked for.
    #[inline]
    fn slowness(&self, host: &impl Surroundings, ticket: &Ticket) -> (bool, Option<u64>) {
        if ticket.started == UNTIMED || !self.gate.limits.count_slow_calls() {
            return (false, None);
        }
        let now = host.now();
        (self.gate.limits.is_slow(now.saturating_sub(ticket.started)), Some(now))
    }

    /// Whether a cancelled call counts as a failure; `None`: it counts as nothing.
    fn blame_for_cancelled(&self, host: &impl Surroundings, ticket: &Ticket) -> Option<bool> {
        self.tally.cancelled.add();
        let blamed = match self.gate.limits.on_cancel() {
            OnCancel::Ignore => false,
            OnCancel::Failure => true,
            OnCancel::FailureIfSlow if !self.gate.limits.time_cancelled_calls() => true,
            OnCancel::FailureIfSlow => {
                // Settings that came while the call was on its way can ask for a start that nobody noted.
                ticket.started == UNTIMED || self.gate.limits.is_slow(host.now().saturating_sub(ticket.started))
            }
        };
        blamed.then_some(true)
    }

    /// Takes a place among the probes, if the word is still the same.
    fn take_probe(&self, word: Word) -> bool {
        let _ledger = lock(&self.ledger);
        let unchanged = self.word() == word;
        if unchanged {
            self.set_word(word.with_probe());
        }
        unchanged
    }

    fn settle_probe(&self, host: &impl Surroundings, ticket: &Ticket, failed: Option<bool>) {
        let slow = failed.is_some() && self.slowness(host, ticket).0;
        {
            let _ledger = lock(&self.ledger);
            let word = self.word();
            if word.generation() != ticket.generation {
                self.tally.outdated.add();
                return;
            }
            self.set_word(match failed {
                Some(failed) => word.with_result(failed || slow),
                None => word.without_probe(),
            });
        }
        if failed == Some(true) {
            self.tally.failures.add();
        }
        if slow {
            self.tally.slow_calls.add();
        }
        match failed {
            None => host.probe_returned(),
            Some(_) if self.verdict(self.word()).is_some() => {
                self.change(host, host.now(), |current| self.verdict_of(ticket.generation, current));
            }
            Some(_) => {}
        }
    }

    /// What the results of the probes come to, once there are enough of them.
    fn verdict(&self, word: Word) -> Option<CircuitState> {
        let probes = self.gate.limits.probes();
        if word.state() != CircuitState::HalfOpen {
            None
        } else if word.succeeded() >= probes.needed {
            Some(CircuitState::Closed)
        } else if word.failed() + probes.needed > probes.permitted {
            Some(CircuitState::Open)
        } else {
            None
        }
    }

    fn verdict_of(&self, generation: u32, current: Word) -> Option<CircuitState> {
        if current.generation() == generation { self.verdict(current) } else { None }
    }

    /// How long the probes still have; `None`: for ever.
    fn patience_left(&self, host: &impl Surroundings) -> Option<u64> {
        match self.gate.patience_ends.load(Ordering::Acquire) {
            NEVER => None,
            ends => Some(ends.saturating_sub(host.now())),
        }
    }

    /// Opens again because the probes of `generation` are all out and nothing comes from them.
    pub(super) fn give_up_probes(&self, host: &impl Surroundings, generation: u32) {
        self.change(host, host.now(), |current| {
            let lost = current.generation() == generation
                && current.state() == CircuitState::HalfOpen
                && current.admitted() >= self.gate.limits.probes().permitted;
            lost.then_some(CircuitState::Open)
        });
    }

    /// How long to wait until a call has a chance.
    pub(super) fn wait(&self, host: &impl Surroundings) -> Wait {
        let word = self.word();
        match word.state() {
            CircuitState::Closed | CircuitState::ForcedClosed => Wait::No,
            CircuitState::Isolated => Wait::Change,
            CircuitState::Open => match self.gate.break_ends.load(Ordering::Acquire).saturating_sub(host.now()) {
                0 => Wait::No,
                nanos => Wait::Break(nanos),
            },
            CircuitState::HalfOpen
                if word.admitted() < self.gate.limits.probes().permitted || self.verdict(word).is_some() =>
            {
                Wait::No
            }
            CircuitState::HalfOpen => match self.patience_left(host) {
                None => Wait::Change,
                Some(nanos) => Wait::Probes { generation: word.generation(), nanos },
            },
        }
    }

    /// Goes to `state` by hand.
    pub(super) fn force(&self, host: &impl Surroundings, state: CircuitState) {
        self.change(host, host.now(), |_| Some(state));
    }

    /// Makes the transition that `decide` asks for. It is asked again under the lock, where nothing moves any more.
    fn change(&self, host: &impl Surroundings, now: u64, decide: impl Fn(Word) -> Option<CircuitState>) {
        {
            let mut ledger = lock(&self.ledger);
            let word = self.word();
            let Some(to) = decide(word) else { return };
            match to {
                CircuitState::Open => {
                    ledger.openings = ledger.openings.saturating_add(1);
                    self.tally.openings.add();
                    let length = ledger.config.break_duration().nanos_after(ledger.openings);
                    self.gate.break_ends.store(now.saturating_add(length), Ordering::Release);
                }
                CircuitState::HalfOpen => {
                    let patience = ledger.config.half_open_timeout().map_or(NEVER, nanos);
                    self.gate.patience_ends.store(now.saturating_add(patience), Ordering::Release);
                }
                CircuitState::Closed => ledger.openings = 0,
                CircuitState::ForcedClosed | CircuitState::Isolated => {}
            }
            self.set_word(word.next(to));
            self.outbox.put((word.state(), to));
        }
        self.outbox.deliver(|(from, to)| host.changed(from, to));
    }

    pub(super) fn config(&self) -> CircuitBreakerConfig {
        lock(&self.ledger).config.clone()
    }

    /// Goes over to other settings, which have been checked.
    pub(super) fn reload(&self, config: &CircuitBreakerConfig, now: u64) {
        let mut ledger = lock(&self.ledger);
        self.windows.reshape(config.rated_window(), self.word().generation(), now);
        self.gate.limits.store(config);
        ledger.config = config.clone();
    }

    #[inline]
    pub(super) fn word(&self) -> Word {
        Word::from_bits(self.gate.word.load(Ordering::Acquire))
    }

    fn set_word(&self, word: Word) {
        self.gate.word.store(word.bits(), Ordering::Release);
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn totals(&self, now: u64) -> Totals {
        self.windows.totals(self.word().generation(), now)
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.streak.length(self.word().generation())
    }

    /// The time at which the break is over.
    pub(super) fn break_ends(&self) -> u64 {
        self.gate.break_ends.load(Ordering::Acquire)
    }
}
