//! Watches a queue drain, and says when there is nothing to wait for any more.

use std::{
    fmt,
    future::pending,
    time::{Duration, Instant},
};

use otlp::Signal;
use otlp_batch::{Pipeline, QueueDepth};
use tokio::task::JoinHandle;

use super::{MAX_IN_FLIGHT, keeping::Keeping};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(10);

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing is left.
    Empty,
    /// What is left was refused.
    Refused,
    /// The endpoint takes nothing from us.
    TurnedAway,
    /// The endpoint took nothing for so long.
    Impatient(Duration),
    /// Somebody wants it to end.
    Interrupted,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Empty => f.write_str("they came meanwhile"),
            Ending::Refused => f.write_str("the endpoint refuses them, or those before them (see --move-refused)"),
            Ending::TurnedAway => f.write_str("the endpoint asks for another identity (see --header)"),
            Ending::Impatient(patience) => {
                write!(f, "the endpoint took nothing for {} s (see --give-up-after)", patience.as_secs())
            }
            Ending::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// Ends when somebody presses Ctrl-C, from now on: before there is anything that an interrupt could tear apart.
pub(super) async fn interrupt() -> JoinHandle<()> {
    let pressed = tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nobody can tell us.
            pending().await
        }
    });
    // It listens once it has run.
    tokio::task::yield_now().await;
    pressed
}

/// Waits until nothing is left, or nothing moves any more. A batch that the endpoint neither takes nor refuses holds up
/// others of its signal only if there are many of them.
pub(super) async fn run(
    pipeline: &Pipeline,
    keeping: &Keeping,
    patience: Duration,
    mut interrupt: JoinHandle<()>,
) -> Ending {
    let mut looks = tokio::time::interval(LOOK);
    let (mut moved, mut left) = (Instant::now(), u64::MAX);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = &mut interrupt => return Ending::Interrupted,
        }
        // Before it is asked what is kept: what is kept meanwhile was in flight then.
        let depths = Signal::ALL.map(|signal| (signal, pipeline.queue_depths(signal)));
        let mut lanes = depths.iter().flat_map(|(signal, depths)| depths.iter().map(|depth| (*signal, *depth)));
        if lanes.clone().all(|(_, depth)| is_empty(&depth)) {
            return Ending::Empty;
        }
        let is_turned_away = keeping.is_turned_away();
        if lanes.all(|(signal, depth)| is_at_rest(&depth, keeping.kept(signal), is_turned_away)) {
            return if is_turned_away { Ending::TurnedAway } else { Ending::Refused };
        }
        let now = pipeline.ledgers().iter().map(otlp_batch::Ledger::pending).sum();
        if now != left {
            (moved, left) = (Instant::now(), now);
        } else if moved.elapsed() >= patience {
            return Ending::Impatient(patience);
        }
    }
}

fn is_empty(depth: &QueueDepth) -> bool {
    depth.waiting_batches == 0 && depth.in_flight_batches == 0
}

/// Whether nothing is under way but what is kept, and nothing will be.
fn is_at_rest(depth: &QueueDepth, kept: usize, is_turned_away: bool) -> bool {
    depth.in_flight_batches == kept && (depth.waiting_batches == 0 || kept == MAX_IN_FLIGHT || is_turned_away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_rests_when_nothing_else_is_or_comes_under_way() {
        let depth = |waiting_batches, in_flight_batches| QueueDepth {
            waiting_batches,
            in_flight_batches,
            ..QueueDepth::default()
        };
        assert!(is_at_rest(&depth(0, 0), 0, false) && is_at_rest(&depth(0, 3), 3, false));
        assert!(!is_at_rest(&depth(0, 3), 2, false), "one is under way");
        assert!(!is_at_rest(&depth(1, 3), 3, false), "another will be");
        assert!(is_at_rest(&depth(1, MAX_IN_FLIGHT), MAX_IN_FLIGHT, false), "no other can be");
        assert!(is_at_rest(&depth(9, 1), 1, true) && !is_at_rest(&depth(9, 2), 1, true));
        assert!(is_empty(&depth(0, 0)) && !is_empty(&depth(0, 1)) && !is_empty(&depth(1, 0)));
    }
}
