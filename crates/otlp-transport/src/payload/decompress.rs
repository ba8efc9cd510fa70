//! Decompresses responses, never into more than the caller allows.

use std::fmt;
#[cfg(any(feature = "gzip", feature = "zstd"))]
use std::io::Read;

/// How a response is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    Identity,
    #[cfg(feature = "gzip")]
    Gzip,
    #[cfg(feature = "zstd")]
    Zstd,
}

/// Why the content of a response could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    TooLarge {
        limit: usize,
    },
    #[cfg(any(feature = "gzip", feature = "zstd"))]
    Damaged,
    UnknownEncoding,
}

impl ContentEncoding {
    /// What we offer in `accept-encoding` and `grpc-accept-encoding`.
    pub(crate) const ACCEPTED: &'static str = match (cfg!(feature = "gzip"), cfg!(feature = "zstd")) {
        (true, true) => "gzip,zstd",
        (true, false) => "gzip",
        (false, true) => "zstd",
        (false, false) => "identity",
    };

    pub(crate) fn parse(name: &[u8]) -> Result<Self, Unreadable> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match () {
            () if name.is_empty() || is("identity") => Ok(ContentEncoding::Identity),
            #[cfg(feature = "gzip")]
            () if is("gzip") || is("x-gzip") => Ok(ContentEncoding::Gzip),
            #[cfg(feature = "zstd")]
            () if is("zstd") => Ok(ContentEncoding::Zstd),
            () => Err(Unreadable::UnknownEncoding),
        }
    }

    /// The content, if it has at most `limit` bytes.
    pub(crate) fn decode(self, bytes: Vec<u8>, limit: usize) -> Result<Vec<u8>, Unreadable> {
        match self {
            ContentEncoding::Identity if bytes.len() > limit => Err(Unreadable::TooLarge { limit }),
            ContentEncoding::Identity => Ok(bytes),
            #[cfg(feature = "gzip")]
            ContentEncoding::Gzip => read(flate2::read::MultiGzDecoder::new(bytes.as_slice()), limit),
            #[cfg(feature = "zstd")]
            ContentEncoding::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(bytes.as_slice());
                let mut decoder = decoder.map_err(|_| Unreadable::Damaged)?;
                // 8 MiB: what RFC 9659 makes decoders accept. Beyond it a tiny body could claim gigabytes.
                decoder.window_log_max(23).map_err(|_| Unreadable::Damaged)?;
                read(decoder, limit)
            }
        }
    }
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
fn read(decoder: impl Read, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let mut content = Vec::new();
    let bound = u64::try_from(limit).map_or(u64::MAX, |limit| limit.saturating_add(1));
    decoder.take(bound).read_to_end(&mut content).map_err(|_| Unreadable::Damaged)?;
    if content.len() > limit { Err(Unreadable::TooLarge { limit }) } else { Ok(content) }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::TooLarge { limit } => write!(f, "it has more than {limit} bytes"),
            #[cfg(any(feature = "gzip", feature = "zstd"))]
            Unreadable::Damaged => f.write_str("it is damaged"),
            Unreadable::UnknownEncoding => f.write_str("it is compressed in a way that was not offered"),
        }
    }
}

#[cfg(all(test, feature = "gzip", feature = "zstd"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{config::Compression, payload::Compressor};

    fn compressed(compression: Compression, content: Vec<u8>) -> std::io::Result<Vec<u8>> {
        Ok(Compressor::new(compression, 1).compress(vec![content.into()])?.concat())
    }

    #[test]
    fn a_bomb_is_cut_at_the_limit() {
        for (compression, encoding) in
            [(Compression::Gzip, ContentEncoding::Gzip), (Compression::Zstd, ContentEncoding::Zstd)]
        {
            let bomb = compressed(compression, vec![0; 8 << 20]).unwrap();
            assert!(bomb.len() < 256 << 10);
            assert_eq!(encoding.decode(bomb, 1000), Err(Unreadable::TooLarge { limit: 1000 }));
            let exact = compressed(compression, vec![0; 1000]).unwrap();
            assert_eq!(encoding.decode(exact, 1000), Ok(vec![0; 1000]));
        }
    }

    #[test]
    fn encodings_are_known_by_name() {
        assert_eq!(ContentEncoding::parse(b""), Ok(ContentEncoding::Identity));
        assert_eq!(ContentEncoding::parse(b"GZip"), Ok(ContentEncoding::Gzip));
        assert_eq!(ContentEncoding::parse(b"zstd"), Ok(ContentEncoding::Zstd));
        assert_eq!(ContentEncoding::parse(b"br"), Err(Unreadable::UnknownEncoding));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused_within_the_limit(bytes: Vec<u8>, limit in 0..2000_usize) {
            for encoding in [ContentEncoding::Identity, ContentEncoding::Gzip, ContentEncoding::Zstd] {
                if let Ok(content) = encoding.decode(bytes.clone(), limit) {
                    prop_assert!(content.len() <= limit);
                }
            }
        }

        #[test]
        fn a_damaged_stream_is_no_panic(content: Vec<u8>, at: prop::sample::Index, flip in 1..=255_u8) {
            for (compression, encoding) in
                [(Compression::Gzip, ContentEncoding::Gzip), (Compression::Zstd, ContentEncoding::Zstd)]
            {
                let mut bytes = compressed(compression, content.clone()).unwrap();
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
                let _ = encoding.decode(bytes, 10_000);
            }
        }
    }
}
