//! Retry budget: retries as a share of the calls, so that an outage is not answered with a multiple of the load.
//!
//! What must hold: shared by any number of policies and threads, it never grants more than its settings say, also when
//! policies that share it are nested; and what is taken for a retry that is not made is given back.

mod config;
mod tokens;
mod window;

use std::{fmt, sync::Arc, time::Instant};

pub use self::config::{PercentageBudget, RetryBudgetConfig, TokenBudget};
use self::{
    tokens::Tokens,
    window::{Share, Window},
};
use crate::{
    Clock, ConfigError, Control, Controlled, PolicyConfig, Rejection, Snapshot, TokioClock, registry,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        lock,
    },
    timeline::Timeline,
};

/// A limit on retries that any number of policies share. Clones are the same budget.
///
/// Give one budget to all retries and hedges that burden the same dependency
/// ([`Retry::with_budget`](crate::Retry::with_budget), [`Hedge::with_budget`](crate::Hedge::with_budget)): then three
/// nested retries of four attempts each make a few more attempts than there are calls, and not 64 times as many. Every
/// policy that has the budget deposits for its own calls, so each level of nesting earns.
///
/// A loop of one's own calls [`deposit`](RetryBudget::deposit) once per call and
/// [`try_withdraw`](RetryBudget::try_withdraw) before each retry:
///
/// ```
/// use otlp_reliability::{PercentageBudget, Rejection};
///
/// # fn send() -> Result<(), ()> { Err(()) }
/// let budget = PercentageBudget::new(20.0).with_min_per_second(0).build()?;
/// let mut sent = 0;
/// for _ in 0..100 {
///     budget.deposit();
///     sent += 1;
///     while send().is_err() && budget.try_withdraw().is_ok() {
///         sent += 1;
///     }
/// }
/// assert_eq!(sent, 120);
/// assert_eq!(budget.try_withdraw(), Err(Rejection::Budget));
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RetryBudget {
    core: Arc<Core>,
}

/// The figures of a [`RetryBudget`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RetryBudgetSnapshot {
    /// How many retries it would grant now.
    pub available: u64,
    /// How many retries it has granted, also those that were given back because they were not made.
    pub granted: u64,
    /// How many retries it has refused.
    pub refused: u64,
}

struct Core {
    settings: Mutex<RetryBudgetConfig>,
    /// Whether deposits go into the window and not into the bucket.
    by_share: AtomicBool,
    window: Window,
    tokens: Tokens,
    granted: AtomicU64,
    refused: AtomicU64,
    /// Only read for the window. Behind a pointer, so that the policies that share a budget need not name its clock.
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    timeline: Timeline,
}

/// A retry that was granted: given back when dropped, unless it was made.
pub(crate) struct Withdrawal<'a> {
    core: &'a Core,
    from: Option<Source>,
}

enum Source {
    Window { bucket: u64 },
    Tokens,
}

impl RetryBudget {
    fn from_checked(settings: RetryBudgetConfig) -> Self {
        RetryBudget::made(settings, Box::new(|| TokioClock.now()))
    }

    fn made(settings: RetryBudgetConfig, now: Box<dyn Fn() -> Instant + Send + Sync>) -> Self {
        let tokens = match &settings {
            RetryBudgetConfig::Percentage(_) => Tokens::full(0, 0),
            RetryBudgetConfig::TokenBucket(bucket) => Tokens::full(bucket.max_tokens(), bucket.thousandths()),
        };
        let core = registry::announced(Core {
            by_share: AtomicBool::new(matches!(settings, RetryBudgetConfig::Percentage(_))),
            window: Window::new(),
            tokens,
            granted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            timeline: Timeline::starting_at(now()),
            now,
            settings: Mutex::new(settings),
        });
        RetryBudget { core }
    }

    /// A fresh budget with the same settings on another clock.
    pub fn with_clock<K: Clock + 'static>(self, clock: K) -> RetryBudget {
        let settings = self.settings();
        RetryBudget::made(settings, Box::new(move || clock.now()))
    }

    /// The settings in force.
    pub fn settings(&self) -> RetryBudgetConfig {
        lock(&self.core.settings).clone()
    }

    /// Notes a call that is not a retry; it earns the budget its share. Lock-free; a share of the last seconds reads the
    /// clock, a bucket of tokens does not.
    #[inline]
    pub fn deposit(&self) {
        if self.core.by_share.load(Relaxed) {
            self.core.window.deposit(self.core.bucket());
        } else {
            self.core.tokens.deposit();
        }
    }

    /// Asks for one retry, to be made at once.
    ///
    /// # Errors
    ///
    /// [`Rejection::Budget`]: none is left, and the last result should be taken as final.
    pub fn try_withdraw(&self) -> Result<(), Rejection> {
        self.withdraw().map(Withdrawal::spend)
    }

    /// Asks for one retry that may still not be made.
    pub(crate) fn withdraw(&self) -> Result<Withdrawal<'_>, Rejection> {
        let core = &*self.core;
        let from = match core.terms() {
            Some(share) => core.window.withdraw(core.bucket(), share).map(|bucket| Source::Window { bucket }),
            None => core.tokens.withdraw().then_some(Source::Tokens),
        };
        let outcome = if from.is_some() { &core.granted } else { &core.refused };
        outcome.fetch_add(1, Relaxed);
        if from.is_some() { Ok(Withdrawal { core, from }) } else { Err(Rejection::Budget) }
    }

    /// The figures so far.
    pub fn snapshot(&self) -> RetryBudgetSnapshot {
        self.core.figures()
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget").field("settings", &self.settings()).finish_non_exhaustive()
    }
}

impl Controlled for RetryBudget {
    fn control(&self) -> Option<Arc<dyn Control>> {
        Some(Arc::clone(&self.core) as Arc<dyn Control>)
    }
}

impl Withdrawal<'_> {
    /// The retry is made.
    pub(crate) fn spend(mut self) {
        self.from = None;
    }
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        match self.from {
            Some(Source::Window { bucket }) => self.core.window.put_back(bucket),
            Some(Source::Tokens) => self.core.tokens.put_back(),
            None => {}
        }
    }
}

impl Core {
    fn bucket(&self) -> u64 {
        Window::bucket_at(self.timeline.nanos_at((self.now)()))
    }

    /// What the window allows; `None` if the bucket of tokens decides.
    fn terms(&self) -> Option<Share> {
        match &*lock(&self.settings) {
            RetryBudgetConfig::Percentage(settings) => Some(Share {
                period: settings.period(),
                millionths: settings.millionths(),
                reserve: settings.reserve(),
            }),
            RetryBudgetConfig::TokenBucket(_) => None,
        }
    }

    fn figures(&self) -> RetryBudgetSnapshot {
        RetryBudgetSnapshot {
            available: match self.terms() {
                Some(share) => self.window.available(self.bucket(), share),
                None => self.tokens.available(),
            },
            granted: self.granted.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

impl Control for Core {
    fn snapshot(&self) -> Snapshot {
        Snapshot::RetryBudget(self.figures())
    }

    fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
        let PolicyConfig::RetryBudget(settings) = settings else {
            return Err(settings.not_for("retry_budget"));
        };
        settings.validate()?;
        let mut current = lock(&self.settings);
        if let RetryBudgetConfig::TokenBucket(bucket) = settings {
            self.tokens.resize(bucket.max_tokens(), bucket.thousandths());
        }
        self.by_share.store(matches!(settings, RetryBudgetConfig::Percentage(_)), Relaxed);
        *current = settings.clone();
        Ok(())
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn granted(budget: &RetryBudget, asked: usize) -> usize {
        (0..asked).filter(|_| budget.try_withdraw().is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_minimum_is_there_without_requests_and_comes_back_with_time() {
        let budget = PercentageBudget::new(0.0).with_min_per_second(2).build().unwrap();
        assert_eq!(granted(&budget, 100), 20, "two for each of ten seconds");
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(granted(&budget, 100), 0);
        tokio::time::advance(Duration::from_millis(1250)).await;
        assert_eq!(granted(&budget, 100), 20);
        assert_eq!(budget.snapshot(), RetryBudgetSnapshot { available: 0, granted: 40, refused: 260 });
    }

    #[tokio::test(start_paused = true)]
    async fn pitfall_11_the_share_is_of_the_requests_of_the_period() {
        let budget = PercentageBudget::new(20.0).with_min_per_second(0).build().unwrap();
        (0..9).for_each(|_| budget.deposit());
        assert_eq!(granted(&budget, 9), 1, "a fifth of nine, rounded down");
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(granted(&budget, 9), 0, "requests of long ago earn nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_withdrawal_that_is_not_spent_is_given_back() {
        for settings in [
            RetryBudgetConfig::from(
                PercentageBudget::new(0.0).with_period(Duration::from_secs(1)).with_min_per_second(1),
            ),
            TokenBudget::new(1, 1.0).into(),
        ] {
            let budget = settings.build().unwrap();
            let withdrawal = budget.withdraw().unwrap();
            assert_eq!(budget.try_withdraw(), Err(Rejection::Budget));
            drop(withdrawal);
            assert_eq!(budget.snapshot().available, 1);
            budget.withdraw().unwrap().spend();
            assert_eq!(budget.snapshot().available, 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_keeps_what_was_counted() {
        let budget = PercentageBudget::new(10.0).with_min_per_second(0).build().unwrap();
        let control = budget.control().unwrap();
        (0..100).for_each(|_| budget.deposit());
        assert_eq!(granted(&budget, 50), 10);
        let reload = |settings: RetryBudgetConfig| control.reload(&PolicyConfig::RetryBudget(settings));
        reload(PercentageBudget::new(30.0).with_min_per_second(0).into()).unwrap();
        assert_eq!(granted(&budget, 50), 20, "thirty of a hundred, ten of which were made");
        assert_eq!(reload(PercentageBudget::new(-1.0).into()).unwrap_err().field(), "percent");
        reload(TokenBudget::new(2, 1.0).into()).unwrap();
        assert_eq!(granted(&budget, 50), 0, "a bucket that comes later starts empty");
        (0..9).for_each(|_| budget.deposit());
        assert_eq!(granted(&budget, 50), 2);
        assert_eq!(budget.snapshot().granted, 32);
        let other = control.reload(&PolicyConfig::Retry(crate::RetryPolicy::new())).unwrap_err();
        assert_eq!((other.field(), other.accepted()), ("kind", "retry_budget"));
    }

    #[tokio::test(start_paused = true)]
    async fn another_clock_is_a_fresh_budget() {
        let budget = TokenBudget::new(1, 0.1).build().unwrap();
        assert_eq!(granted(&budget.clone(), 2), 1);
        assert_eq!(granted(&budget, 2), 0, "clones are one budget");
        assert_eq!(granted(&budget.with_clock(TokioClock), 2), 1);
    }
}
