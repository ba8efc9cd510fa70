//! Numbers for people: bytes, durations, counts.

use std::time::Duration;

/// In the largest unit of which there is at least one.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut size = bytes as f64;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { count(bytes, "byte", "bytes") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// In the two largest units.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// `1 batch`, `2 batches`.
pub(super) fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_at_a_glance() {
        assert_eq!((bytes(0), bytes(1), bytes(1023)), ("0 bytes".into(), "1 byte".into(), "1023 bytes".into()));
        assert_eq!((bytes(1536), bytes(5 << 40)), ("1.5 KiB".into(), "5.0 TiB".into()));
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
        let of = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!((of(0), of(59), of(61)), ("0 s".into(), "59 s".into(), "1 min 1 s".into()));
        assert_eq!((of(3_660), of(90_000)), ("1 h 1 min".into(), "1 d 1 h".into()));
    }
}
