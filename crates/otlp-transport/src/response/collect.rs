//! Collects the body of a response into bounded memory, within bounded time.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use http_body_util::BodyExt;

use crate::connection::{Deadline, causes};

/// What came of a body.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// Its first bytes.
    pub(crate) data: Vec<u8>,
    /// Whether there were more than were kept.
    pub(crate) overflowed: bool,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) end: End,
}

/// How reading a body ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// At its end.
    #[default]
    Complete,
    /// We stopped, because it was longer than allowed.
    Stopped,
    /// The connection or the stream broke.
    Broken(String),
    /// The deadline passed.
    TimedOut,
}

/// Reads `body`: keeps `keep` bytes, reads past `skip` more (to get to the trailers), and stops after that.
pub(crate) async fn collect<B>(mut body: B, keep: usize, skip: usize, deadline: Deadline) -> Collected
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let mut collected = Collected::default();
    let mut skipped = 0;
    loop {
        let frame = match deadline.bound(body.frame()).await {
            Err(_) => {
                collected.end = End::TimedOut;
                return collected;
            }
            Ok(None) => return collected,
            Ok(Some(Err(error))) => {
                collected.end = End::Broken(causes(&error));
                return collected;
            }
            Ok(Some(Ok(frame))) => frame,
        };
        match frame.into_data() {
            Ok(data) => {
                let kept = data.len().min(keep - collected.data.len());
                collected.data.extend_from_slice(&data[..kept]);
                skipped += data.len() - kept;
                collected.overflowed = skipped > 0;
                if skipped > skip {
                    collected.end = End::Stopped;
                    return collected;
                }
            }
            Err(frame) => collected.trailers = frame.into_trailers().ok(),
        }
    }
}
