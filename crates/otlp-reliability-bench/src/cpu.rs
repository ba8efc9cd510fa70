//! CPU time of the calling thread: on a machine that does other work as well, wall time is the other work's.

use std::{fs, thread};

use crate::Failure;

/// Nanoseconds that the calling thread has spent on a CPU.
///
/// The clock that `CLOCK_THREAD_CPUTIME_ID` reads, as the kernel shows it: the standard library has no call for it. The
/// kernel brings it up to date when the thread is scheduled away, so this yields once.
pub(crate) fn of_this_thread() -> Result<u64, Failure> {
    thread::yield_now();
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(schedstat.split_whitespace().next().ok_or("schedstat is empty")?.parse()?)
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, time::Duration};

    use super::*;

    #[test]
    fn work_counts_and_sleep_does_not() {
        let start = of_this_thread().unwrap();
        let mut value = 0_u64;
        while of_this_thread().unwrap() - start < 2_000_000 {
            value = black_box(value.wrapping_add(1));
        }
        let worked = of_this_thread().unwrap();
        thread::sleep(Duration::from_millis(50));
        assert!(of_this_thread().unwrap() - worked < 40_000_000);
    }
}
