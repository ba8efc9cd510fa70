//! Time on a core and time in line for one: on a machine that does other work as well, wall time is also the other
//! work's.
//!
//! The numbers are the kernel's own, in nanoseconds, from `schedstat`: the standard library has no call for the clock of a
//! thread.

use std::{fs, thread};

use crate::Failure;

/// Nanoseconds that the calling thread has spent on a core.
///
/// The kernel brings the number up to date when the thread is scheduled away, so this yields once.
pub(crate) fn on_core() -> Result<u64, Failure> {
    thread::yield_now();
    schedstat(0)
}

/// Nanoseconds that the calling thread could have run and had no core.
pub(crate) fn in_line() -> Result<u64, Failure> {
    schedstat(1)
}

fn schedstat(field: usize) -> Result<u64, Failure> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().nth(field).ok_or("schedstat is short")?.parse()?)
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, time::Duration};

    use super::*;

    #[test]
    fn work_counts_and_sleep_does_not() {
        let start = on_core().unwrap();
        let mut value = 0_u64;
        while on_core().unwrap() - start < 2_000_000 {
            value = black_box(value.wrapping_add(1));
        }
        let worked = on_core().unwrap();
        thread::sleep(Duration::from_millis(50));
        assert!(on_core().unwrap() - worked < 40_000_000);
    }
}
