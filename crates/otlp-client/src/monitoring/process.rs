//! The figures of the process, read from `/proc` on Linux; on other systems none are known.

use std::time::Duration;

/// Whether this system tells them.
pub(super) const IS_KNOWN: bool = cfg!(target_os = "linux");

/// The figures of the process at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ProcessFigures {
    /// Processor time in the program.
    pub(super) user_time: Duration,
    /// Processor time in the kernel.
    pub(super) system_time: Duration,
    /// Physical memory, in bytes.
    pub(super) resident_bytes: u64,
    /// Virtual memory, in bytes.
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    /// Open file descriptors; none where the process may not look at its own.
    pub(super) open_files: Option<u64>,
    /// Since the process began.
    pub(super) uptime: Duration,
}

/// The figures now; none if the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn read() -> Option<ProcessFigures> {
    use std::fs;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    // Listing them opens one more.
    let open_files = fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1));
    parse(&stat, &status, &uptime, open_files)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read() -> Option<ProcessFigures> {
    None
}

/// Of the contents of `/proc/self/stat`, `/proc/self/status` and `/proc/uptime` (proc(5)).
#[cfg(any(test, target_os = "linux"))]
fn parse(stat: &str, status: &str, uptime: &str, open_files: Option<u64>) -> Option<ProcessFigures> {
    /// In which `/proc` tells processor times: `USER_HZ`, which is 100 on all architectures that Rust has a standard
    /// library for.
    const TICKS_PER_SECOND: f64 = 100.0;
    let ticks = |ticks: u64| Duration::try_from_secs_f64(ticks as f64 / TICKS_PER_SECOND).ok();
    // The second field is the program's name in parentheses, which may hold anything.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
    // Numbered as in the manual, from 3 on.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let line = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.split_whitespace().next()?.parse::<u64>().ok()
    };
    let since_boot = Duration::try_from_secs_f64(uptime.split_whitespace().next()?.parse().ok()?).ok()?;
    Some(ProcessFigures {
        user_time: ticks(field(14)?)?,
        system_time: ticks(field(15)?)?,
        resident_bytes: line("VmRSS")?.saturating_mul(1024),
        virtual_bytes: line("VmSize")?.saturating_mul(1024),
        threads: line("Threads")?,
        open_files,
        uptime: since_boot.saturating_sub(ticks(field(22)?)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a) b) ) S 1 42 42 0 -1 4194560 1 2 3 4 250 75 0 0 20 0 9 0 1000 104857600 2560 1844 1 1";
    const STATUS: &str = "Name:\ta) b)\nVmSize:\t  102400 kB\nVmRSS:\t   10240 kB\nThreads:\t9\n";

    #[test]
    fn figures_are_read_whatever_the_program_is_called() {
        let expected = ProcessFigures {
            user_time: Duration::from_millis(2_500),
            system_time: Duration::from_millis(750),
            resident_bytes: 10 << 20,
            virtual_bytes: 100 << 20,
            threads: 9,
            open_files: Some(7),
            uptime: Duration::from_secs(90),
        };
        assert_eq!(parse(STAT, STATUS, "100.00 350.00\n", Some(7)), Some(expected));
    }

    #[test]
    fn what_cannot_be_read_makes_no_figures() {
        for (stat, status, uptime) in [
            ("", STATUS, "100.0 1"),
            ("42 (x", STATUS, "100.0 1"),
            ("42 (x) S 1", STATUS, "100.0 1"),
            (STAT, "Threads:\t9\n", "100.0 1"),
            (STAT, "VmSize: x kB\nVmRSS: 1 kB\nThreads: 1\n", "100.0 1"),
            (STAT, STATUS, ""),
            (STAT, STATUS, "-1 nan"),
        ] {
            assert_eq!(parse(stat, status, uptime, None), None);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_figures() {
        let figures = read().unwrap();
        assert!(figures.resident_bytes > 1 << 20 && figures.virtual_bytes > figures.resident_bytes, "{figures:?}");
        assert!(figures.threads >= 1 && figures.open_files.unwrap() >= 3, "{figures:?}");
    }
}
