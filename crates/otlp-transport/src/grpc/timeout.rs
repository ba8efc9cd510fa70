//! The `grpc-timeout` header: at most eight digits and a unit (gRPC over HTTP2, "Timeout").

use std::time::Duration;

use http::HeaderValue;

/// The finest unit whose eight digits hold `timeout`, rounded up so that the receiver never gives up before we do.
pub(super) fn header_value(timeout: Duration) -> HeaderValue {
    const UNITS: [(char, u128); 6] = [
        ('n', 1),
        ('u', 1_000),
        ('m', 1_000_000),
        ('S', 1_000_000_000),
        ('M', 60_000_000_000),
        ('H', 3_600_000_000_000),
    ];
    let nanos = timeout.as_nanos();
    let fitting = UNITS.iter().find_map(|&(unit, length)| {
        let count = nanos.div_ceil(length);
        (count <= 99_999_999).then(|| format!("{count}{unit}"))
    });
    fitting.and_then(|text| HeaderValue::try_from(text).ok()).unwrap_or_else(|| HeaderValue::from_static("99999999H"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_finest_unit_that_fits_is_used() {
        for (timeout, expected) in [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_001), "100001u"),
            (Duration::from_secs(10), "10000000u"),
            (Duration::from_secs(3600), "3600000m"),
            (Duration::from_secs(1_000_000), "1000000S"),
            (Duration::MAX, "99999999H"),
        ] {
            assert_eq!(header_value(timeout), expected);
        }
    }

    proptest! {
        #[test]
        fn it_is_never_shorter_than_the_timeout_and_never_too_long(seconds in 0..u64::from(u32::MAX), nanos in 0..1_000_000_000_u32) {
            let timeout = Duration::new(seconds, nanos);
            let value = header_value(timeout);
            let text = value.to_str().unwrap();
            let (digits, unit) = text.split_at(text.len() - 1);
            prop_assert!(digits.len() <= 8);
            let length = match unit { "n" => 1, "u" => 1_000, "m" => 1_000_000, "S" => 1_000_000_000, "M" => 60_000_000_000, _ => 3_600_000_000_000_u128 };
            prop_assert!(digits.parse::<u128>().unwrap() * length >= timeout.as_nanos());
        }
    }
}
