//! Content codings of requests, and decompression that stops at a limit.

use std::io::Read;

use bytes::Bytes;

/// How a request was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// What a receiver says it accepts (`Accept-Encoding`, `grpc-accept-encoding`).
pub(crate) const ACCEPTED: &str = "gzip, zstd, identity";

#[derive(Debug, thiserror::Error)]
pub(crate) enum DecompressError {
    #[error("the content is larger than {limit} bytes after decompression")]
    TooLarge { limit: usize },
    #[error("the content is no valid {encoding:?}: {error}")]
    Malformed { encoding: Encoding, error: std::io::Error },
}

impl Encoding {
    /// All encodings.
    pub const ALL: [Encoding; 3] = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd];

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The encoding that a header names; none if there is no such header value among ours.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name.trim() {
            "" | "identity" => Some(Encoding::Identity),
            name if name.eq_ignore_ascii_case("gzip") => Some(Encoding::Gzip),
            name if name.eq_ignore_ascii_case("zstd") => Some(Encoding::Zstd),
            _ => None,
        }
    }

    /// The content, of at most `limit` bytes. Memory stays below the limit, whatever the content would expand to.
    pub(crate) fn decompress(self, content: Bytes, limit: usize) -> Result<Bytes, DecompressError> {
        let malformed = |error| DecompressError::Malformed { encoding: self, error };
        match self {
            Encoding::Identity if content.len() > limit => Err(DecompressError::TooLarge { limit }),
            Encoding::Identity => Ok(content),
            Encoding::Gzip => self.read(flate2::bufread::MultiGzDecoder::new(&*content), limit),
            Encoding::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(&*content).map_err(malformed)?;
                // The window is memory that a few bytes of header ask for: at least the 8 MiB that RFC 8878 recommends
                // to support, and no more than 128.
                decoder.window_log_max(limit.max(1).ilog2().clamp(23, 27)).map_err(malformed)?;
                self.read(decoder, limit)
            }
        }
    }

    fn read(self, decoder: impl Read, limit: usize) -> Result<Bytes, DecompressError> {
        let mut out = Vec::new();
        // One byte more than allowed tells "exactly at the limit" from "beyond".
        let bounded = &mut decoder.take(limit as u64 + 1);
        bounded.read_to_end(&mut out).map_err(|error| DecompressError::Malformed { encoding: self, error })?;
        if out.len() > limit { Err(DecompressError::TooLarge { limit }) } else { Ok(out.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn compress(encoding: Encoding, content: &[u8]) -> Bytes {
        match encoding {
            Encoding::Identity => Bytes::copy_from_slice(content),
            Encoding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap().into()
            }
            Encoding::Zstd => zstd::encode_all(content, 3).unwrap().into(),
        }
    }

    #[test]
    fn content_at_the_limit_passes_and_one_byte_more_does_not() {
        for encoding in Encoding::ALL {
            let content = vec![7; 100_000];
            let compressed = compress(encoding, &content);
            assert_eq!(encoding.decompress(compressed.clone(), 100_000).unwrap(), content);
            let error = encoding.decompress(compressed, 99_999).unwrap_err();
            assert!(matches!(error, DecompressError::TooLarge { limit: 99_999 }), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decompressed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for encoding in Encoding::ALL {
                let _ = encoding.decompress(bytes.clone().into(), 1000);
            }
        }
    }
}
