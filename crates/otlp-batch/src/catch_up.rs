//! How fast a destination gets what an outage left behind.
//!
//! Jitter spreads when a fleet of clients finds out that its receivers are back. It does not spread what the clients do
//! then: each sends all that has gathered, as fast as it is acknowledged, and together they ask for many times of what
//! the receivers can take. So what is new goes on at once, as it always does, and the backlog goes beside it at a pace:
//! a part of what this client produces by itself. A fleet then never asks for more than a fixed multiple of its
//! ordinary load, however large it is and however long the outage was.
//!
//! The pace halves where that is still too much and recovers within minutes, so that a fleet before receivers with little
//! headroom uses what they have; and it grows when all is well for long, so that a day's backlog takes an hour and not a
//! day.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Production is measured over no less, and the backlog moves at least that often: the default batch timeout. A client
/// that produces anything sends as often in good times.
const SLOWEST: Duration = Duration::from_secs(5);
/// So long must all have gone well until the pace grows.
const CALM: Duration = Duration::from_secs(600);
/// By this factor it grows per minute from then on.
const GROWTH: f64 = 1.1;
/// The most by which a pace grows: no limit for any client, and a number that can be calculated with.
const MOST: f64 = 1e6;
/// The least of the pace that is left after failures.
const LEAST: f64 = 1.0 / 16.0;
/// In this time a pace that failures slowed doubles, until it is what was asked for.
const RECOVERY: Duration = Duration::from_secs(30);
/// Failures within this time of another are one sign that the pace is too much, not several: what a change of the pace
/// does shows no sooner.
const ONE_SIGN: Duration = SLOWEST;
/// What the backlog may have saved up while something else kept it from going.
const SAVED: Duration = Duration::from_secs(1);

/// The pace of one queue before one destination.
///
/// It is told what happens and says whose turn it is; it neither waits nor sends.
#[derive(Debug)]
pub struct CatchUp {
    /// The backlog's part of what is produced. `None`: the backlog goes as fast as it is acknowledged.
    part: Option<f64>,
    state: Mutex<State>,
}

/// Which batch may go next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The oldest.
    Oldest,
    /// The oldest above this sequence, which is new; or the oldest, if there is none.
    NewFirst(u64),
    /// The oldest above this sequence. What is not above it has to wait, for as long as [`CatchUp::wait`] says.
    NewOnly(u64),
}

#[derive(Debug, Default)]
struct State {
    /// The sequence of the batch that was put last.
    newest: u64,
    /// Up to then nothing is held back.
    hurry: Option<Instant>,
    outage: Option<Outage>,
}

/// An outage, from its first failure until nothing is left of its backlog.
#[derive(Debug)]
struct Outage {
    began: Instant,
    /// When the destination took batches again; `None`: it is down.
    over: Option<Instant>,
    /// The backlog: what was put up to this sequence.
    backlog: u64,
    /// Items put since it began, and when the last of them were.
    produced: u64,
    produced_at: Instant,
    /// By what the pace was multiplied at the last failure that was a sign, and when that was.
    ease: f64,
    failed: Option<Instant>,
    /// Items of the backlog that may go; negative: too many went.
    allowance: f64,
    /// When the allowance was last brought up to date.
    allowed_at: Instant,
    /// When one of the backlog went last.
    went: Option<Instant>,
    /// Whether the batch that went last was a new one.
    was_new: bool,
}

impl CatchUp {
    /// After an outage, the client sends `percent` of what it produces until the backlog is gone: with 180, what is new
    /// and 0.8 times as much of the backlog. `None`, or 100 and less: the backlog is not held back.
    pub fn new(percent: Option<u32>) -> Self {
        let part = percent.and_then(|percent| percent.checked_sub(100)).filter(|part| *part > 0);
        CatchUp { part: part.map(|part| f64::from(part) / 100.0), state: Mutex::default() }
    }

    /// A batch of `items` items entered the queue; its sequence is above all earlier ones.
    pub fn put(&self, sequence: u64, items: u64, now: Instant) {
        let state = &mut *self.state.lock();
        state.newest = sequence;
        if let Some(outage) = &mut state.outage {
            outage.produced += items;
            outage.produced_at = now;
        }
    }

    /// The destination takes nothing.
    pub fn down(&self, now: Instant) {
        if self.part.is_none() {
            return;
        }
        let state = &mut *self.state.lock();
        let outage = state.outage.get_or_insert_with(|| Outage::new(now));
        if outage.over.is_some() {
            outage.failed(now);
        }
        outage.over = None;
    }

    /// The destination takes batches. What waits now is the backlog, if it was down.
    pub fn up(&self, now: Instant) {
        let state = &mut *self.state.lock();
        if let Some(outage) = state.outage.as_mut().filter(|outage| outage.over.is_none()) {
            outage.over = Some(now);
            outage.allowed_at = now;
            outage.backlog = state.newest;
        }
    }

    /// An attempt failed, though the destination is not down: a sign that it is asked for too much.
    pub fn failed(&self, now: Instant) {
        let state = &mut *self.state.lock();
        if let Some(outage) = state.outage.as_mut().filter(|outage| outage.over.is_some()) {
            outage.failed(now);
        }
    }

    /// Nothing is held back until then: somebody waits for all of it.
    pub fn hurry(&self, until: Instant) {
        let state = &mut *self.state.lock();
        state.hurry = state.hurry.max(Some(until));
    }

    /// Whose turn it is.
    pub fn turn(&self, now: Instant) -> Turn {
        let state = &mut *self.state.lock();
        let Some((outage, part)) = state.catching_up(self.part, now) else { return Turn::Oldest };
        if outage.wait(part, now).is_zero() {
            if outage.was_new { Turn::Oldest } else { Turn::NewFirst(outage.backlog) }
        } else {
            Turn::NewOnly(outage.backlog)
        }
    }

    /// How long it takes until the backlog's turn comes by itself. `None`: it is not held back.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let state = &mut *self.state.lock();
        let (outage, part) = state.catching_up(self.part, now)?;
        Some(outage.wait(part, now)).filter(|wait| !wait.is_zero())
    }

    /// The batch of `sequence` is on its way.
    pub fn went(&self, sequence: u64, items: u64, now: Instant) {
        let state = &mut *self.state.lock();
        if let Some((outage, _)) = state.catching_up(self.part, now) {
            outage.was_new = sequence > outage.backlog;
            if !outage.was_new {
                outage.allowance -= items as f64;
                outage.went = Some(now);
            }
        }
    }

    /// Of what waits and what is on its way, `oldest` has the lowest sequence. If nothing is left of the backlog, it is over.
    pub fn settled(&self, oldest: impl FnOnce() -> Option<u64>) {
        let state = &mut *self.state.lock();
        let up = state.outage.as_ref().filter(|outage| outage.over.is_some());
        if up.is_some_and(|outage| oldest().is_none_or(|oldest| oldest > outage.backlog)) {
            state.outage = None;
        }
    }
}

impl State {
    /// The outage whose backlog is held back at this part of what is produced, with its allowance brought up to date.
    fn catching_up(&mut self, part: Option<f64>, now: Instant) -> Option<(&mut Outage, f64)> {
        self.hurry = self.hurry.filter(|until| now < *until);
        let outage = self.outage.as_mut().filter(|outage| self.hurry.is_none() && outage.over.is_some())?;
        let part = part?;
        outage.allow(part, now);
        Some((outage, part))
    }
}

impl Outage {
    fn new(now: Instant) -> Self {
        Outage {
            began: now,
            over: None,
            backlog: 0,
            produced: 0,
            produced_at: now,
            ease: 1.0,
            failed: None,
            allowance: 0.0,
            allowed_at: now,
            went: None,
            was_new: false,
        }
    }

    fn failed(&mut self, now: Instant) {
        if self.failed.is_none_or(|failed| now.saturating_duration_since(failed) >= ONE_SIGN) {
            self.ease = (self.ease_at(now) / 2.0).max(LEAST);
            self.failed = Some(now);
        }
    }

    /// By what the pace is multiplied: less than one after failures, more than one once all went well for long.
    fn ease_at(&self, now: Instant) -> f64 {
        // While it was down nothing could go well.
        let since = self.over.max(self.failed).unwrap_or(now);
        let well = now.saturating_duration_since(since);
        let recovered = self.ease * well.div_duration_f64(RECOVERY).exp2();
        let grown = GROWTH.powf(well.saturating_sub(CALM).as_secs_f64() / 60.0);
        (recovered.min(self.ease.max(1.0)) * grown).min(MOST)
    }

    /// Items of the backlog per second. A full queue takes nothing in, so the time after the last put says nothing about
    /// production.
    fn pace(&self, part: f64, now: Instant) -> f64 {
        let over = self.produced_at.saturating_duration_since(self.began).max(SLOWEST);
        part * self.ease_at(now) * self.produced as f64 / over.as_secs_f64()
    }

    fn allow(&mut self, part: f64, now: Instant) {
        let pace = self.pace(part, now);
        let since = now.saturating_duration_since(self.allowed_at);
        let most = (pace * SAVED.as_secs_f64()).max(self.allowance);
        self.allowance = (self.allowance + pace * since.as_secs_f64()).min(most);
        self.allowed_at = now;
    }

    /// How long until one of the backlog may go. Its allowance is up to date.
    fn wait(&self, part: f64, now: Instant) -> Duration {
        let Some(went) = self.went.filter(|_| self.allowance < 0.0) else { return Duration::ZERO };
        let slowest = (went + SLOWEST.div_f64(self.ease_at(now).min(1.0))).saturating_duration_since(now);
        // Rounded up, so that who waits that long need not wait again.
        let by_pace = Duration::try_from_secs_f64(-self.allowance / self.pace(part, now));
        by_pace.map_or(slowest, |wait| (wait + Duration::from_millis(1)).min(slowest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A queue whose batches have ten items, one batch each second, after an outage.
    struct Queue {
        catch_up: CatchUp,
        now: Instant,
        waiting: std::collections::BTreeSet<u64>,
        newest: u64,
    }

    impl Queue {
        fn after_outage(percent: Option<u32>, seconds: u64) -> Self {
            let catch_up = CatchUp::new(percent);
            let mut queue = Queue { catch_up, now: Instant::now(), waiting: Default::default(), newest: 0 };
            queue.catch_up.down(queue.now);
            (0..seconds).for_each(|_| queue.produce());
            queue.catch_up.up(queue.now);
            queue
        }

        fn produce(&mut self) {
            self.now += SECOND;
            self.newest += 1;
            self.waiting.insert(self.newest);
            self.catch_up.put(self.newest, 10, self.now);
        }

        /// Sends what may go; how many new ones and how many of those up to `backlog`.
        fn send(&mut self, backlog: u64) -> (usize, usize) {
            let (mut new, mut old) = (0, 0);
            loop {
                let above = |least: u64| self.waiting.range(least + 1..).next().copied();
                let batch = match self.catch_up.turn(self.now) {
                    Turn::Oldest => above(0),
                    Turn::NewFirst(backlog) => above(backlog).or_else(|| above(0)),
                    Turn::NewOnly(backlog) => above(backlog),
                };
                let Some(batch) = batch else { break };
                self.waiting.remove(&batch);
                self.catch_up.went(batch, 10, self.now);
                *(if batch > backlog { &mut new } else { &mut old }) += 1;
                self.catch_up.settled(|| self.waiting.first().copied());
            }
            (new, old)
        }

        /// Seconds until nothing waits, at most so many; new batches go at once.
        fn drained_after(&mut self, most: u64) -> Option<u64> {
            let backlog = self.newest;
            (0..most).find(|_| {
                self.produce();
                assert_eq!(self.send(backlog).0, 1, "what is new does not wait");
                self.waiting.is_empty()
            })
        }
    }

    #[test]
    fn without_an_outage_nothing_is_held_back() {
        let catch_up = CatchUp::new(Some(180));
        let now = Instant::now();
        (1..=1000).for_each(|sequence| catch_up.put(sequence, 10, now));
        catch_up.up(now);
        (1..=1000).for_each(|sequence| {
            assert_eq!((catch_up.turn(now), catch_up.wait(now)), (Turn::Oldest, None));
            catch_up.went(sequence, 10, now);
        });
    }

    #[test]
    fn the_backlog_goes_at_its_part_of_the_production_and_what_is_new_at_once() {
        let mut queue = Queue::after_outage(Some(180), 300);
        let drained = queue.drained_after(1000).unwrap();
        assert!((360..=380).contains(&drained), "300 s at 0.8 of the production: {drained} s");
        assert_eq!(queue.catch_up.turn(queue.now), Turn::Oldest, "it is over");
        (0..10).for_each(|_| queue.produce());
        assert_eq!(queue.send(queue.newest), (0, 10), "and nothing is held back");
    }

    #[test]
    fn without_a_pace_all_of_it_goes() {
        for percent in [None, Some(100), Some(0)] {
            let mut queue = Queue::after_outage(percent, 300);
            assert_eq!(queue.send(300), (0, 300), "{percent:?}");
        }
    }

    #[test]
    fn a_flush_holds_nothing_back_until_its_deadline() {
        let mut queue = Queue::after_outage(Some(180), 300);
        queue.catch_up.hurry(queue.now + SECOND);
        queue.catch_up.hurry(queue.now);
        assert_eq!(queue.send(300), (0, 300));
        let mut late = Queue::after_outage(Some(180), 300);
        late.catch_up.hurry(late.now);
        assert_eq!(late.send(300), (0, 1));
    }

    #[test]
    fn a_days_backlog_takes_little_more_than_an_hour() {
        let mut queue = Queue::after_outage(Some(180), 24 * 3600);
        let drained = queue.drained_after(24 * 3600).unwrap();
        assert!((3000..=4500).contains(&drained), "{drained} s");
    }

    #[test]
    fn what_fails_slows_the_backlog_and_never_stops_it() {
        let mut queue = Queue::after_outage(Some(180), 300);
        let mut sent = 0;
        for second in 0..520 {
            queue.produce();
            queue.catch_up.failed(queue.now);
            let went = queue.send(300).1;
            if second >= 120 {
                sent += went;
            }
        }
        assert!((15..=30).contains(&sent), "400 s at a sixteenth of 0.8, all but: {sent}");
    }

    #[test]
    fn a_pace_that_failures_slowed_recovers_within_minutes() {
        let mut queue = Queue::after_outage(Some(180), 600);
        for _ in 0..30 {
            queue.produce();
            queue.catch_up.failed(queue.now);
            queue.send(600);
        }
        let mut minute = || {
            let went = |_| {
                queue.produce();
                queue.send(600).1
            };
            (0..60).map(went).sum::<usize>()
        };
        let minutes = [minute(), minute(), minute(), minute()];
        assert!(minutes[0] < 12 && minutes.is_sorted() && (47..=49).contains(&minutes[3]), "{minutes:?}");
    }

    #[test]
    fn another_outage_makes_everything_that_waits_the_backlog_and_it_begins_at_half_the_pace() {
        let mut queue = Queue::after_outage(Some(180), 300);
        (0..10).for_each(|_| queue.produce());
        queue.catch_up.down(queue.now);
        (0..10).for_each(|_| queue.produce());
        queue.catch_up.up(queue.now);
        let mut sent = 0;
        for _ in 0..10 {
            queue.produce();
            let (new, old) = queue.send(320);
            assert_eq!(new, 1);
            sent += old;
        }
        assert!((4..=6).contains(&sent), "half of 0.8 per second: {sent}");
    }

    #[test]
    fn a_program_that_makes_little_is_rid_of_its_backlog_all_the_same() {
        let catch_up = CatchUp::new(Some(180));
        let mut now = Instant::now();
        // Found on a disk: nothing was put since the outage began.
        (1..=12).for_each(|sequence| catch_up.put(sequence, 10, now));
        catch_up.down(now);
        now += 3600 * SECOND;
        catch_up.up(now);
        for sequence in 1..=12 {
            assert_ne!(catch_up.turn(now), Turn::NewOnly(12));
            catch_up.went(sequence, 10, now);
            assert_eq!((catch_up.turn(now), catch_up.wait(now)), (Turn::NewOnly(12), Some(SLOWEST)));
            now += SLOWEST;
        }
    }

    #[test]
    fn a_wait_is_long_enough() {
        let mut queue = Queue::after_outage(Some(137), 300);
        for _ in 0..100 {
            assert_eq!(queue.send(300), (0, 1));
            queue.now += queue.catch_up.wait(queue.now).unwrap();
        }
    }
}
