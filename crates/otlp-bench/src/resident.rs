//! Resident memory of this process, as the kernel counts it.

use std::fs;

use crate::Failure;

/// Memory in RAM now, in KiB (`VmRSS`).
pub(crate) fn now_kib() -> Result<u64, Failure> {
    status_field("VmRSS:")
}

/// The most that ever was in RAM, in KiB (`VmHWM`).
pub(crate) fn peak_kib() -> Result<u64, Failure> {
    status_field("VmHWM:")
}

fn status_field(name: &str) -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("field missing in /proc/self/status")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
