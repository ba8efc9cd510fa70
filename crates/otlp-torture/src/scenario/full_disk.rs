//! A disk without room, and a process that goes on recording on it: what was durable before stays so, nothing is called
//! durable that is not, and when there is room again it is used.

use super::{Extent, Row, balance, small_disk::SmallDisk};
use crate::{
    Failure,
    backend::Weather,
    orders::{Answer, Level, Orders},
    process::Process,
    round::{DEADLINE, Round},
};

/// The file system, and how much of it is in the way at first.
const DISK_MEBIBYTES: u32 = 8;
const BALLAST_MEBIBYTES: usize = 6;
/// Without a file system: a child ignores the signal that comes with the limit, so that its writes fail instead.
const LIMIT: &str = "trap '' XFSZ; ulimit -f 256";

/// Fills the disk twice, kills, and delivers.
pub(super) fn run(extent: Extent) -> Result<Row, Failure> {
    let seed = extent.seed;
    let mut round = Round::new("full-disk", seed)?;
    let disk = SmallDisk::mount(&round.queue(), DISK_MEBIBYTES);
    round.backend.set(Weather::Down)?;
    let mut orders = round.orders(Level::Interval(20), 1_000);
    orders.segment_bytes = 256 << 10;
    orders.memory_bytes = 64 << 20;
    let done = match &disk {
        Some(disk) => on_small_disk(&mut round, &orders, disk),
        None => under_limit(&mut round, &mut orders),
    };
    let done = done.and_then(|done| {
        let recorded_durable = round.runs.iter().map(|run| run.promises.durable_items()).sum::<u64>();
        round.drain()?;
        if recorded_durable == 0 { Err("nothing was ever durable".into()) } else { Ok(done) }
    });
    drop(disk);
    let verdict = round.verdict();
    round.close(done.is_ok(), &verdict);
    Ok(Row { scenario: "full disk", done: done?, found: balance(&verdict), is_good: verdict.is_good() })
}

/// The disk is full, has room again, is full again, and the process is killed; the next one opens a full disk.
fn on_small_disk(round: &mut Round, orders: &Orders, disk: &SmallDisk) -> Result<String, Failure> {
    disk.put_ballast(BALLAST_MEBIBYTES)?;
    let mut process = Process::start(orders, None)?;
    process.wait_for(&Answer::Stuck, DEADLINE)?;
    disk.remove_ballast()?;
    process.wait_for(&Answer::Unstuck, DEADLINE)?;
    process.wait_for(&Answer::Stuck, DEADLINE)?;
    let ending = process.kill()?;
    round.enter(orders, ending, false)?;
    Ok(format!("a file system of {DISK_MEBIBYTES} MiB: filled, emptied by {BALLAST_MEBIBYTES} MiB, filled, killed"))
}

/// Every file ends in a failed write.
fn under_limit(round: &mut Round, orders: &mut Orders) -> Result<String, Failure> {
    orders.segment_bytes = 4 << 20;
    let mut process = Process::start(orders, Some(LIMIT))?;
    process.wait_for(&Answer::Ready, DEADLINE)?;
    process.let_run(std::time::Duration::from_secs(3))?;
    let ending = process.kill()?;
    round.enter(orders, ending, false)?;
    Ok("no file system could be mounted: a limit on the size of files, below that of a segment; killed".to_owned())
}
