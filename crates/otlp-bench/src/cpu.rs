//! CPU time of the calling thread and of the whole process, to the nanosecond, without `unsafe`.
//!
//! `CLOCK_THREAD_CPUTIME_ID` needs a system call that the standard library does not offer. The kernel shows the same
//! clock in `/proc/…/schedstat`, whose first number is the time on a CPU in nanoseconds. The kernel brings it up to date
//! when a thread is scheduled away, so the caller yields once before it reads its own; other threads' figures lag by one
//! scheduler tick at most, and not at all when they sleep, as they do after a flush.
//!
//! The sum over threads misses those that have ended. `/proc/self/stat` counts those as well, but in steps of 10 ms; it
//! serves as a check, and a measurement during which threads ended is refused and not reported wrong.

use std::{fs, thread};

use crate::Failure;

/// Nanoseconds that the calling thread has spent on a CPU.
pub(crate) fn of_this_thread() -> Result<u64, Failure> {
    thread::yield_now();
    on_cpu("/proc/thread-self/schedstat")
}

fn on_cpu(schedstat: &str) -> Result<u64, Failure> {
    let text = fs::read_to_string(schedstat)?;
    Ok(text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?)
}

/// The CPU clock of this process, read at the beginning of a measurement.
pub(crate) struct ProcessCpu {
    living_threads: u64,
    all_threads_coarse: u64,
}

/// What `/proc/self/stat` counts in: 100 ticks a second on every architecture of Linux.
const TICK_NS: u64 = 10_000_000;

impl ProcessCpu {
    /// Reads the clock.
    pub(crate) fn start() -> Result<Self, Failure> {
        thread::yield_now();
        Ok(ProcessCpu { living_threads: living_threads()?, all_threads_coarse: all_threads_coarse()? })
    }

    /// Nanoseconds since [`start`](Self::start), over all threads.
    ///
    /// # Errors
    /// When threads that ended meanwhile took a share that the sum over the living does not have.
    pub(crate) fn elapsed(&self) -> Result<u64, Failure> {
        let now = Self::start()?;
        let coarse = now.all_threads_coarse - self.all_threads_coarse;
        // Both of its parts are rounded down at both ends: that is two ticks, and one more for lagging threads.
        match now.living_threads.checked_sub(self.living_threads) {
            Some(elapsed) if elapsed + 3 * TICK_NS >= coarse => Ok(elapsed),
            _ => Err("threads ended during the measurement, their CPU time is not in the sum".into()),
        }
    }
}

fn living_threads() -> Result<u64, Failure> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        // A thread that ends between the listing and the read is the business of the coarse check.
        if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
            sum += text.split_whitespace().next().ok_or("schedstat is empty")?.parse::<u64>()?;
        }
    }
    Ok(sum)
}

fn all_threads_coarse() -> Result<u64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name in brackets and may contain anything; user and system time are the 14th
    // and the 15th of the line, the 12th and the 13th after it.
    let after_name = stat.rsplit_once(')').ok_or("/proc/self/stat has no name")?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || -> Result<u64, Failure> { Ok(fields.next().ok_or("/proc/self/stat is short")?.parse()?) };
    Ok((ticks()? + ticks()?) * TICK_NS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        hint::black_box,
        sync::{Mutex, PoisonError},
        time::Instant,
    };

    /// The process is one: a thread that one test ends must not be in the other's measurement.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn spin(milliseconds: u128) {
        let start = Instant::now();
        let mut value = 0_u64;
        while start.elapsed().as_millis() < milliseconds {
            value = black_box(value.wrapping_add(1));
        }
    }

    #[test]
    fn the_process_clock_has_the_time_of_another_thread_and_this_threads_has_not() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let own = of_this_thread().unwrap();
        let process = ProcessCpu::start().unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        let (leave, may_leave) = std::sync::mpsc::channel::<()>();
        let other = thread::spawn(move || {
            let before = of_this_thread().unwrap();
            spin(60);
            done.send(of_this_thread().unwrap() - before).unwrap();
            may_leave.recv().unwrap();
        });
        let spent_there = is_done.recv().unwrap();
        let elapsed = process.elapsed().unwrap();
        assert!(elapsed >= spent_there, "{elapsed} {spent_there}");
        assert!(of_this_thread().unwrap() - own < elapsed);
        leave.send(()).unwrap();
        other.join().unwrap();
    }

    #[test]
    fn a_thread_that_ended_meanwhile_is_noticed() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let process = ProcessCpu::start().unwrap();
        thread::spawn(|| {
            // On a busy machine, wall time is not CPU time: spin until the thread's own clock says so.
            let start = of_this_thread().unwrap();
            while of_this_thread().unwrap() - start < 10 * TICK_NS {
                spin(5);
            }
        })
        .join()
        .unwrap();
        assert!(process.elapsed().is_err());
    }
}
