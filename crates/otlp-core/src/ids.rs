//! Trace and span ids: sixteen and eight bytes that print, parse and serialise as lower-case hex.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// All zero: "no id". The specification calls it invalid.
            pub const INVALID: $name = $name([0; $bytes]);

            /// An id from its bytes, most significant first, as they travel.
            #[inline]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                $name(bytes)
            }

            /// An id from a slice of any length: `None` unless the length fits.
            #[inline]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map($name)
            }

            /// The bytes as they travel.
            #[inline]
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// The bytes as they travel, borrowed.
            #[inline]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Whether any byte is non-zero.
            #[inline]
            pub fn is_valid(self) -> bool {
                self.0 != [0; $bytes]
            }

            /// Writes the id as lower-case hex digits.
            pub fn write_hex(self, out: &mut [u8; $bytes * 2]) {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                for (pair, byte) in out.chunks_exact_mut(2).zip(self.0) {
                    pair[0] = DIGITS[usize::from(byte >> 4)];
                    pair[1] = DIGITS[usize::from(byte & 15)];
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; $bytes * 2];
                self.write_hex(&mut digits);
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Reads hex digits of either case, exactly as many as the id has.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let error = || ParseIdError { what: $what, digits: $bytes * 2, got: text.chars().take(64).collect() };
                let digits = text.as_bytes();
                if digits.len() != $bytes * 2 {
                    return Err(error());
                }
                let mut bytes = [0; $bytes];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let high = (pair[0] as char).to_digit(16).ok_or_else(error)?;
                    let low = (pair[1] as char).to_digit(16).ok_or_else(error)?;
                    *byte = (high << 4 | low) as u8;
                }
                Ok($name(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// The id that all spans of one trace share.
    ///
    /// ```
    /// use otlp_core::TraceId;
    /// let id: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse()?;
    /// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    /// # Ok::<(), otlp_core::ParseIdError>(())
    /// ```
    TraceId,
    16,
    "trace id"
);
id!(
    /// The id of one span within its trace.
    SpanId,
    8,
    "span id"
);

/// A text that is no trace or span id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError {
    what: &'static str,
    digits: usize,
    got: String,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}: it takes exactly {} hex digits", self.got, self.what, self.digits)
    }
}

impl std::error::Error for ParseIdError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_reads_both_cases_and_prints_lower() {
        let id: SpanId = "00F067aa0BA902b7".parse().unwrap();
        assert_eq!(id.to_string(), "00f067aa0ba902b7");
    }

    #[test]
    fn a_wrong_length_or_digit_is_named() {
        let error = "00f067aa0ba902bx".parse::<SpanId>().unwrap_err();
        assert_eq!(error.to_string(), "\"00f067aa0ba902bx\" is no span id: it takes exactly 16 hex digits");
        assert!("0".parse::<TraceId>().is_err());
        assert!("ää".repeat(8).parse::<TraceId>().is_err());
    }
}
