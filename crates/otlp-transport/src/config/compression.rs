//! How requests are compressed.

use std::{fmt, str::FromStr};

use super::ConfigError;

/// The compression of requests. Responses are read in any encoding that is compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// None. Bytes go to the socket without a copy.
    #[default]
    None,
    /// gzip, which every receiver accepts. Needs the feature `gzip`.
    Gzip,
    /// Zstandard: smaller and several times faster than gzip where the receiver knows it. Needs the feature `zstd`.
    Zstd,
}

impl Compression {
    /// What `content-encoding` and `grpc-encoding` say; `None` for no compression.
    pub(crate) const fn encoding(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        }
    }

    pub(crate) fn check(self, level: u8) -> Result<(), ConfigError> {
        let missing = |feature| ConfigError::FeatureMissing {
            field: "compression",
            value: self.to_string(),
            feature,
            alternative: "compression to none",
        };
        match self {
            Compression::Gzip if cfg!(not(feature = "gzip")) => Err(missing("gzip")),
            Compression::Zstd if cfg!(not(feature = "zstd")) => Err(missing("zstd")),
            Compression::Gzip if !(1..=9).contains(&level) => {
                Err(ConfigError::value("the gzip compression level", level, "1 (fastest) to 9 (smallest)"))
            }
            Compression::Zstd if !(1..=19).contains(&level) => {
                Err(ConfigError::value("the zstd compression level", level, "1 (fast) to 19 (smallest)"))
            }
            _ => Ok(()),
        }
    }
}

/// The name: `none`, `gzip` or `zstd`.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encoding().unwrap_or("none"))
    }
}

/// From the names that `OTEL_EXPORTER_OTLP_COMPRESSION` takes, and `zstd`.
impl FromStr for Compression {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "none" => Ok(Compression::None),
            "gzip" => Ok(Compression::Gzip),
            "zstd" => Ok(Compression::Zstd),
            _ => Err(ConfigError::value("compression", text, "none, gzip, zstd")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in ["none", "gzip", "zstd"] {
            assert_eq!(name.parse::<Compression>().unwrap().to_string(), name);
        }
        let error = "GZIP".parse::<Compression>().unwrap_err().to_string();
        assert_eq!(error, r#"compression is "GZIP"; accepted: none, gzip, zstd"#);
    }

    #[cfg(all(feature = "gzip", feature = "zstd"))]
    #[test]
    fn levels_outside_the_range_are_refused() {
        for (compression, level) in [(Compression::Gzip, 0), (Compression::Gzip, 10), (Compression::Zstd, 20)] {
            assert!(compression.check(level).is_err(), "{compression:?}");
        }
        assert_eq!(Compression::Gzip.check(9), Ok(()));
        assert_eq!(Compression::Zstd.check(19), Ok(()));
    }

    #[cfg(not(feature = "gzip"))]
    #[test]
    fn gzip_without_its_feature_is_refused_by_its_name() {
        let error = Compression::Gzip.check(1).unwrap_err().to_string();
        assert!(error.contains("feature `gzip`"), "{error}");
    }
}
