//! The `Retry-After` header: a number of seconds, or a date (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header::RETRY_AFTER};

use crate::response::LONGEST_DELAY;

/// How long a server asks to wait in `Retry-After`, in seconds or until a date (RFC 9110, section 10.2.3); at most a day.
/// A date in the past is no wait, and what is neither form is ignored.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // More digits than a `u64` holds mean "very long".
        text.parse().map_or(LONGEST_DELAY, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(delay.min(LONGEST_DELAY))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(value: &[u8], now: SystemTime) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value).ok()?);
        retry_after(&headers, now)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("99999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(86_400)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(read(value.as_bytes(), now), expected.map(Duration::from_secs), "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    proptest! {
        #[test]
        fn any_value_is_read_or_ignored(value: Vec<u8>, seconds in 0..u64::from(u32::MAX)) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            prop_assert!(read(&value, now).unwrap_or_default() <= LONGEST_DELAY);
        }
    }
}
