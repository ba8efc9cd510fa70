//! One figure: how long a sample is, and how it is taken on one thread and on two.

use std::{
    hint,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    thread,
    time::Instant,
};

use crate::{Failure, case::Case, counting_allocator, cpu, worker::Worker};

/// How much work a sample is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// CPU time of a sample, in nanoseconds.
    pub(crate) sample_ns: u64,
}

impl Effort {
    pub(crate) const FULL: Effort = Effort { sample_ns: 50_000_000 };
    pub(crate) const QUICK: Effort = Effort { sample_ns: 5_000_000 };
}

/// One sample of two threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// What a call takes of a core's time, in nanoseconds; waiting for the other thread counts, waiting for a core does
    /// not.
    pub(crate) ns_per_call: f64,
    /// The share of the time, from 0 to 1, that a thread had to wait for a core. Meanwhile the other one was not
    /// disturbed, so the figure flatters.
    pub(crate) in_line: f64,
}

/// How many calls make a sample.
pub(crate) fn calibrate(worker: &mut dyn Worker, effort: Effort) -> Result<u64, Failure> {
    let mut calls: u64 = 64;
    loop {
        let start = cpu::on_core()?;
        worker.run(calls);
        let elapsed = (cpu::on_core()? - start).max(1);
        if elapsed >= effort.sample_ns / 8 {
            return Ok((calls * effort.sample_ns / elapsed).max(1));
        }
        calls *= 2;
    }
}

/// Nanoseconds of CPU time for each of so many calls.
pub(crate) fn one_thread(worker: &mut dyn Worker, calls: u64) -> Result<f64, Failure> {
    let start = cpu::on_core()?;
    worker.run(calls);
    Ok((cpu::on_core()? - start) as f64 / calls as f64)
}

/// Two threads, until one of them has made so many calls.
pub(crate) fn two_threads(case: &Case, calls: u64) -> Result<Sample, Failure> {
    let (waiting, is_over) = (AtomicU32::new(2), AtomicBool::new(false));
    let run = || {
        let made = case.worker().and_then(|mut worker| race(&mut *worker, calls, &waiting, &is_over));
        // Whatever went wrong on one side, the other does not wait for it.
        waiting.store(0, Relaxed);
        made
    };
    let (left, right) = thread::scope(|scope| {
        let other = scope.spawn(run);
        (run(), other.join())
    });
    let (left, right) = (left?, right.map_err(|_| "a thread panicked")??);
    let core_ns = (2 * left.wall_ns.max(right.wall_ns)) as f64;
    let in_line_ns = (left.in_line_ns + right.in_line_ns) as f64;
    Ok(Sample {
        ns_per_call: (core_ns - in_line_ns) / (left.calls + right.calls) as f64,
        in_line: in_line_ns / core_ns,
    })
}

/// What one of two threads did.
struct Lap {
    calls: u64,
    wall_ns: u64,
    in_line_ns: u64,
}

fn race(worker: &mut dyn Worker, calls: u64, waiting: &AtomicU32, is_over: &AtomicBool) -> Result<Lap, Failure> {
    let chunk = (calls / 64).max(1);
    worker.run(chunk);
    waiting.fetch_sub(1, Relaxed);
    // Spinning and not asleep: a thread that has to be woken is late.
    while waiting.load(Relaxed) != 0 {
        hint::spin_loop();
    }
    let (start, in_line) = (Instant::now(), cpu::in_line()?);
    let mut made = 0;
    while made < calls && !is_over.load(Relaxed) {
        worker.run(chunk);
        made += chunk;
    }
    is_over.store(true, Relaxed);
    Ok(Lap { calls: made, in_line_ns: cpu::in_line()? - in_line, wall_ns: start.elapsed().as_nanos() as u64 })
}

/// Allocations and reallocations for each of a thousand calls, once the first thousand have been made.
pub(crate) fn allocations(worker: &mut dyn Worker) -> f64 {
    const CALLS: u64 = 1_000;
    worker.run(CALLS);
    counting_allocator::start_counting();
    let before = counting_allocator::counted();
    worker.run(CALLS);
    (counting_allocator::counted() - before) as f64 / CALLS as f64
}
