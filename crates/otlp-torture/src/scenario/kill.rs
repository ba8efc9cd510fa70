//! `kill -9` at random moments, again and again on the same directory: while the queue is opened, while it stores,
//! rotates, acknowledges and is shut down, at all durability levels and in all weathers of the backend.
//!
//! Everything is drawn from the seed: the same seed kills after the same times. What the processes have done by then is
//! up to the machine.

use std::time::{Duration, Instant};

use super::{Extent, Row, balance};
use crate::{
    Failure,
    backend::Weather,
    orders::{Level, Word},
    process::{Ending, Phase, Process},
    round::{DEADLINE, Round},
    verdict::Verdict,
};

/// After so many kills everything is delivered and judged, and a new directory begun.
const KILLS_PER_ROUND: u64 = 100;

/// So many spans and log records may come again from one process after a kill: four times what two signals have in flight,
/// with four batches of 200 each, for what is acknowledged while a disk is at one sync is not noted either.
const MOST_AGAIN: u64 = 4 * 2 * 4 * 200;

/// What is done with one process.
#[derive(Debug, Clone, Copy)]
struct Plan {
    level: Level,
    weather: Weather,
    /// After half of the time.
    then: Option<Weather>,
    per_second: u32,
    time: Duration,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Kill,
    /// It is told to stop, and has so long until it is killed.
    KillWhileStopping(Duration),
    /// It is told to stop, with so long for what is to be delivered.
    InOrder(Duration),
}

impl Plan {
    fn random(random: &mut fastrand::Rng) -> Self {
        let milliseconds = |random: &mut fastrand::Rng, range| Duration::from_millis(random.u64(range));
        let level = match random.u8(..10) {
            0..4 => Level::Always,
            4..8 => Level::Interval(random.u64(10..=60)),
            _ => Level::None,
        };
        Plan {
            level,
            weather: weather(random),
            then: random.bool().then(|| weather(random)),
            per_second: *random.choice(&[200, 1_000, 3_000]).unwrap_or(&1_000),
            time: match random.u8(..10) {
                // Around the opening of the queue.
                0..3 => milliseconds(random, 0..=15),
                3..9 => milliseconds(random, 0..=300),
                _ => milliseconds(random, 0..=1_500),
            },
            end: match random.u8(..10) {
                0..6 => End::Kill,
                6..9 => End::KillWhileStopping(milliseconds(random, 0..=40)),
                _ => End::InOrder(milliseconds(random, 0..=300)),
            },
        }
    }

    fn loses_answers(&self) -> bool {
        self.weather == Weather::LosesAnswers || self.then.is_some()
    }
}

fn weather(random: &mut fastrand::Rng) -> Weather {
    match random.u8(..10) {
        0..4 => Weather::Clear,
        4..7 => Weather::Down,
        7 => Weather::Failing,
        8 => Weather::Slow,
        _ => Weather::LosesAnswers,
    }
}

/// Kills until there were enough of it.
pub(super) fn run(extent: Extent) -> Result<Row, Failure> {
    let began = Instant::now();
    let mut all = Verdict::default();
    let mut rounds = 0;
    let mut recovered = 0;
    while all.is_good() && (all.killed() < extent.kills || began.elapsed() < extent.time) {
        let seed = extent.seed + rounds;
        let left = extent.kills.saturating_sub(all.killed());
        let kills = if left == 0 { KILLS_PER_ROUND } else { left.min(KILLS_PER_ROUND) };
        let mut round = Round::new("kill", seed)?;
        let done = self::round(&mut round, seed, kills);
        let verdict = round.verdict();
        recovered += round.recovered();
        round.close(done.is_ok(), &verdict);
        done?;
        all.add(verdict);
        rounds += 1;
        println!("kill: {} kills, {} durable items lost, seed {seed} done", all.killed(), all.lost.count);
    }
    let of = |phase| all.kills.get(&phase).copied().unwrap_or(0);
    Ok(Row {
        scenario: "kill -9",
        done: format!(
            "{} kills ({} while opening, {} while running, {} while shutting down) in {rounds} directories",
            all.killed(),
            of(Phase::Starting),
            of(Phase::Running),
            of(Phase::Stopping)
        ),
        found: format!("{}; {recovered} recovered by the last processes", balance(&all)),
        is_good: all.is_good() && all.duplicates.most_killed <= MOST_AGAIN,
    })
}

fn round(round: &mut Round, seed: u64, kills: u64) -> Result<(), Failure> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut killed = 0;
    while killed < kills {
        let plan = Plan::random(&mut random);
        let ending =
            carry_out(round, &plan).map_err(|failure| format!("run {}, {plan:?}: {failure}", round.runs.len()))?;
        killed += u64::from(matches!(ending, Ending::Killed(_)));
    }
    round.drain()
}

fn carry_out(round: &mut Round, plan: &Plan) -> Result<Ending, Failure> {
    round.backend.set(plan.weather)?;
    let orders = round.orders(plan.level, plan.per_second);
    let mut process = Process::start(&orders, None)?;
    process.let_run(plan.time / 2)?;
    if let Some(weather) = plan.then {
        round.backend.set(weather)?;
    }
    process.let_run(plan.time / 2)?;
    let ending = match plan.end {
        End::Kill => process.kill()?,
        End::KillWhileStopping(time) => {
            process.tell(Word::Stop(1_000));
            process.let_run(time)?;
            process.kill()?
        }
        End::InOrder(time) => {
            process.tell(Word::Stop(time.as_millis() as u64));
            process.wait(DEADLINE)?
        }
    };
    round.enter(&orders, ending, plan.loses_answers())?;
    Ok(ending)
}
