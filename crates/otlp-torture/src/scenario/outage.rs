//! A backend that is away while a process goes on recording, and comes back: memory stays within its budget, the backlog
//! is delivered, and what is recorded meanwhile does not wait behind it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Extent, Row, balance};
use crate::{
    Failure,
    backend::{Arrival, Looked, Weather},
    item::Item,
    orders::{Answer, Level, Orders},
    process::Process,
    round::{DEADLINE, Round},
};

const PER_SECOND: u32 = 1_000;
/// The client's own budget, and what the process may have beside it over what it had when it was idle: the index of the
/// backlog, sockets, what the allocator keeps.
const BUDGET_MEBIBYTES: u64 = 4;
const BESIDE_MEBIBYTES: u64 = 16;
/// How often is looked.
const LOOK: Duration = Duration::from_millis(50);
/// Before and after the outage, and the shortest outage.
const CALM: Duration = Duration::from_secs(4);
const SHORT: Duration = Duration::from_secs(8);

/// What arrived after the return.
#[derive(Debug, Default)]
struct Return {
    /// Since the return, in milliseconds: when each item arrived that was recorded before.
    backlog: Vec<u64>,
    /// The same of items that were recorded after: recorded and arrived.
    fresh: Vec<(u64, u64)>,
    /// What was recorded when the backend was long gone, so that it arrived now for the first time.
    settled: Vec<Item>,
}

/// Away for half of the time, or for some seconds.
pub(super) fn run(extent: Extent, level: Level) -> Result<Row, Failure> {
    let seed = extent.seed;
    let mut round = Round::new(&format!("outage-{}", level.name()), seed)?;
    let outage = (extent.time / 2).max(SHORT);
    let done = watch(&mut round, outage, level).and_then(|(row, settled)| {
        round.drain()?;
        let again = settled.iter().filter(|item| round.tally.arrived(**item) > 1).count();
        let found = format!("{}; of the backlog {again} again after the kill", row.found);
        Ok(Row { found, is_good: row.is_good && again == 0, ..row })
    });
    let verdict = round.verdict();
    round.close(matches!(&done, Ok(row) if row.is_good), &verdict);
    let row = done?;
    Ok(Row { found: format!("{}; {}", row.found, balance(&verdict)), is_good: row.is_good && verdict.is_good(), ..row })
}

/// The row, and what must not arrive again: it was acknowledged long before the kill.
fn watch(round: &mut Round, outage: Duration, level: Level) -> Result<(Row, Vec<Item>), Failure> {
    round.backend.set(Weather::Clear)?;
    let mut orders = round.orders(level, PER_SECOND);
    orders.segment_bytes = 1 << 20;
    orders.memory_bytes = (BUDGET_MEBIBYTES << 20) as usize;
    orders.batch_milliseconds = 100;
    let mut process = Process::start(&orders, None)?;
    process.wait_for(&Answer::Ready, DEADLINE)?;
    let idle = process.resident_kib();
    let mut most = idle;
    let mut looked = Looked::default();

    let mut calm = Vec::new();
    let began = Instant::now();
    while began.elapsed() < CALM {
        process.let_run(LOOK)?;
        let now = unix_nanos();
        let arrivals = round.backend.look(&mut looked);
        calm.extend(arrivals.iter().filter_map(recorded).map(|(_, at)| millis(now, at)));
    }

    round.backend.set(Weather::Down)?;
    let gone = unix_nanos();
    let began = Instant::now();
    while began.elapsed() < outage {
        process.let_run(LOOK * 5)?;
        most = most.max(process.resident_kib());
    }

    let back = unix_nanos();
    round.backend.set(Weather::Clear)?;
    let mut returned = Return::default();
    let began = Instant::now();
    // Until nothing of the backlog has arrived for a while.
    while returned.backlog.last().map_or(0, |last| last + CALM.as_millis() as u64) >= millis(unix_nanos(), back)
        || returned.backlog.is_empty()
    {
        // The backlog goes at 0.8 times of what is recorded.
        if began.elapsed() > DEADLINE + outage * 2 {
            return Err("the backlog was not delivered in time".into());
        }
        process.let_run(LOOK)?;
        most = most.max(process.resident_kib());
        returned.add(&round.backend.look(&mut looked), gone, back);
    }
    let ending = process.kill()?;
    round.enter(&orders, ending, true)?;
    Ok((report(round, &orders, outage, idle.zip(most), &mut calm, &returned), returned.settled))
}

impl Return {
    fn add(&mut self, arrivals: &[Arrival], gone: u64, back: u64) {
        let now = millis(unix_nanos(), back);
        for (item, at) in arrivals.iter().filter_map(recorded) {
            if at < back {
                self.backlog.push(now);
                if millis(at, gone) > 1_000 {
                    self.settled.push(item);
                }
            } else {
                self.fresh.push((millis(at, back), now));
            }
        }
    }

    /// How long it took until the backlog was delivered.
    fn drained(&self) -> u64 {
        self.backlog.last().copied().unwrap_or(0)
    }

    /// How many items were recorded in the first half of that time, and how many of those arrived before the last of the
    /// backlog: the order tells whether they had to wait for it.
    fn in_turn(&self) -> (usize, usize) {
        let early = self.fresh.iter().filter(|(recorded, _)| *recorded < self.drained() / 2);
        let arrivals: Vec<u64> = early.map(|(_, arrived)| *arrived).collect();
        (arrivals.len(), arrivals.iter().filter(|arrived| **arrived <= self.drained()).count())
    }
}

fn report(
    round: &Round,
    orders: &Orders,
    outage: Duration,
    memory: Option<(u64, u64)>,
    calm: &mut [u64],
    returned: &Return,
) -> Row {
    let drained = returned.drained().max(1);
    let mut during: Vec<u64> = returned
        .fresh
        .iter()
        .filter(|(recorded, _)| *recorded < drained)
        .map(|(recorded, arrived)| arrived - recorded)
        .collect();
    let (early, in_turn) = returned.in_turn();
    let dropped = round.runs.last().map_or(0, |run| run.promises.given_up);
    let growth = memory.map(|(idle, most)| most.saturating_sub(idle) / 1024);
    let is_bounded = growth.is_none_or(|growth| growth <= BUDGET_MEBIBYTES + BESIDE_MEBIBYTES);
    let shown_growth = growth.map_or("unknown".to_owned(), |growth| format!("{growth} MiB"));
    Row {
        scenario: "outage",
        done: format!(
            "{} s without the backend at {} items per second, level {}, memory budget {BUDGET_MEBIBYTES} MiB; then killed",
            outage.as_secs(),
            PER_SECOND * 4,
            orders.level.name(),
        ),
        found: format!(
            "{} items of backlog delivered in {drained} ms ({} per second); latency of fresh items (half / 99 of 100 \
             below) {} / {} ms before, {} / {} ms meanwhile, {in_turn} of {early} in turn; process grew by {shown_growth}; \
             {dropped} dropped",
            returned.backlog.len(),
            returned.backlog.len() as u64 * 1000 / drained,
            below(calm, 0.5),
            below(calm, 0.99),
            below(&mut during, 0.5),
            below(&mut during, 0.99),
        ),
        is_good: is_bounded && dropped == 0 && in_turn * 2 >= early,
    }
}

/// An item, and when it was recorded.
fn recorded(arrival: &Arrival) -> Option<(Item, u64)> {
    match arrival {
        Arrival::Item(item, at) => Some((*item, *at)),
        Arrival::Count(..) | Arrival::Strange(_) => None,
    }
}

/// What that part of them is below.
fn below(values: &mut [u64], part: f64) -> u64 {
    values.sort_unstable();
    let index = (values.len() as f64 * part) as usize;
    values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or(0)
}

fn unix_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn millis(later: u64, earlier: u64) -> u64 {
    later.saturating_sub(earlier) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_that_wait_for_the_backlog_are_not_in_turn() {
        let fair = Return { backlog: vec![10, 50, 100], fresh: vec![(5, 20), (30, 60), (90, 130)], settled: vec![] };
        assert_eq!((fair.drained(), fair.in_turn()), (100, (2, 2)));
        let starved = Return { backlog: vec![10, 50, 100], fresh: vec![(5, 110), (30, 110)], settled: vec![] };
        assert_eq!(starved.in_turn(), (2, 0));
    }

    #[test]
    fn quantiles_of_few_values() {
        assert_eq!(below(&mut [], 0.5), 0);
        assert_eq!(below(&mut [3, 1, 2], 0.5), 2);
        assert_eq!(below(&mut [3, 1, 2], 0.99), 3);
    }
}
