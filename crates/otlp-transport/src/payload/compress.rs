//! Compresses the segments of a request through one encoder into one buffer.
//!
//! The state of an encoder (hundreds of kilobytes) is kept and reset, not built anew for each request.

use std::io;

use bytes::Bytes;
use parking_lot::Mutex;

use super::prepared::Form;
use crate::config::Compression;

/// How many encoders wait for reuse; more requests in flight than that build their own.
const KEPT_ENCODERS: usize = 4;

/// Compresses as configured. The configuration has been checked, so each encoding is compiled in.
pub(crate) struct Compressor {
    compression: Compression,
    level: u8,
    idle: Mutex<Vec<Encoder>>,
}

impl Compressor {
    pub(crate) fn new(compression: Compression, level: u8) -> Self {
        Compressor { compression, level, idle: Mutex::new(Vec::new()) }
    }

    /// How it compresses, and how hard.
    pub(crate) fn form(&self, is_json: bool) -> Form {
        Form { is_json, compression: self.compression, level: self.level }
    }

    /// What `content-encoding` and `grpc-encoding` say; `None` for no compression.
    pub(crate) fn encoding(&self) -> Option<&'static str> {
        self.compression.encoding()
    }

    /// The segments as they are to be sent.
    ///
    /// # Errors
    ///
    /// The encoder failed, for instance because it got no memory.
    pub(crate) fn compress(&self, segments: Vec<Bytes>) -> io::Result<Vec<Bytes>> {
        if self.compression == Compression::None {
            return Ok(segments);
        }
        let recycled = self.idle.lock().pop();
        let mut encoder = match recycled {
            Some(encoder) => encoder,
            None => Encoder::new(self.compression, self.level)?,
        };
        let len: usize = segments.iter().map(Bytes::len).sum();
        // Telemetry shrinks to about a sixth; the buffer grows where it does not.
        let mut out = Vec::with_capacity(len / 4 + 64);
        encoder.encode(&segments, &mut out)?;
        let mut idle = self.idle.lock();
        if idle.len() < KEPT_ENCODERS {
            idle.push(encoder);
        }
        Ok(vec![out.into()])
    }
}

enum Encoder {
    #[cfg(feature = "gzip")]
    Gzip(flate2::Compress),
    #[cfg(feature = "zstd")]
    Zstd(zstd::zstd_safe::CCtx<'static>),
}

impl Encoder {
    #[cfg_attr(not(any(feature = "gzip", feature = "zstd")), expect(unused_variables))]
    fn new(compression: Compression, level: u8) -> io::Result<Self> {
        match compression {
            #[cfg(feature = "gzip")]
            Compression::Gzip => {
                let level = flate2::Compression::new(u32::from(level));
                Ok(Encoder::Gzip(flate2::Compress::new_gzip(level, 15)))
            }
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                use zstd::zstd_safe::{CCtx, CParameter, get_error_name};

                let mut context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
                let level = CParameter::CompressionLevel(i32::from(level));
                context.set_parameter(level).map_err(|code| io::Error::other(get_error_name(code)))?;
                Ok(Encoder::Zstd(context))
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    #[cfg_attr(not(any(feature = "gzip", feature = "zstd")), expect(unused_variables, clippy::ptr_arg))]
    fn encode(&mut self, segments: &[Bytes], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            #[cfg(feature = "gzip")]
            Encoder::Gzip(encoder) => {
                encoder.reset();
                for segment in segments {
                    gzip(encoder, segment, out, flate2::FlushCompress::None)?;
                }
                gzip(encoder, &[], out, flate2::FlushCompress::Finish)
            }
            #[cfg(feature = "zstd")]
            Encoder::Zstd(context) => {
                use std::io::Write as _;

                // Begins a new frame; the level is kept.
                let mut encoder = zstd::stream::raw::Encoder::with_context(context);
                encoder.set_pledged_src_size(Some(segments.iter().map(|segment| segment.len() as u64).sum()))?;
                let mut writer = zstd::stream::zio::Writer::new(out, encoder);
                for segment in segments {
                    writer.write_all(segment)?;
                }
                writer.finish()
            }
            #[cfg(not(any(feature = "gzip", feature = "zstd")))]
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Feeds `input` in full; with `Finish`, until the end of the stream is written.
#[cfg(feature = "gzip")]
fn gzip(
    encoder: &mut flate2::Compress,
    mut input: &[u8],
    out: &mut Vec<u8>,
    flush: flate2::FlushCompress,
) -> io::Result<()> {
    let finish = matches!(flush, flate2::FlushCompress::Finish);
    loop {
        if out.len() == out.capacity() {
            out.reserve(out.capacity().max(4096));
        }
        let before = encoder.total_in();
        let status = encoder.compress_vec(input, out, flush)?;
        // At most `input.len()` bytes are taken in one call.
        input = &input[(encoder.total_in() - before) as usize..];
        let done = if finish { status == flate2::Status::StreamEnd } else { input.is_empty() };
        if done {
            return Ok(());
        }
    }
}

#[cfg(all(test, feature = "gzip", feature = "zstd"))]
mod tests {
    use super::*;
    use crate::payload::ContentEncoding;

    fn text(seed: usize, len: usize) -> Bytes {
        (0..len).map(|index| b'a' + (index * index % (seed + 7)) as u8).collect::<Vec<u8>>().into()
    }

    #[test]
    fn encoders_are_reused_and_every_stream_stands_alone() {
        for (compression, level) in [(Compression::Gzip, 1), (Compression::Zstd, 1), (Compression::Gzip, 9)] {
            let compressor = Compressor::new(compression, level);
            let encoding = ContentEncoding::parse(compressor.encoding().unwrap().as_bytes()).unwrap();
            for round in 0..3 {
                let segments = vec![text(round, 100_000), Bytes::new(), text(round + 1, 7), text(round + 2, 40_000)];
                let whole = segments.concat();
                let compressed = compressor.compress(segments).unwrap();
                assert_eq!(compressed.len(), 1);
                assert!(compressed[0].len() < whole.len() / 4);
                assert_eq!(encoding.decode(compressed[0].to_vec(), whole.len()).unwrap(), whole);
            }
            assert_eq!(compressor.idle.lock().len(), 1);
        }
    }

    #[test]
    fn bytes_that_do_not_shrink_survive() {
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(70_000)
        .collect();
        for (compression, encoding) in
            [(Compression::Gzip, ContentEncoding::Gzip), (Compression::Zstd, ContentEncoding::Zstd)]
        {
            let compressed = Compressor::new(compression, 1).compress(vec![noise.clone().into()]).unwrap();
            assert_eq!(encoding.decode(compressed.concat(), noise.len()).unwrap(), noise);
        }
    }

    #[test]
    fn without_compression_the_segments_stay_what_they_are() {
        let segments = vec![text(1, 10), text(2, 10)];
        let sent = Compressor::new(Compression::None, 1).compress(segments.clone()).unwrap();
        assert!(sent.iter().zip(&segments).all(|(sent, given)| sent.as_ptr() == given.as_ptr()));
    }
}
