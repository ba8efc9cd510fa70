//! A play in three acts, for people: the provider works, hangs and fails, and works again, while clients go on paying.
//! One line per second says what the clients saw; the end says whether it was what they were promised.

use std::{fmt, io, time::Duration};

use otlp_reliability::CircuitState;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    checkout::Checkout,
    load::{Load, Seen},
    upstream::{Mode, Upstream},
};

/// From which second on the provider behaves how, and how long it all takes.
const SCRIPT: [(u32, Mode); 4] = [(0, Mode::Ok), (3, Mode::Hanging), (7, Mode::Failing), (9, Mode::Ok)];
const SECONDS: u32 = 14;

/// The seconds in which what is expected has had time to come about: a second for a breaker to notice the outage, two
/// for it to notice the recovery.
const BEFORE: std::ops::Range<usize> = 0..3;
const OUTAGE: std::ops::Range<usize> = 4..9;
const AFTER: std::ops::Range<usize> = 12..14;

/// One second of the play.
#[derive(Debug)]
struct Second {
    number: u32,
    provider: Mode,
    seen: Seen,
    /// How many calls for money reached the provider.
    reached: u64,
    breaker: CircuitState,
    ready: bool,
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = [200, 502, 503, 504].map(|status| self.seen.with_status(status));
        let other = self.seen.answered() - known.iter().sum::<u64>();
        write!(f, "{:>6}  {:<8} {:>5}", self.number + 1, self.provider, self.seen.sent)?;
        for count in known.into_iter().chain([other]) {
            write!(f, " {count:>5}")?;
        }
        let (median, slowest) = (self.seen.median().as_millis(), self.seen.slowest().as_millis());
        let ready = if self.ready { "yes" } else { "no" };
        write!(f, " {median:>7} {slowest:>8} {:>8}  {:<9} {ready}", self.reached, format!("{:?}", self.breaker))
    }
}

const HEADER: &str = "second  provider  sent   200   502   503   504 other  median  slowest  reached  breaker   ready\n\
                      \u{20}                                                       [ms]     [ms] provider";

/// What the clients were promised, and whether it was kept.
#[derive(Debug)]
pub struct Promise {
    text: &'static str,
    found: String,
    kept: bool,
}

impl Promise {
    /// Whether it was kept.
    pub fn is_kept(&self) -> bool {
        self.kept
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.kept { "kept  " } else { "BROKEN" };
        write!(f, "{mark}  {}: {}", self.text, self.found)
    }
}

/// Plays, writes one line per second to `out`, and returns what became of the promises.
///
/// # Errors
///
/// `out` cannot be written to.
pub async fn play(
    checkout: &Checkout,
    upstream: &Upstream,
    http: reqwest::Client,
    per_second: u32,
    out: &mut impl io::Write,
) -> io::Result<Vec<Promise>> {
    writeln!(out, "{HEADER}")?;
    let mut seconds = Vec::new();
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let load = Load::start(http, &checkout.url(), per_second);
    let mut reached = upstream.traffic().charges;
    for number in 0..SECONDS {
        if let Some((_, mode)) = SCRIPT.iter().find(|(second, _)| *second == number) {
            upstream.set_mode(*mode);
        }
        ticks.tick().await;
        let charges = upstream.traffic().charges;
        let second = Second {
            number,
            provider: upstream.mode(),
            seen: load.take(),
            reached: charges - reached,
            breaker: checkout.policies().breaker().state(),
            ready: checkout.is_ready(),
        };
        reached = charges;
        writeln!(out, "{second}")?;
        seconds.push(second);
    }
    Ok(judged(&seconds, checkout, upstream))
}

fn judged(seconds: &[Second], checkout: &Checkout, upstream: &Upstream) -> Vec<Promise> {
    let (before, outage, after) = (&seconds[BEFORE], &seconds[OUTAGE], &seconds[AFTER]);
    let sum = |part: &[Second], of: fn(&Second) -> u64| part.iter().map(of).sum::<u64>();
    let paid = |part: &[Second]| (sum(part, |one| one.seen.with_status(200)), sum(part, |one| one.seen.answered()));
    let promise = |text, kept, found| Promise { text, found, kept };

    let (paid_before, answered_before) = paid(before);
    let (paid_after, answered_after) = paid(after);
    let slowest = seconds.iter().map(|second| second.seen.slowest()).max().unwrap_or_default();
    let patience = checkout.policies().deadline() + Duration::from_millis(500);
    let usual = outage.iter().map(|second| second.seen.median()).max().unwrap_or_default();
    let (reached, sent) = (sum(outage, |one| one.reached), sum(outage, |one| one.seen.sent));
    let (most, places) = (upstream.traffic().most_in_flight, checkout.policies().places());
    let silent = sum(seconds, |one| one.seen.without_retry_after);
    let refused = sum(seconds, |one| one.seen.with_status(503));
    let twice = upstream.orders_charged_twice();
    vec![
        promise(
            "while the provider works, every payment succeeds",
            paid_before == answered_before && paid_before > 0,
            format!("{paid_before} of {answered_before}"),
        ),
        promise(
            "nobody waits much longer than the deadline",
            slowest <= patience,
            format!("{} ms, the deadline is {} ms", slowest.as_millis(), checkout.policies().deadline().as_millis()),
        ),
        promise(
            "in the outage, half of the answers come at once",
            usual <= checkout.policies().deadline() / 4,
            format!("within {} ms in the worst second", usual.as_millis()),
        ),
        promise(
            "in the outage, the provider is left alone",
            reached * 10 <= sent,
            format!("{reached} calls reached it for {sent} payments"),
        ),
        promise(
            "a hanging provider holds no more calls than there are places",
            most <= places,
            format!("{most} at once, of {places}"),
        ),
        promise(
            "who is turned away is told when to come back",
            silent == 0 && refused > 0,
            format!("{} of {refused}", refused - silent),
        ),
        promise(
            "when the provider works again, every payment succeeds again",
            paid_after == answered_after && paid_after > 0,
            format!("{paid_after} of {answered_after}"),
        ),
        promise("no order is charged twice", twice == 0, format!("{twice} were")),
    ]
}
